/** No posting: postings' names are above it. */
export const NONE = 0;

/**
 * Terms of one segment by their letters: open addressing over typed arrays, letters in one pool. A term is a
 * number from 0 in order of first sight, and leads to its postings by the first and last one's name.
 */
export class TermTable {
  count = 0;
  first: Int32Array;
  last: Int32Array;
  frequency: Int32Array;
  #slots: Int32Array;
  #hashes: Int32Array;
  #starts: Int32Array;
  #letters: Uint8Array;

  /** @param terms expected; the table grows past it, at the price of a rehash. */
  constructor(terms: number, letters: number) {
    this.#slots = new Int32Array(slotsFor(terms));
    this.#hashes = new Int32Array(terms);
    this.#starts = new Int32Array(terms + 1);
    this.#letters = new Uint8Array(letters);
    this.first = new Int32Array(terms);
    this.last = new Int32Array(terms);
    this.frequency = new Int32Array(terms);
  }

  get letters(): number {
    return this.#starts[this.count]!;
  }

  get bytes(): number {
    return this.#slots.byteLength + 5 * this.#hashes.byteLength + this.#letters.byteLength;
  }

  /** @returns the term's number, or -1. */
  find(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const term = this.#slots[slot]! - 1;
      if (term === -1 || this.#is(term, bytes, start, end, hash)) return term;
    }
  }

  /** The same, adding the term if it is new. Its postings are then empty: `first` is NONE. */
  intern(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const found = this.find(bytes, start, end, hash);
    return found === -1 ? this.#add(bytes, start, end, hash) : found;
  }

  /** The same for a term of another table. */
  internFrom(other: TermTable, term: number): number {
    return this.intern(other.#letters, other.#starts[term]!, other.#starts[term + 1]!, other.#hashes[term]!);
  }

  #is(term: number, bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    if (this.#hashes[term] !== hash) return false;
    const own = this.#starts[term]!;
    if (this.#starts[term + 1]! - own !== end - start) return false;
    for (let i = 0; i < end - start; i++) if (this.#letters[own + i] !== bytes[start + i]) return false;
    return true;
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number): number {
    if (this.count === this.#hashes.length) this.#growTerms();
    const own = this.#starts[this.count]!;
    if (own + end - start > this.#letters.length) {
      this.#letters = grown(this.#letters, Math.max(this.#letters.length * 2, own + end - start));
    }
    for (let i = 0; i < end - start; i++) this.#letters[own + i] = bytes[start + i]!;
    const term = this.count++;
    this.#hashes[term] = hash;
    this.#starts[term + 1] = own + end - start;
    this.first[term] = NONE;
    this.#place(term, hash);
    return term;
  }

  #place(term: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = term + 1;
  }

  #growTerms(): void {
    const terms = this.#hashes.length * 2;
    this.#hashes = grown(this.#hashes, terms);
    this.#starts = grown(this.#starts, terms + 1);
    this.first = grown(this.first, terms);
    this.last = grown(this.last, terms);
    this.frequency = grown(this.frequency, terms);
    this.#slots = new Int32Array(slotsFor(terms));
    for (let term = 0; term < this.count; term++) this.#place(term, this.#hashes[term]!);
  }
}

/** At most half full. */
function slotsFor(terms: number): number {
  return 2 ** Math.ceil(Math.log2(2 * terms + 2));
}

/** A longer copy. */
export function grown<A extends Int32Array | Uint8Array>(array: A, length: number): A {
  const copy = new (array.constructor as new (length: number) => A)(length);
  copy.set(array);
  return copy;
}
