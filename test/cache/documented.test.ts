import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { ArenaCache, type Status } from '../../src/cache/index.js';
import { ARENA, SUBJECTS } from './both.js';

// What lru-cache 11 documents (its README and the comments of its types), statement by statement, apart from fetch and
// memo (fetch.test.ts). Run on lru-cache too, so that a statement that it does not hold itself is found out.
describe.each(SUBJECTS)('as lru-cache documents it: $name', ({ name, make }) => {
  type S = Status<string, any>;

  describe('max, maxSize, maxEntrySize', () => {
    it('keeps max of the most recently used, gets and sets being uses', () => {
      const [cache] = make<number>({ max: 3 });
      cache.set('a', 1).set('b', 2).set('c', 3);
      cache.get('a');
      cache.set('b', 20);
      cache.set('d', 4);
      expect([...cache.keys()]).toEqual(['d', 'b', 'a']);
      expect(cache.max).toBe(3);
    });

    it('evicts to stay under maxSize, which sets maxEntrySize too', () => {
      const [cache] = make<string>({
        max: 0,
        maxSize: 10,
        sizeCalculation: (value, key) => value.length + key.length,
      });
      expect([cache.maxSize, cache.maxEntrySize]).toEqual([10, 10]);
      cache.set('a', 'xxx').set('b', 'xxx');
      expect(cache.calculatedSize).toBe(8);
      cache.set('c', 'x');
      expect([cache.size, cache.calculatedSize]).toEqual([3, 10]);
      cache.set('d', 'xxxxx');
      expect([[...cache.keys()], cache.calculatedSize]).toEqual([['d', 'c'], 8]);
    });

    it('a value over maxSize is not stored, and nothing else is evicted', () => {
      const [cache] = make<string>({ max: 0, maxSize: 10, sizeCalculation: (value) => value.length });
      cache.set('a', 'xxx').set('b', 'xxx');
      const status: S = {};
      cache.set('c', 'x'.repeat(11), { status });
      expect(status).toMatchObject({ set: 'miss', maxEntrySizeExceeded: true });
      expect([...cache.keys()]).toEqual(['b', 'a']);
    });

    it('a value over maxEntrySize deletes the older one of its key', () => {
      const gone: unknown[] = [];
      const [cache] = make<string>({
        max: 0,
        maxSize: 100,
        maxEntrySize: 5,
        sizeCalculation: (value) => value.length,
        dispose: (value, key, reason) => gone.push([value, key, reason]),
      });
      cache.set('other', 'x').set('a', 'xxx');
      cache.set('a', 'x'.repeat(6));
      expect([...cache.keys()]).toEqual(['other']);
      expect(gone).toEqual([['xxx', 'a', 'set']]);
    });

    it('a size given to set keeps sizeCalculation from being called; one may be given to set', () => {
      let calls = 0;
      const [cache] = make<string>({
        max: 0,
        maxSize: 100,
        sizeCalculation: () => {
          calls++;
          return 5;
        },
      });
      const status: S = {};
      cache.set('a', 'x', { size: 7, status });
      expect([cache.calculatedSize, calls]).toEqual([7, 0]);
      expect(status).toMatchObject({ entrySize: 7, totalCalculatedSize: 7 });
      cache.set('b', 'x');
      cache.set('c', 'x', { sizeCalculation: () => 30 });
      expect([cache.calculatedSize, calls]).toEqual([42, 1]);
    });

    it('sizes may be of gigabytes and terabytes', () => {
      for (const [maxSize, one, other] of [
        [4e9, 3e9, 1e9],
        [2 ** 32, 2 ** 32 - 2 ** 31, 2 ** 31],
        [2 ** 53 - 1, 2 ** 52 + 2 ** 31 + 1, 2 ** 32],
      ] as const) {
        const [cache] = make<string>({ max: 0, maxSize });
        cache.set('a', 'x', { size: one }).set('b', 'x', { size: other });
        expect([cache.calculatedSize, cache.info('a')!.size, cache.info('b')!.size]).toEqual([
          one + other,
          one,
          other,
        ]);
        cache.set('a', 'y', { size: other });
        expect(cache.calculatedSize).toBe(2 * other);
        cache.delete('a');
        cache.delete('b');
        expect(cache.calculatedSize).toBe(0);
      }
    });

    it('sizes must be positive integers', () => {
      const [cache] = make<string>({ max: 0, maxSize: 100, sizeCalculation: () => 0 });
      expect(() => cache.set('a', 'x')).toThrow(TypeError);
      expect(() => cache.set('a', 'x', { sizeCalculation: () => 1.5 })).toThrow(TypeError);
      expect(cache.size).toBe(0);
    });
  });

  describe('ttl', () => {
    it('0 means no ttl, not at once', () => {
      const [cache, clock] = make<number>({ ttl: 0 });
      cache.set('a', 1);
      clock.ms += 1e9;
      expect([cache.get('a'), cache.getRemainingTTL('a')]).toEqual([1, Number.POSITIVE_INFINITY]);
    });

    it('stale entries stay until they are got, and are missing then', () => {
      const [cache, clock] = make<number>({ ttl: 10 });
      cache.set('a', 1).set('b', 2);
      clock.ms += 11;
      expect(cache.size).toBe(2);
      expect(cache.get('a')).toBeUndefined();
      expect(cache.size).toBe(1);
    });

    it('allowStale gives the stale value and deletes it; has is false all the same', () => {
      const [cache, clock] = make<number>({ ttl: 10, allowStale: true });
      cache.set('a', 1);
      clock.ms += 11;
      expect([cache.has('a'), cache.get('a'), cache.get('a')]).toEqual([false, 1, undefined]);
    });

    it('noDeleteOnStaleGet keeps it, though get gives undefined without allowStale', () => {
      const [cache, clock] = make<number>({ ttl: 10, noDeleteOnStaleGet: true });
      cache.set('a', 1);
      clock.ms += 11;
      expect([cache.get('a'), cache.get('a', { allowStale: true }), cache.size]).toEqual([undefined, 1, 1]);
      expect([cache.get('a', { noDeleteOnStaleGet: false }), cache.size]).toEqual([undefined, 0]);
    });

    it('may be given to set, with a start', () => {
      const [cache, clock] = make<number>({ ttl: 10 });
      cache.set('a', 1, { ttl: 100 });
      cache.set('b', 1, { start: clock.ms - 5 });
      expect([cache.getRemainingTTL('a'), cache.getRemainingTTL('b')]).toEqual([100, 5]);
      expect(cache.getRemainingTTL('none')).toBe(0);
    });

    it('status tells of the ttl as get found it, and as has leaves it', () => {
      const [cache, clock] = make<number>({ ttl: 10, updateAgeOnGet: true, updateAgeOnHas: true });
      cache.set('a', 1);
      clock.ms += 3;
      const got: Status<string, number> = {};
      cache.get('a', { status: got });
      expect(got).toMatchObject({ ttl: 10, remainingTTL: 7 });
      expect(cache.getRemainingTTL('a')).toBe(10);
      clock.ms += 3;
      const had: Status<string, number> = {};
      cache.has('a', { status: had });
      expect(had).toMatchObject({ ttl: 10, remainingTTL: 10 });
    });

    it('updateAgeOnGet and updateAgeOnHas begin it anew', () => {
      const [cache, clock] = make<number>({ ttl: 10, updateAgeOnGet: true, updateAgeOnHas: true });
      cache.set('a', 1).set('b', 1);
      for (let i = 0; i < 5; i++) {
        clock.ms += 9;
        expect([cache.get('a'), cache.has('b')]).toEqual([1, true]);
      }
      clock.ms += 9;
      cache.get('a', { updateAgeOnGet: false });
      cache.has('b', { updateAgeOnHas: false });
      clock.ms += 9;
      expect([cache.get('a'), cache.has('b')]).toEqual([undefined, false]);
    });

    it('noUpdateTTL leaves it at a set of a key that is there, and gives it to a new one', () => {
      const [cache, clock] = make<number>({ ttl: 10, noUpdateTTL: true });
      cache.set('a', 1);
      clock.ms += 4;
      cache.set('a', 2).set('b', 2);
      expect([cache.getRemainingTTL('a'), cache.getRemainingTTL('b')]).toEqual([6, 10]);
      cache.set('a', 3, { noUpdateTTL: false });
      expect(cache.getRemainingTTL('a')).toBe(10);
    });

    it('purgeStale deletes what is stale, with reason expire, and says whether there was any', () => {
      const gone: unknown[] = [];
      const [cache, clock] = make<number>({ dispose: (_value, key, reason) => gone.push([key, reason]) });
      cache.set('a', 1, { ttl: 10 }).set('b', 2, { ttl: 20 }).set('c', 3);
      expect(cache.purgeStale()).toBe(false);
      clock.ms += 11;
      expect([cache.purgeStale(), cache.size, gone]).toEqual([true, 2, [['a', 'expire']]]);
    });
  });

  describe('callbacks', () => {
    const told: string[] = [];
    const all = {
      dispose: (value: number, key: string, reason: string) => told.push(`${key}=${value} ${reason}`),
      disposeAfter: (value: number, key: string, reason: string) =>
        told.push(`after ${key}=${value} ${reason}`),
      onInsert: (value: number, key: string, reason: string) => told.push(`${reason} ${key}=${value}`),
    };
    const since = (): string[] => told.splice(0);

    it('tell of evict, set, delete, expire; of add, update, replace', () => {
      const [cache, clock] = make<number>({ max: 2, ttl: 10, ...all });
      since();
      cache.set('a', 1);
      expect(since()).toEqual(['add a=1']);
      cache.set('a', 1);
      expect(since()).toEqual(['update a=1']);
      cache.set('a', 2);
      expect(since()).toEqual(['a=1 set', 'replace a=2', 'after a=1 set']);
      cache.set('b', 3).set('c', 4);
      expect(since()).toEqual(['add b=3', 'a=2 evict', 'add c=4', 'after a=2 evict']);
      cache.delete('b');
      expect(since()).toEqual(['b=3 delete', 'after b=3 delete']);
      cache.set('c', undefined);
      expect(since()).toEqual(['c=4 delete', 'after c=4 delete']);
      cache.set('d', 5);
      since();
      clock.ms += 11;
      cache.get('d');
      expect(since()).toEqual(['d=5 expire', 'after d=5 expire']);
      cache.set('e', 6);
      since();
      cache.clear();
      expect(since()).toEqual(['e=6 delete', 'after e=6 delete']);
      cache.set('f', 7);
      since();
      expect(cache.pop()).toBe(7);
      expect(since()).toEqual(['f=7 evict', 'after f=7 evict']);
    });

    it('noDisposeOnSet suppresses dispose while the key stays', () => {
      const [cache] = make<number>({ noDisposeOnSet: true, ...all });
      cache.set('a', 1);
      since();
      cache.set('a', 2);
      expect(since()).toEqual(['replace a=2']);
      cache.set('a', 3, { noDisposeOnSet: false });
      expect(since()).toEqual(['a=2 set', 'replace a=3', 'after a=2 set']);
      cache.delete('a');
      expect(since()).toEqual(['a=3 delete', 'after a=3 delete']);
    });

    it('disposeAfter may put the entry back', () => {
      let again = 0;
      const [cache]: ReturnType<typeof make<number>> = make<number>({
        max: 2,
        disposeAfter: (value, key, reason) => {
          if (reason === 'delete' && again++ < 2) cache.set(key, value + 1);
        },
      });
      cache.set('a', 1);
      cache.delete('a');
      expect(cache.get('a')).toBe(2);
      cache.delete('a');
      cache.delete('a');
      expect([cache.get('a'), cache.size]).toEqual([undefined, 0]);
    });
  });

  describe('calls', () => {
    it('set gives the cache, delete whether the key was there', () => {
      const [cache] = make<number>();
      expect(cache.set('a', 1)).toBe(cache);
      expect([cache.delete('a'), cache.delete('a')]).toEqual([true, false]);
    });

    it('undefined is not stored: set of it deletes', () => {
      const [cache] = make<number>();
      const status: S = {};
      cache.set('a', 1).set('a', undefined, { status });
      expect([cache.has('a'), cache.size, status.set]).toEqual([false, 0, 'deleted']);
    });

    it('peek and has are no uses; peek deletes nothing', () => {
      const [cache, clock] = make<number>({ max: 2, ttl: 10 });
      cache.set('a', 1).set('b', 2);
      expect([cache.peek('a'), cache.has('a')]).toEqual([1, true]);
      cache.set('c', 3);
      expect([cache.has('a'), cache.peek('b')]).toEqual([false, 2]);
      clock.ms += 11;
      expect([cache.peek('b'), cache.peek('b', { allowStale: true }), cache.size]).toEqual([undefined, 2, 2]);
    });

    it('pop gives the least recently used, undefined if there is none', () => {
      const [cache] = make<number>();
      cache.set('a', 1).set('b', 2).set('c', 3);
      cache.get('a');
      expect([cache.pop(), cache.pop(), cache.pop(), cache.pop()]).toEqual([2, 3, 1, undefined]);
    });

    it('walks go from the most recently used, the r ones back; stale entries are left out', () => {
      const [cache, clock] = make<number>();
      cache.set('a', 1).set('stale', 0, { ttl: 10 }).set('b', 2).set('c', 3);
      cache.get('a');
      clock.ms += 11;
      expect([...cache.keys()]).toEqual(['a', 'c', 'b']);
      expect([...cache.rkeys()]).toEqual(['b', 'c', 'a']);
      expect([...cache.values()]).toEqual([1, 3, 2]);
      expect([...cache.rvalues()]).toEqual([2, 3, 1]);
      expect([...cache.entries()]).toEqual([
        ['a', 1],
        ['c', 3],
        ['b', 2],
      ]);
      expect([...cache]).toEqual([...cache.entries()]);
      expect([...cache.rentries()]).toEqual([...cache.entries()].reverse());
    });

    it('forEach and rforEach call with value, key and cache, this being the cache or what was given', () => {
      const [cache] = make<number>();
      cache.set('a', 1).set('b', 2);
      const seen: unknown[] = [];
      cache.forEach(function (this: unknown, value, key, self) {
        seen.push([value, key, self === cache, this === cache]);
      });
      expect(seen).toEqual([
        [2, 'b', true, true],
        [1, 'a', true, true],
      ]);
      const thisArg = {};
      cache.rforEach(function (this: unknown, _value, key) {
        seen.push([key, this === thisArg]);
      }, thisArg);
      expect(seen.slice(2)).toEqual([
        ['a', true],
        ['b', true],
      ]);
      expect([...cache.keys()]).toEqual(['b', 'a']);
    });

    it('find gives the first value for which the function is true, and uses it', () => {
      const [cache] = make<number>();
      cache.set('a', 1).set('b', 2).set('c', 3);
      expect(cache.find((value, key, self) => self === cache && value < 3 && key !== 'x')).toBe(2);
      expect([...cache.keys()]).toEqual(['b', 'c', 'a']);
      expect(cache.find(() => false)).toBeUndefined();
    });

    it('info tells value, size and what remains of the ttl, of stale entries too', () => {
      const [cache, clock] = make<string>({ maxSize: 100, sizeCalculation: (value) => value.length });
      cache.set('a', 'xyz', { ttl: 10 });
      clock.ms += 4;
      expect(cache.info('a')).toMatchObject({ value: 'xyz', size: 3, ttl: 6 });
      expect(Math.abs(cache.info('a')!.start! - Date.now())).toBeLessThan(5000);
      clock.ms += 10;
      expect(cache.info('a')).toMatchObject({ value: 'xyz', ttl: -4 });
      expect(cache.info('none')).toBeUndefined();
    });

    it('dump gives an array for load, with starts by Date.now, stale entries included', () => {
      const [cache, clock] = make<number>();
      cache.set('a', 1, { ttl: 10 }).set('b', 2).set('c', 3, { ttl: 1000 });
      cache.get('b');
      clock.ms += 20;
      const dump = cache.dump();
      expect(Array.isArray(dump)).toBe(true);
      expect(dump.map(([key, { value }]) => [key, value])).toEqual([
        ['a', 1],
        ['c', 3],
        ['b', 2],
      ]);
      expect(Math.abs(dump[1]![1].start! + 20 - Date.now())).toBeLessThan(5000);
      const [other] = make<number>();
      other.set('before', 1);
      other.load(JSON.parse(JSON.stringify(dump)));
      expect([...other.keys()]).toEqual(['b', 'c']);
      expect(other.size).toBe(3);
      expect(other.getRemainingTTL('a')).toBeLessThan(0);
    });

    it('dump and load leave what has no ttl without one, whatever the default', () => {
      const [cache] = make<number>({ ttl: 50 });
      cache.set('a', 1, { ttl: 0 }).set('b', 2);
      const [other, clock] = make<number>({ ttl: 50 });
      other.load(JSON.parse(JSON.stringify(cache.dump())));
      clock.ms += 5000;
      expect([other.get('a'), other.get('b')]).toEqual([1, undefined]);
      const [without] = make<number>();
      without.set('a', 1);
      expect(without.dump()).toEqual([['a', { value: 1 }]]);
    });

    it('options are members of the cache; changing them changes the calls after', () => {
      const sizeCalculation = (): number => 1;
      const dispose = (): void => {};
      const fetchMethod = (): number => 1;
      const options = {
        ttl: 10,
        maxSize: 50,
        allowStale: true,
        sizeCalculation,
        dispose,
        fetchMethod,
      } as const;
      const [cache, clock] = make<number>(options);
      expect(cache).toMatchObject({ ttl: 10, allowStale: true, updateAgeOnGet: false, maxEntrySize: 50 });
      expect([cache.max, cache.maxSize, cache.ttlResolution]).toEqual([100, 50, 0]);
      expect([cache.sizeCalculation, cache.dispose, cache.fetchMethod]).toEqual([
        sizeCalculation,
        dispose,
        fetchMethod,
      ]);
      expect([cache.memoMethod, cache.onInsert, cache.disposeAfter]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      expect(cache.perf).toBe(clock);
      cache.ttl = 100;
      cache.allowStale = false;
      cache.set('a', 1);
      expect(cache.getRemainingTTL('a')).toBe(100);
      clock.ms += 101;
      expect(cache.get('a')).toBeUndefined();
    });

    it('a cache may be the options of another, empty one', () => {
      const [cache] = make<number>({ max: 7, ttl: 10, fetchMethod: async () => 42 });
      cache.set('a', 1);
      cache.ttl = 20;
      const Class = cache.constructor as typeof ArenaCache;
      const copy = new Class<string, number>(cache as never);
      expect([copy.size, copy.max, copy.ttl, copy.fetchMethod]).toEqual([0, 7, 20, cache.fetchMethod]);
      copy.set('b', 1);
      expect([copy.getRemainingTTL('b'), cache.has('b')]).toEqual([20, false]);
    });
  });

  describe('status', () => {
    const said = (act: (status: S) => void): S => {
      const status: S = {};
      act(status);
      return status;
    };

    it('of set, get, has and peek says what was done, on which cache, and what is left of the ttl', () => {
      const [cache, clock] = make<number>({ ttl: 100 });
      expect(said((status) => cache.set('a', 1, { status }))).toMatchObject({
        op: 'set',
        key: 'a',
        set: 'add',
        value: 1,
      });
      expect(said((status) => cache.set('a', 1, { status }))).toMatchObject({ set: 'update' });
      expect(said((status) => cache.set('a', 2, { status }))).toMatchObject({
        set: 'replace',
        oldValue: 1,
        value: 2,
      });
      clock.ms += 30;
      expect(said((status) => cache.get('a', { status }))).toMatchObject({
        op: 'get',
        key: 'a',
        get: 'hit',
        value: 2,
        ttl: 100,
        remainingTTL: 70,
        now: clock.ms,
        start: clock.ms - 30,
      });
      expect(said((status) => cache.get('a', { status })).cache === (cache as unknown)).toBe(true);
      expect(said((status) => cache.has('a', { status }))).toMatchObject({
        op: 'has',
        has: 'hit',
        remainingTTL: 70,
      });
      expect(said((status) => cache.peek('a', { status }))).toMatchObject({
        op: 'peek',
        peek: 'hit',
        value: 2,
      });
      expect(said((status) => cache.get('x', { status }))).toMatchObject({ op: 'get', get: 'miss' });
      expect(said((status) => cache.has('x', { status }))).toMatchObject({ has: 'miss' });
      expect(said((status) => cache.peek('x', { status }))).toMatchObject({ peek: 'miss' });
      clock.ms += 100;
      expect(said((status) => cache.has('a', { status }))).toMatchObject({ has: 'stale' });
      expect(said((status) => cache.peek('a', { status }))).toMatchObject({ peek: 'stale' });
      expect(said((status) => cache.get('a', { status, allowStale: true }))).toMatchObject({
        get: 'stale',
        returnedStale: true,
        value: 2,
      });
    });
  });

  it('the status of a set tells of the ttl that the entry has then', () => {
    const [cache, clock] = make<number>({ ttl: 100 });
    const status: S = {};
    cache.set('a', 1, { status });
    expect(status).toMatchObject({ ttl: 100, start: clock.ms, now: clock.ms, remainingTTL: 100 });
    clock.ms += 30;
    const kept: S = {};
    cache.set('a', 2, { ttl: 500, noUpdateTTL: true, status: kept });
    expect(kept).toMatchObject({ ttl: 100, start: clock.ms - 30, now: clock.ms, remainingTTL: 70 });
  });

  it('publishes the status of each synchronous call to those who subscribe', async () => {
    const channel = name === 'lru-cache' ? 'lru-cache:metrics' : 'rolp:cache:metrics';
    const heard: S[] = [];
    const hear = (message: unknown): void => void heard.push(message as S);
    const [cache] = make<number>({ memoMethod: () => 3, fetchMethod: async () => 4 });
    cache.set('before', 1);
    subscribe(channel, hear);
    try {
      cache.set('a', 1);
      cache.get('a');
      cache.has('x');
      cache.peek('a');
      cache.memo('m');
      cache.delete('a');
      const own: S = {};
      cache.get('a', { status: own });
      await cache.fetch('f');
      expect(heard.filter((one) => one.op !== 'fetch').map(({ op, key }) => [op, key])).toEqual([
        ['set', 'a'],
        ['get', 'a'],
        ['has', 'x'],
        ['peek', 'a'],
        ['memo', 'm'],
        ['delete', 'a'],
        ['get', 'a'],
      ]);
      expect(heard.every((one) => one.cache === (cache as unknown))).toBe(true);
      expect(heard[5]).toMatchObject({ delete: 'delete' });
      expect(heard[6]).toBe(own);
    } finally {
      unsubscribe(channel, hear);
    }
    cache.get('a');
    expect(heard.filter((one) => one.op !== 'fetch').length).toBe(7);
  });

  it('a walk meets what is changed on the way: not what was deleted, not what was added', () => {
    const [cache] = make<number>();
    for (let i = 0; i < 10; i++) cache.set(`k${i}`, i);
    const met: string[] = [];
    for (const key of cache.keys()) {
      met.push(key);
      if (key === 'k7') {
        cache.delete('k6');
        cache.set('new', 1);
      }
      if (key === 'k3') cache.clear();
    }
    expect(met).toEqual(['k9', 'k8', 'k7', 'k5', 'k4', 'k3']);
  });
});

describe('a cache made from a cache', () => {
  it('has a heap of its own, or shares the one that was given', () => {
    const own = new ArenaCache<string, number>({ maxBytes: 1 << 20, policy: 'sieve', name: 'own' });
    const copy = new ArenaCache(own);
    expect(copy.heap).not.toBe(own.heap);
    expect([copy.maxBytes, copy.name]).toEqual([1 << 20, 'own']);
    const shared = new ArenaCache<string, number>({ heap: own.heap });
    expect(new ArenaCache(shared).heap).toBe(own.heap);
    expect(ARENA.make()[0].heap).not.toBe(own.heap);
  });
});
