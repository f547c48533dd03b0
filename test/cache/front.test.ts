import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArenaCache, type CacheOptions, type PolicyName, recordCodec } from '../../src/cache/index.js';
import { defineRecord, GenerationalHeap } from '../../src/heap/index.js';

type Value = { n: number; deep: { list: number[] } };
const value = (n: number): Value => ({ n, deep: { list: [n, n + 1] } });

function hot(options: CacheOptions<string, unknown> = {}): ArenaCache<string, unknown> {
  return new ArenaCache<string, unknown>({ front: true, ...options });
}

/** The key's value is in the front after it was asked for twice running, and a third time finds it there. */
function warm(cache: ArenaCache<string, unknown>, key: string): unknown {
  cache.get(key);
  return cache.get(key);
}

describe('the front', () => {
  it('gives one object for all gets of a hot key, and a copy to peek', () => {
    const cache = hot();
    cache.set('k', value(1));
    const first = warm(cache, 'k');
    expect(cache.get('k')).toBe(first);
    expect(first).toEqual(value(1));
    expect(cache.peek('k')).not.toBe(first);
    expect(cache.peek('k')).toEqual(value(1));
  });

  it('is off unless asked for', () => {
    for (const front of [undefined, false, 0] as const) {
      const cache = new ArenaCache<string, unknown>(front === undefined ? {} : { front });
      cache.set('k', value(1));
      expect(warm(cache, 'k')).not.toBe(cache.get('k'));
    }
  });

  it('freezes what get returns, the first time too, so that a change of a shared value is found out', () => {
    const cache = hot();
    cache.set('k', value(1));
    for (let i = 0; i < 4; i++) {
      const got = cache.get('k') as Value;
      expect(() => {
        got.n = 2;
      }).toThrow(TypeError);
      expect(() => got.deep.list.push(3)).toThrow(TypeError);
    }
    const free = hot({ front: { freeze: false } });
    free.set('k', value(1));
    expect(Object.isFrozen(warm(free, 'k'))).toBe(false);
  });

  it('freezes by default unless NODE_ENV is production', () => {
    const before = process.env.NODE_ENV;
    try {
      process.env.NODE_ENV = 'production';
      const cache = hot();
      cache.set('k', value(1));
      expect(Object.isFrozen(warm(cache, 'k'))).toBe(false);
      expect(cache.get('k')).toBe(cache.get('k'));
    } finally {
      process.env.NODE_ENV = before;
    }
  });

  it('keeps no value that can be changed however frozen it is: it comes as a copy', () => {
    const cache = hot();
    const shared = [new Map([[1, 2]]), new Date(0), Buffer.from('x'), { at: new Date(0) }, [new Set([1])]];
    for (const [i, given] of shared.entries()) {
      cache.set(`k${i}`, given);
      const first = warm(cache, `k${i}`);
      expect(cache.get(`k${i}`), `value ${i}`).not.toBe(first);
      expect(cache.get(`k${i}`)).toEqual(given);
      expect(Object.isFrozen(first)).toBe(false);
    }
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    cache.set('cycle', cycle);
    expect(warm(cache, 'cycle')).not.toBe(cache.get('cycle'));
    cache.set('large', { text: 'x'.repeat(10_000) });
    expect(warm(cache, 'large')).not.toBe(cache.get('large'));
  });

  it('leaves values kept on the heap as they are', () => {
    const cache = hot({ onUnencodable: 'heap' });
    const given = { call: () => 1 };
    cache.set('k', given);
    expect(warm(cache, 'k')).toBe(given);
    expect(Object.isFrozen(given)).toBe(false);
  });

  it('forgets a key that is set, deleted, cleared or over its ttl', () => {
    let now = 0;
    const cache = hot({ perf: { now: () => now }, ttlResolution: 0 });
    cache.set('k', value(1));
    warm(cache, 'k');
    cache.set('k', value(2));
    expect(warm(cache, 'k')).toEqual(value(2));
    cache.set('k', { quite: 'another length', and: 'shape' });
    expect(warm(cache, 'k')).toEqual({ quite: 'another length', and: 'shape' });
    cache.delete('k');
    expect(cache.get('k')).toBeUndefined();
    cache.set('k', value(3));
    warm(cache, 'k');
    cache.clear();
    expect(cache.get('k')).toBeUndefined();
    cache.set('k', value(4), { ttl: 10 });
    expect(warm(cache, 'k')).toEqual(value(4));
    now = 11;
    expect(cache.get('k')).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  it('holds no more values than asked for, whatever is got', () => {
    const cache = hot({ front: { entries: 8 } });
    for (let i = 0; i < 1000; i++) cache.set(`k${i}`, value(i));
    for (let i = 0; i < 1000; i++) warm(cache, `k${i}`);
    // A second look at each in turn finds the same object only where it is kept.
    const kept = Array.from({ length: 1000 }, (_, i) => cache.get(`k${i}`));
    let still = 0;
    for (let i = 0; i < 1000; i++) if (cache.get(`k${i}`) === kept[i]) still++;
    expect(still).toBeLessThanOrEqual(8);
  });

  it('keeps a value whose entry moves', () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      const cache = hot({ policy, maxBytes: 256 << 10 });
      for (let k = 0; k < 10; k++) cache.set(`k${k}`, value(k));
      const kept = Array.from({ length: 10 }, (_, k) => warm(cache, `k${k}`));
      const text = 'x'.repeat(300);
      let moved = 0;
      // Evictions move what has hits, and holes are compacted.
      for (let i = 0; i < 3000; i++) {
        cache.set(`other${i}`, { text });
        if (i % 3 !== 0) cache.delete(`other${i - 50}`);
        if (i % 10 === 0) for (let k = 0; k < 10; k++) if (cache.get(`k${k}`) !== kept[k]) moved++;
      }
      expect(moved, `${policy}: values that were decoded anew`).toBe(0);
      expect(cache.stats().evictions).toBeGreaterThan(100);
      expect(cache.heap.stats().totals.bytesEvacuated).toBeGreaterThan(1000);
    }
  });

  it('forgets a deleted key, though it be set anew where it lay', () => {
    const wrong: number[] = [];
    // After so many others its region begins anew, and it lies at the same address.
    for (let others = 0; others < 60; others++) {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024, sampleBytes: 0 });
      const cache = hot({ heap, maxBytes: 128 << 10, policy: 'sieve' });
      cache.set('k', value(1));
      warm(cache, 'k');
      cache.delete('k');
      for (let n = 0; n < others; n++) {
        cache.set('other', value(n));
        cache.delete('other');
      }
      cache.set('k', value(2));
      if ((cache.get('k') as Value).n !== 2) wrong.push(others);
    }
    expect(wrong).toEqual([]);
  });

  it('never answers otherwise than the cache does without it', () => {
    const step = fc.tuple(
      fc.constantFrom('set', 'grow', 'get', 'get', 'get', 'hot', 'delete', 'clear'),
      fc.nat(40),
    );
    fc.assert(
      fc.property(
        fc.constantFrom<PolicyName>('s3-fifo', 'sieve', 'lru'),
        fc.integer({ min: 3, max: 60 }),
        fc.array(step, { minLength: 50, maxLength: 800 }),
        (policy, max, steps) => {
          // Small regions, so that entries move; few ways, so that they are fought for.
          const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024, debug: true });
          const front = { entries: 16 };
          const cache = new ArenaCache<number, unknown>({ policy, max, heap, maxBytes: 64 << 10, front });
          const last = new Map<number, unknown>();
          steps.forEach(([what, n], i) => {
            if (what === 'set' || what === 'grow') {
              const given = { i, text: 'x'.repeat(what === 'grow' ? (i * 7) % 300 : 5) };
              cache.set(n, given);
              last.set(n, given);
            } else if (what === 'delete') {
              cache.delete(n);
              last.delete(n);
            } else if (what === 'clear') {
              if (n === 0) {
                cache.clear();
                last.clear();
              }
            } else {
              for (let again = what === 'hot' ? 3 : 1; again > 0; again--) {
                const here = cache.has(n);
                expect(cache.get(n), `key ${n} at step ${i}`).toEqual(here ? last.get(n) : undefined);
              }
            }
          });
          for (const [key, peeked] of cache.entries()) {
            expect(cache.get(key)).toEqual(peeked);
            expect(peeked).toEqual(last.get(key));
          }
          heap.verify();
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 60), seed: 31 },
    );
  });

  it('refuses options that mean nothing', () => {
    expect(() => hot({ front: 'yes' as never })).toThrow('ArenaCache.front must be');
    expect(() => hot({ front: { entries: 1 } })).toThrow('ArenaCache.front.entries');
    expect(() => hot({ front: { size: 9 } as never })).toThrow("ArenaCache.front has no option 'size'");
    const codec = recordCodec(defineRecord({ a: 'u8' })) as never;
    expect(() => hot({ codec })).toThrow('ArenaCache.front');
  });
});
