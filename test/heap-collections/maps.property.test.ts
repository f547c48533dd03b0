import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import { createMap, type MapOptions, NumberList } from '../../src/heap/collections/index.js';
import { GenerationalHeap, HeapFullError, type Ref } from '../../src/heap/index.js';

const text = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)), maxLength: 5 }),
  fc.string({ minLength: 60, maxLength: 90 }),
);
const KEYS = {
  string: text,
  bytes: fc.uint8Array({ maxLength: 9 }),
  number: fc.oneof(
    fc.integer({ min: -50, max: 50 }),
    fc.double(),
    fc.constantFrom(0, -0, Number.NaN, 2 ** 32),
  ),
};
const VALUES = {
  ref: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  u32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  f64: fc.double(),
};

interface AnyMap {
  size: number;
  get(key: unknown): number | undefined;
  has(key: unknown): boolean;
  set(key: unknown, value: number): unknown;
  delete(key: unknown): boolean;
  clear(): void;
  forEach(visit: (value: number, key: unknown) => void): void;
  deleteWhere(test: (value: number, key: unknown) => boolean): number;
  verify(): void;
  [Symbol.dispose](): void;
}

/** What a Map of the model is keyed by: bytes by content. */
function plain(key: unknown): unknown {
  return key instanceof Uint8Array ? Array.from(key).join() : key;
}

for (const keys of ['string', 'bytes', 'number'] as const) {
  for (const values of ['ref', 'u32', 'f64'] as const) {
    describe(`a map from ${keys} to ${values} against Map`, () => {
      it('agrees after every step, entries moved and the heap full', () => {
        const seen = { full: 0, moved: 0 };
        const step = fc.record({
          kind: fc.constantFrom(
            'set',
            'set',
            'set',
            'set',
            'get',
            'delete',
            'delete',
            'move',
            'where',
            'clear',
          ),
          key: KEYS[keys],
          value: VALUES[values],
          pick: fc.nat({ max: 1e9 }),
        });
        fc.assert(
          fc.property(
            fc.array(step, { minLength: 50, maxLength: 300, size: 'max' }),
            fc.constantFrom(900, 1200, 2000, 8000),
            fc.integer(),
            fc.boolean(),
            (steps, room, seed, shared) => {
              const heap = new GenerationalHeap({
                maxBytes: 120 * 1024,
                regionBytes: 512,
                debug: true,
                shared,
              });
              // A map of numbers lives of the budget alone, not of regions.
              if (keys === 'number') heap.reserve(heap.maxBytes - heap.committedBytes - room / 2);
              else while (heap.maxBytes - heap.bytes.used > room) heap.allocate(248, 15);
              const options = { keys, values, random: seededRandom(seed) } as MapOptions;
              const map = createMap(heap, options) as unknown as AnyMap;
              const model = new Map<unknown, { key: unknown; value: number }>();
              for (const { kind, key, value, pick } of steps) {
                const known = [...model.values()][pick % Math.max(1, model.size)]?.key ?? key;
                const chosen = pick % 4 > 0 ? key : known;
                try {
                  if (kind === 'set') {
                    map.set(chosen, value);
                    model.set(plain(chosen), { key: chosen, value });
                  } else if (kind === 'get') {
                    expect(map.get(chosen)).toEqual(model.get(plain(chosen))?.value);
                    expect(map.has(chosen)).toBe(model.has(plain(chosen)));
                  } else if (kind === 'delete') {
                    expect(map.delete(known)).toBe(model.delete(plain(known)));
                  } else if (kind === 'where' && pick % 4 === 0) {
                    const odd = (v: number): boolean => Math.floor(v) % 7 === 1;
                    const doomed = [...model].filter(([, entry]) => odd(entry.value));
                    for (const [k] of doomed) model.delete(k);
                    expect(map.deleteWhere(odd)).toBe(doomed.length);
                  } else if (kind === 'clear' && pick % 16 === 0) {
                    map.clear();
                    model.clear();
                  } else if (kind === 'move') {
                    const before = heap.stats().totals.bytesEvacuated;
                    heap.collectGeneration(1);
                    if (heap.stats().totals.bytesEvacuated > before) seen.moved++;
                  }
                } catch (error) {
                  if (!(error instanceof HeapFullError)) throw error;
                  seen.full++;
                }
                map.verify();
                heap.verify();
                expect(map.size).toBe(model.size);
              }
              for (const entry of model.values()) expect(map.get(entry.key)).toEqual(entry.value);
              let visited = 0;
              map.forEach((value, key) => {
                expect(model.get(plain(key))?.value).toEqual(value);
                visited++;
              });
              expect(visited).toBe(model.size);
              map[Symbol.dispose]();
              heap.verify();
            },
          ),
          { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 25), seed: 5, endOnFailure: true },
        );
        expect(seen.full).toBeGreaterThan(0);
        if (keys !== 'number') expect(seen.moved).toBeGreaterThan(0);
      });
    });
  }
}

