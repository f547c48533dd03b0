import { beforeEach, describe, expect, it } from 'vitest';
import { ArenaCache, asMap } from '../../src/cache/index.js';
import { keyvOptions } from '../../src/cache/keyv.js';

const CAN_RUN = Number(process.versions.node.split('.')[0]) >= 22;
const { default: Keyv } = CAN_RUN ? await import('keyv-6') : { default: undefined as never };

interface Subject {
  readonly name: string;
  make(cache: ArenaCache<string, any>, options?: object): InstanceType<typeof Keyv>;
}

const SUBJECTS: readonly Subject[] = [
  { name: 'rolp/keyv', make: (cache, options) => new Keyv({ ...keyvOptions(cache), ...options }) },
  {
    name: 'rolp/keyv with Keyv’s serialization',
    make: (cache, options) => new Keyv({ store: keyvOptions(cache).store, ...options }),
  },
  {
    name: 'a Map',
    make: (cache, options) => new Keyv({ store: asMap(cache), serialization: false, ...options }),
  },
];

// Keyv 6 has no published test suite: this is what its adapters' contract says.
describe.skipIf(!CAN_RUN).each(SUBJECTS)('Keyv 6 on $name', ({ make }) => {
  let cache: ArenaCache<string, any>;
  beforeEach(() => {
    cache = new ArenaCache<string, any>();
  });

  it('sets and gets', async () => {
    const keyv = make(cache);
    expect(await keyv.get('a')).toBeUndefined();
    expect(await keyv.set('a', 'text')).toBe(true);
    expect(await keyv.get('a')).toBe('text');
    for (const value of [false, 0, null, '', 'x"y', { a: { b: [1] } }, Buffer.from('bytes')]) {
      await keyv.set('v', value);
      expect(await keyv.get('v')).toEqual(value);
    }
    expect(cache.size).toBe(2);
  });

  it('sets, gets, asks for and deletes many', async () => {
    const keyv = make(cache);
    expect(
      await keyv.setMany([
        { key: 'a', value: 1 },
        { key: 'b', value: { deep: true } },
      ]),
    ).toEqual([true, true]);
    expect(await keyv.getMany(['a', 'x', 'b'])).toEqual([1, undefined, { deep: true }]);
    expect(await keyv.hasMany(['a', 'x'])).toEqual([true, false]);
    await keyv.deleteMany(['a', 'b']);
    expect(await keyv.hasMany(['a', 'b'])).toEqual([false, false]);
    expect(cache.size).toBe(0);
  });

  it('says whether a key was there', async () => {
    const keyv = make(cache);
    await keyv.set('a', 1);
    expect([await keyv.has('a'), await keyv.has('x')]).toEqual([true, false]);
    expect(await keyv.delete('a')).toBe(true);
    expect([await keyv.has('a'), await keyv.get('a')]).toEqual([false, undefined]);
  });

  it('lets values expire', async () => {
    const keyv = make(cache);
    await keyv.set('short', 1, 20);
    await keyv.setMany([{ key: 'many', value: 1, ttl: 20 }]);
    await keyv.set('long', 2, 60_000);
    await keyv.set('none', 3);
    expect(await keyv.get('short')).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await keyv.getMany(['short', 'many', 'long', 'none'])).toEqual([undefined, undefined, 2, 3]);
    expect(await keyv.has('short')).toBe(false);
  });

  it('keeps namespaces apart', async () => {
    const users = make(cache, { namespace: 'users' });
    const posts = make(cache, { namespace: 'posts' });
    await users.set('a', 1);
    await users.set('b', 2);
    await posts.set('a', 9);
    expect([await users.get('a'), await posts.get('a'), await posts.get('b')]).toEqual([1, 9, undefined]);
    expect(await users.delete('a')).toBe(true);
    expect(await posts.get('a')).toBe(9);
    await users.clear();
    expect([await users.get('b'), await posts.get('a')]).toEqual([undefined, 9]);
  });

  it('walks the entries of its namespace', async () => {
    const users = make(cache, { namespace: 'users' });
    await make(cache, { namespace: 'posts' }).set('x', 0);
    await users.set('a', 1);
    await users.set('b', { deep: true });
    const seen: unknown[] = [];
    for await (const entry of users.iterator()) seen.push(entry);
    expect(seen.sort()).toEqual([
      ['a', 1],
      ['b', { deep: true }],
    ]);
  });

  it('clears all without a namespace', async () => {
    const keyv = make(cache);
    await keyv.set('a', 1);
    await keyv.clear();
    expect([await keyv.get('a'), cache.size]).toEqual([undefined, 0]);
    await keyv.disconnect();
  });
});

describe.skipIf(!CAN_RUN)('rolp/keyv under Keyv 6', () => {
  it('hands ttls on to the cache', async () => {
    const cache = new ArenaCache<string, any>();
    const keyv = new Keyv(keyvOptions(cache));
    await keyv.set('k', 1, 60_000);
    const remaining = cache.getRemainingTTL('k');
    expect(remaining).toBeGreaterThan(50_000);
    expect(remaining).toBeLessThanOrEqual(60_001);
  });

  it('keeps what JSON would lose, and tells what was not stored', async () => {
    const keyv = new Keyv(keyvOptions({ maxBytes: 1 << 20 }));
    keyv.on('error', () => {});
    const value = { map: new Map([[1, 2]]), date: new Date(5), big: 12n, none: undefined };
    await keyv.set('k', value);
    expect(await keyv.get('k')).toEqual(value);
    expect(await keyv.set('big', 'x'.repeat(1 << 20))).toBe(false);
    expect(await keyv.set('odd', { act: () => {} })).toBe(false);
  });
});
