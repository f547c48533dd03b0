import type { GenerationalHeap } from '../heap.js';
import type { Ref } from '../types.js';

const CHUNK_SLOTS = 1 << 15;

/** Which of the heap's ref slots hold a pool's records: one bit a slot, in chunks that are made when needed. */
export class LiveSlots {
  readonly #heap: GenerationalHeap;
  readonly #slotMask: number;
  readonly #chunkSlots: number;
  readonly #chunkShift: number;
  readonly #chunks: (Int32Array | undefined)[] = [];
  count: number = 0;
  #isClosed: boolean = false;

  constructor(heap: GenerationalHeap) {
    this.#heap = heap;
    this.#slotMask = heap.slotMask;
    this.#chunkSlots = Math.min(CHUNK_SLOTS, this.#slotMask + 1);
    this.#chunkShift = Math.log2(this.#chunkSlots);
  }

  /**
   * @throws HeapFullError if a further chunk does not fit the heap's budget; StaleRefError if a pressure hook released the
   *   record's generation meanwhile; Error if one disposed of the pool.
   */
  add(ref: Ref): void {
    const slot = ref & this.#slotMask;
    const chunk = this.#chunks[slot >>> this.#chunkShift] ?? this.#makeChunk(slot, ref);
    const word = (slot & (this.#chunkSlots - 1)) >>> 5;
    const bit = 1 << (slot & 31);
    // Set already: the slot's last record went with its generation, and nobody told.
    if ((chunk[word]! & bit) === 0) this.count++;
    chunk[word]! |= bit;
  }

  #makeChunk(slot: number, ref: Ref): Int32Array {
    const bytes = 4 * Math.ceil(this.#chunkSlots / 32);
    const index = slot >>> this.#chunkShift;
    this.#heap.reserve(bytes);
    if (this.#isClosed) {
      this.#heap.release(bytes);
      throw new Error('the pool was disposed of while room was made for a record');
    }
    let chunk = this.#chunks[index];
    if (chunk === undefined) {
      chunk = new Int32Array(bytes >>> 2);
      while (this.#chunks.length < index) this.#chunks.push(undefined);
      this.#chunks[index] = chunk;
    } else this.#heap.release(bytes); // A pressure hook has made a record, and the chunk.
    this.#heap.addressOf(ref);
    return chunk;
  }

  delete(ref: Ref): void {
    const slot = ref & this.#slotMask;
    const chunk = this.#chunks[slot >>> this.#chunkShift];
    if (chunk === undefined) return;
    const word = (slot & (this.#chunkSlots - 1)) >>> 5;
    const bit = 1 << (slot & 31);
    if ((chunk[word]! & bit) !== 0) this.count--;
    chunk[word]! &= ~bit;
  }

  /** The slots that are set, in order. A slot that is cleared or set meanwhile may or may not come. */
  *slots(): Generator<number> {
    for (let index = 0; index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index];
      if (chunk === undefined) continue;
      for (let word = 0; word < chunk.length; word++) {
        let bits = chunk[word]!;
        while (bits !== 0) {
          const bit = 31 - Math.clz32(bits & -bits);
          bits &= bits - 1;
          yield index * this.#chunkSlots + word * 32 + bit;
        }
      }
    }
  }

  /** Clears a slot whose record is gone. */
  forget(slot: number): void {
    this.delete(slot as Ref);
  }

  /** Gives the chunks' bytes back. */
  close(): void {
    this.#isClosed = true;
    for (const chunk of this.#chunks) if (chunk !== undefined) this.#heap.release(chunk.byteLength);
    this.#chunks.length = 0;
    this.count = 0;
  }
}
