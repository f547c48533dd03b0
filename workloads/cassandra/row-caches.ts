import { LRUCache } from 'lru-cache';
import { ArenaCache } from 'rolp/cache';
import type { GenerationalHeap } from 'rolp/heap';
import { invertibleHash } from '../common/index.js';
import type { Row, RowCache } from './engine.js';
import { FIELD_LENGTH, FIELDS, tokenOf } from './requests.js';
import { readLatin1, writeLatin1 } from './text.js';

/** A Map in order of use: what one writes without a library. */
export class MapRowCache implements RowCache {
  readonly offHeapBytes: number = 0;
  readonly #rows = new Map<string, Row>();
  readonly #maxRows: number;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  get(key: string): Row | undefined {
    const row = this.#rows.get(key);
    if (row === undefined) return undefined;
    this.#rows.delete(key);
    this.#rows.set(key, row);
    return row;
  }

  set(key: string, row: Row): void {
    this.#rows.set(key, row);
    if (this.#rows.size > this.#maxRows) this.#rows.delete(this.#rows.keys().next().value!);
  }

  delete(key: string): void {
    this.#rows.delete(key);
  }

  clear(): void {
    this.#rows.clear();
  }
}

/** What lru-cache and ArenaCache are called by alike. */
interface RowStore<K> {
  get(key: K): Row | undefined;
  set(key: K, row: Row): unknown;
  delete(key: K): boolean;
  clear(): void;
}

/** A cache that does it all by itself. */
class StoreRowCache<K> implements RowCache {
  readonly offHeapBytes: number = 0;
  readonly #rows: RowStore<K>;
  readonly #keyOf: (key: string) => K;

  constructor(rows: RowStore<K>, keyOf: (key: string) => K) {
    this.#rows = rows;
    this.#keyOf = keyOf;
  }

  get(key: string): Row | undefined {
    return this.#rows.get(this.#keyOf(key));
  }

  set(key: string, row: Row): void {
    this.#rows.set(this.#keyOf(key), row);
  }

  delete(key: string): void {
    this.#rows.delete(this.#keyOf(key));
  }

  clear(): void {
    this.#rows.clear();
  }
}

/** The library most would pick. */
export class LibraryRowCache extends StoreRowCache<string> {
  constructor(maxRows: number) {
    super(new LRUCache<string, Row>({ max: maxRows }), (key) => key);
  }
}

/** A Map of Buffers: rows encoded, one Buffer each, as one gets them from a cache over the network. */
export class BufferRowCache implements RowCache {
  readonly #rows = new Map<string, Buffer>();
  readonly #maxRows: number;
  offHeapBytes = 0;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
  }

  get(key: string): Row | undefined {
    const encoded = this.#rows.get(key);
    if (encoded === undefined) return undefined;
    this.#rows.delete(key);
    this.#rows.set(key, encoded);
    const values: string[] = [];
    let at = 8;
    for (let field = 0; field < FIELDS; field++) {
      const end = at + 1 + encoded[at]!;
      values.push(readLatin1(encoded, at + 1, end - at - 1));
      at = end;
    }
    return { values, writeTime: encoded.readDoubleLE(0) };
  }

  set(key: string, row: Row): void {
    this.delete(key);
    const encoded = Buffer.allocUnsafeSlow(
      8 + row.values.reduce((bytes, value) => bytes + 1 + value.length, 0),
    );
    encoded.writeDoubleLE(row.writeTime, 0);
    let at = 8;
    for (const value of row.values) {
      encoded[at] = value.length;
      at += 1 + encoded.write(value, at + 1, 'latin1');
    }
    this.#rows.set(key, encoded);
    this.offHeapBytes += encoded.length;
    if (this.#rows.size > this.#maxRows) this.delete(this.#rows.keys().next().value!);
  }

  delete(key: string): void {
    const encoded = this.#rows.get(key);
    if (encoded === undefined) return;
    this.offHeapBytes -= encoded.length;
    this.#rows.delete(key);
  }

  clear(): void {
    this.#rows.clear();
    this.offHeapBytes = 0;
  }
}

/**
 * rolp's cache with its own policy, on the heap that the tables are on: its bytes and pauses are told with theirs.
 * Which rows are cached differs from the other variants' LRU; what is answered does not.
 */
export class ArenaRowCache extends StoreRowCache<number> {
  /** @param maxBytes its part of the heap */
  constructor(heap: GenerationalHeap, maxRows: number, maxBytes: number) {
    super(new ArenaCache<number, Row>({ heap, max: maxRows, maxBytes, policy: 's3-fifo' }), tokenOf);
  }
}

