import { describe, expect, it } from 'vitest';
import { ArenaCache, type CacheOptions, type Status } from '../../src/cache/index.js';

/** A clock that the test turns. */
class TestClock {
  ms = 1000;
  now(): number {
    return this.ms;
  }
}

function lru<V = unknown>(options: CacheOptions<string, V> = {}): ArenaCache<string, V> {
  return new ArenaCache<string, V>({ policy: 'lru', ...options });
}

function timed<V = unknown>(options: CacheOptions<string, V> = {}): [ArenaCache<string, V>, TestClock] {
  const perf = new TestClock();
  return [lru<V>({ perf, ttlResolution: 0, ...options }), perf];
}

describe('set, get and their like, as lru-cache documents them', () => {
  it('keeps max entries, and lets the least recently used go', () => {
    const cache = lru<number>({ max: 3 });
    cache.set('a', 1).set('b', 2).set('c', 3);
    expect(cache.get('a')).toBe(1);
    cache.set('d', 4);
    expect(cache.size).toBe(3);
    expect(cache.get('b')).toBeUndefined();
    expect([...cache.keys()]).toEqual(['d', 'a', 'c']);
  });

  it('gives a copy: what is done to it does not reach the cache', () => {
    const cache = lru<{ list: number[] }>();
    const value = { list: [1] };
    cache.set('k', value);
    value.list.push(2);
    cache.get('k')!.list.push(3);
    expect(cache.get('k')).toEqual({ list: [1] });
  });

  it('deletes on set of undefined, and stores null, false, 0 and the empty string', () => {
    const cache = lru();
    for (const value of [null, false, 0, '']) expect(cache.set('k', value).get('k')).toBe(value);
    const status: Status<string, unknown> = {};
    cache.set('k', undefined, { status });
    expect(cache.has('k')).toBe(false);
    expect(status.set).toBe('deleted');
  });

  it('has and peek do not count as use; set of an existing key does', () => {
    const cache = lru<number>({ max: 2 });
    cache.set('a', 1).set('b', 2);
    cache.has('a');
    cache.peek('a');
    cache.set('c', 3);
    expect(cache.has('a')).toBe(false);
    cache.set('b', 4).set('d', 5);
    expect([...cache.keys()]).toEqual(['d', 'b']);
  });

  it('delete says whether the key was there; clear empties and gives memory back', () => {
    const cache = lru<string>({ maxBytes: 8 << 20 });
    for (let i = 0; i < 5000; i++) cache.set(`k${i}`, 'x'.repeat(500));
    const full = cache.bytes;
    expect(cache.delete('k1')).toBe(true);
    expect(cache.delete('k1')).toBe(false);
    cache.clear();
    expect(cache.size).toBe(0);
    expect(cache.get('k2')).toBeUndefined();
    expect(cache.bytes).toBeLessThan(full / 2);
    expect(cache.set('k2', 'again').get('k2')).toBe('again');
    cache.heap.verify();
  });

  it('pop gives the least recently used value', () => {
    const cache = lru<number>();
    cache.set('a', 1).set('b', 2);
    cache.get('a');
    expect([cache.pop(), cache.pop(), cache.pop()]).toEqual([2, 1, undefined]);
  });

  it('tells in status what happened', () => {
    const [cache, clock] = timed<number>({ ttl: 100 });
    const said = (act: (status: Status<string, number>) => void): Status<string, number> => {
      const status: Status<string, number> = {};
      act(status);
      return status;
    };
    expect(said((status) => cache.set('k', 1, { status }))).toMatchObject({
      op: 'set',
      key: 'k',
      set: 'add',
      ttl: 100,
    });
    expect(said((status) => cache.set('k', 1, { status }))).toEqual(
      expect.not.objectContaining({ oldValue: 1 }),
    );
    expect(said((status) => cache.set('k', 2, { status }))).toMatchObject({
      set: 'replace',
      oldValue: 1,
      value: 2,
    });
    clock.ms += 30;
    expect(said((status) => cache.get('k', { status }))).toMatchObject({
      op: 'get',
      get: 'hit',
      value: 2,
      ttl: 100,
      remainingTTL: 70,
    });
    expect(said((status) => cache.has('k', { status })).has).toBe('hit');
    expect(said((status) => cache.peek('k', { status })).peek).toBe('hit');
    clock.ms += 100;
    expect(said((status) => cache.has('k', { status })).has).toBe('stale');
    expect(said((status) => cache.peek('k', { status })).peek).toBe('stale');
    const stale = said((status) => cache.get('k', { status, allowStale: true }));
    expect(stale).toMatchObject({ get: 'stale', returnedStale: true, value: 2 });
    expect(said((status) => cache.get('k', { status })).get).toBe('miss');
    expect(said((status) => cache.has('k', { status })).has).toBe('miss');
  });
});

