import { BloomFilter } from './bloom.js';
import type { TableInfo } from './engine.js';
import { FIELDS } from './requests.js';
import type { Shelf, ShelfHome } from './shelf.js';

/** A slice ends when it has so many cells, or next to: about a megabyte. */
const SLICE_CELLS = 8192;

/** A sorted table, cut into slices by key, so that a compaction can let go of what it has passed. */
export class FlatTable<S extends Shelf> implements TableInfo {
  readonly tier: number;
  readonly bloom: BloomFilter;
  rows = 0;
  cells = 0;
  readonly #home: ShelfHome<S>;
  /** Undefined where it was let go of. */
  readonly #slices: (S | undefined)[] = [];
  /** The lowest token of each slice. */
  readonly #lowest: number[] = [];
  #last: S | undefined;
  #cellsOfLast = 0;
  /** What `find` found last. */
  found: S | undefined;

  /** @param maxRows for the Bloom filter */
  constructor(home: ShelfHome<S>, tier: number, maxRows: number) {
    this.#home = home;
    this.tier = tier;
    this.bloom = new BloomFilter(maxRows);
  }

  /** Begins a row without cells, behind all others. */
  append(token: number): void {
    if (this.#last === undefined || this.#cellsOfLast > SLICE_CELLS - FIELDS) this.#openSlice(token);
    this.#last!.append(token);
    this.bloom.add(token);
    this.rows++;
  }

  /** Gives the row begun last the cells that it lacks and `row` of `shelf` has. */
  fill(shelf: S, row: number): void {
    const filled = this.#last!.fill(shelf, row);
    this.#cellsOfLast += filled;
    this.cells += filled;
  }

  slice(at: number): S | undefined {
    return this.#slices[at];
  }

  /** Lets go of a slice: no read will find what was in it. */
  release(at: number): void {
    const slice = this.#slices[at];
    if (slice === undefined) return;
    this.#slices[at] = undefined;
    this.#home.close(slice);
  }

  releaseAll(): void {
    for (let at = 0; at < this.#slices.length; at++) this.release(at);
  }

  /** @returns the row's number in `found`, or -1. */
  find(token: number): number {
    const slice = this.#slices[this.#sliceOf(token)];
    if (slice === undefined) return -1;
    this.found = slice;
    return slice.find(token);
  }

  /** @returns the last slice that begins at or below the token; -1 if there is none. */
  #sliceOf(token: number): number {
    const lowest = this.#lowest;
    let low = 0;
    let high = lowest.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (lowest[middle]! <= token) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #openSlice(token: number): void {
    this.#last = this.#home.openSlice();
    this.#cellsOfLast = 0;
    this.#slices.push(this.#last);
    this.#lowest.push(token);
  }
}
