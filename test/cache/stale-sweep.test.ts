import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import { CacheEngine } from '../../src/cache/engine.js';
import { resolveCacheOptions } from '../../src/cache/options.js';
import { StaleSweep } from '../../src/cache/stale-sweep.js';
import type { PolicyName } from '../../src/cache/types.js';
import { PutRequest } from '../../src/cache/writes.js';

function make(policy: PolicyName, clock: { ms: number }): CacheEngine<string, string> {
  const perf = { now: () => clock.ms };
  const options = {
    policy,
    perf,
    ttlResolution: 0,
    maxBytes: 512 << 10,
    codec: 'string',
    allowStale: true,
  } as const;
  return new CacheEngine(resolveCacheOptions<string, string>(options), 1);
}

function put(engine: CacheEngine<string, string>, key: string, value: string, ttlMs: number): void {
  const request = new PutRequest();
  request.ttlMs = ttlMs;
  request.startMs = engine.expiry.nowMs();
  engine.writes.put(key, value, request);
}

/** A budget that is spent by the first region. */
const ONE_REGION = -1;

function count(engine: CacheEngine<string, string>, what: 'stale' | 'ttl'): number {
  let found = 0;
  engine.store.index.forEach((address) => {
    if (what === 'stale' ? engine.expiry.isStale(address) : engine.expiry.ttlMsOf(address) > 0) found++;
  });
  return found;
}

describe('a sweep', () => {
  it('goes region by region, removes what is stale, and knows when the next will be', () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      const clock = { ms: 1000 };
      const engine = make(policy, clock);
      for (let i = 0; i < 2000; i++) put(engine, `k${i}`, 'x'.repeat(i % 90), [0, 100, 250, 5000][i % 4]!);
      const entries = engine.store.index.count;
      clock.ms += 101;
      const sweep = new StaleSweep(engine);
      let slices = 1;
      let next = sweep.slice(ONE_REGION);
      for (; next === undefined; slices++) next = sweep.slice(ONE_REGION);
      expect(slices).toBeGreaterThan(10);
      expect(next).toBe(1250);
      expect(sweep.removed).toBe(entries / 4);
      expect([count(engine, 'stale'), engine.store.index.count]).toEqual([0, (entries * 3) / 4]);
      clock.ms = 1251;
      expect(sweep.slice(Number.POSITIVE_INFINITY)).toBe(6000);
      clock.ms = 6001;
      expect(sweep.slice(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
      expect(engine.store.index.count).toBe(entries / 4);
      engine.heap.verify();
    }
  });

  it('leaves nothing behind in the end, whatever moves between its slices', () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      const clock = { ms: 1000 };
      const engine = make(policy, clock);
      const random = seededRandom(7);
      const sweep = new StaleSweep(engine);
      const use = (): void => {
        for (let i = 0; i < 40; i++) {
          const key = `k${Math.floor(random() ** 2 * 5000)}`;
          if (random() < 0.5) {
            const address = engine.find(key);
            if (address !== -1) engine.hit(address);
          } else put(engine, key, 'x'.repeat(random() * 200), Math.floor(random() * 3000));
        }
      };
      for (let i = 0; i < 400; i++) {
        use();
        sweep.slice(ONE_REGION);
        clock.ms += 7;
      }
      // From now on nothing is stored: pass after pass, each when the one before has said.
      sweep.slice(Number.POSITIVE_INFINITY);
      let next = sweep.slice(Number.POSITIVE_INFINITY)!;
      for (let passes = 0; next !== Number.POSITIVE_INFINITY; passes++) {
        expect(next).toBeGreaterThanOrEqual(clock.ms);
        expect(passes).toBeLessThan(20_000);
        clock.ms = Math.ceil(next) + 1;
        next = sweep.slice(Number.POSITIVE_INFINITY)!;
        expect(count(engine, 'stale')).toBe(0);
      }
      expect(count(engine, 'ttl')).toBe(0);
      engine.heap.verify();
    }
  });
});
