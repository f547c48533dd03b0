import { describe, expect, it } from 'vitest';
import { NumberList } from '../../src/heap/collections/index.js';
import { GenerationalHeap, HeapFullError, type Ref } from '../../src/heap/index.js';

/** As a list at its bound, which is too far away. */
class ShortList extends NumberList {
  protected override readonly mostElements: number = 1024;
}

/** A full heap with a list of `length` elements, which must grow for the next one, and blocks that can be freed. */
function fullHeap(length: number): { heap: GenerationalHeap; list: NumberList; others: Ref[] } {
  const heap = new GenerationalHeap({ maxBytes: 2 ** 17, regionBytes: 1024, debug: true, sampleBytes: 0 });
  // In one's own generation its region can be filled to the last byte.
  const generation = heap.newGeneration();
  const list = new NumberList(heap, { values: 'u32', generation });
  for (let i = 0; i < length; i++) list.push(i);
  for (let bytes = heap.regions.roomIn(generation); bytes > 0; bytes = heap.regions.roomIn(generation)) {
    heap.allocate(Math.max(0, Math.min(bytes, 400) - 8), generation);
  }
  const others: Ref[] = [];
  try {
    for (;;) others.push(heap.allocate(100, 1));
  } catch (error) {
    if (!(error instanceof HeapFullError)) throw error;
  }
  return { heap, list, others };
}

describe('a list', () => {
  it('has no element at what is no index of it', () => {
    const list = new NumberList(new GenerationalHeap({ maxBytes: 2 ** 20 }), { values: 'u32' });
    for (let i = 0; i < 5; i++) list.push(i);
    for (const index of [0.5, 1.5, Number.NaN, '1' as never, undefined as never]) {
      expect(() => list.get(index)).toThrow(TypeError);
      expect(() => list.set(index, 9)).toThrow(`an index must be an integer, got ${index}`);
    }
    for (const index of [-1, 5, 2 ** 32, 2 ** 32 + 1, -(2 ** 32) + 1]) {
      expect(() => list.get(index)).toThrow(RangeError);
      expect(() => list.set(index, 9)).toThrow('outside of a list of 5');
    }
    expect(list.get(-0)).toBe(0);
    expect([...list]).toEqual([0, 1, 2, 3, 4]);
  });

  it('takes no element past the bound of its indices', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 20 });
    const list = new ShortList(heap, { values: 'u32' });
    for (let i = 0; i < 1024; i++) list.push(i);
    expect(() => list.push(1024)).toThrow('a list has at most 1024 elements');
    expect(list.length).toBe(1024);
    expect(list.pop()).toBe(1023);
    expect(list.push(7)).toBe(1024);
    expect(list.get(1023)).toBe(7);
    heap.verify();
  });

  // Its first block, one that takes the place of a shorter one, and a further one; what a block holds is 64 elements.
  for (const length of [0, 16, 32, 64, 128]) {
    it(`of ${length} elements that a pressure hook grows, while room is made for it to grow, keeps all`, () => {
      for (const pushed of [1, 16, 40, 200]) {
        const { heap, list, others } = fullHeap(length);
        let calls = 0;
        const off = heap.onPressure(() => {
          off();
          calls++;
          for (const other of others) heap.free(other);
          for (let i = 0; i < pushed; i++) list.push(1000 + i);
        });
        list.push(5000);
        const guard = Array.from({ length: 20 }, () => heap.allocate(100, 1));
        for (let i = 0; i < 300; i++) list.push(6000 + i);
        expect(calls).toBe(1);
        heap.verify();
        expect([...list]).toEqual([
          ...Array.from({ length }, (_, i) => i),
          ...Array.from({ length: pushed }, (_, i) => 1000 + i),
          5000,
          ...Array.from({ length: 300 }, (_, i) => 6000 + i),
        ]);
        list.clear();
        for (const ref of guard) heap.free(ref);
        heap.verify();
      }
    });

    it(`of ${length} elements that a pressure hook empties meanwhile has what was pushed after`, () => {
      for (const pushed of [0, 3]) {
        const { heap, list, others } = fullHeap(length);
        const off = heap.onPressure(() => {
          off();
          for (const other of others) heap.free(other);
          list.clear();
          for (let i = 0; i < pushed; i++) list.push(i);
        });
        for (let i = 0; i < 200; i++) list.push(5000 + i);
        heap.verify();
        expect([...list]).toEqual([
          ...Array.from({ length: pushed }, (_, i) => i),
          ...Array.from({ length: 200 }, (_, i) => 5000 + i),
        ]);
        list.clear();
        heap.verify();
      }
    });
  }

  it('whose generation a pressure hook releases meanwhile leaves no block behind', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 17, regionBytes: 1024, debug: true, sampleBytes: 0 });
    const generation = heap.newGeneration();
    const list = new NumberList(heap, { values: 'u32', generation });
    for (let i = 0; i < 16; i++) list.push(i);
    try {
      for (;;) heap.allocate(100, generation);
    } catch (error) {
      if (!(error instanceof HeapFullError)) throw error;
    }
    const off = heap.onPressure(() => {
      off();
      heap.releaseGeneration(generation, { keep: true });
    });
    expect(() => list.push(16)).toThrow('stale ref');
    while (heap.step());
    expect(heap.stats().refs.live).toBe(0);
    list.clear();
    expect(list.push(1)).toBe(1);
    heap.verify();
  });
});
