import { describe, expect, it } from 'vitest';
import { GenerationalHeap, type Ref } from '../../src/heap/index.js';

const REGION = 4096;

/** A heap whose slabs are single regions: a quarter of each in use lives, and all others have gone back. */
function shrunk(): { heap: GenerationalHeap; kept: Ref[] } {
  const heap = new GenerationalHeap({
    maxBytes: 2 ** 18,
    regionBytes: REGION,
    settleCycles: 0,
    sampleBytes: 0,
    debug: true,
  });
  const refs = Array.from({ length: 400 }, () => heap.allocate(120, 1));
  for (const [i, ref] of refs.entries()) if (i % 4 !== 0) heap.free(ref);
  heap.shrink();
  expect(heap.stats().regions.free).toBe(0);
  expect(heap.stats().regions.fragmented).toBeGreaterThan(10);
  return { heap, kept: refs.filter((_, i) => i % 4 === 0) };
}

/** Reserves all but `bytes` of what is left. */
function leave(heap: GenerationalHeap, bytes: number): void {
  heap.reserve(heap.maxBytes - heap.committedBytes - bytes);
}

/** Steps until there is no more to do. */
function idle(heap: GenerationalHeap): void {
  for (let steps = 0; heap.step(); steps++) expect(steps).toBeLessThan(1000);
}

describe('evacuation, when the region that was kept for it has gone back to the system', () => {
  it('gets another: a generation is collected when asked for', () => {
    const { heap, kept } = shrunk();
    heap.collectGeneration(1);
    expect(heap.stats().totals.bytesEvacuated).toBe(kept.length * 128);
    expect(heap.stats().regions.fragmented).toBe(0);
    expect(kept.every((ref) => heap.has(ref))).toBe(true);
    heap.verify();
  });

  it('gets the last that the budget has left', () => {
    const { heap, kept } = shrunk();
    leave(heap, REGION);
    idle(heap);
    expect(heap.stats().totals.bytesEvacuated).toBeGreaterThan(20 * 128);
    expect(kept.every((ref) => heap.has(ref))).toBe(true);
    heap.verify();
  });

  it('ends where the budget has none, and leaves a region that it was asked for as it was', () => {
    const { heap } = shrunk();
    const others = Array.from({ length: 32 }, () => heap.allocate(120, 2));
    heap.allocate(120, 2);
    heap.shrink();
    leave(heap, REGION);
    // More than 16 names take another table of sites.
    for (let i = 0; i < 20; i++) heap.site(`site ${i}`);
    expect(heap.maxBytes - heap.committedBytes).toBeLessThan(REGION);
    expect(heap.stats().regions.free).toBe(0);
    idle(heap);
    const { fragmented } = heap.stats().regions;
    const region = heap.oldestRegion(2);
    expect(heap.regionAt(heap.addressOf(others[0]!))).toBe(region);
    expect(heap.evacuateRegion(region as never)).toBe(false);
    expect(heap.stats().regions.fragmented).toBe(fragmented);
    expect(heap.stats().totals.bytesEvacuated).toBe(0);
    heap.verify();
  });
});
