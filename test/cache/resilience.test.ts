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

describe('a codec that throws while it decodes, for dispose,', () => {
  it('keeps no entry from going, nor others from being told of', () => {
    for (const policy of policies) {
      const codec = new MoodyCodec();
      const told: unknown[] = [];
      const cache = new ArenaCache<number, number>({
        policy,
        codec,
        max: 3,
        dispose: (value) => told.push(value),
      });
      const throws = (act: () => void): boolean => {
        try {
          act();
          return false;
        } catch (error) {
          expect((error as Error).message).toBe('cannot decode');
          return true;
        }
      };
      for (let i = 1; i <= 3; i++) cache.set(i, i);
      codec.badDecode = 2;
      expect([4, 5, 6, 7, 8, 9].filter((i) => throws(() => cache.set(i, i)))).toEqual([5]);
      expect([cache.size, told]).toEqual([3, [1, 3, 4, 5, 6]]);
      codec.badDecode = 8;
      expect(throws(() => cache.delete(8))).toBe(true);
      expect(cache.has(8)).toBe(false);
      codec.badDecode = 7;
      expect(throws(() => cache.pop())).toBe(true);
      expect([...cache.keys()]).toEqual([9]);
      codec.badDecode = 9;
      expect(throws(() => cache.set(9, 10, { status: {} }))).toBe(true);
      expect(cache.get(9)).toBe(10);
      codec.badDecode = 10;
      expect(throws(() => cache.clear())).toBe(true);
      expect([cache.size, told]).toEqual([0, [1, 3, 4, 5, 6]]);
      cache.heap.verify();
    }
  });

  it('is not asked for an old value that a status would tell', () => {
    const codec = new MoodyCodec();
    const cache = new ArenaCache<string, number>({ codec });
    cache.set('a', 1);
    codec.badDecode = 1;
    const status: Status<string, number> = {};
    cache.set('a', 2, { status });
    expect([cache.get('a'), status.set, status.oldValue]).toEqual([2, 'replace', undefined]);
  });
});

