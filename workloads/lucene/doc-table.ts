import type { WordStore } from '../common/index.js';

/** A document's words: its number in the store, which of its versions this is, its length in words, and where a rewrite put it. */
export const ID = 0;
export const NUMBER = 1;
export const LENGTH = 2;
export const MOVED = 3;

const WORDS_SHIFT = 2;
const CHUNK_SHIFT = 8;
const CHUNK_WORDS = 1 << (CHUNK_SHIFT + WORDS_SHIFT);
const IN_CHUNK = (1 << CHUNK_SHIFT) - 1;

/** The documents of one segment, by their number in it, in runs of 256 of the segment's store. */
export class DocTable<W extends WordStore = WordStore> {
  count = 0;
  readonly #words: W;
  readonly #chunks: number[] = [];

  constructor(words: W) {
    this.#words = words;
  }

  add(id: number, number: number, length: number): void {
    if (this.count >>> CHUNK_SHIFT === this.#chunks.length) {
      this.#chunks.push(this.#words.allocate(CHUNK_WORDS));
    }
    const at = this.locate(this.count++);
    const own = this.#words.words;
    own[at + ID] = id;
    own[at + NUMBER] = number;
    own[at + LENGTH] = length;
  }

  /** Where in the store's `words` a document begins, as a store's `locate`. */
  locate(doc: number): number {
    return this.#words.locate(this.#chunks[doc >>> CHUNK_SHIFT]!) + ((doc & IN_CHUNK) << WORDS_SHIFT);
  }

  get runs(): readonly number[] {
    return this.#chunks;
  }
}
