import { expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError } from '../../src/heap/index.js';

it('fills a small heap whose slabs are single regions', () => {
  for (const [maxBytes, regionBytes] of [
    [120 * 1024, 1024],
    [200 * 1024, 2048],
  ] as const) {
    const heap = new GenerationalHeap({ maxBytes, regionBytes });
    expect(() => {
      for (;;) heap.allocate(200);
    }).toThrow(HeapFullError);
    expect(heap.bytes.used).toBeGreaterThan(maxBytes * 0.95);
    heap.verify();
  }
});
