import { describe, expect, it } from 'vitest';
import { type Address, GenerationalHeap, type RegionIndex } from '../../src/heap/index.js';

function heapWithOwner(): { heap: GenerationalHeap; owner: number; generation: number } {
  const heap = new GenerationalHeap({ maxBytes: 512 * 1024, regionBytes: 1024, sampleBytes: 0, debug: true });
  const owner = heap.registerOwner({ moved: () => {} });
  return { heap, owner, generation: heap.newGeneration({ liveThreshold: 0 }) };
}

function walk(heap: GenerationalHeap, generation: number): Address[] {
  const found: Address[] = [];
  const { regions } = heap;
  for (let r = regions.first(generation); r !== -1; r = regions.next(r)) {
    for (let a = regions.nextLive(r, regions.start(r)); a !== -1; a = regions.nextLive(r, regions.after(a))) {
      found.push(a);
    }
  }
  return found;
}

describe('an owner walking its regions', () => {
  it('meets live blocks in the order in which they were placed, humongous ones too', () => {
    const { heap, owner, generation } = heapWithOwner();
    const placed: Address[] = [];
    const sizes = [10, 200, 3000, 50, 400, 400, 0, 400, 5000, 8];
    for (const size of sizes) placed.push(heap.allocateOwned(owner as never, size, generation));
    const met = walk(heap, generation);
    expect(new Set(met)).toEqual(new Set(placed));
    const small = placed.filter((_, i) => sizes[i]! < 500);
    expect(met.filter((a) => small.includes(a))).toEqual(small);
    for (const i of [0, 2, 4, 8]) heap.freeOwned(placed[i]!);
    expect(new Set(walk(heap, generation))).toEqual(
      new Set(placed.filter((_, i) => ![0, 2, 4, 8].includes(i))),
    );
  });

  it('links regions both ways and counts what is live in each, open ones included', () => {
    const { heap, owner, generation } = heapWithOwner();
    const placed: Address[] = [];
    for (let i = 0; i < 30; i++) placed.push(heap.allocateOwned(owner as never, 100, generation));
    const forward: RegionIndex[] = [];
    for (let r = heap.regions.first(generation); r !== -1; r = heap.regions.next(r)) forward.push(r);
    const back: RegionIndex[] = [];
    for (let r = heap.regions.last(generation); r !== -1; r = heap.regions.previous(r)) back.unshift(r);
    expect(back).toEqual(forward);
    expect(forward.length).toBeGreaterThan(2);
    expect(heap.regions.generationBytes(generation)).toBe(forward.length * 1024);
    const bytes = (): number => forward.reduce((sum, r) => sum + heap.regions.liveBytes(r), 0);
    expect(bytes()).toBe(30 * 112);
    heap.freeOwned(placed[29]!);
    expect(bytes()).toBe(29 * 112);
  });

  it('says how much room an open region has, and resizes a block only within its units', () => {
    const { heap, owner, generation } = heapWithOwner();
    expect(heap.regions.roomIn(generation)).toBe(0);
    const a = heap.allocateOwned(owner as never, 20, generation);
    expect(heap.regions.roomIn(generation)).toBe(1024 - heap.regions.blockBytes(a));
    expect(heap.regions.resize(a, 24)).toBe(true);
    expect(heap.byteLengthAt(a)).toBe(24);
    expect(heap.regions.resize(a, 25)).toBe(false);
    expect(heap.regions.resize(a, 8)).toBe(false);
    expect(heap.byteLengthAt(a)).toBe(24);
    const humongous = heap.allocateOwned(owner as never, 2000, generation);
    expect(heap.regions.resize(humongous, 2000)).toBe(false);
    heap.verify();
    expect(a).toBeLessThan(heap.regions.addressLimit);
  });

  it('is not told of a release it knows of, which is then swept in slices, even after another took its number', () => {
    let nowMs = 0;
    // Every look at the clock finds the budget spent.
    const clock = { nowMs: () => nowMs++, unixMs: () => 0 };
    const heap = new GenerationalHeap({ maxBytes: 512 * 1024, regionBytes: 8192, debug: true, clock });
    const told: Address[] = [];
    const owner = heap.registerOwner({ moved: () => {}, released: (address) => void told.push(address) });
    const generation = heap.newGeneration();
    for (let i = 0; i < 3000; i++) heap.allocateOwned(owner, 8, generation);
    heap.allocateOwned(owner, 20_000, generation);
    heap.releaseGeneration(generation, { tellOwners: false });
    expect(heap.stats().regions.condemned).toBeGreaterThan(2);
    heap.unregisterOwner(owner);
    heap.verify();
    const next = heap.registerOwner({ moved: () => {}, released: (address) => void told.push(address) });
    expect(next).toBe(owner);
    const mine = heap.allocateOwned(next, 8, 3);
    let steps = 1;
    while (heap.step()) steps++;
    expect(steps).toBeGreaterThan(3);
    expect(told).toEqual([]);
    heap.verify();
    heap.releaseGeneration(3);
    expect(told).toEqual([mine]);
    heap.verify();
  });

  it('counts released regions among those that can be had, and gets them when it needs them', () => {
    const { heap, owner, generation } = heapWithOwner();
    const full = heap.regions.freeRegions;
    while (heap.regions.freeRegions > 2) heap.allocateOwned(owner as never, 400, generation);
    heap.releaseGeneration(generation, { keep: true, tellOwners: false });
    expect(heap.regions.freeRegions).toBe(full);
    while (heap.regions.freeRegions > 2) heap.allocateOwned(owner as never, 400, generation);
    heap.verify();
  });

  it('fills a heap whose slabs are single regions', () => {
    const heap = new GenerationalHeap({ maxBytes: 256 * 1024, regionBytes: 4096, sampleBytes: 0 });
    const owner = heap.registerOwner({ moved: () => {} });
    const free = heap.regions.freeRegions;
    let placed = 0;
    expect(() => {
      for (;;) {
        heap.allocateOwned(owner, 4096 / 2 - 24, 1);
        placed++;
      }
    }).toThrow('the heap is full');
    expect(placed).toBe(2 * (free - 1));
  });
});