describe('callbacks', () => {
  it('onInsert is called for each set, for those that dispose causes too', () => {
    for (const policy of policies) {
      const inserted: string[] = [];
      const cache: ArenaCache<string, number> = new ArenaCache<string, number>({
        policy,
        max: 1,
        dispose: (_value, key) => {
          if (key === 'a') cache.set('c', 3);
        },
        onInsert: (_value, key) => inserted.push(key),
      });
      cache.set('a', 1).set('b', 2);
      expect(inserted).toEqual(['a', 'b', 'c']);
    }
  });

  // With Array's shift, whose work is that of all that is left, this takes hours.
  it('are called for each of very many entries that go at once', () => {
    const sums = [0, 0];
    const cache = new ArenaCache<number, number>({
      dispose: (value) => {
        sums[0]! += value;
      },
      disposeAfter: (value) => {
        sums[1]! += value;
      },
    });
    for (let i = 0; i < 600_000; i++) cache.set(i, i);
    const all = (600_000 * 599_999) / 2;
    cache.clear();
    expect(sums).toEqual([all, all]);
  });

  it('are called by purgeStale while it goes, not with all values decoded at once', () => {
    const perf = { ms: 0, now: (): number => perf.ms };
    const left: number[] = [];
    const cache: ArenaCache<number, number> = new ArenaCache<number, number>({
      perf,
      ttlResolution: 0,
      dispose: () => left.push(cache.size),
    });
    for (let i = 0; i < 50_000; i++) cache.set(i, i, { ttl: 10 });
    perf.ms = 11;
    expect(cache.purgeStale()).toBe(true);
    expect([left.length, left.at(-1)]).toEqual([50_000, 0]);
    expect(left[0]).toBeGreaterThan(40_000);
  });

  it('that throw each time leave nothing out, however long', () => {
    const told: number[] = [];
    const cache = new ArenaCache<number, number>({
      dispose: (value) => {
        told.push(value);
        throw new Error('from dispose');
      },
    });
    for (let i = 0; i < 3000; i++) cache.set(i, i);
    expect(() => cache.clear()).toThrow('from dispose');
    for (let n = 1; n < 3000; n++) expect(() => cache.clear()).toThrow('from dispose');
    cache.clear();
    expect(told.sort((a, b) => a - b)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
  });

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

describe('who listens to the channels of a cache', () => {
  /** Calls `hear` with what a channel tells of the cache of this name, while `act` runs. */
  function heard(channel: string, hear: (message: Record<string, unknown>) => void, act: () => void): void {
    const listener = (message: unknown): void => hear(message as Record<string, unknown>);
    subscribe(channel, listener);
    try {
      act();
    } finally {
      unsubscribe(channel, listener);
    }
  }

  it('may use it when a set is refused', () => {
    const cache = new ArenaCache<string, string>({ maxBytes: 512 << 10 });
    cache.set('big', 'small').set('other', 'stays');
    let calls = 0;
    const hear = (): void => {
      calls++;
      cache.get('other');
      cache.set('more', 'of it');
    };
    const status: Status<string, string> = {};
    heard('rolp:cache:refuse', hear, () => cache.set('big', 'x'.repeat(1 << 20), { status }));
    expect([calls, cache.has('big'), cache.get('other'), cache.get('more')]).toEqual([
      1,
      false,
      'stays',
      'of it',
    ]);
    expect(status.entrySize).toBeGreaterThan(1 << 20);
  });

  it('may use it when entries are evicted', () => {
    for (const policy of policies) {
      const cache = new ArenaCache<string, string>({ policy, maxBytes: 512 << 10 });
      let entries = 0;
      let calls = 0;
      const hear = (message: Record<string, unknown>): void => {
        calls++;
        entries += message.entries as number;
        cache.get('keep');
        cache.set(`noted ${calls % 10}`, 'x'.repeat(calls % 300));
      };
      heard('rolp:cache:evict', hear, () => {
        cache.set('keep', 'it');
        for (let i = 0; i < 10_000; i++) {
          const value = `value ${i} `.repeat(10);
          cache.set(`k${i}`, value);
          if (cache.get(`k${i}`) !== value) expect.fail(`${policy}: k${i} is not what it was set to`);
        }
      });
      expect(calls).toBeGreaterThan(10);
      expect(entries).toBe(cache.stats().evictions);
      cache.heap.verify();
    }
  });

  it('may use it when an entry is deleted', () => {
    const cache = new ArenaCache<string, number>();
    cache.set('a', 1).set('b', 2);
    const hear = (message: Record<string, unknown>): void => {
      if (message.op === 'delete') cache.clear();
    };
    heard('rolp:cache:metrics', hear, () => expect(cache.delete('a')).toBe(true));
    expect(cache.size).toBe(0);
    cache.heap.verify();
  });

  it('is told of what others on the heap have driven out, soon after, and so is dispose', async () => {
    const heap = new GenerationalHeap({ maxBytes: 2 << 20, regionBytes: 16 << 10 });
    const told: string[] = [];
    const cache = new ArenaCache<number, Uint8Array>({
      heap,
      codec: 'bytes',
      dispose: (_value, _key, reason) => told.push(reason),
    });
    for (let i = 0; i < 200; i++) cache.set(i, new Uint8Array(1000));
    let entries = 0;
    const listener = (message: unknown): void => {
      entries += (message as { entries: number }).entries;
    };
    subscribe('rolp:cache:evict', listener);
    try {
      for (;;) heap.allocate(4000);
    } catch {
      // Full.
    }
    const { evictions } = cache.stats();
    expect([evictions > 0, entries, told]).toEqual([true, 0, []]);
    await Promise.resolve();
    unsubscribe('rolp:cache:evict', listener);
    expect([entries, told]).toEqual([evictions, new Array(evictions).fill('evict')]);
  });
});

describe('a hook of the heap that a set calls', () => {
  /** A cache on a heap that others have filled, and what frees some of it. */
  function crowded(
    policy: (typeof policies)[number],
    gone: (key: string) => void = () => {},
  ): { heap: GenerationalHeap; cache: ArenaCache<string, Uint8Array>; free: () => void } {
    const heap = new GenerationalHeap({ maxBytes: 2 << 20, regionBytes: 16 << 10 });
    const dispose = (_value: Uint8Array, key: string): void => gone(key);
    const cache = new ArenaCache<string, Uint8Array>({ policy, heap, codec: 'bytes', dispose });
    const refs: Ref[] = [];
    try {
      for (;;) refs.push(heap.allocate(4000));
    } catch {
      // Full.
    }
    const free = (): void => {
      for (const ref of refs.splice(0, 40)) heap.free(ref);
    };
    return { heap, cache, free };
  }

  it('may not look into the cache, whose key in hand would be another, nor clear it', () => {
    for (const policy of policies) {
      const { heap, cache, free } = crowded(policy);
      const told: unknown[] = [];
      heap.onPressure(() => {
        for (const act of [() => cache.get('other'), () => cache.clear()]) {
          try {
            told.push(act());
          } catch (error) {
            told.push((error as Error).message);
          }
        }
        free();
      });
      for (let i = 0; i < 300; i++) {
        expect(cache.trySet(`k${i}`, new Uint8Array(1000).fill(i))).toBe(true);
        expect(cache.get(`k${i}`)).toEqual(Buffer.alloc(1000, i));
      }
      expect(told.length).toBeGreaterThan(0);
      expect(new Set(told)).toEqual(
        new Set(['a hook, policy or listener of the heap must not use the cache that places an entry']),
      );
      heap.verify();
    }
  });

  it('may take entries out, whose callbacks wait for the end of the set', () => {
    for (const policy of policies) {
      let disposed = 0;
      const { heap, cache, free } = crowded(policy, (key) => {
        disposed++;
        cache.has(key);
      });
      let popped = 0;
      heap.onPressure(() => {
        if (cache.pop() !== undefined) popped++;
        free();
      });
      let evicted = 0;
      for (let i = 0; i < 300; i++) {
        const key = `k${i % 7}`;
        const value = new Uint8Array(500 + i).fill(i);
        expect(cache.trySet(key, value)).toBe(true);
        expect(cache.get(key)).toEqual(Buffer.from(value));
        evicted = cache.stats().evictions;
      }
      expect(disposed).toBeGreaterThanOrEqual(evicted);
      expect(evicted).toBeGreaterThanOrEqual(popped);
      heap.verify();
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
