import { type Generation, GenerationalHeap, type Ref, type SlabMemory } from 'rolp/heap';
import type { OffHeapBytes, StopWork } from './engine.js';

/**
 * Where an engine's blocks go. `arena`: each group of blocks that die together has a generation of its own and
 * dies with it (NG2C's @Gen by hand). `single`: one generation for all, so that a group's blocks are freed
 * one by one, and regions that hold several groups' blocks must be evacuated.
 */
export type Placement = 'single' | 'arena';

/** The single generation: the first dynamic one. */
const ONE_FOR_ALL = 1 as Generation;

/** Freed with each block allocated in `single`: more than are allocated, so that the dead do not pile up. */
const FREES_PER_ALLOCATION = 3;

/** Blocks that die together: a memtable, a RAM buffer, a segment, a batch. */
export interface BlockGroup {
  readonly generation: Generation;
  /** `single` only: the blocks, to be freed at the end. */
  refs: Int32Array | undefined;
  blocks: number;
}

/** A generational heap with groups. Inner loops read and write through `memory`. */
export class ArenaHeap {
  readonly memory: SlabMemory;
  readonly #heap: GenerationalHeap;
  readonly #placement: Placement;
  /** Groups that are over but not yet freed. */
  readonly #ended: BlockGroup[] = [];
  readonly #buffers: Buffer[] = [];

  /** @param maxBytes what the blocks may take; twice the live bytes leaves room for a rewrite's output. */
  constructor(placement: Placement, maxBytes: number) {
    this.#placement = placement;
    this.#heap = new GenerationalHeap({ maxBytes, name: placement });
    this.memory = this.#heap.memory;
  }

  openGroup(): BlockGroup {
    if (this.#placement === 'single') {
      return { generation: ONE_FOR_ALL, refs: new Int32Array(1 << 12), blocks: 0 };
    }
    return { generation: this.#heap.newGeneration({ liveThreshold: 0 }), refs: undefined, blocks: 0 };
  }

  /** @returns a ref that stays valid until its group ends. */
  allocate(group: BlockGroup, byteLength: number): Ref {
    if (this.#ended.length > 0) this.#freeSome();
    const ref = this.#heap.allocate(byteLength, group.generation);
    if (group.refs !== undefined) {
      if (group.blocks === group.refs.length) group.refs = doubled(group.refs);
      group.refs[group.blocks] = ref;
    }
    group.blocks++;
    return ref;
  }

  /** Ends a group: at once where it has its generation, else block by block with the allocations that follow. */
  endGroup(group: BlockGroup): void {
    if (group.refs === undefined) this.#heap.releaseGeneration(group.generation);
    else this.#ended.push(group);
  }

  /** Where a block's header lies, until the next call that allocates: see `SlabMemory`. */
  addressOf(ref: number): number {
    return this.#heap.addressOf(ref);
  }

  byteLength(ref: number): number {
    return this.#heap.byteLength(ref);
  }

  /** Index of the payload's first word in `memory.i32` of its slab. */
  wordAt(address: number): number {
    return ((address & this.memory.slabMask) << this.memory.wordShift) + 2;
  }

  /** The slab of an address as a Buffer, for text. */
  bufferAt(address: number): Buffer {
    const slab = address >>> this.memory.slabShift;
    const bytes = this.memory.u8[slab]!;
    let buffer = this.#buffers[slab];
    if (buffer === undefined || buffer.buffer !== bytes.buffer || buffer.byteOffset !== bytes.byteOffset) {
      buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      this.#buffers[slab] = buffer;
    }
    return buffer;
  }

  /** Index of the payload's first byte in `bufferAt`. */
  byteAt(address: number): number {
    return ((address & this.memory.slabMask) << this.memory.unitShift) + 8;
  }

  offHeap(): OffHeapBytes {
    const { committed, used } = this.#heap.bytes;
    return { committed, used };
  }

  /** rolp's own pauses since the last call. */
  takeStopWork(): StopWork[] {
    const taken: StopWork[] = [];
    const lost = this.#heap.pauses.drain((kind, pauseNs) => taken.push({ kind, pauseNs }));
    if (lost > 0) throw new Error(`${lost} pauses of rolp's were lost: take them more often`);
    return taken;
  }

  /** For the comparison of `arena` with `single`. */
  stats(): Record<string, number> {
    const { totals, cycle, bytes } = this.#heap.stats();
    return {
      heapCycles: cycle,
      bytesAllocated: totals.bytesAllocated,
      bytesEvacuated: totals.bytesEvacuated,
      regionsFreedWhole: totals.regionsFreedWhole,
      regionsEvacuated: totals.regionsEvacuated,
      regionsReleased: totals.regionsReleased,
      bytesLive: bytes.live,
      bytesCommitted: bytes.committed,
    };
  }

  /** Walks everything. @throws HeapInvariantError */
  verify(): void {
    this.#heap.verify();
  }

  #freeSome(): void {
    let left = FREES_PER_ALLOCATION;
    while (left > 0 && this.#ended.length > 0) {
      const group = this.#ended[0]!;
      while (left > 0 && group.blocks > 0) {
        this.#heap.free(group.refs![--group.blocks]!);
        left--;
      }
      if (group.blocks === 0) this.#ended.shift();
    }
  }
}

function doubled(refs: Int32Array): Int32Array {
  const longer = new Int32Array(refs.length * 2);
  longer.set(refs);
  return longer;
}
