import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/heap/collections/index.js';
import { GenerationalHeap } from '../../src/heap/index.js';

/** A heap whose steps stop at every look at the clock, with two generations for a map's entries. */
function setUp(clockStepMs: number) {
  let nowMs = 0;
  const clock = {
    nowMs: () => {
      nowMs += clockStepMs;
      return nowMs;
    },
    unixMs: () => 0,
  };
  const heap = new GenerationalHeap({ maxBytes: 512 * 1024, regionBytes: 8192, debug: true, clock });
  const kept = createMap(heap, { keys: 'string', values: 'u32', generation: 3 });
  const generation = heap.newGeneration();
  const released = createMap(heap, { keys: 'string', values: 'u32', generation });
  return { heap, kept, generation, released };
}

describe('a map whose generation is released', () => {
  it('is told in steps, and finds no entry that is gone before it is told', () => {
    const { heap, kept, generation, released } = setUp(1);
    for (let i = 0; i < 2000; i++) {
      kept.set(`k${i}`, i);
      released.set(`k${i}`, i);
    }
    heap.releaseGeneration(generation, { keep: true });
    expect(heap.stats().regions.condemned).toBeGreaterThan(3);
    expect(released.get('k1999')).toBe(undefined);
    expect(released.has('k1000')).toBe(false);
    expect(released.delete('k1001')).toBe(false);
    expect(kept.get('k1999')).toBe(1999);
    released.set('k1998', 7);
    expect(heap.stats().regions.condemned).toBeGreaterThan(3);
    heap.verify();
    let steps = 0;
    while (heap.step()) steps++;
    expect(steps).toBeGreaterThan(3);
    expect(released.get('k1998')).toBe(7);
    expect(released.size).toBe(1);
    expect(kept.size).toBe(2000);
    released.verify();
    kept.verify();
    heap.verify();
  });

  it('agrees with a Map whatever is done before it is told', () => {
    const step = fc.record({
      kind: fc.constantFrom(
        'set',
        'set',
        'set',
        'get',
        'delete',
        'release',
        'step',
        'size',
        'clear',
        'where',
        'fill',
      ),
      key: fc.nat({ max: 400 }),
      value: fc.nat(),
    });
    let late = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 250, size: 'max' }), (steps) => {
        const { heap, generation, released: map } = setUp(0.3);
        const model = new Map<string, number>();
        for (const { kind, key: number, value } of steps) {
          const key = `key ${number}`;
          if (kind === 'set') {
            map.set(key, value);
            model.set(key, value);
          } else if (kind === 'fill') {
            for (let i = 0; i < 200; i++) {
              map.set(`key ${i + number}`, i);
              model.set(`key ${i + number}`, i);
            }
          } else if (kind === 'get') expect(map.get(key)).toBe(model.get(key));
          else if (kind === 'delete') expect(map.delete(key)).toBe(model.delete(key));
          else if (kind === 'release') {
            heap.releaseGeneration(generation, { keep: true });
            model.clear();
            if (heap.stats().regions.condemned > 0) late++;
          } else if (kind === 'step') heap.step(0.3);
          else if (kind === 'size') expect(map.size).toBe(model.size);
          else if (kind === 'clear' && number % 4 === 0) {
            map.clear();
            model.clear();
          } else if (kind === 'where') {
            for (const [k, v] of model) if (v % 3 === 0) model.delete(k);
            map.deleteWhere((v) => v % 3 === 0);
          }
          heap.verify();
        }
        for (const [key, value] of model) expect(map.get(key)).toBe(value);
        map.verify();
        expect(map.size).toBe(model.size);
        map[Symbol.dispose]();
        heap.verify();
      }),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 40), seed: 23, endOnFailure: true },
    );
    expect(late).toBeGreaterThan(0);
  });
});
