import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError, type Ref, StaleRefError } from '../../src/heap/index.js';

function fill(bytes: Uint8Array, seed: number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = seed + i * 7;
}

describe('resize', () => {
  it('keeps ref, bytes, generation and site through growth, shrinking, moves and a full heap', () => {
    let full = 0;
    let moved = 0;
    const step = fc.record({
      kind: fc.constantFrom('allocate', 'allocate', 'resize', 'resize', 'free', 'collect'),
      pick: fc.nat(),
      bytes: fc.integer({ min: 0, max: 900 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 250 }), (steps) => {
        const heap = new GenerationalHeap({ maxBytes: 100 * 1024, regionBytes: 512, debug: true });
        // Leaves room for some ten blocks.
        while (heap.maxBytes - heap.bytes.used > 8000) heap.allocate(512, 15);
        const site = heap.site('resized', { generation: 3 });
        const blocks = new Map<Ref, Uint8Array>();
        for (const { kind, pick, bytes } of steps) {
          const refs = [...blocks.keys()];
          const ref = refs[pick % Math.max(1, refs.length)];
          try {
            if (kind === 'allocate' || ref === undefined) {
              const made = heap.allocate(bytes, undefined, site);
              fill(heap.view(made), pick);
              blocks.set(made, heap.view(made).slice());
            } else if (kind === 'resize') {
              const before = heap.addressOf(ref);
              heap.resize(ref, bytes);
              if (heap.addressOf(ref) !== before) moved++;
              const expected = new Uint8Array(bytes);
              const kept = blocks.get(ref)!.subarray(0, bytes);
              expected.set(kept);
              fill(heap.view(ref).subarray(kept.length), pick);
              fill(expected.subarray(kept.length), pick);
              blocks.set(ref, expected);
            } else if (kind === 'free') {
              heap.free(ref);
              blocks.delete(ref);
            } else heap.collectGeneration(3);
          } catch (error) {
            if (!(error instanceof HeapFullError)) throw error;
            full++;
          }
          heap.verify();
          for (const [live, expected] of blocks) {
            expect(heap.view(live)).toEqual(expected);
            expect(heap.siteOf(live)).toBe(site);
            expect(heap.refInSlot(live & heap.slotMask)).toBe(live);
          }
        }
      }),
      { numRuns: 60, seed: 11 },
    );
    expect(full).toBeGreaterThan(0);
    expect(moved).toBeGreaterThan(0);
  });

  it('finds a stale ref, even one that a pressure hook freed meanwhile', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 17, regionBytes: 1024 });
    const gone = heap.allocate(100);
    heap.free(gone);
    expect(() => heap.resize(gone, 10)).toThrow(StaleRefError);
    expect(heap.refInSlot(gone & heap.slotMask)).toBe(0);

    const victim = heap.allocate(100);
    const off = heap.onPressure(() => heap.has(victim) && heap.free(victim));
    const others: Ref[] = [];
    while (heap.has(victim)) {
      try {
        heap.resize(victim, 490);
        others.push(heap.allocate(490));
      } catch (error) {
        if (error instanceof StaleRefError) break;
        if (!(error instanceof HeapFullError)) throw error;
      }
      heap.verify();
    }
    off();
    heap.verify();
    expect(heap.has(victim)).toBe(false);
    for (const other of others) heap.free(other);
  });

  it('counts releases', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 20 });
    const before = heap.releases;
    heap.releaseGeneration(heap.newGeneration());
    expect(heap.releases).toBe(before + 1);
  });
});
