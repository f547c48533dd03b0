/**
 * A start and a ttl, a word each. Up to six days both are milliseconds; a longer ttl, and its start, are counted
 * in units of 1024 ms (the ttl rounded up), to 34 years. The words wrap around, those of short ttls after 24.8
 * days: what an entry's region is known to hold (region-table.ts) tells what has been over for longer.
 */
const LONG = 0x40000000;
const LONG_SHIFT = 10;
const LONGEST_WORD = 0x3fffffff;

/** Up to this, about six days, a ttl is in milliseconds. */
export const SHORT_TTL_MS: number = 2 ** 29;

export function isLong(word: number): boolean {
  return (word & LONG) !== 0;
}

export function ttlWord(ttlMs: number): number {
  if (ttlMs <= SHORT_TTL_MS) return Math.ceil(ttlMs);
  return LONG | Math.min(LONGEST_WORD, Math.ceil(ttlMs / 2 ** LONG_SHIFT));
}

/** @param startMs is clamped to where the words can hold it: what has expired long ago has expired. */
export function startWord(startMs: number, nowMs: number, word: number): number {
  const ttlMs = ttlOf(word);
  const start = Math.min(nowMs + SHORT_TTL_MS, Math.max(startMs, nowMs - ttlMs - 2 ** LONG_SHIFT - 1));
  return Math.floor((word & LONG) === 0 ? start : start / 2 ** LONG_SHIFT) | 0;
}

export function ttlOf(word: number): number {
  return (word & LONG) === 0 ? word : (word & ~LONG) * 2 ** LONG_SHIFT;
}

/** How long ago an entry started, in ms; negative if it starts in the future. */
export function ageOf(start: number, word: number, nowMs: number): number {
  if ((word & LONG) === 0) return ((Math.floor(nowMs) | 0) - start) | 0;
  return (((Math.floor(nowMs / 2 ** LONG_SHIFT) | 0) - start) | 0) * 2 ** LONG_SHIFT;
}

/** The last ms of the clock at which the entry is not stale yet. */
export function expiryOf(start: number, word: number, nowMs: number): number {
  const left = ttlOf(word) - ageOf(start, word, nowMs);
  if ((word & LONG) === 0) return Math.floor(nowMs) + left;
  const unit = 2 ** LONG_SHIFT;
  return Math.floor(nowMs / unit) * unit + left + unit - 1;
}
