import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import { ArenaCache, type CacheOptions, type PolicyName } from '../../src/cache/index.js';
import { GenerationalHeap, PERMANENT_GENERATION } from '../../src/heap/index.js';

type Bytes = ArenaCache<number, Uint8Array>;

const policies = ['s3-fifo', 'sieve', 'lru'] as const;
const MiB = 1 << 20;

/** What one call of the cache did, in bytes and entries, whatever the time it took. */
interface Work {
  /** Entries that were moved or went. */
  entries: number;
  moved: number;
  gone: number;
  /** Bytes of the blocks that were passed, dead ones too, in search of live ones. */
  passed: number;
}

/** Counts from now on what is done to the cache's blocks. */
function watch(cache: Bytes): Work {
  const { heap } = cache;
  const { regions } = heap;
  const work = { entries: 0, moved: 0, gone: 0, passed: 0 };
  const { nextLive } = regions;
  regions.nextLive = (region, address) => {
    const found = nextLive.call(regions, region, address);
    work.passed += ((found === -1 ? regions.end(region) : found) - address) * 8;
    return found;
  };
  const { moveOwned } = heap;
  heap.moveOwned = (address, generation) => {
    const to = moveOwned.call(heap, address, generation);
    if (to === address) return to;
    work.moved += regions.blockBytes(to);
    work.entries++;
    return to;
  };
  const { freeOwned } = heap;
  heap.freeOwned = (address) => {
    work.entries++;
    freeOwned.call(heap, address);
  };
  return work;
}

/** The most work of any of `calls`. */
function most(cache: Bytes, calls: number, call: (i: number) => void): Work {
  const work = watch(cache);
  const most = { entries: 0, moved: 0, gone: 0, passed: 0 };
  for (let i = 0; i < calls; i++) {
    const live = cache.stats().liveBytes;
    work.entries = 0;
    work.moved = 0;
    work.passed = 0;
    call(i);
    work.gone = live - cache.stats().liveBytes;
    for (const kind of ['entries', 'moved', 'gone', 'passed'] as const)
      most[kind] = Math.max(most[kind], work[kind]);
  }
  return most;
}

/** What placing a value of so many bytes may cost: see docs/cache.md, "Eviction". */
function expectBounded(work: Work, cache: Bytes, policy: PolicyName, valueBytes: number): void {
  const what = `${policy}, ${valueBytes}`;
  const { regionBytes } = cache.heap;
  // A value that fits into half a region waits for no region: its call does its step, and no more.
  const isSmall = valueBytes <= regionBytes / 2;
  const step = 16 * (valueBytes + 4200) + Math.max(1 << 16, 2 * regionBytes);
  const asked = isSmall ? 0 : valueBytes + 4 * regionBytes;
  expect(work.moved, `${what}: bytes moved`).toBeLessThanOrEqual(step + 24 * asked);
  expect(work.gone, `${what}: bytes evicted`).toBeLessThanOrEqual(step + 2 * asked);
  if (isSmall) expect(work.entries, `${what}: entries`).toBeLessThanOrEqual(776);
  expect(work.passed, `${what}: bytes passed`).toBeLessThanOrEqual(4 * step + 40 * asked + (1 << 18));
}

function cacheOf(options: CacheOptions<number, Uint8Array>): Bytes {
  return new ArenaCache<number, Uint8Array>({ codec: 'bytes', ttlResolution: 0, ...options });
}

/** Fills the cache until it has begun to evict. */
function fill(cache: Bytes, bytes: number): number {
  const value = new Uint8Array(bytes);
  let key = 0;
  while (cache.stats().evictions === 0) cache.set(key++, value);
  return key;
}

