import type { SlabMemory } from '../heap/index.js';
import {
  KEY_BITS,
  KEY_BYTES_SHIFT,
  KIND_BIGINT_TEXT,
  KIND_BIGINT64,
  KIND_BYTES,
  KIND_FLOAT64,
  KIND_INT32,
  KIND_LATIN1,
  KIND_MASK,
  KIND_SHIFT,
  KIND_UTF16,
  keyWord,
  LONG_KEY,
} from './entry.js';

/** What a cache can have as key. Numbers and strings are told apart, as in a Map; bytes are compared by value. */
export type CacheKey = string | number | bigint | Uint8Array;

const MULTIPLIER = 0x9e3779b1 | 0;
const FIRST_BYTES = 1024;
/** Longest key: far past use, but a bound. */
const MAX_KEY_BYTES: number = 1 << 24;
/** Bytes of a key in which the end of its prefix is looked for. */
const MOST_PREFIX_BYTES = 32;

/**
 * The key of the call in hand, as words of a scratch that is used again by every call, with its hash. Loading a
 * key and comparing it leaves nothing behind for V8, except that bigints past 64 bits go by way of text.
 */
export class KeyScratch {
  kind: number = 0;
  byteLength: number = 0;
  words: number = 0;
  hash: number = 0;
  /** The bits of an entry's mark that this key must find there. */
  markBits: number = 0;
  #i32: Int32Array = new Int32Array(FIRST_BYTES / 4);
  #u8: Uint8Array = new Uint8Array(this.#i32.buffer);
  #u16: Uint16Array = new Uint16Array(this.#i32.buffer);
  readonly #f64: Float64Array = new Float64Array(1);
  readonly #i64: BigInt64Array = new BigInt64Array(this.#f64.buffer);
  readonly #pair: Int32Array = new Int32Array(this.#f64.buffer);
  readonly #memory: SlabMemory;
  readonly #fixedWords: number;
  readonly #seed: number;

  /** @param fixedWords words of an entry in front of its ttl and key. */
  constructor(memory: SlabMemory, fixedWords: number, seed: number) {
    this.#memory = memory;
    this.#fixedWords = fixedWords;
    this.#seed = seed | 0;
  }

  /** @throws TypeError for what is no key; RangeError for one past 16 MiB. */
  load(key: unknown): void {
    if (typeof key === 'string') this.#loadString(key);
    else if (typeof key === 'number') this.#loadNumber(key);
    else if (typeof key === 'bigint') this.#loadBigint(key);
    else if (key instanceof Uint8Array) this.#loadBytes(key);
    else {
      const what = key === null ? 'null' : typeof key;
      throw new TypeError(`a cache key must be a string, number, bigint or Uint8Array, got ${what}`);
    }
  }

  #loadString(key: string): void {
    const length = key.length;
    if (length > this.#u8.length) this.#grow(length);
    const i32 = this.#i32;
    let hash = this.#seed;
    let wide = 0;
    let i = 0;
    let word = 0;
    for (; i + 4 <= length; i += 4) {
      const a = key.charCodeAt(i);
      const b = key.charCodeAt(i + 1);
      const c = key.charCodeAt(i + 2);
      const d = key.charCodeAt(i + 3);
      wide |= a | b | c | d;
      const bits = a | (b << 8) | (c << 16) | (d << 24);
      i32[word++] = bits;
      hash = Math.imul(hash ^ bits, MULTIPLIER);
      hash ^= hash >>> 15;
    }
    if (i < length) {
      let bits = 0;
      for (let shift = 0; i < length; i++, shift += 8) {
        const c = key.charCodeAt(i);
        wide |= c;
        bits |= c << shift;
      }
      i32[word++] = bits;
      hash = Math.imul(hash ^ bits, MULTIPLIER);
      hash ^= hash >>> 15;
    }
    if (wide > 0xff) this.#loadWide(key);
    else this.#finish(KIND_LATIN1, length, hash);
  }

