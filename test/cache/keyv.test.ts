import Keyv from 'keyv';
import { describe, expect, it } from 'vitest';
import { ArenaCache } from '../../src/cache/index.js';
import { KeyvArena, keyvOptions } from '../../src/cache/keyv.js';

// What Keyv's own test suite says of the adapter is in test/compat: `npm run test:compat`.
describe('rolp/keyv', () => {
  it('stores under Keyv what the cache’s codec takes, as entries with Keyv’s ttl', async () => {
    const cache = new ArenaCache<string, any>();
    const keyv = new Keyv({ ...keyvOptions(cache), namespace: 'n' });
    const value = { at: new Date(3), set: new Set([1n]) };
    expect(await keyv.set('k', value, 60_000)).toBe(true);
    expect(await keyv.get('k')).toEqual(value);
    expect(cache.get('n:k')).toMatchObject({ value });
    expect(cache.getRemainingTTL('n:k')).toBeGreaterThan(50_000);
    const seen: unknown[] = [];
    for await (const entry of keyv.iterator!(undefined)) seen.push(entry);
    expect(seen).toEqual([['k', value]]);
    expect([await keyv.delete('k'), cache.size]).toEqual([true, 0]);
  });

  it('leaves keys of other namespaces, and those that are no strings, alone', async () => {
    const cache = new ArenaCache<any, any>();
    const store = new KeyvArena(cache);
    cache.set(5, 'number').set('a:1', 1).set('a:2', 2).set('ab:1', 3);
    store.namespace = 'a';
    await store.clear();
    expect([...cache.keys()].sort()).toEqual([5, 'ab:1']);
    store.namespace = undefined;
    expect(await store.getMany(['ab:1', 'none'])).toEqual([3, undefined]);
    await store.clear();
    expect(cache.size).toBe(0);
  });

  it('rounds ttls up, takes 0 for none, and drops what is over before it begins', async () => {
    const store = new KeyvArena({ ttl: 5000 });
    await store.set('a', 1, 0.5);
    await store.set('b', 1, 0);
    await store.set('c', 1);
    await store.set('c', 2, -1);
    expect(store.cache.getRemainingTTL('a')).toBeLessThanOrEqual(1);
    expect(store.cache.getRemainingTTL('b')).toBeGreaterThan(100);
    expect(await store.has('c')).toBe(false);
  });

  it('says of many whether each was stored, and of deletes whether all were there', async () => {
    const store = new KeyvArena({ maxBytes: 1 << 20 });
    const entries = [
      { key: 'a', value: 1 },
      { key: 'b', value: 'x'.repeat(1 << 20) },
      { key: 'c', value: 3, ttl: 1000 },
    ];
    expect(await store.setMany(entries)).toEqual([true, false, true]);
    expect(await store.hasMany(['a', 'b', 'c'])).toEqual([true, false, true]);
    expect([await store.deleteMany(['a', 'b']), await store.deleteMany(['c'])]).toEqual([false, true]);
  });
});
