import type { Random } from '../../base/index.js';
import type { GenerationalHeap } from '../heap.js';
import { checkCollection, checkKind, holds, type NumberKind, seedOf, wrongNumber } from './options.js';
import { SegmentedTable, type TableHeap } from './segments.js';

export interface NumberMapOptions {
  readonly keys: 'number';
  readonly values: NumberKind;
  /** Seeds the hash, so that colliding keys cannot be prepared. Default: Math.random. */
  readonly random?: Random;
}

const NAMES: readonly string[] = Object.keys({
  keys: true,
  values: true,
  random: true,
} satisfies Record<keyof NumberMapOptions, true>);

const double: Float64Array = new Float64Array(1);
const doubleWords: Int32Array = new Int32Array(double.buffer);

/** Slots of key and value, both doubles: 16 bytes, so refs and u32 fit too. An empty slot's key is NaN. */
class NumberTable extends SegmentedTable<Float64Array> {
  readonly #seed: number;

  constructor(heap: TableHeap, seed: number) {
    super(heap);
    this.#seed = seed;
  }

  protected override makeArray(length: number): Float64Array {
    return new Float64Array(length).fill(Number.NaN);
  }

  protected override bytesPerElement(): number {
    return 8;
  }

  protected override emptyElement(): number {
    return Number.NaN;
  }

  protected override isEmpty(segment: Float64Array, at: number): boolean {
    return Number.isNaN(segment[at]);
  }

  protected override setEmpty(segment: Float64Array, at: number): void {
    segment[at] = Number.NaN;
  }

  protected override hashAt(segment: Float64Array, at: number): number {
    return this.hashOf(segment[at]!);
  }

  hashOf(key: number): number {
    let low = key | 0;
    if (low !== key) {
      double[0] = key;
      low = doubleWords[0]! ^ Math.imul(doubleWords[1]!, 0x9e3779b1);
    }
    let hash = Math.imul(low ^ this.#seed, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  #find(key: number): number {
    const hash = this.hashOf(key);
    const segment = this.directory[hash >>> this.shift]!;
    let at = this.home(segment, hash);
    for (;;) {
      const stored = segment[at]!;
      if (stored === key) return at;
      if (Number.isNaN(stored)) return -1;
      at = this.after(segment, at);
    }
  }

  get(key: number): number | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : this.directory[this.hashOf(key) >>> this.shift]![at + 1];
  }

  has(key: number): boolean {
    return this.#find(key) >= 0;
  }

  set(key: number, value: number): void {
    const hash = this.hashOf(key);
    const found = this.#find(key);
    if (found >= 0) {
      this.directory[hash >>> this.shift]![found + 1] = value;
      return;
    }
    const { changes } = this;
    this.makeRoom(hash);
    if (this.changes !== changes) {
      // A pressure hook has changed this map while room was made; it may even have set this key.
      this.set(key, value);
      return;
    }
    const segment = this.directory[hash >>> this.shift]!;
    const at = this.freeSlot(segment, hash);
    segment[at] = key;
    segment[at + 1] = value;
    this.inserted(segment);
  }

  delete(key: number): boolean {
    const at = this.#find(key);
    if (at >= 0) this.removeAt(this.directory[this.hashOf(key) >>> this.shift]!, at);
    return at >= 0;
  }

  forEach(visit: (value: number, key: number) => void): void {
    this.eachSlot((segment, at) => visit(segment[at + 1]!, segment[at]!));
  }
}

/**
 * A hash map from numbers to refs, u32 or doubles, all of it in typed arrays that count in the heap's budget:
 * 20 to 30 bytes an entry. As in a Map, -0 is 0 and NaN is a key. Nothing is allocated on the JS heap per call,
 * but for a result that V8 boxes. Order of entries: none.
 */
export class NumberMap {
  readonly heap: GenerationalHeap;
  readonly values: NumberKind;
  readonly #table: NumberTable;
  /** NaN marks empty slots, so as a key it has a place of its own. */
  #hasNan: boolean = false;
  #ofNan: number = 0;

  /** @throws TypeError naming the option; HeapFullError. */
  constructor(heap: GenerationalHeap, options: NumberMapOptions) {
    checkCollection('HeapMap of numbers', heap, options, NAMES);
    this.heap = heap;
    this.values = checkKind('HeapMap.values', options.values);
    this.#table = new NumberTable(heap, seedOf(options.random));
  }

  get size(): number {
    return this.#table.count + (this.#hasNan ? 1 : 0);
  }

  /** The value of `key`, or undefined. */
  get(key: number): number | undefined {
    if (Number.isNaN(key)) return this.#hasNan ? this.#ofNan : undefined;
    return this.#table.get(checkKey(key));
  }

  /** Whether there is an entry of `key`. @throws TypeError for what is no number. */
  has(key: number): boolean {
    return Number.isNaN(key) ? this.#hasNan : this.#table.has(checkKey(key));
  }

  /** @throws TypeError for a wrong key or value; HeapFullError with the map as it was. */
  set(key: number, value: number): this {
    if (!holds(this.values, value)) throw wrongNumber('HeapMap: a value', this.values, value);
    if (Number.isNaN(key)) {
      this.#table.checkOpen();
      this.#hasNan = true;
      this.#ofNan = value;
    } else this.#table.set(checkKey(key) + 0, value);
    return this;
  }

  /** @returns whether the key was there. */
  delete(key: number): boolean {
    if (!Number.isNaN(key)) return this.#table.delete(checkKey(key));
    const had = this.#hasNan;
    this.#hasNan = false;
    return had;
  }

  /** Deletes all entries. */
  clear(): void {
    this.#table.reset();
    this.#hasNan = false;
  }

  /** Calls `visit` with each entry. @throws Error if `visit` adds or deletes one; setting values is fine. */
  forEach(visit: (value: number, key: number) => void): void {
    this.#table.forEach(visit);
    if (this.#hasNan) visit(this.#ofNan, Number.NaN);
  }

  /** Deletes the entries for which `test` is true. `test` must not change the map. @returns how many. */
  deleteWhere(test: (value: number, key: number) => boolean): number {
    const doomed: number[] = [];
    this.forEach((value, key) => {
      if (test(value, key)) doomed.push(key);
    });
    for (const key of doomed) this.delete(key);
    return doomed.length;
  }

  /** Bytes of the map. */
  get indexBytes(): number {
    return this.#table.bytes;
  }

  /** @throws Error naming the first entry that is out of place. */
  verify(): void {
    this.#table.check();
  }

  /** Gives the map's bytes back. The map is empty from then on, and `set` throws. */
  [Symbol.dispose](): void {
    this.#table.close();
    this.#hasNan = false;
  }
}

function checkKey(key: unknown): number {
  if (typeof key !== 'number') throw new TypeError(`HeapMap: a key must be a number, got ${typeof key}`);
  return key;
}
