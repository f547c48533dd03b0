import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createMap, defineRecord, GenerationalHeap, type Ref, StaleRefError } from '../../src/heap/index.js';
import { nullable, Pool } from '../../src/heap/records/index.js';

const User = defineRecord(
  { id: 'u32', score: 'f64', name: 'string', tags: 'string[]', age: 'u8?', home: { city: 'string' } },
  'User',
);
const ada = { id: 1, score: 0.5, name: 'Ada', tags: ['a'], home: { city: 'London' } };
function makePool(compile: boolean): Pool<typeof User.schema> {
  return new Pool(User, { heap: new GenerationalHeap({ maxBytes: 1 << 22 }), compile });
}

describe('a schema', () => {
  it('refuses what it does not know, naming the field', () => {
    expect(() => defineRecord({ x: 'u128' as 'u32' }, 'R')).toThrow(/R\.x: unknown type "u128"/);
    expect(() => defineRecord({ in: { y: 'string?[]' as 'u32' } }, 'R')).toThrow(/R\.in\.y/);
    expect(() => defineRecord({ $ref: 'u32' }, 'R')).toThrow(/R\.\$ref/);
    expect(() => defineRecord({}, 'R')).toThrow(/at least one field/);
  });
});

for (const compile of [true, false]) {
  describe(`a pool, ${compile ? 'compiled' : 'interpreted'}`, () => {
    it('names record and field of a wrong value and touches nothing', () => {
      const pool = makePool(compile);
      const bad =
        (change: object): (() => Ref) =>
        () =>
          pool.create({ ...ada, ...change } as typeof ada);
      expect(bad({ id: -1 })).toThrow('User.id must be an integer from 0 to 4294967295, got -1');
      expect(bad({ id: 1.5 })).toThrow(/User\.id/);
      expect(bad({ name: undefined })).toThrow('User.name must be a string, got undefined');
      expect(bad({ tags: ['a', 7] })).toThrow('User.tags[1] must be a string, got 7');
      expect(bad({ tags: 'a' })).toThrow('User.tags must be an array or typed array, got "a"');
      expect(bad({ age: 256 })).toThrow('User.age must be an integer from 0 to 255, or null, got 256');
      expect(bad({ home: null })).toThrow('User.home must be an object, got null');
      expect(bad({ home: { city: 7 } })).toThrow('User.home.city must be a string, got 7');
      expect(pool.heap.stats().totals.bytesAllocated).toBe(0);
      const ref = pool.create(ada);
      expect(() => pool.update(ref, { name: 'x', id: 'y' as never })).toThrow(/User\.id/);
      expect(() => {
        pool.at(ref).id = -1;
      }).toThrow(/User\.id/);
      expect(pool.read(ref)).toEqual({ ...ada, age: null });
    });

    it('finds stale refs and refs of others out', () => {
      const pool = makePool(compile);
      const other = new Pool(User, { heap: pool.heap, compile });
      const ref = pool.create(ada);
      const cursor = pool.view(ref);
      expect(() => other.read(ref)).toThrow(/is no User of this pool/);
      expect(() => other.free(ref)).toThrow(/is no User of this pool/);
      expect(() => other.at(ref)).toThrow(/is no User of this pool/);
      expect(other.has(ref)).toBe(false);
      pool.free(ref);
      for (const use of [() => cursor.id, () => pool.read(ref), () => pool.free(ref), () => pool.at(ref)]) {
        expect(use).toThrow(StaleRefError);
      }
    });

    it('finds a record gone whose region was released, and used again', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 4096 });
      const generation = heap.newGeneration();
      const pool = new Pool(User, { heap, generation, compile });
      const cursor = pool.view(pool.create(ada));
      expect(cursor.id).toBe(1);
      heap.releaseGeneration(generation, { keep: true });
      expect(() => cursor.id).toThrow(StaleRefError);
      for (let i = 0; i < 100; i++) pool.create(ada);
      expect(() => cursor.id).toThrow(StaleRefError);
      expect(pool.size).toBe(100);
    });

    it('finds a record gone whose region was begun anew, its ref in what lies there now', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024, sampleBytes: 0 });
      const pool = new Pool(defineRecord({ id: 'u32' }), { heap, compile });
      const refs = Array.from({ length: 64 }, (_, id) => pool.create({ id }));
      const start = heap.addressOf(refs[0]!);
      const gone = pool.view(refs[10]!);
      for (const ref of refs) pool.free(ref);
      const view = heap.view(heap.allocate(480));
      expect(heap.addressOf(heap.allocate(0)) - start).toBe(488 / heap.memory.unitBytes);
      new Int32Array(view.buffer, view.byteOffset, 120).fill(gone.$ref);
      expect(() => gone.id).toThrow(StaleRefError);
    });

    it('that was disposed of knows no record of the pool that comes after it', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20 });
      const first = new Pool(User, { heap, compile });
      const cursor = first.view(first.create(ada));
      first[Symbol.dispose]();
      const second = new Pool(defineRecord({ a: 'u32', b: 'u32' }), { heap, compile });
      const ref = second.create({ a: 1, b: 2 });
      expect(first.has(ref as never)).toBe(false);
      expect(() => first.read(ref)).toThrow('the pool of User was disposed of');
      expect(() => cursor.$at(ref)).toThrow('the pool of User was disposed of');
    });

    it('takes no block for its record that has the slot of one that is gone, and a tag by chance', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, maxRefs: 64 });
      const generation = heap.newGeneration();
      const pool = new Pool(User, { heap, generation, compile });
      for (let i = 0; i < 20; i++) pool.create(ada);
      heap.releaseGeneration(generation);
      const others = Array.from({ length: heap.stats().refs.max }, () => heap.allocate(64));
      for (const other of others) {
        const view = heap.view(other);
        new Int32Array(view.buffer, view.byteOffset, 16).fill(1);
      }
      expect(pool.size).toBe(0);
      pool[Symbol.dispose]();
      expect(others.every((other) => heap.has(other))).toBe(true);
    });

    it('knows its records where refs are as few as can be', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, maxRefs: 16 });
      const pool = new Pool(User, { heap, compile });
      const refs = Array.from({ length: 15 }, () => pool.create(ada));
      pool.free(refs.pop()!);
      expect(pool.size).toBe(14);
      expect([...pool].sort()).toEqual(refs.sort());
      pool.clear();
      expect(pool.size).toBe(0);
      expect(heap.stats().refs.live).toBe(0);
    });

    it('reads right through a cursor whose record moved or grew', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024 });
      const pool = new Pool(User, { heap, compile });
      const refs = Array.from({ length: 200 }, (_, id) => pool.create({ ...ada, id }));
      const cursors = refs.map((ref) => pool.view(ref));
      const before = refs.map((ref) => heap.addressOf(ref));
      refs.forEach((ref, i) => void (i % 3 > 0 && pool.free(ref)));
      heap.collectGeneration(1);
      let moved = 0;
      for (let i = 0; i < refs.length; i += 3) {
        if (heap.addressOf(refs[i]!) !== before[i]) moved++;
        expect(cursors[i]!.id).toBe(i);
        cursors[i]!.name = 'x'.repeat(200);
        expect(cursors[i]!.id).toBe(i);
        expect(cursors[i]!.$equals('name', 'x'.repeat(200))).toBe(true);
        cursors[i]!.home.city = 'y'.repeat(99);
        expect(pool.equals(refs[i]!, 'home.city', 'y'.repeat(99))).toBe(true);
      }
      expect(moved).toBeGreaterThan(0);
      heap.verify();
    });

    it('loads numbers into a typed array, and says which fields are some', () => {
      const pool = new Pool(
        defineRecord({ id: 'u32', at: nullable({ lat: 'f64', z: 'i16?' }), big: 'i64', ok: 'bool' }, 'P'),
        { heap: new GenerationalHeap({ maxBytes: 1 << 20 }), compile },
      );
      const cursor = pool.at(pool.create({ id: 2 ** 32 - 1, big: 1n, ok: true }));
      const into = new Float64Array(2);
      cursor.$load('id', into);
      cursor.$load('at.lat', into, 1);
      expect([...into]).toEqual([2 ** 32 - 1, Number.NaN]);
      pool.update(cursor.$ref, { at: { lat: 0.1 } });
      cursor.$load('at.lat', into, 0);
      cursor.$load('at.z', into, 1);
      expect([...into]).toEqual([0.1, Number.NaN]);
      for (const path of ['big', 'ok', 'at', 'lat', 'toString']) {
        expect(() => cursor.$load(path, into)).toThrow('is no number field; those are id, at.lat, at.z');
      }
      pool.free(cursor.$ref);
      expect(() => cursor.$load('id', into)).toThrow(StaleRefError);
    });

    it('refuses a record longer than its offsets reach, before anything is touched', () => {
      const Long = defineRecord({ a: 'bytes', b: 'bytes', c: 'bytes', d: 'bytes', e: 'u32[]' }, 'Long');
      const pool = new Pool(Long, { heap: new GenerationalHeap({ maxBytes: 1 << 20 }), compile });
      // Never read, and so never in memory. Together they are longer than 32 bits can say.
      const a = new Uint8Array(2 ** 30 - 1);
      const long = { a, b: a, c: a, d: a, e: [1] };
      expect(() => pool.create(long)).toThrow(/^Long takes 42949\d{5} bytes, more than 2147483640$/);
      expect(pool.heap.stats().totals.bytesAllocated).toBe(0);
      const none = new Uint8Array(0);
      const ref = pool.create({ a: none, b: none, c: none, d: none, e: [1, 2] });
      expect(() => pool.update(ref, long)).toThrow(/^Long takes 42949\d{5} bytes/);
      expect(pool.read(ref)).toEqual({ a: none, b: none, c: none, d: none, e: [1, 2] });
    });

    it('takes bytes that lie on the heap itself', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024 });
      const pool = new Pool(defineRecord({ blob: 'bytes' }), { heap, compile });
      const ref = pool.create({ blob: Uint8Array.from({ length: 100 }, (_, i) => i) });
      pool.update(ref, { blob: pool.bytes(ref, 'blob')!.subarray(10) });
      expect(pool.read(ref).blob[0]).toBe(10);
      const copy = pool.create({ blob: pool.bytes(ref, 'blob')! });
      expect(pool.read(copy)).toEqual(pool.read(ref));
    });

    it('takes Buffers over bytes that lie on the heap itself, and refuses a DataView', () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024, debug: true });
      const pool = new Pool(defineRecord({ blob: 'bytes', list: 'bytes[]' }, 'B'), { heap, compile });
      const blob = Uint8Array.from({ length: 100 }, (_, i) => i);
      const ref = pool.create({ blob, list: [] });
      const lent = pool.bytes(ref, 'blob')!;
      const buffer = Buffer.from(lent.buffer, lent.byteOffset, lent.length);
      // The record grows, and leaves the place where the bytes are.
      pool.update(ref, { list: [buffer, buffer.subarray(40)] });
      expect(pool.read(ref)).toEqual({ blob, list: [blob, blob.subarray(40)] });
      const view = new DataView(lent.buffer, lent.byteOffset, lent.length);
      expect(() => pool.update(ref, { blob: view as never })).toThrow('B.blob must be a Uint8Array');
    });

    it('reads nothing through a cursor kept of a nested record, where that is null', () => {
      const Nested = { tags: 'string[]', raw: 'bytes[]', ids: 'u32[]', name: 'string' } as const;
      const pool = new Pool(defineRecord({ at: nullable(Nested), behind: 'string' }), {
        heap: new GenerationalHeap({ maxBytes: 1 << 20 }),
        compile,
      });
      const at = { tags: ['a'], raw: [new Uint8Array(3)], ids: [7], name: 'x' };
      const cursor = pool.view(pool.create({ at, behind: '' }));
      const nested = cursor.at!;
      expect([nested.tags, nested.raw, nested.ids, nested.name]).toEqual(Object.values(at));
      // What lies where their lists would: one element, of one byte.
      cursor.$at(pool.create({ behind: '\x01\0\0\0\x04\0\0\0z' }));
      expect(cursor.at).toBe(null);
      expect([nested.tags, nested.raw, nested.ids, nested.name]).toEqual([[], [], [], '']);
    });

    it('wants a whole nested record where there was none', () => {
      const pool = new Pool(defineRecord({ at: nullable({ x: 'f64', y: 'f64' }) }, 'P'), {
        heap: new GenerationalHeap({ maxBytes: 1 << 20 }),
        compile,
      });
      const ref = pool.create({});
      expect(() => pool.update(ref, { at: { x: 1 } as never })).toThrow(/P\.at\.y must be a number/);
      pool.update(ref, { at: { x: 1, y: 2 } });
      pool.update(ref, { at: { x: 3 } as never });
      expect(pool.read(ref)).toEqual({ at: { x: 3, y: 2 } });
    });
  });
}

