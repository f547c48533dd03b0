import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import { ArenaCache, type PolicyName } from '../../src/cache/index.js';
import { type Generation, GenerationalHeap } from '../../src/heap/index.js';

const policies = ['s3-fifo', 'sieve', 'lru'] as const;
const KiB = 1024;
const HOUR_MS = 3_600_000;

interface Workload {
  readonly steps: number;
  readonly seed: number;
  /** Of the values, in characters: mostly they are much shorter. */
  readonly longest: number;
  readonly ttls: boolean;
  /** Generations that some entries are given by hand. */
  readonly byHand?: readonly Generation[];
}

/** Mixes sizes from nothing to humongous, keys that repeat, deletes and clears. */
function churn(
  cache: ArenaCache<string, string>,
  { steps, seed, longest, ttls, byHand = [] }: Workload,
  clock: { ms: number },
  check: (step: number, truth: Map<string, string>) => void = () => {},
): void {
  const random = seededRandom(seed);
  const truth = new Map<string, string>();
  for (let i = 0; i < steps; i++) {
    const key = `key${Math.floor(random() ** 2 * 4000)}`;
    const what = random();
    if (ttls) clock.ms += random() < 0.001 ? 10_000 * random() : random();
    if (what < 0.55) {
      // Mostly short, now and then long.
      const value = String.fromCharCode(97 + (i % 26)).repeat(Math.floor(random() ** 8 * longest));
      const ttl = ttls && random() < 0.8 ? Math.ceil(2 ** (random() * 16)) : 0;
      const generation = random() < 0.2 ? byHand[Math.floor(random() * byHand.length)] : undefined;
      const stored = cache.trySet(key, value, generation === undefined ? { ttl } : { ttl, generation });
      if (stored) truth.set(key, value);
      else truth.delete(key);
    } else if (what < 0.93) {
      const value = cache.get(key);
      if (value !== undefined) expect(value === truth.get(key), `value of ${key} at step ${i}`).toBe(true);
    } else if (what < 0.9995) {
      cache.delete(key);
      truth.delete(key);
    } else {
      cache.clear();
      truth.clear();
    }
    check(i, truth);
  }
}

/** Bytes of metadata an entry, keys apart, of a cache that is as full as it gets, with so many ttls. */
function metadataOf(policy: PolicyName, entries: number, ttls: number): number {
  // With more room, most of it would be in nobody's use.
  const maxBytes = entries * 110;
  const cache = new ArenaCache<number, Uint8Array>({ policy, maxBytes, codec: 'bytes', max: entries });
  // Nothing is padding then.
  const value = new Uint8Array(ttls > 0 ? 56 : 60);
  // Twice as many as stay, so that the ghost of 's3-fifo' is full.
  for (let i = 0; i < entries * 2; i++)
    cache.set(i, value, { ttl: ttls > 0 ? (1 + (i % ttls)) * HOUR_MS : 0 });
  const { liveBytes, indexBytes, policyBytes, bytes } = cache.stats();
  expect(cache.size).toBe(entries);
  expect(bytes).toBeLessThanOrEqual(maxBytes);
  if (policy === 's3-fifo') expect(policyBytes / entries).toBeGreaterThan(3);
  return (liveBytes + indexBytes + policyBytes) / entries - 4 - value.length;
}

