import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import { ArenaCache, type CacheOptions } from '../../src/cache/index.js';
import { laneCounts } from '../../src/cache/placement.js';
import { TtlBuckets, ttlClass } from '../../src/cache/ttl-buckets.js';
import { GenerationalHeap } from '../../src/heap/index.js';

const policies = ['s3-fifo', 'sieve', 'lru'] as const;
const MiB = 1 << 20;
const DAY = 86_400_000;

function timed<V>(options: CacheOptions<string, V> = {}): [ArenaCache<string, V>, { ms: number }] {
  const clock = { ms: 1000 };
  const perf = { now: () => clock.ms };
  return [new ArenaCache<string, V>({ perf, ttlResolution: 0, ...options }), clock];
}

function totals(cache: ArenaCache<string, never> | ArenaCache<string, string>): {
  evacuated: number;
  whole: number;
} {
  const { bytesEvacuated, regionsFreedWhole } = cache.heap.stats().totals;
  return { evacuated: bytesEvacuated, whole: regionsFreedWhole };
}

describe('ttl buckets', () => {
  it('are four to a doubling', () => {
    let last = -1;
    for (let ms = 1; ms < 2 ** 29; ms = Math.ceil(ms * 1.05)) {
      expect(ttlClass(ms)).toBeGreaterThanOrEqual(last);
      last = ttlClass(ms);
    }
    for (let ms = 4; ms < 2 ** 28; ms *= 2) {
      expect(new Set([1, 1.25, 1.5, 1.75].map((share) => ttlClass(ms * share))).size).toBe(4);
      expect(ttlClass(ms * 2)).toBe(ttlClass(ms) + 4);
    }
  });

  it('are given out as ttls come up, then shared by the nearest, and given anew once empty', () => {
    const empty = new Set<number>();
    const buckets = new TtlBuckets(4, (bucket) => empty.has(bucket));
    const [second, minute, hour] = [1000, 60_000, 3_600_000].map((ms) => buckets.of(ms));
    expect(new Set([second, minute, hour, buckets.long]).size).toBe(4);
    expect(buckets.of(2000)).toBe(second);
    expect(buckets.of(40 * 60_000)).toBe(hour);
    expect(buckets.of(60_000)).toBe(minute);
    empty.add(second!);
    expect(buckets.of(5 * 60_000)).toBe(second);
    empty.clear();
    expect(buckets.of(1000)).toBe(minute);
    // What has lived goes where up to twice its rest is kept.
    expect(buckets.near(33_000)).toBe(minute);
  });

  it('keep open regions to an eighth of maxBytes, whatever its size', () => {
    for (let maxBytes = 256 * 1024; maxBytes <= 2 ** 32; maxBytes *= 2) {
      const regionBytes = Math.min(128 * 1024, Math.max(4096, 2 ** Math.floor(Math.log2(maxBytes / 512))));
      for (const queues of [1, 2]) {
        const { buckets, splits } = laneCounts(maxBytes, regionBytes, queues);
        expect((queues * (buckets + splits) + 2) * regionBytes).toBeLessThanOrEqual(maxBytes / 8);
        expect(buckets).toBeGreaterThanOrEqual(2);
      }
    }
    // Less than 32 regions, as on a shared heap: entries with a ttl lie in the policy's queues then.
    expect(laneCounts(16 * 4096, 4096, 2)).toEqual({ buckets: 0, splits: 1 });
  });

  it('keep to it in a cache of 1 MiB that sees every ttl there is', () => {
    for (const policy of policies) {
      const [cache, clock] = timed<string>({ maxBytes: MiB, policy, codec: 'string' });
      const random = seededRandom(3);
      for (let i = 0; i < 40_000; i++) {
        clock.ms += random() * 100;
        cache.set(`k${Math.floor(random() * 20_000)}`, 'v'.repeat(random() * 100), {
          ttl: Math.ceil(2 ** (random() * 40)),
        });
        cache.get(`k${Math.floor(random() ** 3 * 20_000)}`);
        if (i % 1000 === 0) {
          const { heap } = cache;
          const open = heap.stats().generations.filter(({ generation }) => {
            for (let r = heap.regions.first(generation); r !== -1; r = heap.regions.next(r)) {
              if (!heap.regions.isRetired(r)) return true;
            }
            return false;
          });
          expect(open.length * heap.regionBytes, policy).toBeLessThanOrEqual(MiB / 8);
        }
      }
      cache.heap.verify();
    }
  });
});

