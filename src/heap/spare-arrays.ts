import type { Budget } from './budget.js';

export type SegmentArray = Int32Array | Float64Array;

/** Most bytes kept, as a share of the budget. */
const MOST = 1 / 64;

/**
 * Typed arrays that tables have done with, kept for the next table that wants one as long: V8 counts the bytes of
 * ArrayBuffers that come and go as if they were objects', and in a small JS heap a few megabytes of them are a
 * mark-compact. Counted in the heap's budget, and let go of when that is short.
 */
export class SpareArrays {
  readonly #budget: Budget;
  /** By length: negative for doubles. */
  readonly #arrays: Map<number, SegmentArray[]> = new Map();
  #bytes: number = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** An array of 32-bit integers or doubles (`isDouble`), whatever in it, if one of that length is kept. */
  take(length: number, isDouble: boolean): SegmentArray | undefined {
    const array = this.#arrays.get(isDouble ? -length : length)?.pop();
    if (array !== undefined) this.#count(-array.byteLength);
    return array;
  }

  /** Keeps `array`, which nobody may use any more, if there is room for it. */
  put(array: SegmentArray): void {
    const { byteLength, length } = array;
    const budget = this.#budget;
    if (budget.left < byteLength || this.#bytes + byteLength > budget.max * MOST) return;
    const key = array instanceof Float64Array ? -length : length;
    const kept = this.#arrays.get(key);
    if (kept === undefined) this.#arrays.set(key, [array]);
    else kept.push(array);
    this.#count(byteLength);
  }

  /** Lets go of all. @returns the bytes that the budget got back. */
  drop(): number {
    const bytes = this.#bytes;
    this.#arrays.clear();
    this.#count(-bytes);
    return bytes;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (bytes > 0) this.#budget.take(bytes);
    else this.#budget.give(-bytes);
  }
}
