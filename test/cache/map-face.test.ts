import { describe, expect, it } from 'vitest';
import { ArenaCache, asMap } from '../../src/cache/index.js';

/** What libraries that take a Map do with it. */
function memoize<T>(compute: (key: string) => T, cache: Map<string, T>): (key: string) => T {
  return (key) => {
    if (cache.has(key)) return cache.get(key) as T;
    const value = compute(key);
    cache.set(key, value);
    return value;
  };
}

describe('asMap', () => {
  it('is what a Map is, as far as a cache can be', () => {
    const cache = new ArenaCache<string, number>({ policy: 'lru' });
    const map: Map<string, number> = asMap(cache);
    expect(map.set('a', 1).set('b', 2)).toBe(map);
    expect([map.size, map.get('a'), map.has('b'), map.has('c')]).toEqual([2, 1, true, false]);
    expect([map.delete('b'), map.delete('b')]).toEqual([true, false]);
    map.set('c', 3);
    expect([...map]).toEqual([
      ['c', 3],
      ['a', 1],
    ]);
    expect([[...map.keys()], [...map.values()], [...map.entries()]]).toEqual([['c', 'a'], [3, 1], [...map]]);
    expect(new Map(map)).toEqual(new Map([...map]));
    expect(Object.prototype.toString.call(map)).toBe('[object Map]');
    const seen: unknown[] = [];
    map.forEach(function (this: unknown, value, key, self) {
      seen.push([value, key, self === map, this]);
    }, 'this');
    expect(seen[0]).toEqual([3, 'c', true, 'this']);
    map.clear();
    expect([map.size, cache.size]).toEqual([0, 0]);
  });

  it('has the newer methods of a Map', () => {
    const map = asMap(new ArenaCache<string, number>());
    expect([map.getOrInsert('a', 1), map.getOrInsert('a', 2), map.get('a')]).toEqual([1, 1, 1]);
    const compute = (key: string): number => key.length;
    expect([map.getOrInsertComputed('abc', compute), map.getOrInsertComputed('a', compute)]).toEqual([3, 1]);
    expect(map.get('abc')).toBe(3);
  });

  it('serves those who take a Map, and so does the cache itself where they do not look twice', () => {
    const cache = new ArenaCache<string, { key: string }>();
    for (const map of [asMap(cache), cache as unknown as Map<string, { key: string }>]) {
      let calls = 0;
      const once = memoize((key) => ({ key, n: ++calls }), map);
      once('x');
      expect(once('x')).toEqual({ key: 'x', n: 1 });
      map.clear();
    }
  });

  it('ignores further arguments of set, numbers among them', () => {
    const cache = new ArenaCache<string, number>();
    (asMap(cache).set as (...args: unknown[]) => void).call(asMap(cache), 'a', 1, 1000);
    (cache.set as (...args: unknown[]) => void).call(cache, 'b', 1, 1000);
    expect([cache.getRemainingTTL('a'), cache.getRemainingTTL('b')]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('takes every key that the cache takes, NaN and -0 as a Map does', () => {
    const map = asMap(new ArenaCache<string | number | bigint, number>());
    map.set(Number.NaN, 1).set(-0, 2).set(0n, 3).set('0', 4);
    expect([map.get(Number.NaN), map.get(0), map.get(0n), map.get('0'), map.size]).toEqual([1, 2, 3, 4, 4]);
  });
});
