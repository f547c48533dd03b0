import type { PauseLog } from '../pauses.js';
import type { SegmentArray, SpareArrays } from '../spare-arrays.js';

/** What tables need of a heap. */
export interface TableHeap {
  readonly pauses: PauseLog;
  readonly spareArrays: SpareArrays;
  reserve(bytes: number): void;
  release(bytes: number): void;
}

/** Slots of a new table's only segment. */
const FIRST_SLOTS = 16;
/** A segment of this many slots splits in two of SPLIT_SLOTS rather than grow. */
export const FULL_SLOTS = 6144;
const SPLIT_SLOTS = 4096;
/** The directory uses the hash's top bits, the segments its low 16. */
const MAX_DEPTH = 16;
/** A directory entry for every so many elements, at least: bounds it when hashes do not spread. */
const ELEMENTS_PER_ENTRY = 512;
/** A segment's first pair of elements holds its count and its depth. */
const HEAD = 2;
const COUNT = 0;
const DEPTH = 1;

/**
 * Open addressing with linear probing in segments under a directory (extendible hashing): a segment that is
 * full grows or splits by itself, so the longest pause is one segment's rehash, however large the table, and
 * a lookup never has to search two tables as with incremental copying.
 *
 * A slot is a pair of elements. Slots are used up to 13/16. A segment grows in turns by 3/2 and 4/3, the last
 * turn being the split, so that a large table is never emptier than 7/13 of full: 15 bytes for a slot of 8.
 */
export abstract class SegmentedTable<A extends SegmentArray> {
  readonly heap: TableHeap;
  /** The segment of each value of the hash's top bits; one segment may stand in several entries. */
  protected directory: A[];
  /** Shift that leaves a hash's directory bits; at least one bit, since a shift by 32 is none. */
  protected shift: number = 31;
  #count: number = 0;
  /** Bytes reserved for segments and directory. */
  #bytes: number = 0;
  /** Counts insertions and removals: iteration finds out by it that it would go astray. */
  changes: number = 0;
  #isClosed: boolean = false;

  constructor(heap: TableHeap) {
    this.heap = heap;
    this.directory = [];
    this.#reserve(this.#firstBytes());
    this.#start();
  }

  /** Elements in the table. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the table, counted in the heap's `reserved`. */
  get bytes(): number {
    return this.#bytes;
  }

  protected abstract makeArray(length: number): A;
  protected abstract bytesPerElement(): number;
  /** What all elements of empty slots hold. */
  protected abstract emptyElement(): number;
  protected abstract isEmpty(segment: A, at: number): boolean;
  protected abstract hashAt(segment: A, at: number): number;
  protected abstract setEmpty(segment: A, at: number): void;