describe('expiry by region', () => {
  it('frees regions whole, copying nothing, and leaves the others alone', () => {
    for (const policy of policies) {
      const [cache, clock] = timed<string>({ maxBytes: 8 * MiB, policy, codec: 'string' });
      for (let i = 0; i < 20_000; i++) {
        cache.set(`short${i}`, 'x'.repeat(50), { ttl: 1000 });
        cache.set(`long${i}`, 'x'.repeat(50), { ttl: 3_600_000 });
      }
      clock.ms += 2000;
      const before = totals(cache);
      for (let i = 0; i < 2000; i++) cache.set('other', `${i}`);
      const after = totals(cache);
      expect(cache.stats().expirations, policy).toBeGreaterThan(19_000);
      expect(after.evacuated).toBe(before.evacuated);
      expect(after.whole - before.whole).toBeGreaterThan((20_000 * 70) / cache.heap.regionBytes);
      for (let i = 0; i < 20_000; i++) expect(cache.has(`long${i}`)).toBe(true);
      expect(cache.heap.pauses.summary('expire').count).toBeGreaterThan(500);
      cache.heap.verify();
    }
  });

  it('removes at most 32 entries a call, and tells each', () => {
    let told = 0;
    const [cache, clock] = timed<string>({
      maxBytes: 4 * MiB,
      ttl: 500,
      dispose: (value, key, reason) => {
        expect([value, reason]).toEqual([`v${key.slice(1)}`, 'expire']);
        told++;
      },
    });
    for (let i = 0; i < 10_000; i++) cache.set(`k${i}`, `v${i}`);
    clock.ms += 501;
    let most = 0;
    for (let i = 0; i < 2000; i++) {
      const before = told;
      cache.set('fresh', 'x', { ttl: 1e6, noDisposeOnSet: true });
      most = Math.max(most, told - before);
    }
    expect(most).toBe(32);
    // But for those of the region that is not full yet.
    expect(told).toBeGreaterThan(9500);
    expect(cache.size).toBe(10_001 - told);
  });

  it('comes before eviction when room is needed', () => {
    for (const policy of policies) {
      // allowStale: nothing is sought out before.
      // 'lru' keeps a tenth for holes.
      const maxBytes = policy === 'lru' ? 2.25 * MiB : 2 * MiB;
      const [cache, clock] = timed<string>({ maxBytes, policy, codec: 'string', allowStale: true });
      for (let i = 0; i < 6000; i++) {
        cache.set(`stale${i}`, 'x'.repeat(100), { ttl: 1000 });
        cache.set(`fresh${i}`, 'x'.repeat(100), { ttl: 1_000_000 });
      }
      expect(cache.stats().evictions, policy).toBe(0);
      clock.ms += 1001;
      // Takes some two thirds of what the stale ones hold.
      for (let i = 0; i < 4000; i++) cache.set(`new${i}`, 'x'.repeat(100));
      expect(cache.stats().evictions, policy).toBe(0);
      for (let i = 0; i < 6000; i++) expect(cache.has(`fresh${i}`)).toBe(true);
    }
  });

  it('evicts an entry for its own new value, which keeps the ttl', () => {
    const [cache, clock] = timed<string>({ maxBytes: 512 * 1024, policy: 'lru', codec: 'string' });
    cache.set('k', 'short', { ttl: 5000 });
    while (cache.heap.regions.freeRegions > 16) cache.set(`k${cache.size}`, 'x'.repeat(100));
    expect(cache.stats().evictions).toBe(0);
    clock.ms += 1000;
    expect(cache.has('k')).toBe(true);
    // The least recently used entry is k itself.
    cache.set('k', 'long'.repeat(20_000), { noUpdateTTL: true });
    expect(cache.stats().evictions).toBeGreaterThan(0);
    expect(cache.get('k')).toBe('long'.repeat(20_000));
    expect(cache.getRemainingTTL('k')).toBe(4000);
  });

  it('keeps what is stale for who may ask for it', () => {
    for (const options of [{ allowStale: true }, { noDeleteOnStaleGet: true }]) {
      const [cache, clock] = timed<string>({ maxBytes: 4 * MiB, ttl: 100, ...options });
      for (let i = 0; i < 5000; i++) cache.set(`k${i}`, `v${i}`);
      clock.ms += 1000;
      for (let i = 0; i < 1000; i++) cache.set('other', 'x', { ttl: 0 });
      for (let i = 0; i < 5000; i++) expect(cache.peek(`k${i}`, { allowStale: true })).toBe(`v${i}`);
    }
  });

  it('goes on where entries are renewed: each is moved once in a while, not at each set', () => {
    const [cache, clock] = timed<string>({ maxBytes: 4 * MiB, ttl: 80_000, codec: 'string' });
    for (let i = 0; i < 10_000; i++) cache.set(`k${i}`, 'x'.repeat(50));
    // A tenth is set again every second for ten ttls; the others expire.
    for (let second = 0; second < 800; second++) {
      clock.ms += 1000;
      for (let i = 0; i < 1000; i++) cache.set(`k${i * 10}`, 'y'.repeat(50));
      if (second === 100) expect(cache.size).toBeLessThan(1000 + cache.heap.regionBytes / 50);
    }
    expect(cache.size).toBeLessThan(1000 + cache.heap.regionBytes / 50);
    for (let i = 0; i < 1000; i++) expect(cache.get(`k${i * 10}`)).toBe('y'.repeat(50));
    // 1000 entries, written anew elsewhere about once in an eighth of a ttl.
    const allocated = cache.heap.stats().totals.bytesAllocated;
    expect(allocated).toBeLessThan(10_000 * 100 + 1000 * 100 * 80 * 1.5);
  });
});

