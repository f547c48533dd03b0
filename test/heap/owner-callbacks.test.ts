import { describe, expect, it } from 'vitest';
import { type Address, GenerationalHeap, HeapFullError, type HeapOptions } from '../../src/heap/index.js';

function small(options: HeapOptions = {}): GenerationalHeap {
  return new GenerationalHeap({
    maxBytes: 2 ** 18,
    regionBytes: 2048,
    sampleBytes: 0,
    debug: true,
    ...options,
  });
}

/** Calls `use` until the heap is full. */
function untilFull(use: () => void): void {
  try {
    for (;;) use();
  } catch (error) {
    if (!(error instanceof HeapFullError)) throw error;
  }
}

/** Reserves for an owner that can do without. @returns whether it got it. */
function reserves(heap: GenerationalHeap, bytes: number): boolean {
  try {
    heap.reserve(bytes);
    return true;
  } catch (error) {
    if (error instanceof HeapFullError) return false;
    throw error;
  }
}

/** A clock that gives each step all the time it wants. */
const patient = { nowMs: () => 0, unixMs: () => 0 };

describe('an owner that reserves for its tables while it is told of its blocks', () => {
  for (const asksForReleases of [false, true]) {
    it(`is told of each released block once (late: ${asksForReleases})`, () => {
      const heap = small();
      const generation = heap.newGeneration();
      const placed: Address[] = [];
      const told: Address[] = [];
      const answers = new Set<boolean>();
      const owner = heap.registerOwner({
        moved: () => {},
        released: (address) => {
          told.push(address);
          answers.add(reserves(heap, 1500));
        },
        asksForReleases,
      });
      // A long one, which goes in a way of its own, before and behind others.
      for (const bytes of [100, 5000, 100]) placed.push(heap.allocateOwned(owner, bytes, generation));
      untilFull(() => placed.push(heap.allocateOwned(owner, 120, generation)));
      heap.releaseGeneration(generation, { keep: true });
      while (heap.step());
      expect(told.length).toBe(placed.length);
      expect(new Set(told)).toEqual(new Set(placed));
      expect(answers).toEqual(new Set([true, false]));
      heap.verify();
    });
  }

  it('takes no room from a block that is being placed, and has no pressure hook called', () => {
    const heap = small({ settleCycles: 0, clock: patient });
    const blocks = new Set<Address>();
    let isTold = false;
    let refused = 0;
    const asked = { within: 0, else: 0 };
    heap.onPressure(() => void asked[isTold ? 'within' : 'else']++);
    const owner = heap.registerOwner({
      moved: (from, to) => {
        blocks.delete(from);
        blocks.add(to);
        isTold = true;
        if (!reserves(heap, 1500)) refused++;
        isTold = false;
      },
    });
    // Its region is open, with little in it, when the step comes that moves the blocks.
    const refs = [heap.allocate(100, 3)];
    while (heap.regions.freeRegions > 2) blocks.add(heap.allocateOwned(owner, 120, 1));
    for (const [i, address] of [...blocks].entries()) {
      if (i % 3 === 0) continue;
      blocks.delete(address);
      heap.freeOwned(address);
    }
    for (let i = 0; i < 12; i++) {
      refs.push(heap.allocate(100, 3));
      heap.verify();
    }
    expect(refused).toBeGreaterThan(0);
    expect(new Set(refs.map((ref) => heap.generationOf(ref)))).toEqual(new Set([3]));
    for (const address of blocks) expect(heap.regions.isLive(address)).toBe(true);
    untilFull(() => heap.allocate(100, 5));
    expect(asked.within).toBe(0);
    expect(asked.else).toBeGreaterThan(0);
  });
});

describe('an owner that throws when its block is moved', () => {
  for (const byteLength of [100, 50_000]) {
    it(`has the call throw that was placing another, of ${byteLength} bytes, and leaves nothing of it behind`, () => {
      const heap = small({ maxBytes: 2 ** 19, settleCycles: 0, cycleBytes: 2 ** 16, clock: patient });
      let throws = 1;
      const blocks = new Set<Address>();
      const owner = heap.registerOwner({
        moved: (from, to) => {
          blocks.delete(from);
          blocks.add(to);
          if (throws-- > 0) throw new Error('no');
        },
      });
      for (let i = 0; i < 240; i++) blocks.add(heap.allocateOwned(owner, 120, 1));
      for (const [i, address] of [...blocks].entries()) {
        if (i % 3 === 0) continue;
        blocks.delete(address);
        heap.freeOwned(address);
      }
      // It is the turn of the cycle that finds so much dead.
      const place = () => heap.allocate(byteLength, 3);
      let placed = 0;
      expect(() => {
        for (; ; placed++) place();
      }).toThrow('no');
      expect(heap.stats().refs.live).toBe(placed);
      heap.verify();
      const { cycle } = heap;
      place();
      expect(heap.cycle - cycle).toBeLessThanOrEqual(1);
      for (const address of blocks) expect(heap.regions.isLive(address)).toBe(true);
      heap.verify();
    });
  }
});

describe('an owner that goes', () => {
  it('is told before of what was released, which is no business of the one that gets its number', () => {
    let nowMs = 0;
    // Every look at the clock finds the budget spent.
    const heap = small({
      maxBytes: 2 ** 19,
      regionBytes: 8192,
      clock: { nowMs: () => nowMs++, unixMs: () => 0 },
    });
    const told: [string, Address][] = [];
    const named = (name: string) => ({
      moved: () => {},
      released: (address: Address) => void told.push([name, address]),
      asksForReleases: true,
    });
    const first = heap.registerOwner(named('first'));
    const generation = heap.newGeneration();
    const placed = Array.from({ length: 3000 }, () => heap.allocateOwned(first, 8, generation));
    heap.releaseGeneration(generation, { keep: true });
    expect(heap.stats().regions.condemned).toBeGreaterThan(2);
    heap.unregisterOwner(first);
    expect(heap.registerOwner(named('second'))).toBe(first);
    while (heap.step());
    expect(told.length).toBe(placed.length);
    expect(new Set(told.map(([name]) => name))).toEqual(new Set(['first']));
    heap.verify();
  });
});
