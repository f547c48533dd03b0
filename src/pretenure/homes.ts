import type { GenerationalHeap } from '../heap/index.js';
import type { ContextTable } from './context-table.js';

/** Each home has a region open: together they take at most this share of the heap's. */
const SHARE_OF_REGIONS = 1 / 32;
const MOST_HOMES = 8;

/**
 * Generations lent to one context each: while its lifetime is not known, and where nothing tells its lifetimes apart. What
 * one piece of code allocates together mostly dies together (a batch, a table, a segment), also where batches differ so
 * much that no one generation fits them: among themselves their regions die whole, among others' blocks they leave holes.
 *
 * Survivors stay at home, in regions of their own.
 */
export class Homes {
  readonly #heap: GenerationalHeap;
  readonly #generations: readonly number[];

  /** Makes the generations; they take no region until something is placed in them. */
  constructor(heap: GenerationalHeap) {
    this.#heap = heap;
    const regions = heap.maxBytes / heap.regionBytes;
    const count = Math.min(MOST_HOMES, Math.floor(regions * SHARE_OF_REGIONS));
    this.#generations = Array.from({ length: count }, () => {
      const generation = heap.newGeneration();
      heap.configureGeneration(generation, { evacuateTo: generation });
      return generation;
    });
  }

  /** Whether a generation is a home. */
  has(generation: number): boolean {
    return this.#generations.includes(generation);
  }

  /** Lends a home in which no context of `table` lives, 0 if there is none. Cost: O(rows). */
  lend(table: ContextTable): number {
    const home = this.#generations.find((each) => table.countIn(each) === 0) ?? 0;
    // Its regions may still wait for the lifetimes of whoever had it before.
    if (home !== 0) this.#heap.configureGeneration(home, { waitCycles: 0 });
    return home;
  }

  /** Gives the generations up where they hold nothing. */
  close(): void {
    for (const { generation, regions } of this.#heap.stats().generations) {
      if (regions === 0 && this.has(generation)) this.#heap.releaseGeneration(generation);
    }
  }
}
