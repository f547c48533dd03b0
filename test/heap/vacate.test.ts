import { describe, expect, it } from 'vitest';
import {
  type Generation,
  GenerationalHeap,
  HeapFullError,
  type Ref,
  type RegionIndex,
} from '../../src/heap/index.js';

/**
 * A heap full of a generation that moves nothing by itself. Two thirds of it have died, in every region; here and there
 * a region is free.
 */
function fragmented(): { heap: GenerationalHeap; generation: Generation; live: Set<Ref> } {
  const heap = new GenerationalHeap({ maxBytes: 2 ** 19, regionBytes: 4096, debug: true });
  const generation = heap.newGeneration({ liveThreshold: 0 });
  const live = new Set<Ref>();
  const others: Ref[] = [];
  try {
    for (let i = 0; ; i++) {
      if (i % 8 === 0) others.push(heap.allocate(100, 2));
      else live.add(heap.allocate(100, generation));
    }
  } catch (error) {
    if (!(error instanceof HeapFullError)) throw error;
  }
  for (const ref of others) heap.free(ref);
  for (const [i, ref] of [...live].entries()) if (i % 3 !== 0) end(heap, live, ref);
  return { heap, generation, live };
}

function end(heap: GenerationalHeap, live: Set<Ref>, ref: Ref): void {
  heap.free(ref);
  live.delete(ref);
}

/** What an owner does that is asked to vacate `region`. */
function endAllIn(heap: GenerationalHeap, live: Set<Ref>, region: RegionIndex): void {
  for (const ref of live) if (heap.regionAt(heap.addressOf(ref)) === region) end(heap, live, ref);
}

describe('a generation whose owner vacates its regions', () => {
  it('may get its owner later', () => {
    const { heap, generation, live } = fragmented();
    expect(() => heap.allocate(30_000, 1)).toThrow(HeapFullError);
    const asked = new Set<number>();
    heap.configureGeneration(generation, {
      vacate: (region) => {
        asked.add(region);
        endAllIn(heap, live, region);
      },
    });
    heap.free(heap.allocate(30_000, 1));
    expect(asked.size).toBeGreaterThan(3);
    heap.verify();
  });

  it('loses no region when its owner throws', () => {
    const { heap, generation, live } = fragmented();
    let calls = 0;
    const vacate = (region: RegionIndex): void => {
      if (++calls === 3) throw new Error('no');
      endAllIn(heap, live, region);
    };
    heap.configureGeneration(generation, { vacate });
    expect(() => heap.allocate(30_000, 1)).toThrow('no');
    heap.verify();
    for (const ref of live) end(heap, live, ref);
    // Nothing but the generation's open region is in use.
    expect(heap.stats().regions.inUse).toBeLessThanOrEqual(1);
    heap.verify();
  });

  it('gets none of the regions that are being cleared, when it takes room for a long block meanwhile', () => {
    const { heap, generation, live } = fragmented();
    const long: Ref[] = [];
    const take = (bytes: number): void => {
      try {
        long.push(heap.allocate(bytes, 1));
      } catch (error) {
        if (!(error instanceof HeapFullError)) throw error;
      }
    };
    let asked = 0;
    heap.configureGeneration(generation, {
      vacate: (region) => {
        asked++;
        take(20_000);
        endAllIn(heap, live, region);
      },
    });
    take(30_000);
    expect(asked).toBeGreaterThan(0);
    for (const [i, ref] of long.entries()) heap.view(ref).fill(i);
    for (const [i, ref] of long.entries()) expect(heap.view(ref).every((byte) => byte === i)).toBe(true);
    heap.verify();
  });

  it('is refused an owner that is no function', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 19 });
    const vacate = 1 as unknown as () => void;
    expect(() => heap.newGeneration({ vacate })).toThrow(/newGeneration\.vacate must be a function/);
    expect(() => heap.configureGeneration(1, { vacate })).toThrow(
      /configureGeneration\.vacate must be a function/,
    );
  });
});