describe('maps', () => {
  it('lose the entries of a released generation, and tell wrong keys and values', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 20 });
    const generation = heap.newGeneration();
    const map = createMap(heap, { keys: 'string', values: 'u32', generation });
    for (let i = 0; i < 100; i++) map.set(`k${i}`, i);
    heap.releaseGeneration(generation, { keep: true });
    expect(map.size).toBe(0);
    map.verify();
    expect(() => map.set(7 as never, 1)).toThrow('a key must be a string, got number');
    expect(() => map.set('k', -1)).toThrow('a value must be an integer from 0 to 4294967295, got -1');
    map.set('k', 1);
    expect(() => map.forEach(() => void map.set('other', 1))).toThrow(/changed while it was walked/);
  });

  it('delete the right entries, though these move while `deleteWhere` asks', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 19, regionBytes: 1024, debug: true });
    const map = createMap(heap, { keys: 'string', values: 'u32', generation: 1 });
    for (let i = 0; i < 1000; i++) map.set(`k${i}`, i);
    for (let i = 0; i < 1000; i += 2) map.delete(`k${i}`);
    let asked = 0;
    const deleted = map.deleteWhere((value) => {
      // The entry in question and those to be deleted are copied elsewhere.
      if (++asked === 250) heap.collectGeneration(1);
      return value % 5 === 0 || asked === 250;
    });
    expect(heap.stats().totals.bytesEvacuated).toBeGreaterThan(0);
    expect(map.size).toBe(500 - deleted);
    let left = 0;
    for (let i = 1; i < 1000; i += 2) if (map.has(`k${i}`)) left += i % 5 === 0 ? Number.NaN : 1;
    expect(left).toBe(500 - deleted);
    map.verify();
    heap.verify();
  });

  it('can be disposed of twice, whoever came after them', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 19, regionBytes: 1024, debug: true });
    const first = createMap(heap, { keys: 'string', values: 'u32' });
    first.set('k', 1);
    first[Symbol.dispose]();
    const map = createMap(heap, { keys: 'string', values: 'u32', generation: 1 });
    first[Symbol.dispose]();
    for (let i = 0; i < 1000; i++) map.set(`k${i}`, i);
    for (let i = 0; i < 1000; i += 2) map.delete(`k${i}`);
    heap.collectGeneration(1);
    expect(heap.stats().totals.bytesEvacuated).toBeGreaterThan(0);
    map.verify();
    heap.verify();
    map[Symbol.dispose]();
    expect(heap.bytes.live).toBe(0);
  });

  it('that a pressure hook disposes of, while room is made for an entry, take none', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 17, regionBytes: 1024, debug: true, sampleBytes: 0 });
    const generation = heap.newGeneration();
    const map = createMap(heap, { keys: 'string', values: 'u32', generation });
    map.set('first', 1);
    for (let bytes = heap.regions.roomIn(generation); bytes > 0; bytes = heap.regions.roomIn(generation)) {
      heap.allocate(Math.min(bytes, 400) - 8, generation);
    }
    const others: Ref[] = [];
    expect(() => {
      for (;;) others.push(heap.allocate(100, 1));
    }).toThrow('the heap is full');
    const off = heap.onPressure(() => {
      off();
      for (const other of others) heap.free(other);
      map[Symbol.dispose]();
    });
    expect(() => map.set('second', 2)).toThrow('the map was disposed of');
    expect(map.size).toBe(0);
    expect(map.has('second')).toBe(false);
    // Each block that lives has an owner.
    heap.verify();
  });

  it('that find no number left for an owner keep nothing of the budget', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 19 });
    const none = (): never => {
      throw new RangeError('a heap has at most 32767 owners');
    };
    Object.defineProperty(heap, 'registerOwner', { value: none });
    expect(() => createMap(heap, { keys: 'string', values: 'u32' })).toThrow('at most 32767 owners');
    // All that is reserved could be released.
    expect(() => heap.release(1)).toThrow(RangeError);
  });

  for (const keys of ['string', 'bytes', 'number'] as const) {
    it(`that were disposed of are empty and take nothing (${keys})`, () => {
      const heap = new GenerationalHeap({ maxBytes: 1 << 19 });
      const map = createMap(heap, { keys, values: 'u32' });
      const key = { string: 'k', bytes: new Uint8Array(3), number: Number.NaN }[keys] as never;
      const other = { string: '', bytes: new Uint8Array(0), number: 7 }[keys] as never;
      map.set(key, 1).set(other, 2);
      map[Symbol.dispose]();
      expect(map.size).toBe(0);
      expect([map.get(key), map.get(other), map.has(other), map.delete(other)]).toEqual([
        undefined,
        undefined,
        false,
        false,
      ]);
      expect(() => map.set(key, 1)).toThrow('the map was disposed of');
      expect(() => map.set(other, 1)).toThrow('the map was disposed of');
      map.clear();
      map.forEach(() => {
        expect.unreachable();
      });
      map.verify();
      expect(map.indexBytes).toBe(0);
      heap.verify();
    });
  }

  it('grow to many segments with short pauses', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 26 });
    const map = createMap(heap, { keys: 'string', values: 'u32' });
    for (let i = 0; i < 200_000; i++) map.set(`key:${i}`, i);
    for (let i = 0; i < 200_000; i += 2) map.delete(`key:${i}`);
    map.verify();
    expect(map.size).toBe(100_000);
    for (let i = 0; i < 200_000; i++) expect(map.get(`key:${i}`)).toBe(i % 2 === 0 ? undefined : i);
    expect(heap.pauses.summary('resize').count).toBeGreaterThan(10);
    map.clear();
    expect(map.size).toBe(0);
    heap.verify();
  });
});

