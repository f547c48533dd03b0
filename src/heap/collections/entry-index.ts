import type { SlabMemory } from '../memory.js';
import type { Address } from '../types.js';
import { hashOfWords, type KeyScratch } from './key.js';
import { SegmentedTable, type TableHeap } from './segments.js';

/** `find` found nothing. */
export const NOT_FOUND = -1;

/**
 * Index of entries that lie in owned blocks, by key: a slot is the key's hash and the entry's raw address
 * (8 bytes; 10 to 15 with the free slots). The key itself stands in the entry, as `KeyScratch.store` wrote it.
 *
 * The owner of the blocks must report moves (`move`) and releases (`remove`): both find their slot by the key
 * in the block. For the maps here and for the cache.
 */
export class EntryIndex extends SegmentedTable<Int32Array> {
  readonly #memory: SlabMemory;
  readonly #key: KeyScratch;
  /** From the block's first header word to the word of the key's meta. */
  readonly #metaWord: number;

  /**
   * @param key the scratch whose key is meant by `find` and `insert`.
   * @param metaWord index, from the block's header on, of the 32-bit word where the key is stored.
   */
  constructor(heap: TableHeap & { readonly memory: SlabMemory }, key: KeyScratch, metaWord: number) {
    super(heap);
    this.#memory = heap.memory;
    this.#key = key;
    this.#metaWord = metaWord;
  }

  protected override makeArray(length: number): Int32Array {
    return new Int32Array(length);
  }

  protected override bytesPerElement(): number {
    return 4;
  }

  protected override emptyElement(): number {
    return 0;
  }

  // Addresses are stored inverted, so that 0, which new memory holds, is none.
  protected override isEmpty(segment: Int32Array, at: number): boolean {
    return segment[at + 1] === 0;
  }

  protected override hashAt(segment: Int32Array, at: number): number {
    return segment[at]!;
  }

  protected override setEmpty(segment: Int32Array, at: number): void {
    segment[at + 1] = 0;
  }

  /** The address of the entry with the scratch's key, or NOT_FOUND. */
  find(): Address | typeof NOT_FOUND {
    const key = this.#key;
    const hash = key.hash;
    const segment = this.directory[hash >>> this.shift]!;
    const end = segment.length;
    let at = 2 + 2 * (((hash & 0xffff) * ((end - 2) >>> 1)) >>> 16);
    for (;;) {
      const stored = segment[at + 1]!;
      if (stored === 0) return NOT_FOUND;
      if (segment[at] === hash && this.#isKey(~stored)) return ~stored as Address;
      at += 2;
      if (at === end) at = 2;
    }
  }

  #isKey(address: number): boolean {
    const memory = this.#memory;
    const words = memory.u32[address >>> memory.slabShift]!;
    return this.#key.equals(words, ((address & memory.slabMask) << memory.wordShift) + this.#metaWord);
  }

  /** Adds the entry at `address` under the scratch's key, which must not be there; call `makeRoom` before. */
  insert(address: Address): void {
    const hash = this.#key.hash;
    const segment = this.directory[hash >>> this.shift]!;
    const at = this.freeSlot(segment, hash);
    segment[at] = hash;
    segment[at + 1] = ~address;
    this.inserted(segment);
  }

  /** The hash of the key stored in the entry at `address`. */
  hashOf(address: Address): number {
    const memory = this.#memory;
    const word = ((address & memory.slabMask) << memory.wordShift) + this.#metaWord;
    return hashOfWords(memory.u32[address >>> memory.slabShift]!, word, this.#key.seed);
  }

  /** The entry at `from` has been copied to `to`. */
  move(from: Address, to: Address): void {
    const hash = this.hashOf(to);
    const segment = this.directory[hash >>> this.shift]!;
    const at = this.#slotOf(segment, hash, from);
    if (at >= 0) segment[at + 1] = ~to;
  }

  /** Drops the entry at `address`, whose key can still be read there. */
  remove(address: Address): void {
    const hash = this.hashOf(address);
    const segment = this.directory[hash >>> this.shift]!;
    const at = this.#slotOf(segment, hash, address);
    if (at >= 0) this.removeAt(segment, at);
  }

  /** -1 if the address is not there: a block that was placed, but not yet inserted. */
  #slotOf(segment: Int32Array, hash: number, address: Address): number {
    let at = this.home(segment, hash);
    while (segment[at + 1] !== 0) {
      if (segment[at + 1] === ~address) return at;
      at = this.after(segment, at);
    }
    return -1;
  }

  /** Calls `visit` with each entry's address. @throws Error if entries come or go meanwhile. */
  forEachAddress(visit: (address: Address) => void): void {
    this.eachSlot((segment, at) => visit(~segment[at + 1]! as Address));
  }
}
