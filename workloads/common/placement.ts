import type { Generation, GenerationalHeap } from 'rolp/heap';

/**
 * Where an engine's blocks go, and how they end. An engine knows groups of blocks that die together (a memtable,
 * a table, a RAM buffer, a segment, a batch); a placement says what generation each group gets.
 */
export interface Placement {
  /** As the variant is called. */
  readonly name: string;
  /** Whether a group's generation is released whole at its end. If not, its blocks are freed one by one. */
  readonly releasesGroups: boolean;
  /** Called with the new heap, before anything lies in it. */
  prepare?(heap: GenerationalHeap): void;
  /** The generation of a new group's blocks; undefined leaves each block to its site and the heap's policy. */
  open(heap: GenerationalHeap): Generation | undefined;
}

/** The first dynamic generation. */
const ONE_FOR_ALL = 1 as Generation;

/** One generation for all: groups' blocks lie among each other, so regions must be evacuated. */
export const SINGLE: Placement = { name: 'single', releasesGroups: false, open: () => ONE_FOR_ALL };

/** A generation for each group, which dies with it: NG2C's @Gen by hand, of blocks that could move. What `auto` can be. */
export const ARENA_REFS: Placement = {
  name: 'arena-refs',
  releasesGroups: true,
  open: (heap) => heap.newGeneration({ liveThreshold: 0 }),
};

/** The same of blocks that stay where they are placed, so that what points to them is an address. */
export const ARENA: Placement = {
  name: 'arena',
  releasesGroups: true,
  open: (heap) => heap.newGeneration({ fixed: true }),
};
