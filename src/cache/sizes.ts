import type { Address } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';

/** Sizes below it take one word. */
const WORD = 2 ** 32;

/** What of a cache's options says how large its entries' sizes may be. */
export interface SizeLimits {
  /** 0: any size. */
  readonly maxEntrySize: number;
  readonly sizeCalculation: unknown;
}

/** Words that an entry has for its size: none, one, or two where 4 GiB and more may be counted. */
export function sizeWords({ maxEntrySize, sizeCalculation }: SizeLimits): number {
  if (maxEntrySize === 0) return sizeCalculation === undefined ? 0 : 2;
  return maxEntrySize < WORD ? 1 : 2;
}

/** Sizes of entries as lru-cache counts them (maxSize, sizeCalculation), in words of each entry; or none. */
export class Sizes {
  /** Sum of the entries' sizes; 0 if they are not counted. */
  total: number = 0;
  readonly isCounted: boolean;
  readonly #store: EntryStore;
  readonly #word: number;
  readonly #isWide: boolean;

  /**
   * @param word the first of an entry's fixed words that have its size.
   * @param words how many they are: see `sizeWords`.
   */
  constructor(store: EntryStore, word: number, words: number) {
    this.#store = store;
    this.#word = word;
    this.isCounted = words > 0;
    this.#isWide = words > 1;
  }

  /** The entry's size; if they are not counted, its true bytes. */
  of(address: Address): number {
    if (!this.isCounted) return this.#store.heap.regions.blockBytes(address);
    const low = this.#store.fixedOf(address, this.#word) >>> 0;
    return this.#isWide ? low + this.#store.fixedOf(address, this.#word + 1) * WORD : low;
  }

  write(address: Address, size: number): void {
    if (!this.isCounted) return;
    this.#store.setFixed(address, this.#word, size);
    if (this.#isWide) this.#store.setFixed(address, this.#word + 1, Math.floor(size / WORD));
  }

  add(size: number): void {
    if (this.isCounted) this.total += size;
  }

  /** The entry at `address` is about to have another size. */
  changes(address: Address, size: number): void {
    if (this.isCounted) this.total += size - this.of(address);
  }

  remove(address: Address): void {
    if (this.isCounted) this.total -= this.of(address);
  }
}
