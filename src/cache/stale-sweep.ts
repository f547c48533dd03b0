import type { Address, RegionIndex } from '../heap/index.js';
import type { CacheEngine } from './engine.js';
import type { CacheKey } from './key.js';

/**
 * A pass over all entries that removes the stale ones: region by region, since that is how memory is read fastest, and
 * in slices, since a pass over millions takes long. Unlike the reaper (reaper.ts), which waits for whole regions to be
 * over, it finds each stale entry.
 */
export class StaleSweep<K extends CacheKey, V> {
  readonly #engine: CacheEngine<K, V>;
  #cursor: number = 0;
  #leastMs: number = Number.POSITIVE_INFINITY;
  /** Entries removed so far. */
  removed: number = 0;

  constructor(engine: CacheEngine<K, V>) {
    this.#engine = engine;
  }

  /**
   * Goes on for about `budgetMs`, by a region at least. The next slice after the last begins a new pass.
   *
   * @returns undefined if the pass is not over yet; else when the next entry may be stale, by the cache's clock;
   *   Infinity if none will.
   */
  slice(budgetMs: number): number | undefined {
    const { table } = this.#engine.placement;
    const endMs = performance.now() + budgetMs;
    while (this.#cursor < table.count) {
      const region = this.#cursor++ as RegionIndex;
      if (!table.isCurrent(region) || this.#engine.heap.regions.liveBytes(region) === 0) continue;
      this.#sweep(region);
      if (performance.now() > endMs) return undefined;
    }
    const nextMs = Math.min(this.#leastMs, this.#firstDeadlineMs());
    this.#cursor = 0;
    this.#leastMs = Number.POSITIVE_INFINITY;
    return nextMs;
  }

  #sweep(region: RegionIndex): void {
    const { heap, store } = this.#engine;
    const { regions } = heap;
    const epoch = heap.regionEpoch(region);
    let address: Address | -1 = regions.nextLive(region, regions.start(region));
    while (address !== -1) {
      const after = regions.after(address);
      if (store.isEntry(address)) this.#look(address);
      // The last entry's removal frees the region.
      const gone = heap.regionEpoch(region) !== epoch || regions.liveBytes(region) === 0;
      address = gone ? -1 : regions.nextLive(region, after);
    }
  }

  #look(address: Address): void {
    const { expiry } = this.#engine;
    const ttlMs = expiry.ttlMsOf(address);
    if (ttlMs === 0) return;
    if (expiry.isStale(address)) {
      this.#engine.remove(address, 'expire');
      this.removed++;
      return;
    }
    const expiryMs = expiry.nowMs() + ttlMs - expiry.ageMsOf(address);
    if (expiryMs < this.#leastMs) this.#leastMs = expiryMs;
  }

  /** Entries that have moved to where the pass had been are stale by their region's deadline at the latest. */
  #firstDeadlineMs(): number {
    const { placement, expiry } = this.#engine;
    const { table } = placement;
    const nowMs = expiry.nowMs();
    let leastMs = Number.POSITIVE_INFINITY;
    for (let r = 0; r < table.count; r++) {
      const deadlineMs = table.deadlineMs[r]!;
      // What was over by a deadline that is past has just been removed.
      if (deadlineMs >= leastMs || deadlineMs < nowMs || !table.isCurrent(r)) continue;
      if (this.#engine.heap.regions.liveBytes(r as RegionIndex) > 0) leastMs = deadlineMs;
    }
    return leastMs;
  }
}
