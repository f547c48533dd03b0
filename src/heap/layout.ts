/**
 * How a block lies in memory. Two 32-bit words of header, then the payload, then (for sampled blocks) a stamp:
 *
 *     word 0   0                             the block is dead
 *              ref (31 bits)                 live, reached through the handle table
 *              1 | owner:15 | mark:16        live, reached by its owner's index; mark is the owner's to use
 *     word 1   rare:1 | site:12 | size:19    size is the payload's bytes
 *     ...      payload
 *     last 8   birth cycle, cookie           only if stamped
 *
 * The sign of word 1 marks the blocks that `free` must look at twice: stamped ones, and humongous ones, which have
 * size HUMONGOUS_SIZE; their true size and their stamp are in the region table.
 */

export const HEADER_BYTES = 8;
export const STAMP_BYTES = 8;
export const SIZE_MASK = 0x7ffff;
export const STAMPED: number = 1 << 31;
export const SITE_SHIFT = 19;
export const MAX_SITES = 4096;
/** Regions are at most 1 MiB, so that half a region fits the size field. */
export const MAX_REGION_BYTES: number = 1 << 20;
export const MIN_REGION_BYTES = 256;
export const HUMONGOUS_SIZE: number = SIZE_MASK;

export const OWNER_SHIFT = 16;
export const MARK_MASK = 0xffff;
export const MAX_OWNERS = 0x7fff;

/** Low bits of a Generation: its index in the generation tables. The rest is the index's reuse tag. */
export const GENERATION_MASK = 0xffff;
export const NUMBERED_GENERATIONS = 16;

/** Written over freed memory in debug mode. */
export const POISON: number = 0xdeadbeef | 0;

/** Ages: 0 to 15 one column a cycle, as in ROLP's table; beyond, one column a doubling (16 = 16 to 31, ...). */
export const AGE_COLUMNS = 44;

/** The column of the age histogram that holds `ageCycles`. */
export function ageColumn(ageCycles: number): number {
  return ageCycles < 16 ? ageCycles : 43 - Math.clz32(ageCycles);
}

/** Bytes that a block of this word 1, which must not be humongous, takes before rounding to units. */
export function rawBytes(word1: number): number {
  return (word1 & SIZE_MASK) + HEADER_BYTES + (word1 < 0 ? STAMP_BYTES : 0);
}

/** The site in a word 1. */
export function siteIn(word1: number): number {
  return (word1 >>> SITE_SHIFT) & (MAX_SITES - 1);
}

/** Whether a word 1 is a humongous block's. */
export function isHumongous(word1: number): boolean {
  return (word1 & SIZE_MASK) === HUMONGOUS_SIZE;
}
