import { HEADER_BYTES } from '../heap/index.js';

/**
 * How an entry lies in its block. The heap's header leaves 16 bits to the owner, the mark:
 *
 *     mark     frequency:2 | ttl:3 | alternative:1 | keyKind:3 | keyBytes:7
 *     payload  [previous, next]        lru only
 *              [size, size]            only with maxSize, maxEntrySize or sizeCalculation; one word or two: see sizes.ts
 *              [start]                 only if ttl is not 0: see ttl.ts
 *              [ttl]                   only if ttl is OWN_TTL; else it is one that entries share: see common-ttls.ts
 *              [keyBytes]              only if the 7 bits do not hold it
 *              key, padded with zeroes to 4 bytes
 *              [0]                     only if values lie at multiples of 8 bytes, and this one would not
 *              value, to the block's end
 *
 * So an entry costs the heap's 8 bytes and its share of the index (about 7), key and value apart; with a ttl, 4 or 8 more.
 */

export const FREQUENCY_MASK = 3;
/** 0: the entry has no ttl. */
export const TTL_MASK = 28;
export const TTL_SHIFT = 2;
/** The ttl stands in a word of the entry. */
export const OWN_TTL: number = TTL_MASK;
/** The value is not what the codec wrote, but an index into the values kept on V8's heap. */
export const ALTERNATIVE = 32;
export const KIND_SHIFT = 6;
export const KIND_MASK = 7;
export const KEY_BYTES_SHIFT = 9;
/** In the mark's key length: the length stands in a word of its own. */
export const LONG_KEY = 127;
/** The bits of the mark in which an entry and the key looked for must agree. */
export const KEY_BITS: number = 0xffff & ~0x3f;
/** How many words the ttl takes: two bits for each value it has in the mark, the lowest first. */
const TTL_WORDS = 0b10_01_01_01_01_01_01_00;

/** Words of the heap's header in front of the payload. */
export const HEADER_WORDS: number = HEADER_BYTES / 4;

export const KIND_LATIN1 = 0;
export const KIND_UTF16 = 1;
export const KIND_INT32 = 2;
export const KIND_FLOAT64 = 3;
export const KIND_BIGINT64 = 4;
/** A bigint past 64 bits, as hexadecimal text with its sign. */
export const KIND_BIGINT_TEXT = 5;
export const KIND_BYTES = 6;

/** Words that an entry with this mark has for its ttl. */
export function ttlWords(mark: number): number {
  return (TTL_WORDS >>> ((mark & TTL_MASK) >>> 1)) & 3;
}

/** The word at which the key begins, relative to the header, of an entry with this mark. */
export function keyWord(mark: number, fixedWords: number): number {
  return HEADER_WORDS + fixedWords + ttlWords(mark) + (mark >>> KEY_BYTES_SHIFT === LONG_KEY ? 1 : 0);
}

/**
 * The word at which the value of the entry begins whose header is at word `at` of `i32`.
 *
 * @param align 1 if values lie at even words, else 0. Headers do.
 */
export function valueWord(i32: Int32Array, at: number, fixedWords: number, align: number): number {
  const mark = i32[at]! & 0xffff;
  const key = at + keyWord(mark, fixedWords);
  const short = mark >>> KEY_BYTES_SHIFT;
  const keyBytes = short === LONG_KEY ? i32[key - 1]! : short;
  return (key + ((keyBytes + 3) >>> 2) + align) & ~align;
}