  /** Bytes of an empty table. */
  #firstBytes(): number {
    return this.#segmentBytes(FIRST_SLOTS) + 16;
  }

  #start(): void {
    const segment = this.#makeSegment(FIRST_SLOTS, 0);
    this.directory = [segment, segment];
    this.shift = 31;
    this.#count = 0;
  }

  #segmentBytes(slots: number): number {
    return (HEAD + 2 * slots) * this.bytesPerElement();
  }

  #makeSegment(slots: number, depth: number): A {
    const length = HEAD + 2 * slots;
    const spare = this.heap.spareArrays.take(length, this.bytesPerElement() === 8) as A | undefined;
    const segment = spare === undefined ? this.makeArray(length) : (spare.fill(this.emptyElement()) as A);
    segment[COUNT] = 0;
    segment[DEPTH] = depth;
    return segment;
  }

  /** Makes sure that an element of `hash` can be inserted. @throws HeapFullError with the table as it was. */
  makeRoom(hash: number): void {
    for (;;) {
      const segment = this.directory[hash >>> this.shift]!;
      const slots = (segment.length - HEAD) >>> 1;
      if (segment[COUNT]! < (slots * 13) >>> 4) return;
      this.#enlarge(segment, slots, hash);
    }
  }

  #enlarge(segment: A, slots: number, hash: number): void {
    this.checkOpen();
    const depth = segment[DEPTH]!;
    const isAtDirectory = 1 << depth === this.directory.length;
    const mayDouble =
      depth < MAX_DEPTH && this.directory.length * ELEMENTS_PER_ENTRY <= Math.max(this.#count, FULL_SLOTS);
    const splits = slots >= FULL_SLOTS && (!isAtDirectory || mayDouble);
    const isPowerOfTwo = (slots & (slots - 1)) === 0;
    const newSlots = isPowerOfTwo ? (slots * 3) >>> 1 : ((slots * 4) / 3) | 0;
    let bytes = splits ? 2 * this.#segmentBytes(SPLIT_SLOTS) : this.#segmentBytes(newSlots);
    if (splits && isAtDirectory) bytes += this.directory.length * 8;
    this.#reserve(bytes);
    if (
      this.directory[hash >>> this.shift] !== segment ||
      (splits && 1 << depth === this.directory.length) !== (splits && isAtDirectory)
    ) {
      // A pressure hook changed the table while room was made for it.
      this.#release(bytes);
      return;
    }
    const startMs = this.heap.pauses.start();
    if (splits) this.#split(segment, depth, hash);
    else this.#replace(segment, newSlots, hash);
    this.#recycle(segment);
    this.heap.pauses.record('resize', startMs);
  }

  /** Gives back a segment that is no longer in the directory. */
  #recycle(segment: A): void {
    this.#release(segment.byteLength);
    this.heap.spareArrays.put(segment);
  }

  /** Gives all but `keptBytes` back. The table has other segments than `old` already, or is closed. */
  #recycleAll(old: readonly A[], keptBytes: number): void {
    this.#release(this.#bytes - keptBytes);
    for (const segment of new Set(old)) this.heap.spareArrays.put(segment);
  }

  #reserve(bytes: number): void {
    this.heap.reserve(bytes);
    this.#bytes += bytes;
  }

  #release(bytes: number): void {
    this.heap.release(bytes);
    this.#bytes -= bytes;
  }

  #split(segment: A, depth: number, hash: number): void {
    if (1 << depth === this.directory.length) {
      // Entry i of the old directory becomes entries 2i and 2i + 1.
      this.directory = this.directory.flatMap((entry) => [entry, entry]);
      this.shift--;
    }
    const halves = [
      this.#makeSegment(SPLIT_SLOTS, depth + 1),
      this.#makeSegment(SPLIT_SLOTS, depth + 1),
    ] as const;
    const bit = 31 - depth;
    for (let at = HEAD; at < segment.length; at += 2) {
      if (this.isEmpty(segment, at)) continue;
      const elementHash = this.hashAt(segment, at);
      this.#copyInto((elementHash >>> bit) & 1 ? halves[1] : halves[0], elementHash, segment, at);
    }
    const span = this.directory.length >>> (depth + 1);
    const first = ((hash >>> this.shift) & -(2 * span)) >>> 0;
    for (let i = 0; i < span; i++) {
      this.directory[first + i] = halves[0];
      this.directory[first + span + i] = halves[1];
    }
  }

  #replace(segment: A, slots: number, hash: number): void {
    const depth = segment[DEPTH]!;
    const other = this.#makeSegment(slots, depth);
    for (let at = HEAD; at < segment.length; at += 2) {
      if (!this.isEmpty(segment, at)) this.#copyInto(other, this.hashAt(segment, at), segment, at);
    }
    const span = this.directory.length >>> depth;
    const first = (hash >>> this.shift) & -span;
    for (let i = 0; i < span; i++) this.directory[first + i] = other;
  }

  #copyInto(target: A, hash: number, source: A, at: number): void {
    const to = this.freeSlot(target, hash);
    target[to] = source[at]!;
    target[to + 1] = source[at + 1]!;
    target[COUNT]!++;
  }

  /** First slot to look in for `hash`. */
  protected home(segment: A, hash: number): number {
    return HEAD + 2 * (((hash & 0xffff) * ((segment.length - HEAD) >>> 1)) >>> 16);
  }

  protected freeSlot(segment: A, hash: number): number {
    let at = this.home(segment, hash);
    while (!this.isEmpty(segment, at)) at = this.after(segment, at);
    return at;
  }

  protected after(segment: A, at: number): number {
    return at + 2 === segment.length ? HEAD : at + 2;
  }

  /** Counts an element that was put into a free slot of `segment`. */
  protected inserted(segment: A): void {
    segment[COUNT]!++;
    this.#count++;
    this.changes++;
  }

  /** Empties a slot; the elements behind it move up, so that no tombstones are needed. */
  protected removeAt(segment: A, at: number): void {
    const hash = this.hashAt(segment, at);
    const size = segment.length - HEAD;
    let hole = at;
    let next = this.after(segment, at);
    while (!this.isEmpty(segment, next)) {
      const fromHome = (next - this.home(segment, this.hashAt(segment, next)) + size) % size;
      const fromHole = (next - hole + size) % size;
      if (fromHome >= fromHole) {
        segment[hole] = segment[next]!;
        segment[hole + 1] = segment[next + 1]!;
        hole = next;
      }
      next = this.after(segment, next);
    }
    this.setEmpty(segment, hole);
    segment[COUNT]!--;
    this.#count--;
    this.changes++;
    if (segment[COUNT]! * 8 < size >>> 1) this.#shrink(segment, hash);
  }

  #shrink(segment: A, hash: number): void {
    const slots = (segment.length - HEAD) >>> 1;
    let fewer = FIRST_SLOTS;
    while (fewer < slots >>> 2) fewer *= 2;
    if (fewer >= slots) return;
    const startMs = this.heap.pauses.start();
    // In place of the one that goes, never beside it: a removal must not make the heap evict.
    this.#replace(segment, fewer, hash);
    this.#release(segment.byteLength - this.#segmentBytes(fewer));
    this.heap.spareArrays.put(segment);
    this.heap.pauses.record('resize', startMs);
  }

  /** Calls `visit` with each slot in use. @throws Error if the table changes meanwhile. */
  protected eachSlot(visit: (segment: A, at: number) => void): void {
    const { changes } = this;
    let last: A | undefined;
    for (const segment of this.directory) {
      if (segment === last) continue;
      last = segment;
      for (let at = HEAD; at < segment.length; at += 2) {
        if (this.isEmpty(segment, at)) continue;
        visit(segment, at);
        if (this.changes !== changes) throw new Error('the map changed while it was walked');
      }
    }
  }

  /** Drops all elements. */
  reset(): void {
    if (this.#isClosed) return;
    const old = this.directory;
    // Out of what it has, since a table that asked for room would find itself half done in a pressure hook.
    this.#start();
    this.changes++;
    this.#recycleAll(old, this.#firstBytes());
  }

  /** @throws Error if the table was closed. */
  checkOpen(): void {
    if (this.#isClosed) throw new Error('the map was disposed of');
  }

  /** Gives the table's bytes back. Nothing is found in it from then on, and nothing can be put into it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const old = this.directory;
    // One slot, so that a look-up comes to an end; it counts as full, so that calls that insert need not ask.
    const nothing = this.makeArray(HEAD + 2);
    nothing[COUNT] = 0;
    nothing[DEPTH] = 0;
    this.directory = [nothing, nothing];
    this.shift = 31;
    this.#count = 0;
    this.changes++;
    this.#recycleAll(old, 0);
  }

  /** @throws Error at the first element that cannot be found again. For tests and `verify`. */
  check(): void {
    let count = 0;
    this.directory.forEach((segment, i) => {
      const span = this.directory.length >>> segment[DEPTH]!;
      if (this.directory[i & -span] !== segment) throw new Error(`directory entry ${i} is out of place`);
    });
    this.eachSlot((segment, at) => {
      const hash = this.hashAt(segment, at);
      if (this.directory[hash >>> this.shift] !== segment)
        throw new Error(`hash ${hash} is in a wrong segment`);
      for (let p = this.home(segment, hash); p !== at; p = this.after(segment, p)) {
        if (this.isEmpty(segment, p)) throw new Error(`hash ${hash} cannot be reached from its home`);
      }
      count++;
    });
    if (count !== this.#count) throw new Error(`${count} elements found, ${this.#count} counted`);
  }
}
