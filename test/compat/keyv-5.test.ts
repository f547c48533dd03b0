import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import Keyv from 'keyv';
import * as vitest from 'vitest';
import { describe, expect, it } from 'vitest';
import { ArenaCache, asMap } from '../../src/cache/index.js';
import { KeyvArena, keyvOptions } from '../../src/cache/keyv.js';

/** Keyv as `keyvOptions` makes it, unless a test of the suite says otherwise. */
class PlainKeyv extends Keyv {
  constructor(options: object = {}) {
    super({ serialize: undefined, deserialize: undefined, ...options });
  }
}

describe.each([
  ['with the cache’s codec', PlainKeyv],
  ['with Keyv’s serialization', Keyv],
])('the test suite of Keyv 5, %s', (_name, Class) => {
  const cache = new ArenaCache<string, any>();
  keyvTestSuite(vitest as never, Class as never, () => new KeyvArena(cache) as never);
  keyvIteratorTests(vitest as never, Class as never, () => new KeyvArena(cache) as never);
});

describe('the test suite of Keyv 5, with a Map', () => {
  const cache = new ArenaCache<string, any>();
  // The suite sets an option of the store.
  const store = () => Object.assign(asMap(cache), { opts: {} });
  vitest.beforeEach(() => cache.clear());
  keyvTestSuite(
    { ...vitest, describe: vitest.describe, it: skipNamespaces(vitest.it) } as never,
    Keyv as never,
    store as never,
  );

  /** A Map's clear clears all, whatever the namespace; that holds for a Map itself. */
  function skipNamespaces(it: typeof vitest.it) {
    return (name: string, test: never) =>
      name === 'namespaced clear only clears current namespace' ? it.skip(name, test) : it(name, test);
  }
});

describe('rolp/keyv under Keyv 5', () => {
  it('keeps what JSON would lose', async () => {
    const keyv = new Keyv(keyvOptions());
    const value = {
      map: new Map([[1, new Set(['a'])]]),
      date: new Date(5),
      bytes: Buffer.from([1, 2]),
      big: 12n,
      none: undefined,
      not: Number.NaN,
    };
    expect(await keyv.set('k', value)).toBe(true);
    expect(await keyv.get('k')).toEqual(value);
  });

  it('hands ttls on to the cache, which drops what is over', async () => {
    let ms = 0;
    const cache = new ArenaCache<string, any>({ perf: { now: () => ms }, ttlResolution: 0 });
    const keyv = new Keyv(keyvOptions(cache));
    await keyv.set('k', 1, 500);
    expect(cache.getRemainingTTL('keyv:k')).toBe(500);
    await keyv.setMany([
      { key: 'a', value: 1, ttl: 1.5 },
      { key: 'b', value: 2 },
    ]);
    expect([cache.getRemainingTTL('keyv:a'), cache.getRemainingTTL('keyv:b')]).toEqual([
      2,
      Number.POSITIVE_INFINITY,
    ]);
    ms = 501;
    expect([await keyv.has('k'), await keyv.hasMany(['k', 'b'])]).toEqual([false, [false, true]]);
    expect(await keyv.get('k')).toBeUndefined();
    expect(cache.size).toBe(2);
  });

  it('reads, deletes and walks many, each namespace its own', async () => {
    const cache = new ArenaCache<string, any>();
    const users = new Keyv({ ...keyvOptions(cache), namespace: 'users' });
    const posts = new Keyv({ ...keyvOptions(cache), namespace: 'posts' });
    expect(
      await users.setMany([
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
      ]),
    ).toEqual([true, true]);
    await posts.set('a', 9);
    expect(await users.getMany(['a', 'b', 'c'])).toEqual([1, 2, undefined]);
    const seen: unknown[] = [];
    for await (const [key, value] of users.iterator!(undefined)) seen.push([key, value]);
    expect(seen.sort()).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    expect(await users.deleteMany(['a', 'c'])).toBe(false);
    expect(await users.deleteMany(['b'])).toBe(true);
    await users.set('d', 4);
    await users.clear();
    expect([await users.get('d'), await posts.get('a'), cache.size]).toEqual([undefined, 9, 1]);
  });

  it('says that a value was refused, and what cannot be encoded', async () => {
    const keyv = new Keyv(keyvOptions({ maxBytes: 1 << 20 }));
    const errors: unknown[] = [];
    keyv.on('error', (error: Error) => errors.push(error.message));
    expect(await keyv.set('big', 'x'.repeat(1 << 20))).toBe(false);
    expect(await keyv.set('odd', { act: () => {} })).toBe(false);
    expect(errors).toEqual([expect.stringContaining('act')]);
  });

  it('lets the cache itself be the store', async () => {
    const cache = new ArenaCache<string, any>();
    const keyv = new Keyv({ store: cache });
    await keyv.set('k', { a: 1 }, 20);
    expect(await keyv.get('k')).toEqual({ a: 1 });
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(await keyv.get('k')).toBeUndefined();
    expect([await keyv.delete('k'), cache.size]).toEqual([false, 0]);
    // Keyv has put its namespace on the cache.
    expect(new ArenaCache(cache).size).toBe(0);
  });
});

describe('cache-manager', () => {
  it('works on rolp/keyv', async () => {
    const cache = new ArenaCache<string, any>();
    const manager = createCache({ stores: [new Keyv(keyvOptions(cache))] });
    await manager.set('a', { n: 1 });
    await manager.mset([
      { key: 'b', value: 2, ttl: 10_000 },
      { key: 'c', value: 3 },
    ]);
    expect(await manager.mget(['a', 'b', 'x'])).toEqual([{ n: 1 }, 2, undefined]);
    const ttl = (await manager.ttl('b'))! - Date.now();
    expect(ttl).toBeGreaterThan(5000);
    expect(ttl).toBeLessThanOrEqual(10_000);
    let calls = 0;
    const load = async (): Promise<number> => ++calls;
    expect([await manager.wrap('w', load), await manager.wrap('w', load), calls]).toEqual([1, 1, 1]);
    await manager.mdel(['a', 'b']);
    expect(cache.size).toBe(2);
    await manager.clear();
    expect(cache.size).toBe(0);
    await manager.disconnect();
  });
});

describe('cacheable', () => {
  it('works on rolp/keyv, as primary and as secondary', async () => {
    const first = new ArenaCache<string, any>();
    const second = new ArenaCache<string, any>();
    const cache = new Cacheable({
      primary: new Keyv(keyvOptions(first)),
      secondary: new Keyv(keyvOptions(second)),
    });
    const value = { at: new Date(7), list: [1, 2] };
    expect(await cache.set('a', value, '1h')).toBe(true);
    await cache.setMany([
      { key: 'b', value: 2 },
      { key: 'c', value: 3 },
    ]);
    expect([first.size, second.size]).toEqual([3, 3]);
    first.clear();
    expect(await cache.get('a')).toEqual(value);
    expect(first.size).toBe(1);
    expect(await cache.getMany(['b', 'c', 'x'])).toEqual([2, 3, undefined]);
    expect([await cache.has('b'), await cache.delete('b'), await cache.has('b')]).toEqual([
      true,
      true,
      false,
    ]);
    await cache.clear();
    expect([first.size, second.size]).toEqual([0, 0]);
    await cache.disconnect();
  });
});
