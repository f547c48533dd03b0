import type { Budget } from './budget.js';
import { GENERATION_MASK, NUMBERED_GENERATIONS } from './layout.js';
import { NONE } from './region-space.js';
import type { Generation } from './types.js';

/** `liveLimit` of a fixed generation: no region has as little in it, so that nothing takes one for fragmented. */
export const NEVER_MOVES: number = -1;

const BYTES_PER_GENERATION = 13 * 4 + 5 * 8;

/** Counters of a generation since it was made. */
export interface GenerationCounters {
  /** Bytes handed out in regions that are retired; `stats` adds what is in open ones. */
  bytesAllocated: number;
  /** Bytes copied out of its regions, headers included. */
  bytesEvacuated: number;
  /** Regions whose last block was freed, so that nothing was copied. */
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
  /**
   * What each allocation reads, four words a generation: its Generation (0 where there is none, negative once it has
   * ended), then the allocation region's top and end, 0 without one. The end of a fixed generation's is negated: so
   * the one comparison that `allocate` makes anyway keeps it out of there, and `place` out of all others. Another array
   * once the table has grown.
   */
  rows: Int32Array = new Int32Array(0);
  /** The top and end of the evacuation destination. */
  destinationTop: Int32Array = new Int32Array(0);
  destinationEnd: Int32Array = new Int32Array(0);
  head: Int32Array = new Int32Array(0);
  tail: Int32Array = new Int32Array(0);
  /** How many regions are in the list, the rest of humongous ones counted. */
  regions: Int32Array = new Int32Array(0);
  /** Index of the generation that survivors move to. */
  evacuateTo: Int32Array = new Int32Array(0);
  /** A retired region with at most this many live units is fragmented. NEVER_MOVES: the generation is fixed. */
  liveLimit: Int32Array = new Int32Array(0);
  /** Cycles from its opening for which a fragmented region is left alone while there is room. */
  waitCycles: Int32Array = new Int32Array(0);
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

  constructor(budget: Budget, dynamicCount: number, liveLimit: number) {
    this.#budget = budget;
    this.#resize(NUMBERED_GENERATIONS);
    for (let k = 1; k < NUMBERED_GENERATIONS; k++) {
      if (k > dynamicCount && k < NUMBERED_GENERATIONS - 1) continue;
      this.#setId(k, k);
      this.evacuateTo[k] = k < dynamicCount ? k + 1 : NUMBERED_GENERATIONS - 1;
      this.liveLimit[k] = liveLimit;
    }
  }

  static bytesFor(count: number): number {
    return count * BYTES_PER_GENERATION;
  }

  get bytes(): number {
    return this.#capacity * BYTES_PER_GENERATION;
  }

  get #capacity(): number {
    return this.rows.length >>> 2;
  }

  /** The generation at an index; 0 where there is none, negative where one has ended. */
  id(index: number): Generation {
    return this.rows[index << 2]! as Generation;
  }

  #setId(index: number, id: number): void {
    this.rows[index << 2] = id;
  }

  /** The first free address in the allocation region; 0, as the end, without one. */
  top(index: number): number {
    return this.rows[(index << 2) + 1]!;
  }

  setTop(index: number, address: number): void {
    this.rows[(index << 2) + 1] = address;
  }

  /** One past the last address of the allocation region. */
  end(index: number): number {
    return Math.abs(this.rows[(index << 2) + 2]!);
  }

  setEnd(index: number, address: number): void {
    this.rows[(index << 2) + 2] = this.isFixed(index) ? -address : address;
  }

  /** Whether the blocks of the generation at `index` never move. */
  isFixed(index: number): boolean {
    return this.liveLimit[index] === NEVER_MOVES;
  }

  #resize(capacity: number): void {
    const grown = (old: Int32Array, length: number = capacity): Int32Array => {
      const array = new Int32Array(length);
      array.set(old);
      return array;
    };
    const grownDoubles = (old: Float64Array): Float64Array => {
      const array = new Float64Array(capacity);
      array.set(old);
      return array;
    };
    const before = this.#capacity;
    this.rows = grown(this.rows, capacity << 2);
    this.destinationTop = grown(this.destinationTop);
    this.destinationEnd = grown(this.destinationEnd);
    this.head = grown(this.head).fill(NONE, before);
    this.tail = grown(this.tail).fill(NONE, before);
    this.regions = grown(this.regions);
    this.evacuateTo = grown(this.evacuateTo);
    this.liveLimit = grown(this.liveLimit);
    this.waitCycles = grown(this.waitCycles);
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
    return generation > 0 && this.id(index) === generation ? index : 0;
  }

  /** As `indexOf`, but 0 for a fixed generation too: for blocks that may move. */
  movingIndexOf(generation: number): number {
    const index = this.indexOf(generation);
    return this.isFixed(index) ? 0 : index;
  }

  /** Makes an anonymous generation. @returns 0 if the budget does not hold a larger table. */
  add(evacuateTo: number, liveLimit: number): Generation {
    let index = this.#freeIndices.shift();
    if (index === undefined) {
      if (this.count > GENERATION_MASK) {
        throw new RangeError(`more than ${GENERATION_MASK + 1} generations at once; release some`);
      }
      if (this.count === this.#capacity) {
        const more = Math.min(this.count, GENERATION_MASK + 1 - this.count);
        if (!this.#budget.take(GenerationTable.bytesFor(more))) return 0 as Generation;
        this.#resize(this.count + more);
      }
      index = this.count++;
      this.#setId(index, index);
    } else {
      // `end` left the negated id of the last holder: the next tag follows it, wrapping below 2^31.
      this.#setId(index, (-this.id(index) + GENERATION_MASK + 1) & 0x7fffffff);
    }
    this.evacuateTo[index] = evacuateTo;
    this.liveLimit[index] = liveLimit;
    this.waitCycles[index] = 0;
    this.epoch[index] = 0;
    for (const counters of this.#counters()) counters[index] = 0;
    return this.id(index);
  }

  /** Ends the anonymous generation at `index`, which must hold no region. */
  close(index: number): void {
    this.ended.bytesAllocated += this.bytesAllocated[index]!;
    this.ended.bytesEvacuated += this.bytesEvacuated[index]!;
    this.ended.regionsFreedWhole += this.regionsFreedWhole[index]!;
    this.ended.regionsEvacuated += this.regionsEvacuated[index]!;
    this.ended.regionsReleased += this.regionsReleased[index]!;
    for (const counters of this.#counters()) counters[index] = 0;
    this.#setId(index, -this.id(index));
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