describe('an owner that is told of a release later', () => {
  it('may free the blocks itself meanwhile: what is placed there next is swept from the start', () => {
    let nowMs = 0;
    // Every look at the clock finds the budget spent, so that a sweep stops after a slice.
    const heap = new GenerationalHeap({
      maxBytes: 512 * 1024,
      regionBytes: 16384,
      sampleBytes: 0,
      debug: true,
      clock: { nowMs: () => nowMs++, unixMs: () => 0 },
    });
    const owner = heap.registerOwner({ moved: () => {}, released: () => {}, asksForReleases: true });
    const generation = heap.newGeneration();
    const blocks = Array.from({ length: 1024 }, () => heap.allocateOwned(owner, 8, generation));
    const region = heap.regionAt(blocks[0]!);
    heap.releaseGeneration(generation, { keep: true });
    expect(heap.stats().regions.condemned).toBe(1);
    const left = blocks.filter((address) => heap.regions.isLive(address));
    expect(left.length).toBe(768);
    for (const address of left) heap.freeOwned(address);
    expect(heap.stats().regions.condemned).toBe(0);
    heap.verify();
    const refs = Array.from({ length: 1024 }, () => heap.allocate(8, generation));
    expect(heap.regionAt(heap.addressOf(refs[0]!))).toBe(region);
    heap.releaseGeneration(generation, { keep: true });
    while (heap.step()) expect(heap.has(refs[0]!)).toBe(false);
    expect(heap.stats().refs.live).toBe(0);
    heap.verify();
  });

  it('and throws when asked where a block shall go, is asked again', () => {
    const heap = new GenerationalHeap({
      maxBytes: 512 * 1024,
      regionBytes: 1024,
      sampleBytes: 0,
      debug: true,
    });
    const blocks = new Set<Address>();
    let asked = 0;
    const owner = heap.registerOwner({
      moved: (from, to) => {
        blocks.delete(from);
        blocks.add(to);
      },
      relocate: () => {
        if (++asked === 5) throw new Error('no');
        return 3;
      },
    });
    for (let i = 0; i < 300; i++) blocks.add(heap.allocateOwned(owner, 24, 1));
    for (const [i, address] of [...blocks].entries()) {
      if (i % 2 === 0) continue;
      blocks.delete(address);
      heap.freeOwned(address);
    }
    expect(() => heap.collectGeneration(1)).toThrow('no');
    heap.verify();
    heap.collectGeneration(1);
    for (const address of blocks) expect(heap.generationAt(address)).toBe(3);
    expect(heap.stats().generations[0]!.regions).toBe(0);
    heap.verify();
  });
});