/** Slots of one size in one typed array, an open-addressing index and a list in order of use. */
export class TypedRowCache implements RowCache {
  readonly #maxRows: number;
  readonly #tokens: Uint32Array;
  readonly #times: Float64Array;
  readonly #lengths: Uint8Array;
  readonly #values: Uint8Array;
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  /** Slot + 1 by hash; 0 where empty. */
  readonly #index: Int32Array;
  #newest = -1;
  #oldest = -1;
  #free = 0;
  #freed = -1;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
    this.#tokens = new Uint32Array(maxRows);
    this.#times = new Float64Array(maxRows);
    this.#lengths = new Uint8Array(maxRows * FIELDS);
    this.#values = new Uint8Array(maxRows * FIELDS * FIELD_LENGTH);
    this.#newer = new Int32Array(maxRows);
    this.#older = new Int32Array(maxRows);
    this.#index = new Int32Array(2 ** Math.ceil(Math.log2(2 * maxRows + 2)));
  }

  get offHeapBytes(): number {
    return this.#values.length + this.#lengths.length + 20 * this.#maxRows + this.#index.byteLength;
  }

  get(key: string): Row | undefined {
    const slot = this.#index[this.#place(tokenOf(key))]! - 1;
    if (slot === -1) return undefined;
    this.#unlink(slot);
    this.#linkNewest(slot);
    const values: string[] = [];
    for (let field = 0; field < FIELDS; field++) {
      const start = (slot * FIELDS + field) * FIELD_LENGTH;
      values.push(readLatin1(this.#values, start, this.#lengths[slot * FIELDS + field]!));
    }
    return { values, writeTime: this.#times[slot]! };
  }

  set(key: string, row: Row): void {
    const token = tokenOf(key);
    this.#deleteToken(token);
    const slot = this.#takeSlot();
    this.#tokens[slot] = token;
    this.#times[slot] = row.writeTime;
    for (let field = 0; field < FIELDS; field++) {
      const value = row.values[field]!;
      this.#lengths[slot * FIELDS + field] = value.length;
      writeLatin1(this.#values, (slot * FIELDS + field) * FIELD_LENGTH, value);
    }
    this.#index[this.#place(token)] = slot + 1;
    this.#linkNewest(slot);
  }

  delete(key: string): void {
    this.#deleteToken(tokenOf(key));
  }

  clear(): void {
    this.#index.fill(0);
    this.#newest = -1;
    this.#oldest = -1;
    this.#free = 0;
    this.#freed = -1;
  }

  /** Where the token is in the index, or would go. */
  #place(token: number): number {
    const mask = this.#index.length - 1;
    let place = invertibleHash(token) & mask;
    while (this.#index[place] !== 0 && this.#tokens[this.#index[place]! - 1] !== token)
      place = (place + 1) & mask;
    return place;
  }

  #takeSlot(): number {
    if (this.#freed === -1 && this.#free === this.#maxRows) this.#deleteToken(this.#tokens[this.#oldest]!);
    if (this.#freed === -1) return this.#free++;
    const slot = this.#freed;
    this.#freed = this.#older[slot]!;
    return slot;
  }

  #deleteToken(token: number): void {
    const place = this.#place(token);
    const slot = this.#index[place]! - 1;
    if (slot === -1) return;
    this.#unlink(slot);
    this.#older[slot] = this.#freed;
    this.#freed = slot;
    this.#closeGap(place);
  }

  /** Linear probing without tombstones: moves back what the gap would hide (Knuth 6.4, algorithm R). */
  #closeGap(place: number): void {
    const mask = this.#index.length - 1;
    let gap = place;
    for (let at = (place + 1) & mask; this.#index[at] !== 0; at = (at + 1) & mask) {
      const home = invertibleHash(this.#tokens[this.#index[at]! - 1]!) & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue;
      this.#index[gap] = this.#index[at]!;
      gap = at;
    }
    this.#index[gap] = 0;
  }

  #linkNewest(slot: number): void {
    this.#newer[slot] = -1;
    this.#older[slot] = this.#newest;
    if (this.#newest !== -1) this.#newer[this.#newest] = slot;
    else this.#oldest = slot;
    this.#newest = slot;
  }

  #unlink(slot: number): void {
    const newer = this.#newer[slot]!;
    const older = this.#older[slot]!;
    if (newer === -1) this.#newest = older;
    else this.#older[newer] = older;
    if (older === -1) this.#oldest = newer;
    else this.#newer[older] = newer;
  }
}
