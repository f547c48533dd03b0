/**
 * Hit ratio where entries have ttls: ttl-hits.js <store> <entries> <trace>. Prints JSON.
 *
 * A clock of its own runs by the request, so the trace is the same for every store. `none`: no ttls, to compare with;
 * `one`: all entries live half as long as it takes to turn the cache over; `mixed`: ttls from a hundredth of that to
 * a hundred times that, by key; `jittered`: one ttl, give or take a tenth.
 */
import { LRUCache } from 'lru-cache';
import { ArenaCache, type PolicyName } from 'rolp/cache';
import { seededRandom } from '../../src/base/random.js';
import { invertibleHash, Zipfian } from '../../workloads/common/ycsb.js';

const [, , storeName, entriesText, trace] = process.argv;
const entries = Number(entriesText);
const keys = entries * 10;
/** Requests in which about as many new keys come as the cache has entries. */
const turnover = entries * 4;

interface Value {
  id: number;
  name: string;
}

interface Store {
  get(key: string): Value | undefined;
  set(key: string, value: Value, options: { ttl: number }): unknown;
  readonly size: number;
}

function value(id: number): Value {
  return { id, name: `user-${invertibleHash(id)}` };
}

const random = seededRandom(5);
function ttlOf(id: number): number {
  if (trace === 'none') return 0;
  if (trace === 'one') return turnover / 2;
  if (trace === 'jittered') return Math.ceil((turnover / 2) * (0.9 + 0.2 * random()));
  return Math.ceil((turnover / 100) * 10_000 ** ((invertibleHash(id) % 1000) / 1000));
}

const clock = { ms: 1 };
const perf = { now: (): number => clock.ms };

function fill(store: Store): void {
  for (let id = 0; id < entries; id++) store.set(`user:${id}`, value(id), { ttl: ttlOf(id) });
}

/** Bytes of the JS heap that lru-cache takes for so many entries. */
function lruBytes(): number {
  globalThis.gc!();
  const before = process.memoryUsage().heapUsed;
  const cache = new LRUCache<string, Value>({ max: entries, perf, ttlResolution: 0, ttl: 0 });
  fill(cache as unknown as Store);
  globalThis.gc!();
  const bytes = process.memoryUsage().heapUsed - before;
  if (cache.size !== entries) throw new Error('the cache is not full');
  return bytes;
}

const maxBytes = lruBytes();
const store = (storeName === 'lru-cache'
  ? new LRUCache<string, Value>({ max: entries, perf, ttlResolution: 0 })
  : new ArenaCache<string, Value>({
      maxBytes: storeName!.endsWith('=entries') ? maxBytes * 8 : maxBytes,
      ...(storeName!.endsWith('=entries') ? { max: entries } : {}),
      policy: storeName!.split('=')[0] as PolicyName,
      perf,
      ttlResolution: 0,
    })) as unknown as Store;
const zipf = new Zipfian(keys, seededRandom(11), 0.9);
const operations = entries * 60;
let hit = 0;
for (let i = 0; i < operations; i++) {
  clock.ms++;
  const id = invertibleHash(zipf.next()) % keys;
  const key = `user:${id}`;
  if (store.get(key) !== undefined) {
    if (i >= operations / 3) hit++;
  } else store.set(key, value(id), { ttl: ttlOf(id) });
}
const counts = (store as { stats?: () => Record<string, number> }).stats?.() ?? {};
console.log(
  JSON.stringify({
    hitPercent: (hit / (operations - Math.ceil(operations / 3))) * 100,
    bytes: maxBytes,
    size: store.size,
    evictions: counts.evictions ?? 0,
    expirations: counts.expirations ?? 0,
  }),
);
