import { describe, expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError, type Ref } from '../../src/heap/index.js';

const MiB = 2 ** 20;

function fill(heap: GenerationalHeap, bytes: number): Ref[] {
  const refs: Ref[] = [];
  try {
    for (;;) {
      const ref = heap.allocate(bytes, 1);
      heap.view(ref).fill(ref & 0xff);
      refs.push(ref);
    }
  } catch (error) {
    if (!(error instanceof HeapFullError)) throw error;
  }
  return refs;
}

function buffersOf(heap: GenerationalHeap): Set<ArrayBufferLike> {
  return new Set(heap.memory.u8.map((slab) => slab.buffer).filter((buffer) => buffer.byteLength > 0));
}

/** The ArrayBuffers of a slab's size or more that are made while `run` runs. */
function buffersMade(run: () => void): number {
  const { ArrayBuffer: Original } = globalThis;
  let made = 0;
  globalThis.ArrayBuffer = new Proxy(Original, {
    construct(target, args): object {
      if (args[0] >= 2 ** 15) made++;
      return Reflect.construct(target, args);
    },
  });
  try {
    run();
  } finally {
    globalThis.ArrayBuffer = Original;
  }
  return made;
}

describe('the buffers behind slabs', () => {
  it('are few, however many slabs there are, and no more than maxBytes', () => {
    const heap = new GenerationalHeap({ maxBytes: 8 * MiB });
    const refs = fill(heap, 1000);
    const { grown } = heap.stats().slabs;
    expect(grown).toBeGreaterThan(50);
    const buffers = buffersOf(heap);
    expect(buffers.size).toBeLessThan(12);
    const bytes = [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
    expect(bytes).toBeLessThanOrEqual(heap.maxBytes);
    for (const ref of refs) expect(heap.view(ref).every((byte) => byte === (ref & 0xff))).toBe(true);
    heap.verify();
  });

  it('are used again when slabs were given back, humongous blocks in between', () => {
    const heap = new GenerationalHeap({ maxBytes: 8 * MiB });
    for (let round = 0; round < 3; round++) {
      const refs = fill(heap, 2000);
      for (const ref of refs) heap.free(ref);
      heap.shrink();
      const long = [1, 2, 3].map(() => heap.allocate(1.5 * MiB));
      for (const ref of long) heap.view(ref).fill(ref & 0xff);
      for (const ref of long) expect(heap.view(ref).every((byte) => byte === (ref & 0xff))).toBe(true);
      heap.verify();
      for (const ref of long) heap.free(ref);
      heap.shrink();
    }
    expect(buffersOf(heap).size).toBeLessThan(20);
    heap.verify();
  });

  it('are none anew for slabs that come and go at the end of the budget, whatever their length', () => {
    const heap = new GenerationalHeap({ maxBytes: 4 * MiB, regionBytes: 4096 });
    const seen = new Set<ArrayBufferLike>();
    for (let round = 0; round < 40; round++) {
      // Leaves another remainder each time, so that the last slab is of another length.
      const reserved = 4096 * (1 + ((round * 7) % 15));
      heap.reserve(reserved);
      const refs = fill(heap, 1000);
      for (const buffer of buffersOf(heap)) seen.add(buffer);
      for (const ref of refs) heap.free(ref);
      heap.shrink();
      heap.release(reserved);
    }
    expect(seen.size).toBeLessThan(20);
    heap.verify();
  });

  it('are one, made with the heap, where its addresses are taken up front', () => {
    const heap = new GenerationalHeap({ maxBytes: 8 * MiB, upFront: true });
    const before = heap.bytes;
    const grown = new GenerationalHeap({ maxBytes: 8 * MiB });
    expect(before).toEqual(grown.bytes);
    expect(buffersMade(() => fill(heap, 1000))).toBe(0);
    expect(buffersMade(() => fill(grown, 1000))).toBeGreaterThan(3);
    const [buffer, ...others] = buffersOf(heap);
    expect(others).toEqual([]);
    expect(buffer!.byteLength).toBeLessThanOrEqual(heap.maxBytes);
    expect(heap.bytes.committed).toBeGreaterThan(0.9 * heap.maxBytes);
    heap.verify();
  });

  it('stay with the heap, though somebody transfers that of a view', () => {
    const heap = new GenerationalHeap({ maxBytes: 4 * MiB });
    const view = heap.view(heap.allocate(8));
    const beside = heap.allocate(8);
    heap.view(beside).fill(7);
    try {
      structuredClone(view, { transfer: [view.buffer as ArrayBuffer] });
    } catch (error) {
      // Node 20 makes a copy.
      expect((error as Error).name).toBe('DataCloneError');
    }
    expect([...heap.view(beside)]).toEqual(new Array(8).fill(7));
    heap.verify();
  });

  it('are one a slab where pages are not given back in place', () => {
    const heap = new GenerationalHeap({ maxBytes: 4 * MiB, decommit: false });
    const refs = fill(heap, 1000);
    const before = heap.bytes.committed;
    for (const ref of refs) heap.free(ref);
    heap.shrink();
    expect(heap.bytes.committed).toBeLessThan(before / 4);
    expect(buffersOf(heap).size).toBeLessThan(3);
  });
});
