import type { WordStore } from '../common/index.js';
import { MAX_TERM_LENGTH } from './tokens.js';

/** No run: the names of postings and terms are above it. */
export const NONE = 0;

/**
 * A term's words: the term first seen after it, the next one in its bucket, its hash, its first and last posting,
 * how many there are, its length in letters, and the letters, four a word.
 */
const NEXT_TERM = 0;
const NEXT_IN_BUCKET = 1;
const HASH = 2;
export const FIRST = 3;
export const LAST = 4;
export const COUNT = 5;
const LENGTH = 6;
const LETTERS = 7;

/** A term's letters as a table keeps them, to be looked up in many tables. Reused. */
export class TermKey {
  hash = 0;
  length = 0;
  readonly letters = new Int32Array((MAX_TERM_LENGTH + 3) >>> 2);

  set(bytes: Uint8Array, start: number, end: number, hash: number): void {
    this.hash = hash;
    this.length = end - start;
    let word = 0;
    for (let i = 0; i < end - start; i++) {
      word |= bytes[start + i]! << ((i & 3) << 3);
      if ((i & 3) < 3 && start + i + 1 < end) continue;
      this.letters[i >>> 2] = word;
      word = 0;
    }
  }

  /** Takes the key of `term`, which lies in `words`. */
  setFrom(words: WordStore, term: number): void {
    const at = words.locate(term);
    const own = words.words;
    this.hash = own[at + HASH]!;
    this.length = own[at + LENGTH]!;
    for (let i = 0; i < this.letterWords; i++) this.letters[i] = own[at + LETTERS + i]!;
  }

  get letterWords(): number {
    return (this.length + 3) >>> 2;
  }

  /** Whether the term at `at` of `own` has these letters. */
  is(own: Int32Array, at: number): boolean {
    if (own[at + HASH] !== this.hash || own[at + LENGTH] !== this.length) return false;
    const words = (this.length + 3) >>> 2;
    for (let i = 0; i < words; i++) if (own[at + LETTERS + i] !== this.letters[i]) return false;
    return true;
  }

  write(own: Int32Array, at: number): void {
    own[at + HASH] = this.hash;
    own[at + LENGTH] = this.length;
    for (let i = 0; i < this.letterWords; i++) own[at + LETTERS + i] = this.letters[i]!;
  }
}

/** Buckets of one run: a directory of any size needs no long one. */
const CHUNK_SHIFT = 10;
const CHUNK = 1 << CHUNK_SHIFT;

/**
 * The terms of one segment, each a run of the segment's store, in chains from buckets: whatever a table holds dies
 * with its segment. A term's name leads to its postings.
 */
export class TermTable<W extends WordStore = WordStore> {
  count = 0;
  /** The term seen first; NONE in an empty table. */
  first: number = NONE;
  #last = NONE;
  readonly #words: W;
  readonly #mask: number;
  readonly #chunks: number[] = [];

  /** @param terms expected, about: chains get longer with more, the directory does not grow. */
  constructor(words: W, terms: number) {
    this.#words = words;
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(16, terms)));
    this.#mask = buckets - 1;
    const length = Math.min(buckets, CHUNK);
    for (let chunks = buckets / length; chunks > 0; chunks--) {
      const chunk = words.allocate(length);
      const at = words.locate(chunk);
      words.words.fill(NONE, at, at + length);
      this.#chunks.push(chunk);
    }
  }

  /** @returns the term's name, or NONE. */
  find(key: TermKey): number {
    const words = this.#words;
    const bucket = this.#bucket(key.hash);
    let term = words.words[bucket]!;
    while (term !== NONE) {
      const at = words.locate(term);
      const own = words.words;
      if (key.is(own, at)) return term;
      term = own[at + NEXT_IN_BUCKET]!;
    }
    return NONE;
  }

  /** The same, adding the term if it is new. Its postings are then none. */
  intern(key: TermKey): number {
    const found = this.find(key);
    return found === NONE ? this.#add(key) : found;
  }

  /** The term seen next after `term`, or NONE. */
  next(term: number): number {
    const at = this.#words.locate(term);
    return this.#words.words[at + NEXT_TERM]!;
  }

  /** The runs of the directory; the terms' are reached by `first` and `next`. */
  get directory(): readonly number[] {
    return this.#chunks;
  }

  /** Locates the bucket of a hash. */
  #bucket(hash: number): number {
    const bucket = hash & this.#mask;
    return this.#words.locate(this.#chunks[bucket >>> CHUNK_SHIFT]!) + (bucket & (CHUNK - 1));
  }

  #add(key: TermKey): number {
    const words = this.#words;
    const term = words.allocate(LETTERS + key.letterWords);
    const bucket = this.#bucket(key.hash);
    const head = words.words[bucket]!;
    words.words[bucket] = term;
    const at = words.locate(term);
    const own = words.words;
    own[at + NEXT_TERM] = NONE;
    own[at + NEXT_IN_BUCKET] = head;
    own[at + FIRST] = NONE;
    own[at + LAST] = NONE;
    own[at + COUNT] = 0;
    key.write(own, at);
    this.#append(term);
    return term;
  }

  #append(term: number): void {
    if (this.#last === NONE) {
      this.first = term;
    } else {
      const at = this.#words.locate(this.#last);
      this.#words.words[at + NEXT_TERM] = term;
    }
    this.#last = term;
    this.count++;
  }
}