describe('in a process of its own', () => {
  const root = fileURLToPath(new URL('../../dist/heap/index.js', import.meta.url));
  const run = (code: string, ...flags: string[]): string =>
    execFileSync(process.execPath, [...flags, '--input-type=module', '-e', code], { encoding: 'utf8' });

  it('works where code may not be made from strings', () => {
    const code = `
      import { GenerationalHeap, Pool, defineRecord } from ${JSON.stringify(root)};
      const heap = new GenerationalHeap({ maxBytes: 1 << 20 });
      const pool = new Pool(defineRecord({ id: 'u32', name: 'string', at: { x: 'f64' } }), { heap });
      const ref = pool.create({ id: 1, name: 'short', at: { x: 2 } });
      const cursor = pool.at(ref);
      cursor.name = 'a longer one \\u20ac';
      cursor.at.x++;
      console.log(JSON.stringify([pool.read(ref), cursor.id, cursor.name, cursor.at.x]));`;
    const expected = [{ id: 1, name: 'a longer one €', at: { x: 3 } }, 1, 'a longer one €', 3];
    expect(JSON.parse(run(code, '--disallow-code-generation-from-strings'))).toEqual(expected);
    expect(JSON.parse(run(code))).toEqual(expected);
  });

  const readTenMillion = (how: string, flags: readonly string[]): { grown: number; collections: number } => {
    const script = fileURLToPath(new URL('zero-garbage.mjs', import.meta.url));
    const args = [...flags, '--expose-gc', script, how, `${1 << 20}`];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  };

  it('reads 10 million fixed fields, doubles too, without garbage where V8 inlines the getters', () => {
    const { grown, collections } = readTenMillion('getters', []);
    expect(collections).toBe(0);
    expect(grown).toBeLessThan(1 << 20);
  });

  it('reads them without garbage where V8 inlines nothing, the doubles by $load', () => {
    const { grown, collections } = readTenMillion('load', noInlining());
    expect(collections).toBe(0);
    expect(grown).toBeLessThan(1 << 20);
  });
});

/** The flags that keep V8 from inlining, as far as this version has them. */
function noInlining(): string[] {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  return ['turbo-inlining', 'maglev-inlining']
    .filter((flag) => known.includes(`--${flag}`))
    .map((flag) => `--no-${flag}`);
}
