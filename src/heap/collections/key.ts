import { Buffer } from 'node:buffer';

/** How a key's words came about; keys of different kinds are never equal. */
export const KEY_LATIN1 = 0;
export const KEY_UTF16 = 1;
export const KEY_BYTES = 2;
export const KEY_NUMBER = 3;
export const KEY_BIGINT = 4;
const KIND_BITS = 3;

/** A key's longest byte length: it shares a word with its kind. */
export const MAX_KEY_BYTES: number = 2 ** 28 - 1;
/** Longest string that a loop over its code units encodes faster than a call into Node's binding. */
const LOOP_UNITS = 64;
const FIRST_SCRATCH_BYTES = 4096;
/** A longer scratch is dropped at the next shorter key. */
const KEPT_SCRATCH_BYTES = 1 << 16;
const WIDE = /[^\0-\xff]/;
const { latin1Write, ucs2Write, latin1Slice, ucs2Slice } = Buffer.prototype as unknown as {
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number;
  ucs2Write(this: Uint8Array, text: string, at: number, length: number): number;
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  ucs2Slice(this: Uint8Array, start: number, end: number): string;
};

function step(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** Spreads the last word's bits: tables use the top bits and the low ones. */
function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** The hash of a stored key: `meta` and the words behind it, as a `KeyScratch` of the same seed hashes them. */
export function hashOfWords(words: Uint32Array, metaAt: number, seed: number): number {
  const meta = words[metaAt]!;
  const end = metaAt + 1 + wordsOf(meta);
  let hash = seed;
  for (let i = metaAt + 1; i < end; i++) hash = step(hash, words[i]!);
  return finish(step(hash, meta));
}

/** Words that a key's bytes take. */
export function wordsOf(meta: number): number {
  return ((meta >>> KIND_BITS) + 3) >>> 2;
}

/**
 * The key of the call that is running, brought into words: strings one byte a code unit if they fit, else
 * two; bytes as they are; the last word filled up with zeros. Comparing with a stored key then compares words,
 * and encoding, hashing and measuring a string is one loop over it. Nothing is allocated per key.
 */
export class KeyScratch {
  words: Uint32Array = new Uint32Array(FIRST_SCRATCH_BYTES / 4);
  #bytes: Uint8Array = new Uint8Array(this.words.buffer);
  /** Byte length and kind. */
  meta: number = 0;
  /** 32 bits, signed. */
  hash: number = 0;
  /** Keys encoded so far: tells whether someone else used the scratch in between. */
  uses: number = 0;
  readonly seed: number;

  /** @param seed 32 random bits, so that keys which collide cannot be prepared beforehand. */
  constructor(seed: number) {
    this.seed = seed | 0;
  }

  get byteLength(): number {
    return this.meta >>> KIND_BITS;
  }

  setString(text: string): void {
    this.uses++;
    const length = text.length;
    if (length > LOOP_UNITS) {
      this.#setLong(text);
      return;
    }
    const words = this.words;
    let hash = this.seed;
    let seen = 0;
    let i = 0;
    let at = 0;
    for (; i + 3 < length; i += 4) {
      const a = text.charCodeAt(i);
      const b = text.charCodeAt(i + 1);
      const c = text.charCodeAt(i + 2);
      const d = text.charCodeAt(i + 3);
      seen |= a | b | c | d;
      const word = a | (b << 8) | (c << 16) | (d << 24);
      words[at++] = word;
      hash = step(hash, word);
    }
    if (i < length) {
      let word = 0;
      for (let shift = 0; i < length; i++, shift += 8) {
        const unit = text.charCodeAt(i);
        seen |= unit;
        word |= unit << shift;
      }
      words[at] = word;
      hash = step(hash, word);
    }
    if (seen > 0xff) {
      this.#setWide(text);
      return;
    }
    this.meta = (length << KIND_BITS) | KEY_LATIN1;
    this.hash = finish(step(hash, this.meta));
  }

  #setLong(text: string): void {
    if (WIDE.test(text)) {
      this.#setWide(text);
      return;
    }
    const bytes = this.#room(text.length);
    latin1Write.call(bytes, text, 0, text.length);
    this.#hashBytes(text.length, KEY_LATIN1);
  }

  #setWide(text: string): void {
    const byteLength = text.length * 2;
    ucs2Write.call(this.#room(byteLength), text, 0, byteLength);
    this.#hashBytes(byteLength, KEY_UTF16);
  }

  setBytes(key: Uint8Array): void {
    this.uses++;
    this.#room(key.length).set(key);
    this.#hashBytes(key.length, KEY_BYTES);
  }

  /** -0 is 0, and all NaN are one, as in a Map. */
  setNumber(key: number): void {
    this.uses++;
    number[0] = key === 0 ? 0 : key;
    this.words[0] = numberWords[0]!;
    this.words[1] = numberWords[1]!;
    this.#hashBytes(8, KEY_NUMBER);
  }

  setBigint(key: bigint): void {
    this.uses++;
    const text = key.toString(16);
    latin1Write.call(this.#room(text.length), text, 0, text.length);
    this.#hashBytes(text.length, KEY_BIGINT);
  }

  /** A scratch of at least `byteLength`, its last word zeroed. @throws RangeError for too long a key. */
  #room(byteLength: number): Uint8Array {
    if (byteLength > MAX_KEY_BYTES) {
      throw new RangeError(`a key has at most ${MAX_KEY_BYTES} bytes, got one of ${byteLength}`);
    }
    const padded = (byteLength + 3) & ~3;
    const have = this.#bytes.length;
    if (padded > have || (have > KEPT_SCRATCH_BYTES && padded <= KEPT_SCRATCH_BYTES)) {
      this.words = new Uint32Array(Math.max(FIRST_SCRATCH_BYTES, padded) / 4);
      this.#bytes = new Uint8Array(this.words.buffer);
    }
    if (padded > 0) this.words[(padded >>> 2) - 1] = 0;
    return this.#bytes;
  }

  #hashBytes(byteLength: number, kind: number): void {
    this.meta = (byteLength << KIND_BITS) | kind;
    const words = this.words;
    const count = (byteLength + 3) >>> 2;
    let hash = this.seed;
    for (let i = 0; i < count; i++) hash = step(hash, words[i]!);
    this.hash = finish(step(hash, this.meta));
  }

  /** Whether the key stored at `words[metaAt...]` is this one. */
  equals(words: Uint32Array, metaAt: number): boolean {
    const meta = this.meta;
    if (words[metaAt] !== meta) return false;
    const own = this.words;
    const count = wordsOf(meta);
    for (let i = 0; i < count; i++) if (own[i] !== words[metaAt + 1 + i]) return false;
    return true;
  }

  /** Writes `meta` and the key's words to `words[metaAt...]`. */
  store(words: Uint32Array, metaAt: number): void {
    const own = this.words;
    const count = wordsOf(this.meta);
    words[metaAt] = this.meta;
    if (count > 64) words.set(own.subarray(0, count), metaAt + 1);
    else for (let i = 0; i < count; i++) words[metaAt + 1 + i] = own[i]!;
  }
}

const number: Float64Array = new Float64Array(1);
const numberWords: Uint32Array = new Uint32Array(number.buffer);

/** The key stored at `words[metaAt...]` as it was given; bytes are a copy. */
export function keyAt(words: Uint32Array, metaAt: number): string | number | bigint | Uint8Array {
  const meta = words[metaAt]!;
  const byteLength = meta >>> KIND_BITS;
  const bytes = new Uint8Array(words.buffer, words.byteOffset + (metaAt + 1) * 4, byteLength);
  switch (meta & ((1 << KIND_BITS) - 1)) {
    case KEY_LATIN1:
      return latin1Slice.call(bytes, 0, byteLength);
    case KEY_UTF16:
      return ucs2Slice.call(bytes, 0, byteLength);
    case KEY_BYTES:
      return new Uint8Array(bytes);
    case KEY_BIGINT: {
      const hex = latin1Slice.call(bytes, 0, byteLength);
      return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
    }
    default:
      numberWords[0] = words[metaAt + 1]!;
      numberWords[1] = words[metaAt + 2]!;
      return number[0]!;
  }
}
