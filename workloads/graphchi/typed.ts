import { type OffHeapBytes, TypedWords, type ValueStore } from '../common/index.js';
import type { BatchHome } from './flat.js';

/** The variant `typed`: one typed array as long as the longest batch needs, allocated once and used for each. */
export class TypedBatchHome implements BatchHome {
  readonly #words: TypedWords;

  /** @param words of the longest batch */
  constructor(words: number) {
    this.#words = new TypedWords(words);
  }

  open(): ValueStore {
    return this.#words;
  }

  close(): void {
    this.#words.clear();
  }

  offHeap(): OffHeapBytes {
    return { committed: this.#words.bytes, used: this.#words.usedBytes };
  }
}
