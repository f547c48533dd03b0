import { describe, expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError, type HeapOptions, type Ref } from '../../src/heap/index.js';

const REGION = 1024;

function small(options: HeapOptions = {}): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 256 * 1024, regionBytes: REGION, debug: true, ...options });
}

function fill(heap: GenerationalHeap): void {
  expect(() => {
    for (;;) heap.allocate(200);
  }).toThrow(HeapFullError);
}

/** Blocks of `generation` that take all refs but `left`. */
function takeRefs(heap: GenerationalHeap, generation: number, left: number): Ref[] {
  const { max, live } = heap.stats().refs;
  return Array.from({ length: max - live - left }, () => heap.allocate(8, generation));
}

describe('a pressure hook that releases the generation of the block that needs room', () => {
  for (const byteLength of [8, 20 * REGION]) {
    it(`while a ref is sought has the call refused, and leaves nothing behind (${byteLength} bytes)`, () => {
      const heap = small({ maxRefs: 16 });
      const generation = heap.newGeneration();
      takeRefs(heap, generation, 0);
      const off = heap.onPressure(() => {
        off();
        heap.releaseGeneration(generation);
      });
      expect(() => heap.allocate(byteLength, generation)).toThrow(`there is no generation ${generation}`);
      heap.verify();
      // The next one has its row in the table.
      const next = heap.newGeneration();
      heap.allocate(byteLength, next);
      expect(heap.stats().refs.live).toBe(1);
      heap.verify();
    });

    it(`but keeps it, has the block placed in it anew (${byteLength} bytes)`, () => {
      const heap = small({ maxRefs: 16 });
      const generation = heap.newGeneration();
      takeRefs(heap, generation, 0);
      const off = heap.onPressure(() => {
        off();
        heap.releaseGeneration(generation, { keep: true });
      });
      expect(heap.generationOf(heap.allocate(byteLength, generation))).toBe(generation);
      expect(heap.stats().refs.live).toBe(1);
      heap.verify();
    });
  }

  it('finds no long block without a header, when the last refs went while room for it was made', () => {
    const heap = small({ maxRefs: 16, debug: false });
    // Not evacuated while the heap is filled.
    const generation = heap.newGeneration({ liveThreshold: 0 });
    const refs = takeRefs(heap, generation, 1);
    const filling = heap.newGeneration({ fixed: true });
    const place = (): void => {
      const address = heap.place(500, filling);
      const at = heap.placedAt(address);
      // Where a header would be read: that of a live block.
      heap.memory.i32[address >>> heap.memory.slabShift]!.fill(refs[0]!, at >>> 2, (at + 500) >>> 2);
    };
    expect(() => {
      for (;;) place();
    }).toThrow(HeapFullError);
    let calls = 0;
    heap.onPressure(() => {
      calls++;
      if (calls === 1) {
        heap.releaseGeneration(filling);
        takeRefs(heap, generation, 0);
      } else if (calls === 2) heap.releaseGeneration(generation);
    });
    const before = heap.stats().totals.bytesAllocated;
    expect(() => heap.allocate(2.5 * REGION, generation)).toThrow(`there is no generation ${generation}`);
    expect(calls).toBe(2);
    expect(heap.stats().totals.bytesAllocated - before).toBeLessThan(REGION);
    while (heap.step());
    expect(heap.stats().refs.live).toBe(0);
    heap.verify();
  });
});

describe('pressure hooks', () => {
  it('are all called, though one takes itself off meanwhile', () => {
    const heap = small();
    const called: string[] = [];
    const off = heap.onPressure(() => {
      called.push('first');
      off();
    });
    heap.onPressure(() => void called.push('second'));
    fill(heap);
    expect(called).toEqual(['first', 'second']);
  });

  it('that were given twice are two: taking one off twice leaves the other', () => {
    const heap = small();
    let calls = 0;
    const hook = (): void => void calls++;
    const off = heap.onPressure(hook);
    heap.onPressure(hook);
    off();
    off();
    fill(heap);
    expect(calls).toBeGreaterThan(0);
  });

  it('are not asked for what even an empty heap could not give', () => {
    const heap = small();
    let calls = 0;
    heap.onPressure(() => void calls++);
    const fixed = heap.newGeneration({ fixed: true });
    // The first ref takes room of its own.
    heap.allocate(8);
    const { used } = heap.bytes;
    for (const bytes of [256 * 1024 - REGION, 2 ** 30, 2 ** 37]) {
      expect(() => heap.allocate(bytes)).toThrow(HeapFullError);
      expect(() => heap.place(bytes, fixed)).toThrow(HeapFullError);
      expect(() => heap.reserve(bytes)).toThrow(HeapFullError);
    }
    expect(calls).toBe(0);
    expect(heap.bytes.used).toBe(used);
    heap.verify();
  });
});
