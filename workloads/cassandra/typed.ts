import type { OffHeapBytes } from '../common/index.js';
import type { ShelfHome, TokenIndex } from './shelf.js';
import { WordIndex } from './word-index.js';
import { type ByteStore, WordShelf } from './word-shelf.js';

/**
 * The variant `typed`: each memtable and slice of a table in plain typed arrays, allocated as it grows and
 * left to the collector when it is over.
 */
export class TypedTables implements ShelfHome<TypedShelf> {
  readonly #live = new Set<TypedShelf>();

  openMemtable(cells: number): { shelf: TypedShelf; index: TokenIndex } {
    const shelf = this.openSlice();
    return { shelf, index: new WordIndex(shelf.store, cells) };
  }

  openSlice(): TypedShelf {
    const shelf = new WordShelf(new ChunkedWords());
    this.#live.add(shelf);
    return shelf;
  }

  close(shelf: TypedShelf): void {
    this.#live.delete(shelf);
  }

  offHeap(): OffHeapBytes {
    let committed = 0;
    let used = 0;
    for (const { store } of this.#live) {
      committed += store.committedBytes;
      used += store.usedBytes;
    }
    return { committed, used };
  }
}

type TypedShelf = WordShelf<ChunkedWords>;

/** log2 of the words of an array. */
const CHUNK_SHIFT = 16;
const CHUNK_WORDS = 2 ** CHUNK_SHIFT;

/** Runs in arrays of 256 KiB, none of which is ever copied to grow. A run's name is half its place. */
class ChunkedWords implements ByteStore {
  readonly #words: Int32Array[] = [];
  readonly #doubles: Float64Array[] = [];
  readonly #bytes: Uint8Array[] = [];
  /** The array that the run located last lies in. A number: to keep the array would cost a write barrier. */
  #chunk = 0;
  #used = 0;

  get words(): Int32Array {
    return this.#words[this.#chunk]!;
  }

  get doubles(): Float64Array {
    return this.#doubles[this.#chunk]!;
  }

  get bytes(): Uint8Array {
    return this.#bytes[this.#chunk]!;
  }

  get committedBytes(): number {
    return 4 * CHUNK_WORDS * this.#words.length;
  }

  get usedBytes(): number {
    return 4 * this.#used;
  }

  allocate(words: number): number {
    const even = words + (words & 1);
    if (this.#used + even > CHUNK_WORDS * this.#words.length) this.#addChunk();
    const place = this.#used;
    this.#used += even;
    return place >>> 1;
  }

  locate(run: number): number {
    this.#chunk = run >>> (CHUNK_SHIFT - 1);
    return (run << 1) & (CHUNK_WORDS - 1);
  }

  #addChunk(): void {
    const buffer = new ArrayBuffer(4 * CHUNK_WORDS);
    // Place 0 names no run.
    this.#used = Math.max(2, CHUNK_WORDS * this.#words.length);
    this.#words.push(new Int32Array(buffer));
    this.#doubles.push(new Float64Array(buffer));
    this.#bytes.push(new Uint8Array(buffer));
  }
}
