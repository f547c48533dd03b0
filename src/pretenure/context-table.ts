import { FEATURES, type FeatureSet, has } from './features.js';
import { BYTES_PER_ROW, LifetimeRows } from './lifetime-rows.js';

/** No such context. */
export const NONE = -1;

const FIRST_ROWS = 16;
/**
 * A cookie's bits, lowest first: the row; the logarithm of how many sampled births the block stands for; how often the
 * row was given away, so that late deaths are known.
 */
const ROW_BITS = 16;
const ROW_MASK = 0xffff;
const STRIDE_BITS = 4;
const STRIDE_MASK = 0xf;
const TAG_SHIFT: number = ROW_BITS + STRIDE_BITS;
const TAGS = 0xfff;
/** Features of a row that is not to be found any more: no set of features equals it. */
const HIDDEN: FeatureSet = -1;
const BYTES_OF_KEY = 4 * (FEATURES + 5) + 8;

/**
 * Placed allocation contexts: site and values of the features that are looked at, each a row with its
 * lifetimes and its generation. Contexts are found by an open-addressed table of row numbers; finding one allocates
 * nothing.
 */
export class ContextTable {
  readonly rows: LifetimeRows;
  readonly maxRows: number;
  /** Site of each row, -1 for a free one. */
  site: Int32Array;
  /** The features by which a row is told apart. */
  features: Int32Array;
  /** Values of all features, FEATURES a row; those not in the row's set are 0. */
  values: Int32Array;
  /** The row that a row's deaths go to: itself, or the one that it was merged into. */
  into: Int32Array;
  /** A second row that a row's blocks count to, NONE without: what a probe tells apart still is its site's. */
  also: Int32Array;
  /** The generation decided, 0 for none. */
  generation: Int32Array;
  readonly #tags: Int32Array;
  #slots: Int32Array;
  readonly #free: number[] = [];
  #count: number = 0;
  /** Contexts that were folded into their site's for want of rows. */
  folded: number = 0;
  /** Where callers put the values of the context that they look for. */
  readonly wanted: Int32Array = new Int32Array(FEATURES);
  readonly #grew: (bytes: number) => void;

  /** Bytes of a table of `rows` rows. */
  static bytesFor(rows: number): number {
    return rows * (BYTES_PER_ROW + BYTES_OF_KEY + 8);
  }

  /** @param grew told of the bytes that came with more rows. */
  constructor(maxRows: number, grew: (bytes: number) => void = () => {}) {
    this.#grew = grew;
    const capacity = Math.min(FIRST_ROWS, maxRows);
    this.maxRows = Math.min(maxRows, ROW_MASK);
    this.rows = new LifetimeRows(capacity);
    this.site = new Int32Array(capacity).fill(NONE);
    this.features = new Int32Array(capacity);
    this.values = new Int32Array(capacity * FEATURES);
    this.into = new Int32Array(capacity);
    this.also = new Int32Array(capacity).fill(NONE);
    this.generation = new Int32Array(capacity);
    this.#tags = new Int32Array(this.maxRows + 1);
    this.#slots = new Int32Array(4 * capacity).fill(NONE);
  }

  /** Rows in use. */
  get used(): number {
    return this.#count - this.#free.length;
  }

  /** Bytes of all rows that there is room for now. */
  get bytes(): number {
    return ContextTable.bytesFor(this.rows.capacity);
  }

  /** One past the highest row in use. */
  get count(): number {
    return this.#count;
  }

  /** The row of `site` with the values in `wanted` under `features`, or NONE. */
  find(site: number, features: FeatureSet): number {
    const mask = this.#slots.length - 1;
    for (let slot = hashOf(site, features, this.wanted, 0) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]!;
      if (row === NONE || this.#matches(row, site, features)) return row;
    }
  }

