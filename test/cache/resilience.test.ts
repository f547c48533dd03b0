import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { ArenaCache, type Status } from '../../src/cache/index.js';
import { GenerationalHeap, type Ref, type SiteId } from '../../src/heap/index.js';

const policies = ['s3-fifo', 'sieve', 'lru'] as const;

/** Encodes numbers; throws for what it is told to. */
class MoodyCodec {
  badEncode: unknown;
  badDecode: unknown;
  encode(value: number): Uint8Array {
    if (value === this.badEncode) throw new Error('cannot encode');
    return Buffer.from(String(value));
  }
  decode(bytes: Uint8Array): number {
    const value = Number(Buffer.from(bytes).toString());
    if (value === this.badDecode) throw new Error('cannot decode');
    return value;
  }
}

describe('a codec that throws', () => {
  it('while it encodes leaves everything as it was: value, ttl, size, counters', () => {
    for (const policy of policies) {
      const codec = new MoodyCodec();
      const told: unknown[] = [];
      const cache = new ArenaCache<string, number>({
        policy,
        codec,
        maxSize: 100,
        sizeCalculation: (value) => value,
        dispose: (...args) => told.push(args),
        onInsert: (_value, _key, reason) => told.push(reason),
      });
      cache.set('a', 1, { ttl: 60_000 });
      codec.badEncode = 7;
      const before = [cache.stats(), cache.calculatedSize];
      expect(() => cache.set('a', 7)).toThrow('cannot encode');
      expect(() => cache.set('new', 7)).toThrow('cannot encode');
      expect([cache.stats(), cache.calculatedSize]).toEqual(before);
      expect(told).toEqual(['add']);
      expect([cache.get('a'), cache.has('new')]).toEqual([1, false]);
      expect(cache.getRemainingTTL('a')).toBeGreaterThan(0);
      cache.set('a', 2);
      expect(cache.get('a')).toBe(2);
      cache.heap.verify();
    }
  });

  it('while it decodes throws from get, and the entry can be replaced or deleted', () => {
    for (const policy of policies) {
      const codec = new MoodyCodec();
      const cache = new ArenaCache<string, number>({ policy, codec });
      cache.set('a', 1).set('b', 2);
      codec.badDecode = 1;
      expect(() => cache.get('a')).toThrow('cannot decode');
      expect(cache.get('b')).toBe(2);
      cache.set('a', 3);
      expect(cache.get('a')).toBe(3);
      cache.set('a', 1);
      expect(cache.delete('a')).toBe(true);
      expect([...cache.keys()]).toEqual(['b']);
      cache.heap.verify();
    }
  });
});

describe('callbacks', () => {
  it('sizeCalculation may use the cache', () => {
    const cache: ArenaCache<string, number> = new ArenaCache<string, number>({
      maxSize: 100,
      sizeCalculation: (value, key) => {
        if (key === 'outer') cache.set('inner', 5, { ttl: 60_000 });
        return value;
      },
    });
    cache.set('outer', 7);
    expect([cache.calculatedSize, cache.get('outer'), cache.get('inner')]).toEqual([12, 7, 5]);
    expect(cache.getRemainingTTL('outer')).toBe(Number.POSITIVE_INFINITY);
    expect(cache.getRemainingTTL('inner')).toBeGreaterThan(0);
  });

  it('may clear, iterate and refill the cache, from dispose, disposeAfter and onInsert', () => {
    for (const policy of policies) {
      let depth = 0;
      const act = (cache: ArenaCache<string, string>, n: number): void => {
        if (depth > 1) return;
        depth++;
        if (n % 97 === 0) cache.clear();
        else if (n % 5 === 0) for (const key of cache.keys()) if (key.endsWith('3')) cache.delete(key);
        cache.set(`again${n % 40}`, 'x'.repeat(n % 600));
        cache.pop();
        depth--;
      };
      const cache: ArenaCache<string, string> = new ArenaCache<string, string>({
        policy,
        maxBytes: 512 << 10,
        dispose: (value) => act(cache, value.length),
        disposeAfter: (value) => act(cache, value.length + 1),
        onInsert: (value) => act(cache, value.length + 2),
      });
      for (let i = 0; i < 3000; i++) {
        cache.set(`k${i % 500}`, 'y'.repeat((i * 7) % 900));
        const value = cache.get(`k${(i * 3) % 500}`);
        if (value !== undefined) expect(value).toMatch(/^y*$/);
      }
      expect(cache.bytes).toBeLessThanOrEqual(512 << 10);
      cache.heap.verify();
    }
  });
});

