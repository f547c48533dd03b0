/** Bytes that a call may move for each byte that it evicts. */
const MOVED_PER_EVICTED = 8;
/** Regions' worth that it may move besides, and the least of that in bytes, where regions are small. */
const GRACE_REGIONS = 8;
const GRACE_BYTES = 1 << 18;
/** What handling an entry costs beside its bytes, as bytes: its index slot is found and written. */
const ENTRY_BYTES = 64;
/** Quarters of the allowance: an entry with so many hits is spared while fewer are used up. */
const QUARTERS = 4;

/**
 * Bounds what one call of the cache moves in search of victims. A policy that finds nothing but entries with hits would
 * move half the cache before it evicts one, again and again; so the more has been moved for what was evicted, the more
 * hits an entry needs to be spared, and in the end nothing spares it.
 */
export class Patience {
  readonly #graceBytes: number;
  #moved: number = 0;
  #evicted: number = 0;

  constructor(regionBytes: number) {
    this.#graceBytes = Math.max(GRACE_BYTES, GRACE_REGIONS * regionBytes);
  }

  /** A new call. */
  begin(): void {
    this.#moved = 0;
    this.#evicted = 0;
  }

  /** @param bytes that were copied. */
  moved(bytes: number): void {
    this.#moved += bytes + ENTRY_BYTES;
  }

  evicted(bytes: number): void {
    this.#evicted += bytes + ENTRY_BYTES;
  }

  /** Whether an entry with so many hits is still spared. At 4 and more hits, until the allowance is used up. */
  spares(hits: number): boolean {
    const allowance = this.#graceBytes + MOVED_PER_EVICTED * this.#evicted;
    return Math.min(hits, QUARTERS) * allowance > this.#moved * QUARTERS;
  }
}
