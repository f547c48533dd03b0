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
  /** Gets that found a value, and that did not (stale ones included). */
  readonly hits: number;
  readonly misses: number;
  readonly sets: number;
  readonly evictions: number;
  readonly expirations: number;
  /** Sets that were refused as too large. */
  readonly refusals: number;
}

export function cacheStats<K extends CacheKey, V>(
  engine: CacheEngine<K, V>,
  hits: number,
  misses: number,
  sets: number,
): CacheStats {
  return {
    entries: engine.store.index.count,
    bytes: engine.room.heldBytes,
    maxBytes: engine.config.maxBytes,
    liveBytes: engine.store.liveBytes,
    indexBytes: engine.store.index.bytes,
    hits,
    misses,
    sets,
    evictions: engine.evictions,
    expirations: engine.expirations,
    refusals: engine.refusals,
  };
}