describe('a list against an array', () => {
  it('agrees after every step, its blocks moved and the heap full', () => {
    let full = 0;
    const step = fc.record({
      kind: fc.constantFrom('push', 'push', 'push', 'set', 'pop', 'truncate', 'move', 'clear'),
      times: fc.integer({ min: 1, max: 200 }),
      pick: fc.nat({ max: 1e9 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom('u32', 'f64', 'ref'),
        fc.array(step, { maxLength: 60, size: 'max' }),
        fc.boolean(),
        (values, steps, shared) => {
          const heap = new GenerationalHeap({
            maxBytes: 120 * 1024,
            regionBytes: 1024,
            debug: true,
            shared,
          });
          while (heap.maxBytes - heap.bytes.used > 9000) heap.allocate(200, 15);
          const list = new NumberList(heap, { values: values as 'u32' });
          const model: number[] = [];
          const holes: Ref[] = [];
          for (const { kind, times, pick } of steps) {
            try {
              if (kind === 'push') {
                for (let i = 0; i < times; i++) {
                  list.push(pick + i);
                  model.push(pick + i);
                }
              } else if (kind === 'pop') expect(list.pop()).toBe(model.pop());
              else if (kind === 'set' && model.length > 0) {
                list.set(pick % model.length, times);
                model[pick % model.length] = times;
              } else if (kind === 'truncate') {
                model.length = pick % (model.length + 1);
                list.truncate(model.length);
              } else if (kind === 'move') {
                holes.push(heap.allocate(pick % 300));
                if (pick % 3 > 0) heap.free(holes.shift()!);
                heap.collectGeneration(1);
              } else if (kind === 'clear' && pick % 8 === 0) {
                list.clear();
                model.length = 0;
              }
            } catch (error) {
              if (!(error instanceof HeapFullError)) throw error;
              full++;
            }
            heap.verify();
            expect([...list]).toEqual(model);
          }
        },
      ),
      { numRuns: 100, seed: 7, endOnFailure: true },
    );
    expect(full).toBeGreaterThan(0);
  });

  it('leaves little of its regions empty, whatever their size', () => {
    for (const regionBytes of [1024, 4096, 16 * 1024, 1024 * 1024]) {
      const heap = new GenerationalHeap({ maxBytes: 256 * regionBytes, regionBytes });
      const list = new NumberList(heap, { values: 'u32', generation: 3 });
      const bytes = 24 * regionBytes;
      for (let i = 0; i < bytes / 4; i++) list.push(i);
      const { regions } = heap.stats().generations.find(({ generation }) => generation === 3)!;
      // In the smallest regions three blocks fit where four nearly would.
      expect(regions * regionBytes, String(regionBytes)).toBeLessThan(
        bytes * (regionBytes < 16384 ? 1.5 : 1.15),
      );
    }
  });
});