  #matches(row: number, site: number, features: FeatureSet): boolean {
    if (this.site[row] !== site || this.features[row] !== features) return false;
    for (let feature = 0; feature < FEATURES; feature++) {
      if (has(features, feature) && this.values[row * FEATURES + feature] !== this.wanted[feature])
        return false;
    }
    return true;
  }

  /** Makes the context's row. @returns NONE if there is no room. */
  add(site: number, features: FeatureSet, cycle: number): number {
    const row = this.#free.pop() ?? this.#newRow();
    if (row === NONE) return NONE;
    this.site[row] = site;
    this.features[row] = features;
    for (let feature = 0; feature < FEATURES; feature++) {
      this.values[row * FEATURES + feature] = has(features, feature) ? this.wanted[feature]! : 0;
    }
    this.into[row] = row;
    this.also[row] = NONE;
    this.generation[row] = 0;
    this.rows.reset(row, cycle);
    this.#insert(row);
    return row;
  }

  #newRow(): number {
    if (this.#count === this.maxRows) return NONE;
    if (this.#count === this.rows.capacity) this.#grow(Math.min(this.maxRows, 2 * this.#count));
    return this.#count++;
  }

  #grow(capacity: number): void {
    this.#grew(ContextTable.bytesFor(capacity - this.rows.capacity));
    this.rows.grow(capacity);
    const grown = (old: Int32Array, width: number): Int32Array => {
      const array = new Int32Array(capacity * width);
      array.set(old);
      return array;
    };
    this.site = grown(this.site, 1).fill(NONE, this.#count);
    this.features = grown(this.features, 1);
    this.values = grown(this.values, FEATURES);
    this.into = grown(this.into, 1);
    this.also = grown(this.also, 1);
    this.generation = grown(this.generation, 1);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(4 * capacity))).fill(NONE);
    for (let row = 0; row < this.#count; row++) if (this.site[row]! >= 0) this.#insert(row);
  }

  #insert(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.site[row]!, this.features[row]!, this.values, row * FEATURES) & mask;
    while (this.#slots[slot] !== NONE) slot = (slot + 1) & mask;
    this.#slots[slot] = row;
  }

  /** Ends rows: their cookies mean nothing from here on. Cost: O(rows), for the table is built anew. */
  remove(rows: readonly number[]): void {
    for (const row of rows) {
      this.site[row] = NONE;
      this.#tags[row] = (this.#tags[row]! + 1) & TAGS;
      this.#free.push(row);
    }
    this.#slots.fill(NONE);
    for (let row = 0; row < this.#count; row++) if (this.site[row]! >= 0) this.#insert(row);
  }

  /** Keeps rows for the deaths of their blocks alone: no block is born into them any more, for none finds them. */
  hide(rows: readonly number[]): void {
    for (const row of rows) this.features[row] = HIDDEN;
  }

  /** How many contexts are placed in `generation`. Cost: O(rows). */
  countIn(generation: number): number {
    let count = 0;
    for (let row = 0; row < this.#count; row++) {
      if (this.site[row]! >= 0 && this.generation[row] === generation) count++;
    }
    return count;
  }

  /**
   * What the heap keeps with a sampled block; never 0, which stands for a block that is not followed.
   *
   * @param stride one sampled birth in so many is followed: a power of two, 2^15 at most.
   */
  cookieOf(row: number, stride = 1): number {
    const log2 = 31 - Math.clz32(stride);
    return ((this.#tags[row]! << TAG_SHIFT) | (log2 << ROW_BITS) | (row + 1)) >>> 0;
  }

  /** How many sampled births the cookie's block stands for. */
  strideOf(cookie: number): number {
    return 1 << ((cookie >>> ROW_BITS) & STRIDE_MASK);
  }

  /** The row that a cookie's block counts to now, or NONE. */
  rowOf(cookie: number): number {
    const row = (cookie & ROW_MASK) - 1;
    if (row < 0 || row >= this.#count || this.#tags[row] !== cookie >>> TAG_SHIFT || this.site[row]! < 0)
      return NONE;
    return this.into[row]!;
  }
}

/** Hash of a context whose feature values lie in `values` from `at`. */
function hashOf(site: number, features: FeatureSet, values: Int32Array, at: number): number {
  let hash = Math.imul(site + 1, 0x9e3779b1) ^ Math.imul(features, 0x85ebca6b);
  for (let feature = 0; feature < FEATURES; feature++) {
    if (has(features, feature)) hash = Math.imul(hash ^ values[at + feature]!, 0x01000193) ^ (hash >>> 15);
  }
  return hash ^ (hash >>> 13);
}
