import { invertibleHash } from '../common/index.js';

/** Ten bits a key and seven hashes: about 1 % of absent keys are let through, Cassandra's default. */
const BITS_PER_KEY = 10;
const HASHES = 7;

/**
 * A Bloom filter on 32-bit tokens (Kirsch and Mitzenmacher's double hashing). Twenty lines, since the packages
 * hash strings or Buffers, which would be garbage on each read.
 */
export class BloomFilter {
  readonly #words: Uint32Array;
  readonly #bits: number;

  constructor(keys: number) {
    this.#words = new Uint32Array(Math.max(1, Math.ceil((keys * BITS_PER_KEY) / 32)));
    this.#bits = this.#words.length * 32;
  }

  get bytes(): number {
    return this.#words.byteLength;
  }

  add(token: number): void {
    const step = stepOf(token);
    let hash = invertibleHash(token + 1);
    for (let i = 0; i < HASHES; i++) {
      const bit = hash % this.#bits;
      this.#words[bit >>> 5]! |= 1 << (bit & 31);
      hash = (hash + step) >>> 0;
    }
  }

  /** @returns false only if the token was never added. */
  mayHave(token: number): boolean {
    const step = stepOf(token);
    let hash = invertibleHash(token + 1);
    for (let i = 0; i < HASHES; i++) {
      const bit = hash % this.#bits;
      if ((this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
      hash = (hash + step) >>> 0;
    }
    return true;
  }
}

function stepOf(token: number): number {
  return (invertibleHash(token ^ 0x5bd1e995) | 1) >>> 0;
}
