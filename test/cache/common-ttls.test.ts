import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CommonTtls } from '../../src/cache/common-ttls.js';
import { OWN_TTL } from '../../src/cache/entry.js';
import { ArenaCache, type PolicyName } from '../../src/cache/index.js';
import { GenerationalHeap } from '../../src/heap/index.js';

const KiB = 1024;
const VALUE = new Uint8Array(8);
/** Of an entry with a short key and that value: header, start, key, value. */
const BLOCK_BYTES = 8 + 4 + 4 + 8;

/** Stamps of sampled blocks would count among an entry's bytes. */
function heapWithoutStamps(): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 512 * KiB, regionBytes: 4096, sampleBytes: 0 });
}

describe('ttls that entries share', () => {
  it('are six, given out as they come up; further ones are the entries’ own', () => {
    const ttls = new CommonTtls();
    const given = [10, 20, 30, 40, 50, 60].map((word) => {
      const flags = ttls.flagsFor(word);
      ttls.entered(flags);
      return flags;
    });
    expect(new Set([...given, OWN_TTL, 0]).size).toBe(8);
    expect(given.map((flags) => ttls.wordOf(flags))).toEqual([10, 20, 30, 40, 50, 60]);
    expect(ttls.flagsFor(70)).toBe(OWN_TTL);
    expect(ttls.flagsFor(30)).toBe(given[2]);
  });

  it('give way once no entry has them, and not before', () => {
    const ttls = new CommonTtls();
    for (const word of [10, 20, 30, 40, 50, 60, 60]) ttls.entered(ttls.flagsFor(word));
    const last = ttls.flagsFor(60);
    ttls.left(last);
    expect(ttls.flagsFor(70)).toBe(OWN_TTL);
    ttls.left(last);
    expect(ttls.flagsFor(70)).toBe(last);
    expect(ttls.wordOf(last)).toBe(70);
    ttls.clear();
    expect([1, 2, 3, 4, 5, 6, 7].map((word) => ttls.flagsFor(word) === OWN_TTL)).not.toContain(true);
  });

  it('take four bytes an entry, others eight', () => {
    const cache = new ArenaCache<string, Uint8Array>({ heap: heapWithoutStamps(), codec: 'bytes' });
    const bytes = Array.from({ length: 8 }, (_, i) => {
      const before = cache.stats().liveBytes;
      cache.set(`k${i}`, VALUE, { ttl: 1000 + (i % 7) });
      return cache.stats().liveBytes - before;
    });
    expect(bytes).toEqual([24, 24, 24, 24, 24, 24, 32, 24]);
  });
});

/** Nine, so that some find no number; two of them are in units of 1024 ms. */
const TTLS = [1, 7, 500, 1000, 60_000, 3_600_000, 86_400_000, 2 ** 30, 2 ** 31];

const operation = fc.record({
  what: fc.constantFrom(
    'set',
    'set',
    'set',
    'set',
    'keep',
    'renew',
    'get',
    'get',
    'delete',
    'release',
    'clear',
  ),
  key: fc.nat(40),
  ttl: fc.constantFrom(0, ...TTLS),
  size: fc.oneof(fc.nat(60), fc.integer({ min: 1000, max: 9000 })),
  step: fc.oneof({ weight: 5, arbitrary: fc.nat(50) }, { weight: 1, arbitrary: fc.nat(5000) }),
  byHand: fc.boolean(),
  times: fc.integer({ min: 1, max: 20 }),
});

/** An entry's ttl and start, as the cache keeps them. */
interface Kept {
  readonly ttl: number;
  start: number;
}

function kept(ttl: number, nowMs: number): Kept {
  if (ttl <= 2 ** 29) return { ttl, start: nowMs };
  return { ttl: Math.ceil(ttl / 1024) * 1024, start: nowMs };
}

describe('an entry’s ttl', () => {
  it('is what it was set to, whatever others are set to, and numbers come free with the last entry', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<PolicyName>('s3-fifo', 'sieve', 'lru'),
        fc.array(operation, { minLength: 20, maxLength: 200 }),
        (policy, operations) => {
          const clock = { ms: 5000 };
          const cache = new ArenaCache<string, Uint8Array>({
            policy,
            heap: heapWithoutStamps(),
            maxBytes: 256 * KiB,
            codec: 'bytes',
            perf: { now: () => clock.ms },
            ttlResolution: 0,
          });
          const hand = cache.heap.newGeneration();
          const model = new Map<string, Kept>();
          const set = (
            key: string,
            size: number,
            options: { ttl: number; generation?: typeof hand },
          ): void => {
            if (cache.trySet(key, new Uint8Array(size), options)) model.set(key, kept(options.ttl, clock.ms));
          };
          const check = (key: string): void => {
            const remaining = cache.getRemainingTTL(key);
            // Evicted, or never there.
            if (remaining === 0 && !cache.has(key)) return;
            const { ttl, start } = model.get(key)!;
            if (ttl === 0) expect(remaining).toBe(Number.POSITIVE_INFINITY);
            else if (ttl > 2 ** 29)
              expect(Math.abs(remaining - (ttl - (clock.ms - start)))).toBeLessThan(1024);
            else expect(remaining).toBe(ttl - (clock.ms - start));
          };
          for (const { what, key: n, ttl, size, step, byHand, times } of operations) {
            clock.ms += step;
            const key = `k${n}`;
            const options = byHand ? { ttl, generation: hand } : { ttl };
            if (what === 'set') for (let i = 0; i < times; i++) set(`k${(n + i) % 41}`, size, options);
            else if (what === 'keep') {
              // What is stale may go before the set finds it.
              if (cache.getRemainingTTL(key) < 0) cache.delete(key);
              const was = cache.info(key) === undefined ? kept(ttl, clock.ms) : model.get(key)!;
              if (cache.trySet(key, new Uint8Array(size), { ...options, noUpdateTTL: true }))
                model.set(key, was);
            } else if (what === 'renew') {
              if (cache.get(key, { updateAgeOnGet: true }) !== undefined) model.get(key)!.start = clock.ms;
            } else if (what === 'get') for (let i = 0; i < 3; i++) cache.get(key);
            else if (what === 'delete') cache.delete(key);
            else if (what === 'release') cache.heap.releaseGeneration(hand, { keep: true });
            else if (times === 1) cache.clear();
            for (let i = 0; i <= 40; i++) check(`k${i}`);
          }
          cache.heap.verify();
          for (let i = 0; i <= 40; i++) cache.delete(`k${i}`);
          expect(cache.size).toBe(0);
          for (let i = 0; i < 6; i++) cache.set(`n${i}`, VALUE, { ttl: 12_345 + i });
          expect(cache.stats().liveBytes).toBe(6 * (BLOCK_BYTES + (policy === 'lru' ? 8 : 0)));
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 60), seed: 43 },
    );
  }, 60_000);
});
