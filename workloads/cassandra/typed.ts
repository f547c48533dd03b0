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

interface Chunk {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
}

/** Runs in arrays of 256 KiB, none of which is ever copied to grow. A run's name is half its place. */
class ChunkedWords implements ByteStore {
  words: Int32Array = new Int32Array(0);
  doubles: Float64Array = new Float64Array(0);
  bytes: Uint8Array = new Uint8Array(0);
  readonly #chunks: Chunk[] = [];
  #used = 0;

  get committedBytes(): number {
    return 4 * CHUNK_WORDS * this.#chunks.length;
  }

  get usedBytes(): number {
    return 4 * this.#used;
  }

  allocate(words: number): number {
    const even = words + (words & 1);
    if (this.#used + even > CHUNK_WORDS * this.#chunks.length) this.#addChunk();
    const place = this.#used;
    this.#used += even;
    return place >>> 1;
  }

  locate(run: number): number {
    const { words, doubles, bytes } = this.#chunks[run >>> (CHUNK_SHIFT - 1)]!;
    this.words = words;
    this.doubles = doubles;
    this.bytes = bytes;
    return (run << 1) & (CHUNK_WORDS - 1);
  }

  #addChunk(): void {
    const buffer = new ArrayBuffer(4 * CHUNK_WORDS);
    this.#used = CHUNK_WORDS * this.#chunks.length;
    // Place 0 names no run.
    if (this.#used === 0) this.#used = 2;
    this.#chunks.push({
      words: new Int32Array(buffer),
      doubles: new Float64Array(buffer),
      bytes: new Uint8Array(buffer),
    });
  }
}
