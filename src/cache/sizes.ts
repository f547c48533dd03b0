import type { Address } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';

/** Sizes of entries as lru-cache counts them (maxSize, sizeCalculation), each in a word of its entry; or none. */
export class Sizes {
  /** Sum of the entries' sizes; 0 if they are not counted. */
  total: number = 0;
  readonly isCounted: boolean;
  readonly #store: EntryStore;
  readonly #word: number;

  /** @param word which of an entry's fixed words has its size; -1: none. */
  constructor(store: EntryStore, word: number) {
    this.#store = store;
    this.#word = word;
    this.isCounted = word !== -1;
  }

  /** The entry's size; if they are not counted, its true bytes. */
  of(address: Address): number {
    if (!this.isCounted) return this.#store.heap.regions.blockBytes(address);
    return this.#store.fixedOf(address, this.#word);
  }

  write(address: Address, size: number): void {
    if (this.isCounted) this.#store.setFixed(address, this.#word, size);
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
