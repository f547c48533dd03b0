/** Bytes that may be moved in search of victims for each byte that is evicted, over many calls. */
const MOVED_PER_EVICTED = 8;
/** Regions' worth that may be moved besides, and the least of that in bytes, where regions are small. */
const GRACE_REGIONS = 2;
const GRACE_BYTES = 1 << 16;
/** What a call that must evict may move besides so many times what it asks for. */
const CALL_BYTES = 1 << 16;
const CALL_SHARE = 16;
/** What handling an entry costs beside its bytes, as bytes: its index slot is found and written. */
export const ENTRY_BYTES = 64;
/** Quarters of an allowance: an entry with so many hits is spared while fewer are used up. */
const QUARTERS = 4;
/** A step goes on until so many times what is due has come of it, unless it has handled so many entries. */
const GAINED_SHARE = 2;
const STEP_ENTRIES = 768;

/**
 * Bounds what the cache moves in search of victims. A policy that finds nothing but entries with hits would move half
 * the cache before it evicts one, again and again; so the more has been moved for what was evicted, by this call and
 * by those before it, the more hits an entry needs to be spared, and in the end nothing spares it.
 *
 * Also measures out the steps of work done ahead (room.ts): there a search may rest, and be gone on with by a later call.
 */
export class Patience {
  readonly #graceBytes: number;
  /** What was moved beyond what evictions allow, over all calls. */
  #overdrawn: number = 0;
  #moved: number = 0;
  #allowance: number = CALL_BYTES;
  /** What a step may do; 0: no step is under way. */
  #stepBytes: number = 0;
  #dueBytes: number = 0;
  #done: number = 0;
  #gained: number = 0;
  #entries: number = 0;

  constructor(regionBytes: number) {
    this.#graceBytes = Math.max(GRACE_BYTES, GRACE_REGIONS * regionBytes);
  }

  /** A new call, which asks for room for so many bytes. */
  begin(askedBytes: number): void {
    this.#moved = 0;
    this.#allowance = CALL_BYTES + CALL_SHARE * askedBytes;
  }

  /** A step that does `times` what is due begins. */
  beginStep(dueBytes: number, times: number): void {
    this.#dueBytes = dueBytes;
    this.#stepBytes = dueBytes * times;
    this.#done = 0;
    this.#gained = 0;
    this.#entries = 0;
  }

  endStep(): void {
    this.#stepBytes = 0;
  }

  /** Whether a step is under way, and has done its part. */
  get rests(): boolean {
    if (this.#stepBytes === 0) return false;
    const hasGained = this.#gained >= GAINED_SHARE * this.#dueBytes;
    const isThrough = this.#done >= this.#stepBytes;
    return this.#entries < STEP_ENTRIES ? hasGained && isThrough : hasGained || isThrough;
  }

  /** @param bytes of an entry that was copied in search of a victim. */
  moved(bytes: number): void {
    this.#overdrawn += bytes + ENTRY_BYTES;
    this.#moved += bytes + ENTRY_BYTES;
    this.#done += bytes + ENTRY_BYTES;
    this.#entries++;
  }

  evicted(bytes: number): void {
    this.#overdrawn = Math.max(0, this.#overdrawn - MOVED_PER_EVICTED * (bytes + ENTRY_BYTES));
    this.cleared(bytes);
  }

  /** An entry of so many bytes is out of its region's way: evicted, expired, or moved since the region is compacted. */
  cleared(bytes: number): void {
    this.#gained += bytes + ENTRY_BYTES;
    this.#done += bytes + ENTRY_BYTES;
    this.#entries++;
  }

  /** Whether an entry with so many hits is still spared. At 4 and more hits, until the allowance is used up. */
  spares(hits: number): boolean {
    const quarters = Math.min(hits, QUARTERS);
    if (quarters * this.#graceBytes <= this.#overdrawn * QUARTERS) return false;
    return this.#stepBytes > 0 || quarters * this.#allowance > this.#moved * QUARTERS;
  }
}
