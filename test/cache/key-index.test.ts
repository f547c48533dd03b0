import { expect, it } from 'vitest';
import { KeyScratch } from '../../src/cache/key.js';
import { KeyIndex } from '../../src/cache/key-index.js';
import { type Generation, GenerationalHeap } from '../../src/heap/index.js';

const KEYS = 80_000;

it('finds all after its segments have moved to where the lines of the processor’s cache begin elsewhere', () => {
  // Regions for segments of full length: only those are laid by lines.
  const heap = new GenerationalHeap({ maxBytes: 8 << 20, regionBytes: 1 << 16 });
  const keys = new KeyScratch(heap.memory, 0, 7);
  const before = heap.newGeneration();
  const index = new KeyIndex(heap, keys, () => heap.regions.freeRegions - 1);
  // The index's own: generations are numbered in the order in which they come.
  const generation = (before + 1) as Generation;
  const owner = heap.registerOwner({ moved() {} });
  const entries: number[] = [];
  const fillers: number[] = [];
  for (let key = 0; key < KEYS; key++) {
    keys.load(key);
    while (index.isFull(keys.hash)) index.grow(keys.hash);
    const address = heap.allocateOwned(owner, 8, 1, 0, keys.markBits);
    const i32 = heap.memory.i32[address >>> heap.memory.slabShift]!;
    keys.write(i32, ((address & heap.memory.slabMask) << heap.memory.wordShift) + 2);
    index.insert(keys.hash, address);
    entries.push(address);
    if (key % 100 === 0) fillers.push(heap.allocate(8 + 8 * (key % 3), generation));
  }
  for (const filler of fillers) heap.free(filler as never);
  let moved = 0;
  for (let region = heap.regions.first(generation); region !== -1; ) {
    const next = heap.regions.next(region);
    if (heap.regions.isRetired(region) && heap.evacuateRegion(region)) moved++;
    region = next;
  }
  expect(moved).toBeGreaterThan(3);
  for (const [key, address] of entries.entries()) {
    keys.load(key);
    if (index.find() !== address) expect.fail(`key ${key} is at ${index.find()}, not at ${address}`);
  }
  keys.load(KEYS);
  expect(index.find()).toBe(-1);
  heap.verify();
});
