import type { Address, RegionIndex } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';
import type { Expiry } from './expiry.js';
import { type Placement, SWEEP_EVERY_MS } from './placement.js';

/** Entries that one call of the cache removes at most. */
const SLICE = 32;
/** Regions whose deadlines one call looks at, until all were; then there is a rest of LOOK_EVERY_MS. */
const LOOK_REGIONS = 256;
const LOOK_EVERY_MS = 20;
const NONE = -1;

/**
 * Proactive expiry. Finds filled regions whose deadline is past, all of whose entries are stale, and removes these a
 * slice a call, until the region is free with nothing copied. In regions that are still being filled stale entries
 * stay until someone comes across them, as they do in lru-cache: their end would give no memory back. Also rids
 * regions that live long of their stale entries, so
 * that the words of ttl.ts never wrap around.
 */
export class Reaper {
  readonly #store: EntryStore;
  readonly #placement: Placement;
  readonly #expiry: Expiry;
  readonly #remove: (address: Address) => void;
  /** Stale entries may still be asked for: they go when room is needed, or after days. */
  readonly #keepsStale: boolean;
  #region: RegionIndex | -1 = NONE;
  #epoch: number = 0;
  #at: number = 0;
  #beganMs: number = 0;
  #nextLookMs: number = Number.NEGATIVE_INFINITY;
  #cursor: number = 0;
  /** Where `takeUp` looks next. */
  #emptied: number = 0;
  /** Regions looked at since one was taken up, or since the rest. */
  #looked: number = 0;

  /** @param remove takes an entry out because it has expired. */
  constructor(
    store: EntryStore,
    placement: Placement,
    expiry: Expiry,
    remove: (address: Address) => void,
    keepsStale: boolean,
  ) {
    this.#store = store;
    this.#placement = placement;
    this.#expiry = expiry;
    this.#remove = remove;
    this.#keepsStale = keepsStale;
  }

  /** Whether `step` has something to do. Costs a comparison until there are ttls. */
  isDue(): boolean {
    if (!this.#expiry.hasTtls) return false;
    return this.#region !== NONE || this.#expiry.nowMs() >= this.#nextLookMs;
  }

  /** Removes a slice of stale entries, or looks for a region that has some. Recorded as a pause if it removes. */
  step(): void {
    if (this.#region === NONE && !this.#look()) return;
    const { pauses } = this.#store.heap;
    const startMs = pauses.start();
    this.#reap(SLICE);
    pauses.record('expire', startMs);
  }

  /** Takes up the next region that wants it. @returns whether there is one within this look's reach. */
  #look(): boolean {
    const nowMs = this.#expiry.nowMs();
    const { table } = this.#placement;
    const reach = Math.min(LOOK_REGIONS, table.count);
    for (let n = 0; n < reach; n++) {
      const region = this.#cursor as RegionIndex;
      this.#cursor = region + 1 === table.count ? 0 : region + 1;
      if ((!this.#keepsStale && this.#isOver(region, nowMs)) || this.#isUnswept(region, nowMs)) {
        return this.#begin(region);
      }
    }
    this.#looked += reach;
    if (this.#looked >= table.count) {
      this.#looked = 0;
      this.#nextLookMs = nowMs + LOOK_EVERY_MS;
    }
    return false;
  }

  #isOver(region: RegionIndex, nowMs: number): boolean {
    const deadlineMs = this.#placement.table.deadlineMs[region]!;
    if (deadlineMs >= Math.floor(nowMs) || deadlineMs === Number.NEGATIVE_INFINITY) return false;
    return this.#isEntered(region) && !this.#placement.isOpen(region);
  }

  #isUnswept(region: RegionIndex, nowMs: number): boolean {
    const { table } = this.#placement;
    if (table.deadlineMs[region] === Number.NEGATIVE_INFINITY) return false;
    if (table.sinceSweptMs(region, nowMs) < SWEEP_EVERY_MS / 2 || !this.#isEntered(region)) return false;
    return !this.#placement.isLongBucket(table.lane(region).bucket);
  }

  #isEntered(region: RegionIndex): boolean {
    return this.#placement.table.isCurrent(region) && this.#store.heap.regions.liveBytes(region) > 0;
  }

  #begin(region: RegionIndex): true {
    const { heap } = this.#store;
    this.#region = region;
    this.#epoch = heap.regionEpoch(region);
    this.#at = heap.regions.start(region);
    this.#beganMs = this.#expiry.nowMs();
    return true;
  }

  /** Goes on through the region in hand until `limit` entries were looked at. @returns how many were removed. */
  #reap(limit: number): number {
    const store = this.#store;
    const { heap } = store;
    const { regions } = heap;
    const region = this.#region as RegionIndex;
    let removed = 0;
    for (let left = limit; left > 0; left--) {
      // The last entry's removal frees the region, and others may have used it since the last slice.
      const gone = this.#isGone(region);
      const address = gone ? -1 : regions.nextLive(region, this.#at);
      if (address === -1) {
        this.#finish(region, gone);
        return removed;
      }
      this.#at = regions.after(address);
      if (!store.isEntry(address) || !this.#expiry.isStale(address)) continue;
      this.#remove(address);
      removed++;
    }
    return removed;
  }

  #isGone(region: RegionIndex): boolean {
    const { heap } = this.#store;
    return heap.regionEpoch(region) !== this.#epoch || heap.regions.liveBytes(region) === 0;
  }

  #finish(region: RegionIndex, gone: boolean): void {
    const { table } = this.#placement;
    this.#region = NONE;
    this.#looked = 0;
    // Where one region was over, others may be.
    this.#nextLookMs = Number.NEGATIVE_INFINITY;
    if (gone && !this.#isEntered(region)) table.deadlineMs[region] = Number.NEGATIVE_INFINITY;
    if (gone) return;
    table.setSwept(region, this.#beganMs);
    if (table.deadlineMs[region]! < Math.floor(this.#beganMs))
      table.deadlineMs[region] = Number.NEGATIVE_INFINITY;
  }

  /** Takes the next stale entry of a region that is over. @returns false if no such region is in hand. */
  expireOne(): boolean {
    while (this.#region !== NONE) if (this.#reap(1) > 0) return true;
    return false;
  }

  /**
   * Takes up a region that is over, unless one is in hand: `expireOne` then empties it. @returns whether there is one.
   * Cost: a look at the deadline of each region behind the one that was taken up last.
   */
  takeUp(): boolean {
    if (!this.#expiry.hasTtls) return false;
    if (this.#region !== NONE) {
      if (!this.#isGone(this.#region)) return true;
      this.#finish(this.#region, true);
    }
    const nowMs = this.#expiry.nowMs();
    const { count } = this.#placement.table;
    for (let n = 0; n < count; n++) {
      const region = this.#emptied as RegionIndex;
      this.#emptied = region + 1 === count ? 0 : region + 1;
      if (this.#isOver(region, nowMs)) return this.#begin(region);
    }
    return false;
  }

  /** Rids `region` of all that is stale, now: where a deadline is to be put off that is past, or is days old. */
  sweep(region: RegionIndex): void {
    const startMs = this.#store.heap.pauses.start();
    if (this.#region !== NONE) this.#reap(Number.POSITIVE_INFINITY);
    if (this.#isEntered(region)) {
      this.#begin(region);
      this.#reap(Number.POSITIVE_INFINITY);
    } else this.#placement.table.deadlineMs[region] = Number.NEGATIVE_INFINITY;
    this.#store.heap.pauses.record('expire', startMs);
  }
}