describe('sizes', () => {
  it('are bounded by maxSize, with sizes from sizeCalculation or set', () => {
    const cache = lru<string>({ maxSize: 10, sizeCalculation: (value) => value.length });
    cache.set('a', 'xxxx').set('b', 'xxxx');
    expect(cache.calculatedSize).toBe(8);
    cache.set('c', 'xxx');
    expect([...cache.keys()]).toEqual(['c', 'b']);
    cache.set('d', 'x', { size: 7 });
    expect([cache.calculatedSize, ...cache.keys()]).toEqual([10, 'd', 'c']);
    cache.set('c', 'xxxxx');
    expect([cache.calculatedSize, ...cache.keys()]).toEqual([5, 'c']);
    expect(cache.info('c')!.size).toBe(5);
  });

  it('over maxEntrySize are refused, and the key’s older value goes', () => {
    const gone: unknown[] = [];
    const cache = lru<string>({
      maxSize: 10,
      maxEntrySize: 5,
      sizeCalculation: (value) => value.length,
      dispose: (value, key, reason) => gone.push([value, key, reason]),
    });
    cache.set('a', 'ok');
    const status: Status<string, string> = {};
    expect(cache.trySet('a', 'too long', { status })).toBe(false);
    expect(status).toMatchObject({ set: 'miss', maxEntrySizeExceeded: true, entrySize: 8 });
    expect(cache.has('a')).toBe(false);
    expect(gone).toEqual([['ok', 'a', 'set']]);
    expect(cache.stats().refusals).toBe(1);
  });

  it('over maxSize are refused, whatever maxEntrySize says', () => {
    const cache = lru<string>({ maxSize: 10, maxEntrySize: 100 });
    expect(cache.maxEntrySize).toBe(10);
    expect(cache.trySet('a', 'x', { size: 50 })).toBe(false);
    expect([cache.size, cache.calculatedSize]).toEqual([0, 0]);
    expect(cache.trySet('a', 'x', { size: 10 })).toBe(true);
  });

  it('must be positive integers', () => {
    const cache = lru<string>({ maxSize: 10, sizeCalculation: () => 0.5 });
    expect(() => cache.set('a', 'x')).toThrow('positive integer');
    expect(() => cache.set('a', 'x', { size: -1 })).toThrow('size must');
    expect(cache.size).toBe(0);
  });

  it('are true bytes if nobody says otherwise', () => {
    const cache = lru<string>({ maxSize: 1000, codec: 'string' });
    cache.set('key', 'x'.repeat(100));
    expect(cache.calculatedSize).toBeGreaterThan(110);
    expect(cache.calculatedSize).toBeLessThan(150);
    for (let i = 0; i < 100; i++) cache.set(`key${i}`, 'x'.repeat(100));
    expect(cache.calculatedSize).toBeLessThanOrEqual(1000);
    expect(cache.size).toBeGreaterThan(5);
  });
});

