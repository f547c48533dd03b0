import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ArenaCache, recordCodec } from '../../src/cache/index.js';
import {
  defineRecord,
  GenerationalHeap,
  nullable,
  type RecordOf,
  StaleViewError,
} from '../../src/heap/index.js';

const User = defineRecord(
  {
    id: 'u32',
    score: 'f64',
    name: 'string',
    tags: 'string[]',
    big: 'bigint?',
    raw: 'bytes',
    ids: 'f64[]',
    at: nullable({ lat: 'f64', lng: 'f64', label: 'string?' }),
  },
  'User',
);
type User = RecordOf<typeof User>;

function user(id: number): User {
  return {
    id,
    score: id / 7,
    name: `user ${id} ş`,
    tags: ['a', `t${id}`],
    big: id % 2 === 0 ? null : BigInt(id) ** 5n,
    raw: new Uint8Array([id & 255, 1, 2]),
    ids: [id, 0.5],
    at: id % 3 === 0 ? null : { lat: id, lng: -id, label: id % 2 === 0 ? null : 'here' },
  };
}

function cacheOf(compile = true): ArenaCache<string, User> {
  return new ArenaCache<string, User>({ codec: recordCodec(User, compile) });
}

describe('record views', () => {
  it('read every kind of field in place, whatever the key’s length', () => {
    for (const compile of [true, false]) {
      const cache = cacheOf(compile);
      for (let id = 0; id < 300; id++) cache.set('k'.repeat(id % 20) + id, user(id));
      for (let id = 0; id < 300; id++) {
        const view = cache.get('k'.repeat(id % 20) + id)!;
        const { id: ownId, score, name, tags, big, raw, ids, at } = view;
        expect({ id: ownId, score, name, tags, big, raw: new Uint8Array(raw), ids, at }).toEqual(user(id));
      }
    }
  });

  it('decode only the field that is read: the others may be anything', () => {
    const cache = cacheOf();
    cache.set('k', user(4));
    const view = cache.get('k')!;
    const { memory } = cache.heap;
    // Spoils the bytes of the name in the cache's own memory.
    let spoilt = 0;
    for (const u8 of memory.u8) {
      const at = Buffer.from(u8.buffer, u8.byteOffset, u8.length).indexOf('user 4');
      if (at === -1) continue;
      u8.fill(0x78, at, at + 4);
      spoilt++;
    }
    expect(spoilt).toBe(1);
    expect(view.score).toBe(4 / 7);
    expect(view.tags).toEqual(['a', 't4']);
    expect(view.name).toBe('xxxx 4 ş');
  });

  it('stay right until the cache changes, then throw', () => {
    for (const compile of [true, false]) {
      const changes: ((cache: ArenaCache<string, User>) => void)[] = [
        (cache) => cache.set('k', user(2)),
        (cache) => cache.set('other', user(2)),
        (cache) => cache.delete('k'),
        (cache) => cache.delete('more'),
        (cache) => cache.clear(),
        (cache) => cache.pop(),
      ];
      for (const change of changes) {
        const cache = cacheOf(compile);
        cache.set('k', user(1)).set('more', user(5));
        const view = cache.get('k')!;
        expect(view.name).toBe('user 1 ş');
        cache.get('more');
        cache.has('k');
        cache.peek('more');
        cache.get('nobody');
        expect(view.name).toBe('user 1 ş');
        change(cache);
        expect(() => view.name).toThrow(StaleViewError);
        expect(() => view.id).toThrow('stale view');
        expect(() => view.at).toThrow(StaleViewError);
        expect(() => JSON.stringify(view)).toThrow(StaleViewError);
      }
    }
  });

  it('throw too when entries are moved or dropped by others', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 4096 });
    const cache = new ArenaCache<number, User>({ codec: recordCodec(User), heap, maxBytes: 512 << 10 });
    for (let id = 0; id < 200; id++) cache.set(id, user(id));
    for (let id = 0; id < 200; id += 2) cache.delete(id);
    const views = Array.from({ length: 100 }, (_, i) => cache.get(2 * i + 1)!);
    let moved = false;
    for (let region = 0; region < 200; region++) {
      try {
        moved = heap.evacuateRegion(region as never) || moved;
      } catch {
        // Not a region that can be evacuated.
      }
    }
    expect(moved).toBe(true);
    for (const view of views) expect(() => view.id).toThrow(StaleViewError);
    expect(cache.get(1)!.name).toBe('user 1 ş');
    heap.verify();
  });

  it('give copies that stay by toJSON, peek, pop, entries, dump and to dispose', () => {
    const gone: User[] = [];
    const cache = new ArenaCache<string, User>({
      codec: recordCodec(User),
      dispose: (value) => gone.push(value),
    });
    cache.set('k', user(1));
    const copies = [
      (cache.get('k') as unknown as { toJSON(): User }).toJSON(),
      cache.peek('k'),
      [...cache.values()][0],
      cache.dump()[0]![1].value,
    ];
    cache.set('k', user(2));
    const plain = (copy: unknown): unknown => ({
      ...(copy as User),
      raw: new Uint8Array((copy as User).raw),
    });
    for (const copy of [...copies, gone[0]]) expect(plain(copy)).toEqual(user(1));
    expect(plain(cache.pop())).toEqual(user(2));
  });

  it('can be set again, under their own key too', () => {
    const cache = cacheOf();
    cache.set('a', user(1));
    cache.set('b', cache.get('a')!);
    cache.set('a', cache.get('b')!);
    expect(cache.get('a')!.tags).toEqual(['a', 't1']);
    expect(cache.get('b')!.at).toEqual({ lat: 1, lng: -1, label: 'here' });
  });

  it('leave the old value if a record is wrong, and name the field', () => {
    const cache = cacheOf();
    cache.set('k', user(1));
    expect(() => cache.set('k', { ...user(2), id: -1 })).toThrow('User.id must be');
    expect(() => cache.set('k', { ...user(2), tags: [1] as never })).toThrow('User.tags[0] must be a string');
    expect(cache.get('k')!.id).toBe(1);
  });

  it('tell equal records from changed ones', () => {
    const told: string[] = [];
    const cache = new ArenaCache<string, User>({
      codec: recordCodec(User),
      onInsert: (_, __, reason) => told.push(reason),
    });
    for (const id of [1, 1, 2, 2, 1]) cache.set('k', user(id));
    expect(told).toEqual(['add', 'update', 'replace', 'update', 'replace']);
  });

  it('keep any records, through rewrites and evictions', () => {
    const record = fc.record({
      id: fc.nat(2 ** 32 - 1),
      score: fc.double(),
      name: fc.string({ unit: 'grapheme', maxLength: 60 }),
      tags: fc.array(fc.string({ maxLength: 9 }), { maxLength: 5 }),
      big: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      raw: fc.uint8Array({ maxLength: 40 }),
      ids: fc.array(fc.double(), { maxLength: 4 }),
      at: fc.option(
        fc.record({ lat: fc.double(), lng: fc.double(), label: fc.option(fc.string({ maxLength: 5 })) }),
      ),
    });
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(fc.tuple(fc.string({ maxLength: 12 }), record), { maxLength: 60 }),
        (compile, sets) => {
          const cache = new ArenaCache<string, User>({ codec: recordCodec(User, compile), max: 20 });
          const last = new Map<string, User>();
          for (const [key, given] of sets) {
            cache.set(key, given as User);
            last.set(key, given as User);
            const view = cache.get(key)!;
            expect(Object.is(view.score, given.score)).toBe(true);
            expect([view.name, view.tags, view.ids, view.big, view.at]).toEqual([
              given.name,
              given.tags,
              given.ids,
              given.big,
              given.at,
            ]);
          }
          for (const [key, copy] of cache.entries()) {
            expect({ ...copy, raw: new Uint8Array(copy.raw) }).toEqual(last.get(key));
          }
          cache.heap.verify();
        },
      ),
      { numRuns: 100, seed: 41 },
    );
  });

  it('work where code may not be generated from strings', () => {
    const run = `
      const { ArenaCache, recordCodec } = await import('${new URL('../../dist/cache/index.js', import.meta.url).href}');
      const { defineRecord } = await import('${new URL('../../dist/heap/index.js', import.meta.url).href}');
      const cache = new ArenaCache({ codec: recordCodec(defineRecord({ a: 'u8', b: 'string[]', c: { d: 'f64' } })) });
      cache.set('k', { a: 1, b: ['x'], c: { d: 0.5 } });
      const view = cache.get('k');
      console.log(JSON.stringify([view.a, view.b, view.c, view]));`;
    const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', run];
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8' })).toBe(
      '[1,["x"],{"d":0.5},{"a":1,"b":["x"],"c":{"d":0.5}}]\n',
    );
  });
});