describe('maxBytes', () => {
  it('is never passed, whatever is stored, and what is found is what was set', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<PolicyName>(...policies),
        fc.integer({ min: 256, max: 3000 }),
        fc.integer(),
        fc.integer({ min: 10, max: 60_000 }),
        fc.boolean(),
        (policy, kib, seed, longest, ttls) => {
          const clock = { ms: 0 };
          const perf = { now: () => clock.ms };
          const cache = new ArenaCache<string, string>({
            policy,
            maxBytes: kib * KiB,
            perf,
            ttlResolution: 0,
          });
          churn(cache, { steps: 3000, seed, longest, ttls }, clock, (step) => {
            if (cache.bytes > kib * KiB) throw new Error(`${cache.bytes} bytes at step ${step}`);
          });
          cache.heap.verify();
          cache.purgeStale();
          let met = 0;
          for (const key of cache.keys()) {
            expect(cache.has(key)).toBe(true);
            met++;
          }
          expect(met).toBe(cache.size);
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 40), seed: 31 },
    );
  }, 120_000);

  it('holds for the cache’s part of a shared heap, and others on it get their room', () => {
    for (const policy of policies) {
      const heap = new GenerationalHeap({ maxBytes: 2048 * KiB, regionBytes: 4096 });
      const clock = { ms: 0 };
      const timing = { perf: { now: () => clock.ms }, ttlResolution: 0 };
      const cache = new ArenaCache<string, string>({ policy, heap, maxBytes: 1024 * KiB, ...timing });
      const greedy = new ArenaCache<string, string>({ policy, heap, ...timing });
      churn(greedy, { steps: 6000, seed: 1, longest: 3000, ttls: false }, clock);
      greedy.clear();
      churn(greedy, { steps: 6000, seed: 3, longest: 3000, ttls: true }, clock);
      const inBounds = (): void => expect(cache.bytes).toBeLessThanOrEqual(1024 * KiB);
      churn(cache, { steps: 6000, seed: 2, longest: 3000, ttls: false }, clock, inBounds);
      expect(cache.size).toBeGreaterThan(100);
      cache.clear();
      churn(cache, { steps: 6000, seed: 2, longest: 3000, ttls: true }, clock, inBounds);
      // The heap is full of caches: they give way to blocks.
      const refs: number[] = [];
      for (let i = 0; i < 300; i++) refs.push(heap.allocate(2000));
      expect(heap.committedBytes).toBeLessThanOrEqual(2048 * KiB);
      heap.verify();
      for (const ref of refs) heap.free(ref);
      const before = heap.bytes.used;
      cache[Symbol.dispose]();
      expect(heap.bytes.used).toBeLessThan(before);
      greedy[Symbol.dispose]();
      expect(heap.bytes.live).toBe(0);
      heap.verify();
    }
  });

  it('holds for a part at every step, however small the regions, with ttls, generations by hand and others beside', () => {
    let full = 0;
    let hits = 0;
    fc.assert(
      fc.property(
        fc.constantFrom<PolicyName>(...policies),
        fc.constantFrom(1024, 4096, 16_384),
        fc.integer({ min: 560, max: 760 }),
        fc.integer(),
        fc.constantFrom(3000, 10_000, 60_000),
        fc.boolean(),
        fc.constantFrom(0, 0, 1, 4),
        fc.constantFrom(0, 0, 0, 300),
        (policy, regionBytes, kib, seed, longest, ttls, hands, max) => {
          const heap = new GenerationalHeap({
            maxBytes: 3072 * KiB,
            regionBytes,
            random: seededRandom(seed),
          });
          const clock = { ms: 0 };
          const timing = { perf: { now: () => clock.ms }, ttlResolution: 0 };
          const greedy = new ArenaCache<string, string>({
            heap,
            maxBytes: 1536 * KiB,
            codec: 'string',
            ...timing,
          });
          const maxBytes = kib * KiB;
          const cache = new ArenaCache<string, string>({
            policy,
            heap,
            maxBytes,
            max,
            codec: 'string',
            ...timing,
          });
          let mostBytes = 0;
          const byHand = Array.from({ length: hands }, () => heap.newGeneration());
          const refs: number[] = [];
          churn(greedy, { steps: 2000, seed: seed + 1, longest, ttls }, clock);
          churn(cache, { steps: 8000, seed, longest, ttls, byHand }, clock, (step) => {
            mostBytes = Math.max(mostBytes, cache.bytes);
            if (cache.bytes > maxBytes)
              throw new Error(`${cache.bytes} of ${maxBytes} bytes at step ${step}`);
            // Beside the entries, and elsewhere; some are free again soon.
            if (step % 10 === 0) refs.push(heap.allocate(step % 700, byHand[0]));
            if (step % 30 === 0) heap.free(refs.splice(step % refs.length, 1)[0]!);
            if (step % 3 === 0) greedy.set(`${step}`, 'x'.repeat(step % 900));
          });
          heap.verify();
          if (mostBytes > maxBytes - 4 * regionBytes) full++;
          hits += cache.stats().hits;
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 24), seed: 32 },
    );
    // Else the bound was not tried.
    expect(full).toBeGreaterThan(Number(process.env.ROLP_TEST_RUNS ?? 24) / 4);
    expect(hits).toBeGreaterThan(0);
  }, 300_000);

  it('is used: most of it is in live entries when the cache is full', () => {
    for (const policy of policies) {
      const cache = new ArenaCache<string, string>({ policy, maxBytes: 8 << 20, codec: 'string' });
      for (let i = 0; i < 200_000; i++) cache.set(`key:${i}`, 'x'.repeat(40 + (i % 60)));
      const { liveBytes, bytes, evictions } = cache.stats();
      expect(evictions).toBeGreaterThan(10_000);
      // 'lru' keeps a tenth for holes.
      expect(bytes).toBeGreaterThan((policy === 'lru' ? 0.9 : 0.97) * (8 << 20));
      expect(liveBytes / bytes).toBeGreaterThan(0.75);
    }
  });

  it('is used under updates too: holes are compacted before entries are evicted', () => {
    for (const policy of policies) {
      const cache = new ArenaCache<string, string>({ policy, maxBytes: 4 << 20, codec: 'string' });
      // 10,000 entries of about 150 bytes, a third of the cache. Every third stays, so that no region dies whole; the
      // others are written anew at other lengths 30 times.
      const random = seededRandom(5);
      const write = (key: number): unknown =>
        cache.set(`key:${key}`, 'x'.repeat(50 + Math.floor(random() * 150)));
      for (let key = 0; key < 10_000; key++) write(key);
      for (let i = 0; i < 200_000; i++) {
        const key = Math.floor(random() * 10_000);
        if (key % 3 !== 0) write(key);
      }
      expect(cache.size, policy).toBe(10_000);
      expect(cache.stats().evictions, policy).toBe(0);
      cache.heap.verify();
    }
  });

  it('takes at most 24 bytes of metadata an entry, key apart; with a ttl beside the links of lru, 28', () => {
    for (const policy of policies) {
      for (const entries of [100_000, 120_000, 140_000, 165_000, 190_000]) {
        expect(metadataOf(policy, entries, 0), `${policy} ${entries}`).toBeLessThanOrEqual(24);
      }
      for (const entries of [100_000, 165_000]) {
        const most = policy === 'lru' ? 28 : 24;
        expect(metadataOf(policy, entries, 6), `${policy} ${entries}, ttls`).toBeLessThanOrEqual(most);
      }
    }
  }, 600_000);
});

