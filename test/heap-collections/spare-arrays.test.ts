import { describe, expect, it } from 'vitest';
import { createMap } from '../../src/heap/collections/index.js';
import { GenerationalHeap, HeapFullError } from '../../src/heap/index.js';

const MiB = 2 ** 20;

/** Fills a new map of one kind, and checks that it holds that and nothing else. */
function filled(heap: GenerationalHeap, keys: 'number' | 'string', from: number, count: number) {
  const map = createMap(heap, { keys, values: 'u32' } as never) as unknown as {
    get(key: unknown): number | undefined;
    set(key: unknown, value: number): void;
    verify(): void;
    clear(): void;
    readonly size: number;
    [Symbol.dispose](): void;
  };
  const keyOf = (i: number): unknown => (keys === 'number' ? i : `key ${i}`);
  for (let i = from; i < from + count; i++) {
    expect(map.get(keyOf(i))).toBe(undefined);
    map.set(keyOf(i), i);
  }
  expect(map.get(keyOf(from - 1))).toBe(undefined);
  for (let i = from; i < from + count; i++) expect(map.get(keyOf(i))).toBe(i);
  expect(map.size).toBe(count);
  map.verify();
  return map;
}

describe('the arrays of tables that are done with', () => {
  for (const keys of ['number', 'string'] as const) {
    it(`serve the next table, emptied (keys: ${keys})`, () => {
      const heap = new GenerationalHeap({ maxBytes: 128 * MiB, debug: true });
      filled(heap, keys, 0, 9000)[Symbol.dispose]();
      const kept = heap.spareArrays.bytes;
      expect(kept).toBeGreaterThan(100_000);
      const map = filled(heap, keys, 5000, 9000);
      expect(heap.spareArrays.bytes).toBeLessThan(kept * 0.7);
      heap.verify();
      map.clear();
      expect(heap.spareArrays.bytes).toBeGreaterThan(kept / 2);
      map[Symbol.dispose]();
      // A third one as long needs no other arrays than the second.
      const before = heap.spareArrays.bytes;
      filled(heap, keys, 0, 9000)[Symbol.dispose]();
      expect(heap.spareArrays.bytes).toBeLessThan(before * 1.2);
      heap.verify();
    });
  }

  it('are few, and go when the budget is short', () => {
    const heap = new GenerationalHeap({ maxBytes: 16 * MiB, debug: true });
    for (let i = 0; i < 4; i++) filled(heap, 'number', 0, 20_000)[Symbol.dispose]();
    expect(heap.spareArrays.bytes).toBeGreaterThan(0);
    expect(heap.spareArrays.bytes).toBeLessThanOrEqual(heap.maxBytes / 64);
    expect(() => {
      for (;;) heap.allocate(1000);
    }).toThrow(HeapFullError);
    expect(heap.spareArrays.bytes).toBe(0);
    expect(heap.bytes.used).toBeGreaterThan(heap.maxBytes * 0.98);
    heap.verify();
  });
});
