import { expect, it } from 'vitest';
import { KeyScratch } from '../../src/cache/key.js';
import { KeyIndex } from '../../src/cache/key-index.js';
import { type Generation, GenerationalHeap } from '../../src/heap/index.js';

it('finds all after its segments have moved to where the lines of the processor’s cache begin elsewhere', () => {
  const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 4096 });
  const keys = new KeyScratch(heap.memory, 0, 7);
  const before = heap.newGeneration();
  const index = new KeyIndex(heap, keys);
  // The index's own: generations are numbered in the order in which they come.
  const generation = (before + 1) as Generation;
  const owner = heap.registerOwner({ moved() {} });
  const entries: number[] = [];
  const fillers: number[] = [];
  for (let key = 0; key < 3000; key++) {
    keys.load(key);
    while (index.isFull(keys.hash)) index.grow(keys.hash);
    const address = heap.allocateOwned(owner, 8, 1, 0, keys.markBits);
    const i32 = heap.memory.i32[address >>> heap.memory.slabShift]!;
    keys.write(i32, ((address & heap.memory.slabMask) << heap.memory.wordShift) + 2);
    index.insert(keys.hash, address);
    entries.push(address);
    if (key % 20 === 0) fillers.push(heap.allocate(8 + 8 * (key % 3), generation));
  }
  for (const filler of fillers) heap.free(filler as never);
  expect(heap.regions.generationBytes(generation)).toBeGreaterThan(4 * heap.regionBytes);
  let moved = 0;
  for (let region = heap.regions.first(generation); region !== -1; ) {
    const next = heap.regions.next(region);
    if (heap.regions.isRetired(region) && heap.evacuateRegion(region)) moved++;
    region = next;
  }
  expect(moved).toBeGreaterThan(4);
  for (const [key, address] of entries.entries()) {
    keys.load(key);
    expect(index.find()).toBe(address);
  }
  keys.load(3000);
  expect(index.find()).toBe(-1);
  heap.verify();
});
