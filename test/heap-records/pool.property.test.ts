import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError, type Ref } from '../../src/heap/index.js';
import { type Cursor, defineRecord, nullable, Pool } from '../../src/heap/records/index.js';

const Everything = defineRecord(
  {
    flag: 'bool',
    small: 'u8',
    name: 'string',
    i16: 'i16',
    f32: 'f32',
    score: 'f64',
    big: 'bigint',
    huge: 'u64?',
    tags: 'string[]',
    blob: 'bytes',
    next: 'ref',
    maybe: 'i32?',
    title: 'string?',
    marks: 'f64[]',
    bits: 'u16[]?',
    blobs: 'bytes[]',
    refs: 'ref[]',
    place: nullable({ lat: 'f64', city: 'string', zip: 'u32?', deep: { note: 'string?', ok: 'bool[]' } }),
    size: { w: 'u16', h: 'i8' },
  },
  'Everything',
);

const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)), maxLength: 8 }),
  fc.string({ minLength: 60, maxLength: 200 }),
);
const ref = fc.integer({ min: 0, max: 0x7fffffff }).map((n) => n as Ref);
const bytes = fc.uint8Array({ maxLength: 90 });
const orNull = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null, freq: 3 });
const values = fc.record({
  flag: fc.boolean(),
  small: fc.integer({ min: 0, max: 255 }),
  name: text,
  i16: fc.integer({ min: -32768, max: 32767 }),
  f32: fc.float(),
  score: fc.double(),
  big: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  huge: orNull(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  tags: fc.array(text, { maxLength: 4 }),
  blob: bytes,
  next: ref,
  maybe: orNull(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  title: orNull(text),
  marks: fc.array(fc.double(), { maxLength: 5 }),
  bits: orNull(fc.array(fc.integer({ min: 0, max: 65535 }), { maxLength: 9 })),
  blobs: fc.array(bytes, { maxLength: 3 }),
  refs: fc.array(ref, { maxLength: 5 }),
  place: orNull(
    fc.record({
      lat: fc.double(),
      city: text,
      zip: orNull(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
      deep: fc.record({ note: orNull(text), ok: fc.array(fc.boolean(), { maxLength: 9 }) }),
    }),
  ),
  size: fc.record({ w: fc.integer({ min: 0, max: 65535 }), h: fc.integer({ min: -128, max: 127 }) }),
});
type Model = typeof values extends fc.Arbitrary<infer T> ? T : never;
const FIELDS = Object.keys(Everything.schema) as (keyof Model)[];

const step = fc.record({
  kind: fc.constantFrom(
    'create',
    'create',
    'update',
    'update',
    'set',
    'free',
    'collect',
    'ballast',
    'release',
  ),
  pick: fc.nat(),
  values,
  fields: fc.subarray(FIELDS),
});

/** Reads a record member by member through a cursor. */
function throughCursor(cursor: object, like: object): object {
  const entries = Object.keys(like).map((key) => {
    const value = (cursor as Record<string, unknown>)[key];
    const nested = (like as Record<string, unknown>)[key];
    const isNested = value !== null && Object.hasOwn(value as object, '$root');
    return [key, isNested ? throughCursor(value as object, nested as object) : value];
  });
  return Object.fromEntries(entries);
}

const NUMBERS = 'small i16 f32 score next maybe place.lat place.zip size.w size.h'.split(' ');
const target = new Float64Array(2);

function loaded(cursor: Cursor<typeof Everything.schema>, path: string): number {
  target.fill(-1);
  cursor.$load(path, target, 1);
  expect(target[0]).toBe(-1);
  return target[1]!;
}

function agree(pool: Pool<typeof Everything.schema>, model: Map<Ref, Model>, mayAllocate: boolean): void {
  expect(pool.size).toBe(model.size);
  for (const [key, expected] of model) {
    expect(pool.read(key)).toEqual(expected);
    expect(pool.equals(key, 'name', expected.name)).toBe(true);
    expect(pool.equals(key, 'name', `${expected.name}x`)).toBe(false);
    if (expected.place !== null) expect(pool.equals(key, 'place.city', expected.place.city)).toBe(true);
    expect(pool.bytes(key, 'blob')).toEqual(expected.blob);
    if (mayAllocate) {
      const cursor = pool.at(key);
      expect(throughCursor(cursor, expected)).toEqual(expected);
      expect(NUMBERS.map((path) => loaded(cursor, path))).toEqual([
        expected.small,
        expected.i16,
        expected.f32,
        expected.score,
        expected.next,
        expected.maybe ?? Number.NaN,
        expected.place?.lat ?? Number.NaN,
        expected.place?.zip ?? Number.NaN,
        expected.size.w,
        expected.size.h,
      ]);
    }
  }
  expect(new Set(pool.refs())).toEqual(new Set(model.keys()));
}

for (const compile of [true, false]) {
  describe(`a pool against a plain model, ${compile ? 'compiled' : 'interpreted'}`, () => {
    it('agrees after every step: updates that grow, moves, releases, full heaps', () => {
      const seen = { full: 0, moved: 0, released: 0, grown: 0 };
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 5, maxLength: 80, size: 'max' }),
          fc.boolean(),
          (steps, shared) => {
            const heap = new GenerationalHeap({
              maxBytes: 200 * 1024,
              regionBytes: 2048,
              debug: true,
              shared,
            });
            while (heap.maxBytes - heap.bytes.used > 12_000) heap.allocate(1000, 15);
            const generation = heap.newGeneration();
            const pools = [
              new Pool(Everything, { heap, site: 'kept', compile }),
              new Pool(Everything, { heap, site: 'released', generation, compile }),
            ] as const;
            const models = [new Map<Ref, Model>(), new Map<Ref, Model>()] as const;
            const ballast: Ref[] = [];
            for (const { kind, pick, values: given, fields } of steps) {
              const which = pick % 3 === 0 ? 1 : 0;
              const pool = pools[which];
              const model = models[which];
              const key = [...model.keys()][(pick >>> 2) % Math.max(1, model.size)];
              const before = key === undefined ? 0 : heap.addressOf(key);
              const changes = Object.fromEntries(fields.map((field) => [field, given[field]]));
              try {
                if (kind === 'ballast') {
                  // Holes between records: what makes regions fragmented.
                  if (pick % 2 === 0 || ballast.length === 0) ballast.push(heap.allocate(pick % 700));
                  else heap.free(ballast.splice((pick >>> 2) % ballast.length, 1)[0]!);
                } else if (kind === 'collect') heap.collectGeneration(1);
                else if (kind === 'release' && pick % 4 === 0) {
                  heap.releaseGeneration(generation, { keep: true });
                  // Those that had been evacuated lie elsewhere, and live.
                  for (const gone of models[1].keys()) if (!heap.has(gone)) models[1].delete(gone);
                  seen.released++;
                } else if (kind === 'create' || key === undefined) model.set(pool.create(given), given);
                else if (kind === 'free') {
                  pool.free(key);
                  model.delete(key);
                } else if (kind === 'update') {
                  pool.update(key, changes);
                  model.set(key, { ...model.get(key)!, ...changes });
                  if (heap.addressOf(key) !== before) seen.grown++;
                } else {
                  const cursor = pool.view(key) as unknown as Record<string, unknown>;
                  for (const field of fields) {
                    cursor[field] = given[field];
                    model.set(key, { ...model.get(key)!, [field]: given[field] });
                  }
                }
              } catch (error) {
                if (!(error instanceof HeapFullError)) throw error;
                seen.full++;
              }
              if (
                key !== undefined &&
                kind === 'collect' &&
                heap.has(key) &&
                heap.addressOf(key) !== before
              ) {
                seen.moved++;
              }
              heap.verify();
              for (const i of [0, 1] as const) agree(pools[i], models[i], true);
            }
            pools[0][Symbol.dispose]();
            pools[1][Symbol.dispose]();
            heap.verify();
            for (const key of [...models[0].keys(), ...models[1].keys()]) expect(heap.has(key)).toBe(false);
          },
        ),
        { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 40), seed: 17, endOnFailure: true },
      );
      for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0);
    });
  });
}
