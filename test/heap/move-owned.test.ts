import { describe, expect, it } from 'vitest';
import { type Address, type Generation, GenerationalHeap, type SiteId } from '../../src/heap/index.js';

const KiB = 1024;

describe('an owner that moves its blocks', () => {
  it('carries bytes, mark, site and birth over: no death, no birth', () => {
    const heap = new GenerationalHeap({
      maxBytes: 1024 * KiB,
      regionBytes: 4 * KiB,
      sampleBytes: 1,
      debug: true,
    });
    const lives: string[] = [];
    heap.setPlacementPolicy({
      generationFor: () => 0,
      born: (site) => lives.push(`born ${site}`),
      died: (site, generation, bytes, _age, cookie) =>
        lives.push(`died ${site} in ${generation}, ${bytes} ${cookie}`),
      fragmented: () => {},
    });
    const owner = heap.registerOwner({ moved: () => {} });
    const site = heap.site('here');
    const to = heap.newGeneration({ liveThreshold: 0 });
    const moved: Address[] = [];
    for (let n = 0; n < 200; n++) {
      const at = heap.allocateOwned(owner, 100 + n, 1, site, n);
      heap.viewAt(at).fill(n);
      heap.makeRoomIn(to, heap.byteLengthAt(at));
      moved.push(heap.moveOwned(at, to));
    }
    expect(lives.filter((life) => life.startsWith('died'))).toEqual([]);
    const births = lives.length;
    expect(births).toBeGreaterThan(150);
    moved.forEach((at, n) => {
      expect([heap.generationAt(at), heap.siteAt(at), heap.markAt(at)]).toEqual([to, site, n]);
      expect(heap.viewAt(at)).toEqual(new Uint8Array(100 + n).fill(n));
    });
    heap.verify();
    for (const at of moved) heap.freeOwned(at);
    const deaths = lives.slice(births);
    expect(deaths.length).toBe(births);
    expect(deaths.every((life) => life.startsWith(`died ${site} in ${to}`))).toBe(true);
    expect(heap.bytes.live).toBe(0);
    heap.verify();
  });

  it('gives a humongous block to the generation where it lies', () => {
    const heap = new GenerationalHeap({ maxBytes: 1024 * KiB, regionBytes: 4 * KiB });
    const owner = heap.registerOwner({ moved: () => {} });
    const to = heap.newGeneration();
    const at = heap.allocateOwned(owner, 20_000, 1);
    heap.viewAt(at).fill(7);
    heap.makeRoomIn(to, 20_000);
    expect(heap.moveOwned(at, to)).toBe(at);
    expect(heap.generationAt(at)).toBe(to);
    expect([heap.regions.generationBytes(1), heap.regions.generationBytes(to)]).toEqual([0, 20 * KiB]);
    heap.verify();
    heap.releaseGeneration(to);
    expect(heap.bytes.live).toBe(0);
    heap.verify();
  });

  it('asks for room first, and names what is wrong', () => {
    const heap = new GenerationalHeap({ maxBytes: 1024 * KiB, regionBytes: 4 * KiB });
    const owner = heap.registerOwner({ moved: () => {} });
    const at = heap.allocateOwned(owner, 100, 1);
    expect(() => heap.moveOwned(at, 2)).toThrow('makeRoomIn');
    expect(() => heap.makeRoomIn(99_999, 100)).toThrow('no generation 99999');
  });
});

describe('advice', () => {
  it('is the site’s by hand, the policy’s, or none, for owners that choose themselves', () => {
    const heap = new GenerationalHeap({ maxBytes: 1024 * KiB });
    const [given, free] = [heap.site('given', { generation: 4 }), heap.site('free')];
    expect([heap.siteGeneration(given), heap.siteGeneration(free)]).toEqual([4, 0]);
    expect(heap.advisedGeneration(free, 10, 0)).toBe(0);
    const asked: [SiteId, number, number][] = [];
    heap.setPlacementPolicy({
      generationFor: (site, bytes, ttlMs) => {
        asked.push([site, bytes, ttlMs]);
        return bytes > 50 ? (6 as Generation) : 777_777;
      },
      born: () => 0,
      died: () => {},
      fragmented: () => {},
    });
    expect([heap.advisedGeneration(free, 100, 5), heap.advisedGeneration(free, 10, 0)]).toEqual([6, 0]);
    expect(asked).toEqual([
      [free, 100, 5],
      [free, 10, 0],
    ]);
  });
});
