import type { GenerationalHeap } from '../heap/index.js';
import { PERMANENT_GENERATION } from '../heap/index.js';
import type { Decision } from '../profiler/inference/index.js';

/** Doublings of age beyond ROLP's 16 that have a generation of their own: 16 to 31 cycles, ..., 256 to 511. */
const DOUBLINGS = 5;
const FIRST_DOUBLING = 16;
/** A context stays on its doubling while its median lies this close to it. */
const HYSTERESIS = 1.25;

/**
 * Generations by lifetime: the numbered ones, a heap cycle each, as in ROLP; then, on rolp's log scale, one a doubling,
 * so that what lives for twenty cycles does not lie among what lives for two hundred; then the permanent one.
 */
export class GenerationLadder {
  /** Generation of the heap for lifetimes of 1 to 14 cycles; a heap with fewer has the last one for the longer. */
  readonly #numbered: Int32Array = new Int32Array(FIRST_DOUBLING - 1);
  readonly #doublings: readonly number[];
  readonly #heap: GenerationalHeap;

  /** Makes the doublings' generations; they take no region until something is placed in them. */
  constructor(heap: GenerationalHeap) {
    this.#heap = heap;
    const exist = new Set(heap.stats().generations.map(({ generation }) => Number(generation)));
    for (let k = 1, last = 1; k < this.#numbered.length; k++) {
      if (exist.has(k)) last = k;
      this.#numbered[k] = last;
    }
    this.#doublings = Array.from({ length: DOUBLINGS }, () => heap.newGeneration());
  }

  /** The generation for what lives `cycles` heap cycles. */
  forCycles(cycles: number): number {
    if (cycles < FIRST_DOUBLING - 1.5) return this.#numbered[Math.max(1, Math.round(cycles))]!;
    const doubling = Math.max(0, Math.floor(Math.log2(cycles / FIRST_DOUBLING)));
    return this.#doublings[doubling] ?? PERMANENT_GENERATION;
  }

  /** The generation that a decision stands for, the present one where it fits still; 0 where nothing is decided. */
  forDecision({ generation, medianCycles }: Decision, present: number): number {
    if (generation === null) return present;
    if (generation < PERMANENT_GENERATION) return this.#numbered[generation]!;
    const median = medianCycles.value;
    if (median === null) return PERMANENT_GENERATION;
    for (const near of [median / HYSTERESIS, median * HYSTERESIS]) {
      if (this.forCycles(near) === present) return present;
    }
    return this.forCycles(median);
  }

  /** 1 to 15 for a generation of the heap: what ROLP would call it. */
  numberOf(generation: number): number {
    return Math.min(generation, PERMANENT_GENERATION);
  }

  /** Gives the doublings' generations up where they hold nothing. */
  close(): void {
    for (const { generation, regions } of this.#heap.stats().generations) {
      if (regions === 0 && this.#doublings.includes(generation)) this.#heap.releaseGeneration(generation);
    }
  }
}