describe('the work of one call', () => {
  it('is bounded where every entry has hits, and would be spared', () => {
    for (const policy of policies) {
      for (const bytes of [20, 1000]) {
        const cache = cacheOf({ policy, maxBytes: 8 * MiB });
        const count = fill(cache, bytes);
        for (let round = 0; round < 4; round++) for (let key = 0; key < count; key++) cache.get(key);
        const value = new Uint8Array(bytes);
        const calls = Math.ceil(MiB / (bytes + 16));
        const work = most(cache, calls, (i) => {
          cache.set(count + i, value);
          // What has come since is asked for, too.
          for (let n = 0; n < 4; n++) cache.get(count + i);
        });
        expectBounded(work, cache, policy, bytes);
        cache.heap.verify();
      }
    }
  });

  it('is bounded where a large value comes after small ones, whose regions lie anywhere', () => {
    for (const policy of policies) {
      for (const bytes of [10_000, 50_000, 300_000, 1_000_000]) {
        const cache = cacheOf({ policy, maxBytes: 4 * MiB });
        const random = seededRandom(3);
        const small = (i: number): void => {
          cache.set(Math.floor(random() ** 2 * 40_000), new Uint8Array(20 + (i % 200)));
          cache.get(Math.floor(random() ** 2 * 40_000));
        };
        for (let i = 0; i < 60_000; i++) small(i);
        const large = new Uint8Array(bytes);
        let fewest = Number.POSITIVE_INFINITY;
        const work = most(cache, 6, (n) => {
          const before = cache.size;
          expect(cache.trySet(-1 - n, large), `${policy}, ${bytes}`).toBe(true);
          fewest = Math.min(fewest, cache.size / before);
          cache.delete(-1 - n);
        });
        expectBounded(work, cache, policy, bytes);
        // No more goes than makes room for it.
        expect(fewest, `${policy}, ${bytes}`).toBeGreaterThan(bytes < MiB / 2 ? 0.7 : 0.4);
        for (let i = 0; i < 5000; i++) small(i);
        cache.heap.verify();
      }
    }
  });

  it('is bounded on a full heap that two caches share with blocks of the permanent generation', () => {
    for (const policy of policies) {
      let nowMs = 0;
      // Each look puts it on: what a step gets done in its time does not depend on the machine.
      const clock = { nowMs: () => (nowMs += 0.01), unixMs: () => nowMs };
      const heap = new GenerationalHeap({ maxBytes: 8 * MiB, regionBytes: 8 << 10, clock });
      // Entries lie behind, and among, what stays.
      for (let i = 0; i < 15_000; i++) heap.allocate(100, PERMANENT_GENERATION);
      const cache = cacheOf({ policy, heap, maxBytes: 5 * MiB });
      const other = cacheOf({ heap });
      const generation = PERMANENT_GENERATION;
      for (let i = 0; i < 5000; i++) {
        cache.set(i, new Uint8Array(60), { generation });
        if (i % 10 === 0) heap.allocate(100, PERMANENT_GENERATION);
      }
      for (let i = 5000; cache.stats().evictions + other.stats().evictions === 0; i++) {
        cache.set(i, new Uint8Array(100));
        other.set(i, new Uint8Array(100));
        if (i % 2 === 0) for (let n = 0; n < 4; n++) cache.get(i);
        if (i % 3 === 0) cache.delete(i - 1000);
      }
      const work = most(cache, 3000, (i) => {
        if (i % 100 === 0) expect(cache.trySet(-1 - i, new Uint8Array(30_000))).toBe(true);
        else cache.set(10_000_000 + i, new Uint8Array(100), i % 7 === 0 ? { generation } : {});
      });
      expectBounded(work, cache, policy, 30_000);
      expect(cache.stats().evictions + other.stats().evictions).toBeGreaterThan(0);
      heap.verify();
    }
  });

  it('is bounded after many deletes, when holes are compacted', () => {
    for (const policy of policies) {
      const cache = cacheOf({ policy, maxBytes: 16 * MiB });
      const count = fill(cache, 100);
      const { evictions } = cache.stats();
      for (let key = 0; key < count; key++) if (key % 5 === 0) cache.delete(key);
      // A region gives but a fifth of what it holds.
      const work = most(cache, 8000, (i) => cache.set(count + i, new Uint8Array(100)));
      expectBounded(work, cache, policy, 100);
      expect(cache.stats().evictions).toBe(evictions);
      cache.heap.verify();
    }
  });

  it('is bounded where victims lie anywhere, from before the cache is full', () => {
    for (const policy of policies) {
      for (const bytes of [100, 1000]) {
        const cache = cacheOf({ policy, maxBytes: 8 * MiB });
        const random = seededRandom(5);
        const value = new Uint8Array(bytes);
        const work = most(cache, Math.ceil((10 * MiB) / bytes), (i) => {
          cache.set(i, value);
          for (let n = 0; n < 3; n++) cache.get(Math.floor(random() * i));
        });
        expectBounded(work, cache, policy, bytes);
        expect(cache.stats().evictions).toBeGreaterThan(0);
        cache.heap.verify();
      }
    }
  });

  it('is bounded where everything has expired, in regions that others keep from coming free, too', () => {
    for (const byHand of [false, true]) {
      const clock = { ms: 0 };
      const heap = new GenerationalHeap({ maxBytes: 4 * MiB, regionBytes: 8 << 10 });
      const perf = { now: () => clock.ms };
      const cache = cacheOf({ heap, perf });
      const options = byHand ? { ttl: 100, generation: heap.newGeneration() } : { ttl: 100 };
      let key = 0;
      while (heap.regions.freeRegions > 6) {
        cache.set(key++, new Uint8Array(100), options);
        if (byHand && key % 100 === 0) heap.allocate(100, options.generation);
      }
      clock.ms = 1000;
      const work = most(cache, 6000, (i) => cache.set(key + i, new Uint8Array(100)));
      const bound = 12 * heap.regionBytes;
      expect(work.gone, `by hand: ${byHand}`).toBeLessThanOrEqual(bound);
      expect(work.moved, `by hand: ${byHand}`).toBeLessThanOrEqual(bound);
      heap.verify();
    }
  });
});
