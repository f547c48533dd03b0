import { HEADER_BYTES } from '../heap/index.js';

/**
 * How an entry lies in its block. The heap's header leaves 16 bits to the owner, the mark:
 *
 *     mark     frequency:2 | hasTtl:1 | alternative:1 | keyKind:3 | keyBytes:9
 *     payload  [previous, next]        lru only
 *              [size]                  only with maxSize, sizeCalculation or sizes given at set
 *              [start, ttl]            only if hasTtl: see ttl.ts
 *              [keyBytes]              only if the 9 bits do not hold it
 *              key, padded with zeroes to 4 bytes
 *              [0]                     only if values lie at multiples of 8 bytes, and this one would not
 *              value, to the block's end
 *
 * So an entry costs the heap's 8 bytes and its share of the index (about 7), key and value apart.
 */

export const FREQUENCY_MASK = 3;
export const HAS_TTL = 4;
/** The value is not what the codec wrote, but an index into the values kept on V8's heap. */
export const ALTERNATIVE = 8;
export const KIND_SHIFT = 4;
export const KIND_MASK = 7;
export const KEY_BYTES_SHIFT = 7;
/** In the mark's key length: the length stands in a word of its own. */
export const LONG_KEY = 511;
/** The bits of the mark in which an entry and the key looked for must agree. */
export const KEY_BITS: number = 0xffff & ~0xf;

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

/** The word in front of the key, relative to the header, of an entry with this mark. */
export function keyWord(mark: number, fixedWords: number): number {
  return (
    HEADER_WORDS +
    fixedWords +
    ((mark & HAS_TTL) === 0 ? 0 : 2) +
    (mark >>> KEY_BYTES_SHIFT === LONG_KEY ? 1 : 0)
  );
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
