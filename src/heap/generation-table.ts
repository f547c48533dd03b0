import type { Budget } from './budget.js';
import type { HotWords } from './hot-words.js';
import { GENERATION_MASK, NUMBERED_GENERATIONS } from './layout.js';
import { NONE } from './region-space.js';
import type { Generation } from './types.js';

const BYTES_PER_GENERATION = 10 * 4 + 5 * 8;

/** Counters of a generation since it was made. */
export interface GenerationCounters {
  /** Bytes handed out in regions that are retired; `stats` adds what is in open ones. */
  bytesAllocated: number;
  bytesEvacuated: number;
  regionsFreedWhole: number;
  regionsEvacuated: number;
  regionsReleased: number;
}

/**
 * The generations: 0 to 15 by number, anonymous ones from index 16 up. Each has at most one allocation
 * region, whose free part is [top, end), at most one evacuation destination, and a list of its regions,
 * oldest first. Indices of ended anonymous generations are reused under a new tag, so that a program which
 * makes one generation per batch never grows the table.
 */
export class GenerationTable {
  /** The Generation at each index; 0 where there is none. */
  ids: Int32Array = new Int32Array(0);
  top: Int32Array = new Int32Array(0);
  end: Int32Array = new Int32Array(0);
  /** The same for the evacuation destination. */
  destinationTop: Int32Array = new Int32Array(0);
  destinationEnd: Int32Array = new Int32Array(0);
  head: Int32Array = new Int32Array(0);
  tail: Int32Array = new Int32Array(0);
  /** Index of the generation that survivors move to. */
  evacuateTo: Int32Array = new Int32Array(0);
  /** A retired region with at most this many live units is fragmented. */
  liveLimit: Int32Array = new Int32Array(0);
  /** How often the generation was collected or released. */
  epoch: Int32Array = new Int32Array(0);
  bytesAllocated: Float64Array = new Float64Array(0);
  bytesEvacuated: Float64Array = new Float64Array(0);
  regionsFreedWhole: Float64Array = new Float64Array(0);
  regionsEvacuated: Float64Array = new Float64Array(0);
  regionsReleased: Float64Array = new Float64Array(0);
  /** Of generations that have ended. */
  readonly ended: GenerationCounters = {
    bytesAllocated: 0,
    bytesEvacuated: 0,
    regionsFreedWhole: 0,
    regionsEvacuated: 0,
    regionsReleased: 0,
  };
  /** One past the highest index in use. */
  count: number = NUMBERED_GENERATIONS;
  readonly #budget: Budget;
  readonly #freeIndices: number[] = [];

  readonly #hot: HotWords;
  readonly #onGrown: () => void;

  /** @param onGrown called when the hot words have moved. */
  constructor(budget: Budget, hot: HotWords, dynamicCount: number, liveLimit: number, onGrown: () => void) {
    this.#budget = budget;
    this.#hot = hot;
    this.#onGrown = onGrown;
    this.#resize(NUMBERED_GENERATIONS);
    for (let k = 1; k < NUMBERED_GENERATIONS; k++) {
      if (k > dynamicCount && k < NUMBERED_GENERATIONS - 1) continue;
      this.ids[k] = k;
      this.evacuateTo[k] = k < dynamicCount ? k + 1 : NUMBERED_GENERATIONS - 1;
      this.liveLimit[k] = liveLimit;
    }
  }

  static bytesFor(count: number): number {
    return count * BYTES_PER_GENERATION;
  }

  get bytes(): number {
    return this.ids.length * BYTES_PER_GENERATION;
  }

  #resize(capacity: number): void {
    const grown = (old: Int32Array): Int32Array => {
      const array = new Int32Array(capacity);
      array.set(old);
      return array;
    };
    const grownDoubles = (old: Float64Array): Float64Array => {
      const array = new Float64Array(capacity);
      array.set(old);
      return array;
    };
    const before = this.ids.length;
    if (capacity > this.#hot.generationCapacity) {
      this.#hot.growGenerations(capacity);
      this.#onGrown();
    }
    this.ids = this.#hot.column(this.#hot.idsAt, capacity);
    this.top = this.#hot.column(this.#hot.topAt, capacity);
    this.end = this.#hot.column(this.#hot.endAt, capacity);
    this.destinationTop = grown(this.destinationTop);
    this.destinationEnd = grown(this.destinationEnd);
    this.head = grown(this.head).fill(NONE, before);
    this.tail = grown(this.tail).fill(NONE, before);
    this.evacuateTo = grown(this.evacuateTo);
    this.liveLimit = grown(this.liveLimit);
    this.epoch = grown(this.epoch);
    this.bytesAllocated = grownDoubles(this.bytesAllocated);
    this.bytesEvacuated = grownDoubles(this.bytesEvacuated);
    this.regionsFreedWhole = grownDoubles(this.regionsFreedWhole);
    this.regionsEvacuated = grownDoubles(this.regionsEvacuated);
    this.regionsReleased = grownDoubles(this.regionsReleased);
  }

  /** Index of `generation`, or 0 if there is no such generation (or it has ended). */
  indexOf(generation: number): number {
    const index = generation & GENERATION_MASK;
    return generation > 0 && this.ids[index] === generation ? index : 0;
  }

  /** Makes an anonymous generation. @returns 0 if the budget does not hold a larger table. */
  add(evacuateTo: number, liveLimit: number): Generation {
    let index = this.#freeIndices.shift();
    if (index === undefined) {
      if (this.count > GENERATION_MASK) {
        throw new RangeError(`more than ${GENERATION_MASK + 1} generations at once; release some`);
      }
      if (this.count === this.ids.length) {
        const more = Math.min(this.count, GENERATION_MASK + 1 - this.count);
        if (!this.#budget.take(GenerationTable.bytesFor(more))) return 0 as Generation;
        this.#resize(this.count + more);
      }
      index = this.count++;
      this.ids[index] = index;
    } else {
      // `end` left the negated id of the last holder: the next tag follows it, wrapping below 2^31.
      this.ids[index] = (-this.ids[index]! + GENERATION_MASK + 1) & 0x7fffffff;
    }
    this.evacuateTo[index] = evacuateTo;
    this.liveLimit[index] = liveLimit;
    for (const counters of this.#counters()) counters[index] = 0;
    return this.ids[index] as Generation;
  }

  /** Ends the anonymous generation at `index`, which must hold no region. */
  close(index: number): void {
    this.ended.bytesAllocated += this.bytesAllocated[index]!;
    this.ended.bytesEvacuated += this.bytesEvacuated[index]!;
    this.ended.regionsFreedWhole += this.regionsFreedWhole[index]!;
    this.ended.regionsEvacuated += this.regionsEvacuated[index]!;
    this.ended.regionsReleased += this.regionsReleased[index]!;
    for (const counters of this.#counters()) counters[index] = 0;
    this.ids[index] = -this.ids[index]!;
    this.#freeIndices.push(index);
    // Whoever evacuated into it goes on into the permanent generation.
    for (let g = 1; g < this.count; g++) {
      if (this.evacuateTo[g] === index) this.evacuateTo[g] = NUMBERED_GENERATIONS - 1;
    }
  }

  #counters(): Float64Array[] {
    return [
      this.bytesAllocated,
      this.bytesEvacuated,
      this.regionsFreedWhole,
      this.regionsEvacuated,
      this.regionsReleased,
    ];
  }
}