describe('what does not fit', () => {
  it('is refused with an event and a return value; the cache goes on', () => {
    const events: unknown[] = [];
    const hear = (message: unknown): void => {
      events.push(message);
    };
    subscribe('rolp:cache:refuse', hear);
    const cache = new ArenaCache<string, Uint8Array>({ maxBytes: 1 << 20, codec: 'bytes', name: 'small' });
    cache.set('k', new Uint8Array(100));
    expect(cache.trySet('big', new Uint8Array(1 << 20))).toBe(false);
    unsubscribe('rolp:cache:refuse', hear);
    expect(events).toEqual([expect.objectContaining({ cache: 'small', key: 'big', why: 'maxBytes' })]);
    expect(cache.has('k')).toBe(true);
    expect(cache.trySet('fits', new Uint8Array(200_000))).toBe(true);
    expect(cache.get('fits')!.length).toBe(200_000);
  });

  it('evicts rather than fails, even for the largest that is allowed', () => {
    for (const policy of policies) {
      const cache = new ArenaCache<number, Uint8Array>({ maxBytes: 1 << 20, codec: 'bytes', policy });
      for (let i = 0; i < 5000; i++) cache.set(i, new Uint8Array(100));
      for (let i = 0; i < 30; i++) {
        expect(cache.trySet(-i, new Uint8Array(150_000)), `${policy} ${i}`).toBe(true);
        expect(cache.get(-i)!.length).toBe(150_000);
      }
      cache.heap.verify();
    }
  });

  it('tells once a call of what was evicted', () => {
    const events: { entries: number; bytes: number }[] = [];
    const hear = (message: unknown): void => {
      events.push(message as { entries: number; bytes: number });
    };
    subscribe('rolp:cache:evict', hear);
    const cache = new ArenaCache<number, string>({ maxBytes: 1 << 20 });
    for (let i = 0; i < 60_000; i++) cache.set(i, `value ${i}`);
    unsubscribe('rolp:cache:evict', hear);
    expect(events.reduce((sum, event) => sum + event.entries, 0)).toBe(cache.stats().evictions);
    expect(events.length).toBeGreaterThan(3);
    expect(cache.heap.pauses.summary('evict').count).toBeGreaterThanOrEqual(events.length);
  });
});

describe('a generation released from outside', () => {
  it('takes its entries out of the cache', () => {
    const heap = new GenerationalHeap({ maxBytes: 4 << 20 });
    const cache = new ArenaCache<number, string>({ heap });
    for (let i = 0; i < 1000; i++) cache.set(i, `v${i}`);
    const generation = heap
      .stats()
      .generations.find((g) => g.liveBytes > 12_000 && g.generation >= 16)?.generation;
    if (generation !== undefined) heap.releaseGeneration(generation, { keep: true });
    expect(generation).toBeDefined();
    for (let i = 0; i < 1000; i++) {
      const value = cache.get(i);
      expect(value === undefined || value === `v${i}`).toBe(true);
    }
    cache.set(1, 'again');
    expect(cache.get(1)).toBe('again');
    heap.verify();
  });
});