describe('ttl', () => {
  it('hides an entry once it is over, and removes it on get', () => {
    const [cache, clock] = timed<number>({ ttl: 10 });
    cache.set('a', 1).set('b', 2, { ttl: 100 }).set('c', 3, { ttl: 0 });
    clock.ms += 10;
    expect(cache.get('a')).toBe(1);
    clock.ms += 1;
    expect(cache.has('a')).toBe(false);
    expect(cache.size).toBe(3);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.size).toBe(2);
    expect(cache.getRemainingTTL('b')).toBe(89);
    expect(cache.getRemainingTTL('c')).toBe(Number.POSITIVE_INFINITY);
    expect(cache.getRemainingTTL('nothing')).toBe(0);
    clock.ms += 1000;
    expect(cache.getRemainingTTL('b')).toBe(-911);
  });

  it('allowStale gives the value once more; noDeleteOnStaleGet keeps it', () => {
    const [cache, clock] = timed<number>({ ttl: 10 });
    cache.set('a', 1);
    clock.ms += 20;
    expect(cache.get('a', { noDeleteOnStaleGet: true })).toBeUndefined();
    expect(cache.peek('a')).toBeUndefined();
    expect(cache.peek('a', { allowStale: true })).toBe(1);
    expect(cache.get('a', { allowStale: true })).toBe(1);
    expect(cache.size).toBe(0);
    const [lenient, time] = timed<number>({ ttl: 10, allowStale: true, noDeleteOnStaleGet: true });
    lenient.set('a', 1);
    time.ms += 20;
    expect([lenient.get('a'), lenient.get('a'), [...lenient.keys()]]).toEqual([1, 1, ['a']]);
  });

  it('begins anew on get with updateAgeOnGet, on has with updateAgeOnHas', () => {
    const [cache, clock] = timed<number>({ ttl: 10, updateAgeOnGet: true });
    cache.set('a', 1);
    clock.ms += 8;
    cache.has('a');
    expect(cache.getRemainingTTL('a')).toBe(2);
    cache.get('a');
    expect(cache.getRemainingTTL('a')).toBe(10);
    clock.ms += 8;
    cache.has('a', { updateAgeOnHas: true });
    clock.ms += 8;
    expect(cache.get('a', { updateAgeOnGet: false })).toBe(1);
    clock.ms += 8;
    expect(cache.get('a')).toBeUndefined();
  });

  it('is renewed by set, unless noUpdateTTL; start moves its beginning', () => {
    const [cache, clock] = timed<number>({ ttl: 10 });
    cache.set('a', 1);
    clock.ms += 6;
    cache.set('a', 2, { noUpdateTTL: true });
    expect(cache.getRemainingTTL('a')).toBe(4);
    cache.set('a', 'longer, so that it moves' as never, { noUpdateTTL: true });
    expect(cache.getRemainingTTL('a')).toBe(4);
    cache.set('a', 3);
    expect(cache.getRemainingTTL('a')).toBe(10);
    cache.set('b', 1, { start: clock.ms - 7 });
    expect(cache.getRemainingTTL('b')).toBe(3);
    cache.set('a', 4, { ttl: 0 });
    expect(cache.getRemainingTTL('a')).toBe(Number.POSITIVE_INFINITY);
    cache.set('new', 1, { noUpdateTTL: true });
    expect(cache.getRemainingTTL('new')).toBe(10);
  });

  it('may be a minute, a month or thirty years; starts far off are clamped', () => {
    const [cache, clock] = timed<number>();
    const day = 86_400_000;
    for (const ttl of [60_000, 12 * day, 13 * day, 31 * day, 30 * 365 * day]) {
      cache.set('k', 1, { ttl });
      expect(cache.getRemainingTTL('k')).toBeGreaterThanOrEqual(ttl - 1024);
      expect(cache.getRemainingTTL('k')).toBeLessThanOrEqual(ttl + 2048);
      clock.ms += Math.floor(ttl * 0.999) - 2048;
      expect(cache.has('k')).toBe(true);
      clock.ms += Math.ceil(ttl * 0.001) + 5000;
      expect(cache.has('k')).toBe(false);
    }
    cache.set('k', 1, { ttl: 1000, start: clock.ms - 400 * day });
    expect(cache.has('k')).toBe(false);
  });

  it('stays over, however long ago it was', () => {
    const day = 86_400_000;
    for (const step of [5 * day, 11 * day, 25 * day, 49.71 * day]) {
      const [cache, clock] = timed<number>();
      cache
        .set('short', 1, { ttl: 1000 })
        .set('long', 2, { ttl: 400 * day })
        .set('none', 3);
      for (let passed = step; passed < 120 * day; passed += step) {
        clock.ms += step;
        cache.has('other');
        expect(cache.has('short'), `${passed / day} days`).toBe(false);
      }
      expect([cache.get('long'), cache.get('none')]).toEqual([2, 3]);
    }
  });

  it('purgeStale removes what is over, and says whether anything was', () => {
    const gone: unknown[] = [];
    const [cache, clock] = timed<number>({ dispose: (_, key, reason) => gone.push([key, reason]) });
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, i, { ttl: i < 40 ? 10 : 1000 });
    expect(cache.purgeStale()).toBe(false);
    clock.ms += 11;
    expect([...cache.keys()].length).toBe(60);
    expect(cache.purgeStale()).toBe(true);
    expect(cache.size).toBe(60);
    expect(gone.length).toBe(40);
    expect(gone[0]).toContain('expire');
  });

  it('looks at the clock once per ttlResolution', async () => {
    let looks = 0;
    const perf = { now: () => ++looks };
    const cache = lru<number>({ perf, ttlResolution: 20, ttl: 1e6 });
    for (let i = 0; i < 100; i++) cache.set(`k${i}`, i);
    expect(looks).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    cache.get('k0');
    expect(looks).toBe(2);
  });
});

