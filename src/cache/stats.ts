import type { CacheEngine } from './engine.js';
import type { CacheKey } from './key.js';

/** Counters of a cache since it was made, and what it holds now. */
export interface CacheStats {
  readonly entries: number;
  /** Memory held, everything included. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Of it, in blocks of live entries. */
  readonly liveBytes: number;
  /** Of it, in regions of the index. */
  readonly indexBytes: number;
  /** Of it, in regions of what the policy remembers of evicted keys ('s3-fifo'), and the table of regions. */
  readonly policyBytes: number;
  /** Gets that found a value, and that did not (stale ones included). */
  readonly hits: number;
  readonly misses: number;
  readonly sets: number;
  readonly evictions: number;
  readonly expirations: number;
  /** Sets that were refused as too large. */
  readonly refusals: number;
  /** Calls of fetchMethod, and those of them whose result is waited for. */
  readonly fetches: number;
  readonly pendingFetches: number;
}

/** What counts the calls. */
export interface CallCounts {
  readonly hits: number;
  readonly misses: number;
  readonly sets: number;
  readonly fetches: { readonly dispatched: number; readonly size: number } | undefined;
}

export function cacheStats<K extends CacheKey, V>(engine: CacheEngine<K, V>, counts: CallCounts): CacheStats {
  const { hits, misses, sets, fetches } = counts;
  return {
    entries: engine.store.index.count,
    bytes: engine.room.heldBytes,
    maxBytes: engine.config.maxBytes,
    liveBytes: engine.store.liveBytes,
    indexBytes: engine.store.index.bytes,
    policyBytes: engine.room.extraBytes + engine.placement.table.bytes,
    hits,
    misses,
    sets,
    evictions: engine.evictions,
    expirations: engine.expirations,
    refusals: engine.writes.refusals,
    fetches: fetches?.dispatched ?? 0,
    pendingFetches: fetches?.size ?? 0,
  };
}
