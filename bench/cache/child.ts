/** One measurement of bench/cache in its own process: child.js <case> <store> <detail> <entries>. Prints JSON. */
import { GCProfiler } from 'node:v8';
import { LRUCache } from 'lru-cache';
import { ArenaCache, type PolicyName } from 'rolp/cache';
import { seededRandom } from '../../src/base/random.js';
import { invertibleHash, Zipfian } from '../../workloads/common/ycsb.js';
import { type TraceName, trace } from './traces.js';

const [, , which, storeName, detail, entriesText] = process.argv;
const entries = Number(entriesText);

interface Entry {
  id: number;
  name: string;
  score: number;
  tags: string[];
  ts: number;
}

interface Store {
  get(key: string): Entry | undefined;
  set(key: string, value: Entry): unknown;
}

function entry(id: number): Entry {
  const h = invertibleHash(id);
  return { id, name: `user-${h}`, score: h / 7, tags: [`tag${h % 50}`, `t${h % 7}`], ts: 1.7e12 + h };
}

/** Answers as a store does that has everything, and keeps nothing. */
const floorStore: Store = { get: (key) => entry(key.length), set: () => undefined };

function store(maxBytes: number): Store {
  if (storeName === 'floor') return floorStore;
  if (storeName === 'lru-cache') return new LRUCache<string, Entry>({ max: entries * 2 });
  return new ArenaCache<string, Entry>({ maxBytes, policy: storeName as PolicyName });
}

/** YCSB's A (half writes), B (5 %), C (none), F (half read-modify-writes) on entries that all fit. */
function cell(): Record<string, number> {
  const target = store(entries * 400 + 2 ** 24);
  for (let id = 0; id < entries; id++) target.set(`user:${id}`, entry(id));
  const random = seededRandom(7);
  const zipf = new Zipfian(entries, random);
  const writes = { A: 0.5, B: 0.05, C: 0, F: 0.5 }[detail!]!;
  const draw = (): string => `user:${invertibleHash(zipf.next()) % entries}`;
  let missed = 0;
  const run = (operations: number): void => {
    for (let i = 0; i < operations; i++) {
      const key = draw();
      const write = random() < writes;
      if (write && detail === 'F') {
        const old = target.get(key);
        if (old === undefined) missed++;
        else target.set(key, { ...old, score: old.score + 1 });
      } else if (write) target.set(key, entry(i));
      else if (target.get(key) === undefined) missed++;
    }
  };
  run(200_000);
  const gc = new GCProfiler();
  gc.start();
  const operations = 2_000_000;
  const startMs = performance.now();
  run(operations);
  const ms = performance.now() - startMs;
  const pauses = (gc.stop()?.statistics ?? []).map(({ cost }) => cost / 1000);
  return {
    opsPerSecond: (operations / ms) * 1000,
    rssMiB: process.memoryUsage().rss / 2 ** 20,
    worstPauseMs: Math.max(0, ...pauses),
    pauseMs: pauses.reduce((sum, pause) => sum + pause, 0),
    missed,
  };
}

/** Bytes of the JS heap that an lru-cache of `count` such entries takes, as a full GC leaves them. */
function lruBytes(count: number): number {
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  const cache = new LRUCache<string, Entry>({ max: count });
  for (let id = 0; id < count; id++) cache.set(`user:${id}`, entry(id));
  globalThis.gc!();
  const bytes = process.memoryUsage().heapUsed - before;
  if (cache.size !== count) throw new Error('the cache is not full');
  return bytes;
}

/** Hit ratio of a cache of `entries` (lru-cache), of its true bytes, or of as many entries, on one trace. */
function hits(): Record<string, number> {
  const keys = entries * 10;
  const bytes = lruBytes(entries);
  const cache: Store =
    storeName === 'lru-cache'
      ? new LRUCache<string, Entry>({ max: entries })
      : storeName!.endsWith('=entries')
        ? new ArenaCache<string, Entry>({
            max: entries,
            maxBytes: bytes * 4,
            policy: storeName!.split('=')[0] as PolicyName,
          })
        : new ArenaCache<string, Entry>({ maxBytes: bytes, policy: storeName as PolicyName });
  const next = trace(detail as TraceName, keys, entries, 11);
  const operations = entries * 60;
  let hit = 0;
  for (let i = 0; i < operations; i++) {
    const id = next();
    const key = `user:${id}`;
    if (cache.get(key) !== undefined) {
      if (i >= operations / 3) hit++;
    } else cache.set(key, entry(id));
  }
  return {
    hitPercent: (hit / (operations - Math.ceil(operations / 3))) * 100,
    bytes,
    size: (cache as { size?: number }).size ?? 0,
  };
}

console.log(JSON.stringify(which === 'hits' ? hits() : cell()));