describe('callbacks', () => {
  it('tell why an entry went', () => {
    const [cache, clock] = timed<number>({
      max: 2,
      dispose: (value, key, reason) => told.push(`${key}=${value} ${reason}`),
      disposeAfter: (value, key, reason) => told.push(`after ${key}=${value} ${reason}`),
      onInsert: (value, key, reason) => told.push(`${reason} ${key}=${value}`),
    });
    const told: string[] = [];
    const since = (act: () => void): string[] => {
      told.length = 0;
      act();
      return [...told];
    };
    expect(since(() => cache.set('a', 1))).toEqual(['add a=1']);
    expect(since(() => cache.set('a', 1))).toEqual(['update a=1']);
    expect(since(() => cache.set('a', 2))).toEqual(['a=1 set', 'replace a=2', 'after a=1 set']);
    expect(since(() => cache.set('a', 3, { noDisposeOnSet: true }))).toEqual(['replace a=3']);
    cache.set('b', 1);
    expect(since(() => cache.set('c', 1))).toEqual(['a=3 evict', 'add c=1', 'after a=3 evict']);
    expect(since(() => cache.delete('b'))).toEqual(['b=1 delete', 'after b=1 delete']);
    cache.set('d', 1, { ttl: 1 });
    clock.ms += 5;
    expect(since(() => cache.get('d'))).toEqual(['d=1 expire', 'after d=1 expire']);
    expect(since(() => cache.pop())).toEqual(['c=1 evict', 'after c=1 evict']);
    cache.set('e', 1);
    expect(since(() => cache.clear())).toEqual(['e=1 delete', 'after e=1 delete']);
  });

  it('may use the cache in any way', () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      let depth = 0;
      const cache: ArenaCache<string, number> = new ArenaCache<string, number>({
        max: 50,
        policy,
        dispose: (value, key, reason) => {
          if (reason !== 'evict' || depth > 2) return;
          depth++;
          cache.set(`again-${key}`, value + 1);
          cache.get(key);
          cache.delete(`k${value}`);
          depth--;
        },
      });
      for (let i = 0; i < 1000; i++) {
        cache.set(`k${i % 70}`, i);
        expect(cache.size).toBeLessThanOrEqual(50);
      }
      cache.heap.verify();
      for (const [key, value] of cache) expect(cache.peek(key)).toBe(value);
    }
  });

  it('that throw do not break the cache, and the others are told', () => {
    const told: string[] = [];
    const cache = lru<number>({
      max: 1,
      dispose: (_, key) => {
        told.push(key);
        if (key === 'a') throw new Error('from dispose');
      },
    });
    cache.set('a', 1);
    expect(() => cache.set('b', 2)).toThrow('from dispose');
    expect(cache.get('b')).toBe(2);
    cache.set('c', 3);
    expect(told).toEqual(['a', 'b']);
    cache.heap.verify();
  });
});

