/** Hit ratios of the policies on traces: one process each, since the same draws come each time. */
import { LRUCache } from 'lru-cache';
import { ArenaCache, type PolicyName } from 'rolp/cache';
import type { HitsSpec, Sample } from './spec.js';
import { type TraceName, trace } from './traces.js';
import { type Entry, entry, keyOf } from './values.js';

/** The stores of this comparison; `=entries`: as many entries rather than as many bytes. */
export const HIT_STORES = [
  'lru-cache',
  's3-fifo',
  'sieve',
  'lru',
  's3-fifo=entries',
  'sieve=entries',
] as const;
export const HIT_ENTRIES = 20_000;

/** Bytes of the JS heap that an lru-cache of `count` such entries takes, as a full GC leaves them. */
function lruBytes(count: number): number {
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  const cache = new LRUCache<string, Entry>({ max: count });
  for (let id = 0; id < count; id++) cache.set(keyOf(id), entry(id));
  globalThis.gc!();
  const bytes = process.memoryUsage().heapUsed - before;
  if (cache.size !== count) throw new Error('the cache is not full');
  return bytes;
}

interface Store {
  readonly size: number;
  get(key: string): Entry | undefined;
  set(key: string, value: Entry): unknown;
}

function storeOf(name: string, entries: number, bytes: number): Store {
  if (name === 'lru-cache') return new LRUCache<string, Entry>({ max: entries });
  const [policy, bound] = name.split('=') as [PolicyName, string?];
  if (bound === undefined) return new ArenaCache<string, Entry>({ maxBytes: bytes, policy });
  return new ArenaCache<string, Entry>({ max: entries, maxBytes: bytes * 4, policy });
}

/** Hit ratio of a cache of `entries` (lru-cache), of its true bytes, or of as many entries, on one trace. */
export function hitRatio({ store, trace: name, entries }: HitsSpec): Sample {
  const bytes = lruBytes(entries);
  const cache = storeOf(store, entries, bytes);
  const next = trace(name as TraceName, entries * 10, entries, 11);
  const operations = entries * 60;
  const warm = Math.ceil(operations / 3);
  let hit = 0;
  for (let i = 0; i < operations; i++) {
    const id = next();
    const key = keyOf(id);
    if (cache.get(key) === undefined) cache.set(key, entry(id));
    else if (i >= warm) hit++;
  }
  return { hitPercent: (hit / (operations - warm)) * 100, bytes, size: cache.size };
}