  #loadWide(key: string): void {
    const byteLength = key.length * 2;
    if (byteLength > this.#u8.length) this.#grow(byteLength);
    this.#i32[(byteLength - 1) >>> 2] = 0;
    for (let i = 0; i < key.length; i++) this.#u16[i] = key.charCodeAt(i);
    this.#finishWords(KIND_UTF16, byteLength);
  }

  #loadNumber(key: number): void {
    if ((key | 0) === key) {
      // -0 is 0, as in a Map.
      this.#i32[0] = key | 0;
      this.#finishWords(KIND_INT32, 4);
      return;
    }
    // One NaN for all of them.
    this.#f64[0] = Number.isNaN(key) ? Number.NaN : key;
    this.#i32[0] = this.#pair[0]!;
    this.#i32[1] = this.#pair[1]!;
    this.#finishWords(KIND_FLOAT64, 8);
  }

  #loadBigint(key: bigint): void {
    if (BigInt.asIntN(64, key) === key) {
      this.#i64[0] = key;
      this.#i32[0] = this.#pair[0]!;
      this.#i32[1] = this.#pair[1]!;
      this.#finishWords(KIND_BIGINT64, 8);
      return;
    }
    this.#loadString(key.toString(16));
    this.#finishWords(KIND_BIGINT_TEXT, this.byteLength);
  }

  #loadBytes(key: Uint8Array): void {
    const length = key.length;
    if (length > this.#u8.length) this.#grow(length);
    if (length > 0) this.#i32[(length - 1) >>> 2] = 0;
    if (length <= 64) for (let i = 0; i < length; i++) this.#u8[i] = key[i]!;
    else this.#u8.set(key);
    this.#finishWords(KIND_BYTES, length);
  }

  #grow(byteLength: number): void {
    if (byteLength > MAX_KEY_BYTES) {
      throw new RangeError(`a cache key takes at most ${MAX_KEY_BYTES} bytes, got ${byteLength}`);
    }
    this.#i32 = new Int32Array(2 ** Math.ceil(Math.log2(byteLength)) / 4);
    this.#u8 = new Uint8Array(this.#i32.buffer);
    this.#u16 = new Uint16Array(this.#i32.buffer);
  }

  #finishWords(kind: number, byteLength: number): void {
    const words = (byteLength + 3) >>> 2;
    let hash = this.#seed;
    for (let i = 0; i < words; i++) {
      hash = Math.imul(hash ^ this.#i32[i]!, MULTIPLIER);
      hash ^= hash >>> 15;
    }
    this.#finish(kind, byteLength, hash);
  }

  #finish(kind: number, byteLength: number, hash: number): void {
    this.kind = kind;
    this.byteLength = byteLength;
    this.words = (byteLength + 3) >>> 2;
    this.hash = mixed(hash, kind, byteLength);
    this.markBits = (kind << KIND_SHIFT) | (Math.min(byteLength, LONG_KEY) << KEY_BYTES_SHIFT);
  }

  /**
   * A hash of what the loaded key starts with, up to its first digit or `:`, `/`, `|` or `#`: 'user' in 'user:17'. The same in
   * every process. 0 for keys without a prefix, and for numbers.
   */
  prefixHash(): number {
    if (this.kind !== KIND_LATIN1 && this.kind !== KIND_UTF16 && this.kind !== KIND_BYTES) return 0;
    const length = this.#prefixBytes();
    let hash = 0x811c9dc5 | 0;
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ this.#u8[i]!, 0x01000193);
    return length === 0 ? 0 : hash | 1;
  }

  #prefixBytes(): number {
    const end = Math.min(this.byteLength, MOST_PREFIX_BYTES);
    if (this.kind === KIND_UTF16) return this.#prefixUnits(end >>> 1) << 1;
    let i = 0;
    while (i < end && !endsPrefix(this.#u8[i]!)) i++;
    return i;
  }

  /** By code units: the second byte of a Cyrillic or Chinese letter may look like a digit. */
  #prefixUnits(end: number): number {
    let i = 0;
    while (i < end && !endsPrefix(this.#u16[i]!)) i++;
    return i;
  }

  /** The prefix that `prefixHash` hashes, a new string. */
  prefixText(): string {
    const encoding = this.kind === KIND_UTF16 ? 'utf16le' : 'latin1';
    return Buffer.from(this.#u8.buffer, 0, this.#prefixBytes()).toString(encoding);
  }

  /** Whether the entry whose header is at word `at` of `i32` has this key. */
  matches(i32: Int32Array, at: number): boolean {
    const mark = i32[at]!;
    if (((mark ^ this.markBits) & KEY_BITS) !== 0) return false;
    const from = at + keyWord(mark & 0xffff, this.#fixedWords);
    if (this.byteLength >= LONG_KEY && i32[from - 1] !== this.byteLength) return false;
    const words = this.words;
    const own = this.#i32;
    for (let i = 0; i < words; i++) if (own[i] !== i32[from + i]) return false;
    return true;
  }

  /** Whether the entry at `address` has this key. */
  matchesAt(address: number): boolean {
    const memory = this.#memory;
    return this.matches(
      memory.i32[address >>> memory.slabShift]!,
      (address & memory.slabMask) << memory.wordShift,
    );
  }

  /** Writes the key's words from word `at` of `i32`. */
  write(i32: Int32Array, at: number): void {
    const words = this.words;
    const own = this.#i32;
    for (let i = 0; i < words; i++) i32[at + i] = own[i]!;
  }

  /** The hash of the key of the entry at `address`. Leaves the loaded key alone. */
  hashAt(address: number): number {
    const memory = this.#memory;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = (address & memory.slabMask) << memory.wordShift;
    const mark = i32[at]! & 0xffff;
    const from = at + keyWord(mark, this.#fixedWords);
    const short = mark >>> KEY_BYTES_SHIFT;
    const byteLength = short === LONG_KEY ? i32[from - 1]! : short;
    const end = from + ((byteLength + 3) >>> 2);
    let hash = this.#seed;
    for (let i = from; i < end; i++) {
      hash = Math.imul(hash ^ i32[i]!, MULTIPLIER);
      hash ^= hash >>> 15;
    }
    return mixed(hash, (mark >>> KIND_SHIFT) & KIND_MASK, byteLength);
  }

  /** The key of the entry at `address`, a new value. */
  decodeAt(address: number): CacheKey {
    const memory = this.#memory;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = (address & memory.slabMask) << memory.wordShift;
    const mark = i32[at]! & 0xffff;
    const from = at + keyWord(mark, this.#fixedWords);
    const short = mark >>> KEY_BYTES_SHIFT;
    const byteLength = short === LONG_KEY ? i32[from - 1]! : short;
    const bytes = Buffer.from(i32.buffer, i32.byteOffset + from * 4, byteLength);
    const kind = (mark >>> KIND_SHIFT) & KIND_MASK;
    if (kind === KIND_LATIN1) return bytes.toString('latin1');
    if (kind === KIND_UTF16) return bytes.toString('utf16le');
    if (kind === KIND_INT32) return i32[from]!;
    if (kind === KIND_BYTES) return Buffer.from(bytes);
    if (kind === KIND_BIGINT_TEXT) return bigintOfText(bytes.toString('latin1'));
    this.#pair[0] = i32[from]!;
    this.#pair[1] = i32[from + 1]!;
    return kind === KIND_FLOAT64 ? this.#f64[0]! : this.#i64[0]!;
  }
}

function endsPrefix(unit: number): boolean {
  // Digits and ':' lie side by side: 0x30 to 0x3a; then '/', '|', '#'.
  return (unit >= 0x2f && unit <= 0x3a) || unit === 0x7c || unit === 0x23;
}

function bigintOfText(hex: string): bigint {
  return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
}

/** murmur3's finalizer: every bit of the hash depends on every bit of what went in. */
function mixed(hash: number, kind: number, byteLength: number): number {
  let h = hash ^ (kind << 24) ^ byteLength;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