describe('going through all entries', () => {
  it('goes from the most to the least recently used, and back with the r methods', () => {
    const cache = lru<number>();
    cache.set('a', 1).set('b', 2).set('c', 3);
    cache.get('a');
    expect([...cache.keys()]).toEqual(['a', 'c', 'b']);
    expect([...cache.rkeys()]).toEqual(['b', 'c', 'a']);
    expect([...cache.values()]).toEqual([1, 3, 2]);
    expect([...cache.rvalues()]).toEqual([2, 3, 1]);
    expect([...cache.entries()]).toEqual([...cache]);
    expect([...cache.rentries()].reverse()).toEqual([...cache]);
    const seen: unknown[] = [];
    cache.forEach(function (this: unknown, value, key, self) {
      seen.push(this, value, key, self === cache);
    }, 'this');
    expect(seen.slice(0, 4).map(String)).toEqual(['this', '1', 'a', 'true']);
    const back: string[] = [];
    cache.rforEach((_, key) => back.push(key));
    expect(back).toEqual(['b', 'c', 'a']);
    expect(cache.find((value) => value > 1)).toBe(3);
    expect([...cache.keys()]).toEqual(['c', 'a', 'b']);
    expect(cache.find((value) => value > 9)).toBeUndefined();
    expect(Object.prototype.toString.call(cache)).toBe('[object ArenaCache]');
  });

  it('survives changes on the way: what is deleted is not met, what is added at the front neither', () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      const cache = new ArenaCache<string, number>({ policy });
      for (let i = 0; i < 100; i++) cache.set(`k${i}`, i);
      const met: string[] = [];
      for (const key of cache.keys()) {
        met.push(key);
        const n = Number(key.slice(1));
        cache.delete(`k${n - 1}`);
        if (n > 95) cache.set(`new${n}`, 1);
      }
      expect(met).toEqual(Array.from({ length: 50 }, (_, i) => `k${99 - 2 * i}`));
    }
  });

  it('ends cleanly when the cache is cleared, or entries move, on the way', () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      const cache = new ArenaCache<string, string>({ policy, maxBytes: 1 << 20 });
      for (let i = 0; i < 2000; i++) cache.set(`k${i}`, 'x'.repeat(i % 300));
      let met = 0;
      for (const [key, value] of cache) {
        expect(value).toMatch(/^x*$/);
        expect(key).toMatch(/^[kn]\d+$/);
        cache.set(`n${met}`, 'x'.repeat(met % 400));
        if (++met === 1500) cache.clear();
        if (met > 5000) break;
      }
      expect(met).toBeGreaterThan(1000);
      cache.heap.verify();
    }
  });

  it('dump and load carry entries, order, ttl and size over', () => {
    const [cache, clock] = timed<number>({ maxSize: 100, sizeCalculation: () => 3 });
    cache.set('a', 1).set('b', 2, { ttl: 100_000 }).set('c', 3);
    cache.get('a');
    clock.ms += 40_000;
    const dump = cache.dump();
    expect(dump.map(([key]) => key)).toEqual(['b', 'c', 'a']);
    expect(cache.info('b')).toMatchObject({ value: 2, ttl: 60_000, size: 3 });
    expect(cache.info('nothing')).toBeUndefined();
    const [other] = timed<number>({ maxSize: 100, sizeCalculation: () => 9 });
    other.set('old', 1);
    other.load(JSON.parse(JSON.stringify(dump)));
    expect([...other.keys()]).toEqual(['a', 'c', 'b']);
    expect(other.calculatedSize).toBe(9);
    expect(other.getRemainingTTL('b')).toBeGreaterThan(50_000);
    expect(other.getRemainingTTL('b')).toBeLessThanOrEqual(60_001);
  });
});

describe('options', () => {
  it('are checked, and the error names the option', () => {
    const make = (options: unknown) => () => new ArenaCache(options as never);
    expect(make({ maxBytes: 1000 })).toThrow('ArenaCache.maxBytes must lie between 262144');
    expect(make({ max: -1 })).toThrow('ArenaCache.max');
    expect(make({ ttl: 'soon' })).toThrow('ArenaCache.ttl');
    expect(make({ policy: 'fifo' })).toThrow("ArenaCache.policy must be one of 's3-fifo', 'sieve', 'lru'");
    expect(make({ codec: 'xml' })).toThrow('ArenaCache.codec');
    expect(make({ codec: {} })).toThrow('ArenaCache.codec.encode must be a function');
    expect(make({ dispose: 1 })).toThrow('ArenaCache.dispose');
    expect(make({ allowStale: 1 })).toThrow('ArenaCache.allowStale');
    expect(make({ perf: null })).toThrow('ArenaCache.perf.now must be a function');
    expect(make({ heap: {} })).toThrow('ArenaCache.heap must be a GenerationalHeap');
    expect(make({ maxAge: 10 })).toThrow("ArenaCache has no option 'maxAge'");
    expect(new ArenaCache().maxBytes).toBe(64 << 20);
  });
});