describe('a heap without room', () => {
  it('evicts what the cache has, and refuses, rather than throws, when that does not help', () => {
    for (const policy of policies) {
      const heap = new GenerationalHeap({ maxBytes: 2 << 20, regionBytes: 16 << 10 });
      const cache = new ArenaCache<number, Uint8Array>({ policy, heap, codec: 'bytes' });
      for (let i = 0; i < 200; i++) cache.set(i, new Uint8Array(1000));
      // Others take all that they can get.
      const refs: number[] = [];
      try {
        for (;;) refs.push(heap.allocate(4000));
      } catch {
        // Full.
      }
      expect(cache.size).toBeLessThan(200);
      const status: Status<number, Uint8Array> = {};
      let stored = 0;
      for (let i = 1000; i < 1100; i++) {
        if (cache.trySet(i, new Uint8Array(2000), { status })) stored++;
        else expect(status.set).toBe('miss');
        const found = cache.get(i);
        expect(found === undefined || found.length === 2000).toBe(true);
      }
      for (const ref of refs) heap.free(ref);
      for (let i = 2000; i < 2100; i++) expect(cache.trySet(i, new Uint8Array(1000))).toBe(true);
      expect(cache.get(2099)!.length).toBe(1000);
      expect(stored).toBeLessThanOrEqual(100);
      heap.verify();
    }
  });
});

describe('an entry that is too large', () => {
  it('is refused by event, status and return value; the older value goes, as in lru-cache', () => {
    const events: unknown[] = [];
    const hear = (message: unknown): void => void events.push(message);
    subscribe('rolp:cache:refuse', hear);
    const cache = new ArenaCache<string, string>({ maxBytes: 1 << 20, name: 'refusing' });
    const status: Status<string, string> = {};
    cache.set('k', 'small');
    expect(cache.trySet('k', 'x'.repeat(1 << 20), { status })).toBe(false);
    unsubscribe('rolp:cache:refuse', hear);
    expect(status).toMatchObject({ set: 'miss', maxEntrySizeExceeded: true });
    expect(events).toEqual([expect.objectContaining({ cache: 'refusing', key: 'k', why: 'maxBytes' })]);
    expect([cache.has('k'), cache.stats().refusals]).toEqual([false, 1]);
  });
});

describe('onUnencodable: heap', () => {
  it('keeps such values within maxHeapValues, the oldest going, and lets them be fetched and memoized', async () => {
    const cache = new ArenaCache<string, () => string>({
      onUnencodable: 'heap',
      maxHeapValues: 3,
      fetchMethod: async (key) => () => `fetched ${key}`,
      memoMethod: (key) => () => `made ${key}`,
    });
    for (let i = 0; i < 10; i++) cache.set(`k${i}`, () => `set ${i}`);
    expect(cache.size).toBe(3);
    expect((await cache.fetch('f'))!()).toBe('fetched f');
    expect(cache.get('f')!()).toBe('fetched f');
    const made = cache.memo('m');
    expect(cache.get('m')).toBe(made);
    expect(cache.size).toBe(3);
    cache.clear();
    expect(cache.size).toBe(0);
  });

  it('keeps them under the bytes that a key had, whatever its buffer is filled with later', () => {
    const cache = new ArenaCache<Uint8Array, () => number>({ onUnencodable: 'heap', maxHeapValues: 1 });
    const key = Buffer.from('a');
    cache.set(key, () => 1);
    key.write('b');
    cache.set(key, () => 2);
    expect([...cache.keys()].map(String)).toEqual(['b']);
    expect(cache.get(key)!()).toBe(2);
  });

  it('lets go of those whose set has failed', () => {
    const cache = new ArenaCache<string, () => number>({ onUnencodable: 'heap', maxHeapValues: 1 });
    expect(() => cache.set('never', () => 1, { site: 12_345 as SiteId })).toThrow();
    for (let i = 0; i < 5; i++) {
      cache.set(`k${i}`, () => i);
      expect(cache.get(`k${i}`)!()).toBe(i);
      expect(cache.size).toBe(1);
    }
  });
});