interface Kept {
  ttl: number;
  start: number;
}

/** What ttls mean, in the plainest way. */
class TtlModel {
  readonly #entries = new Map<string, Kept>();
  set(key: string, ttl: number, now: number): void {
    this.#entries.set(key, { ttl, start: now });
  }
  isFresh(key: string, now: number): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && (entry.ttl === 0 || now - entry.start <= entry.ttl);
  }
  renew(key: string, now: number): void {
    this.#entries.get(key)!.start = now;
  }
}

const ttls = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: 1, max: 2 ** 29 }),
  fc.integer({ min: 4 * DAY, max: 8 * DAY }),
);
const steps = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 28 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 * DAY }) },
);
const operation = fc.record({
  what: fc.constantFrom('set', 'set', 'set', 'renew', 'has', 'get', 'many'),
  key: fc.nat(30),
  ttl: ttls,
  step: steps,
  size: fc.nat(60),
});

describe('ttls against a plain model', () => {
  it('are kept to the millisecond, over months, whatever is renewed and in whatever order', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...policies),
        fc.boolean(),
        fc.boolean(),
        fc.array(operation, { minLength: 20, maxLength: 200 }),
        (policy, shared, keepsStale, operations) => {
          // 16 KiB regions of a heap of its own, or, with ttls in the queues themselves, few regions of a shared one.
          const heap = shared ? new GenerationalHeap({ maxBytes: 2 * MiB, regionBytes: 16384 }) : undefined;
          const [cache, clock] = timed<string>({
            policy,
            codec: 'string',
            allowStale: keepsStale,
            ...(heap === undefined ? { maxBytes: 8 * MiB } : { heap, maxBytes: 40 * 16384 }),
          });
          const model = new TtlModel();
          operations.forEach(({ what, key: n, ttl, step, size }, i) => {
            clock.ms += step;
            const key = `k${n}`;
            if (what === 'set') {
              cache.set(key, 'x'.repeat(size), { ttl });
              model.set(key, ttl, clock.ms);
            } else if (what === 'many') {
              for (let j = 0; j < 40; j++) cache.set('other', 'x'.repeat(size), { ttl });
            } else if (what === 'renew') {
              const found = cache.get(key, { updateAgeOnGet: true, allowStale: false });
              if (found !== undefined) model.renew(key, clock.ms);
            } else if (what === 'get') cache.get(key, { allowStale: false });
            for (const k of [key, `k${(n + 1) % 31}`]) {
              expect(cache.has(k), `${k} at step ${i}, ${clock.ms}`).toBe(model.isFresh(k, clock.ms));
            }
          });
          for (let n = 0; n <= 30; n++) expect(cache.has(`k${n}`)).toBe(model.isFresh(`k${n}`, clock.ms));
          cache.heap.verify();
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 150), seed: 41 },
    );
  }, 60_000);
});
