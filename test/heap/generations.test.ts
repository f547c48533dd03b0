import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FUSE, type HotWords } from '../../src/heap/hot-words.js';
import {
  GenerationalHeap,
  type HeapOptions,
  type PlacementPolicy,
  StaleRefError,
} from '../../src/heap/index.js';
import type { Lives } from '../../src/heap/lives.js';

function small(options: HeapOptions = {}): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 512 * 1024, regionBytes: 1024, debug: true, ...options });
}

describe('generations', () => {
  it('place by hand first, then by site, then the current one', () => {
    const heap = small();
    const site = heap.site('index', { generation: 7 });
    expect(heap.generationOf(heap.allocate(8))).toBe(1);
    heap.setGeneration(4);
    expect(heap.getGeneration()).toBe(4);
    expect(heap.generationOf(heap.allocate(8))).toBe(4);
    expect(heap.generationOf(heap.allocate(8, undefined, site))).toBe(7);
    expect(heap.generationOf(heap.allocate(8, 2, site))).toBe(2);
    expect(() => heap.setGeneration(0)).toThrow("V8's own heap");
  });

  it('are not chosen for all unnamed blocks by a site that found no place among 4096', () => {
    const heap = new GenerationalHeap({ maxBytes: 4 * 2 ** 20 });
    for (let i = 0; heap.site(`site ${i}`, { generation: 3 }) !== 0; i++) expect(i).toBeLessThan(4096);
    expect(heap.site('one more', { generation: 7 })).toBe(0);
    expect(heap.generationOf(heap.allocate(8))).toBe(1);
    expect(heap.generationOf(heap.allocate(8, undefined, heap.site('site 9')))).toBe(3);
    // By the name of unnamed blocks it can be had.
    heap.site('', { generation: 7 });
    expect(heap.generationOf(heap.allocate(8))).toBe(7);
  });

  it('refuse a threshold out of range, and a target that is none, before anything is changed', () => {
    const heap = small();
    for (const liveThreshold of [-0.1, 0.96, Number.NaN, '1' as never]) {
      expect(() => heap.newGeneration({ liveThreshold })).toThrow('newGeneration.liveThreshold');
      expect(() => heap.configureGeneration(3, { evacuateTo: 9, liveThreshold })).toThrow(
        'configureGeneration.liveThreshold',
      );
    }
    expect(() => heap.configureGeneration(3, { evacuateTo: 99, liveThreshold: 0 })).toThrow(
      'no generation 99',
    );
    expect(heap.stats().generations.find((stats) => stats.generation === 3)!.evacuateTo).toBe(4);
    heap.configureGeneration(3, { evacuateTo: 9, liveThreshold: 0.95 });
    expect(heap.stats().generations.find((stats) => stats.generation === 3)!.evacuateTo).toBe(9);
  });

  it('follow async calls in runInGeneration, each flow its own', async () => {
    const heap = small();
    const flow = (generation: number) =>
      heap.runInGeneration(generation, async () => {
        await tick();
        const before = heap.generationOf(heap.allocate(8));
        await tick();
        return [before, heap.getGeneration()];
      });
    expect(await Promise.all([flow(3), flow(9)])).toEqual([
      [3, 3],
      [9, 9],
    ]);
    expect(heap.getGeneration()).toBe(1);
    await heap.runInGeneration(3, async () => {
      heap.setGeneration(5);
      await tick();
      expect(heap.getGeneration()).toBe(5);
    });
    expect(heap.getGeneration()).toBe(1);
  });

  it('are released at once: every ref into them is stale, all others live on', () => {
    const heap = small();
    const generation = heap.newGeneration();
    const gone = Array.from({ length: 500 }, (_, i) => heap.allocate(i % 300, generation));
    const large = heap.allocate(5000, generation);
    const kept = Array.from({ length: 50 }, () => heap.allocate(100, 2));
    heap.releaseGeneration(generation);
    for (const ref of [...gone, large]) {
      expect(heap.has(ref)).toBe(false);
      expect(() => heap.free(ref)).toThrow(StaleRefError);
    }
    for (const ref of kept) expect(heap.has(ref)).toBe(true);
    expect(() => heap.allocate(8, generation)).toThrow('it was released');
    while (heap.step());
    heap.verify();
    expect(heap.stats().refs.live).toBe(50);
  });

  it('that are anonymous reuse their table row, under another name', () => {
    const heap = small();
    const first = heap.newGeneration();
    heap.releaseGeneration(first);
    const second = heap.newGeneration();
    expect(second).not.toBe(first);
    expect(() => heap.allocate(8, first)).toThrow('there is no generation');
    expect(heap.stats().generations.at(-1)).toMatchObject({
      generation: second,
      epoch: 0,
      regionsReleased: 0,
    });
    const { committed } = heap.bytes;
    for (let i = 0; i < 5000; i++) heap.releaseGeneration(heap.newGeneration());
    expect(heap.bytes.committed).toBe(committed);
    for (let i = 0; i < 60; i++) heap.allocate(8, heap.newGeneration());
    heap.verify();
  });

  it('are swept in slices: a step ends within its region, and what is left stays stale', () => {
    let nowMs = 0;
    // Every look at the clock finds the budget spent.
    const heap = small({ regionBytes: 8192, clock: { nowMs: () => nowMs++, unixMs: () => 0 } });
    const generation = heap.newGeneration();
    const refs = Array.from({ length: 1100 }, () => heap.allocate(8, generation));
    heap.releaseGeneration(generation);
    let steps = 0;
    for (let more = true; more; steps++) {
      for (const ref of refs) expect(heap.has(ref)).toBe(false);
      heap.verify();
      more = heap.step();
    }
    expect(steps).toBeGreaterThanOrEqual(4);
    expect(heap.stats().regions.condemned).toBe(0);
    for (const ref of refs) expect(() => heap.free(ref)).toThrow(StaleRefError);
    heap.verify();
  });

  it('that end while blocks released before are unswept leave these to no generation that comes after', () => {
    let nowMs = 0;
    const heap = small({
      regionBytes: 8192,
      sampleBytes: 1,
      clock: { nowMs: () => nowMs++, unixMs: () => 0 },
    });
    const died = new Set<number>();
    heap.setPlacementPolicy({
      generationFor: () => 0,
      born: () => 0,
      died: (_site, generation) => void died.add(generation),
      fragmented: () => {},
    });
    const generation = heap.newGeneration();
    for (let i = 0; i < 1100; i++) heap.allocate(8, generation);
    heap.releaseGeneration(generation, { keep: true });
    expect(heap.stats().regions.condemned).toBeGreaterThan(1);
    heap.releaseGeneration(generation);
    heap.newGeneration();
    while (heap.step()) heap.verify();
    expect(died).toEqual(new Set([generation, 0]));
    expect(heap.stats().refs.live).toBe(0);
  });

  it('can be released half evacuated: what moved away before is no write to a dead block', () => {
    let nowMs = 0;
    const heap = small({
      regionBytes: 8192,
      cycleBytes: 1024,
      settleCycles: 0,
      wasteThreshold: 0,
      clock: { nowMs: () => (nowMs += 0.2), unixMs: () => 0 },
    });
    const refs = Array.from({ length: 1100 }, () => heap.allocate(8, 1));
    for (const [i, ref] of refs.entries()) if (i % 2 === 0) heap.free(ref);
    for (let i = 0; i < 400 && heap.stats().totals.bytesEvacuated === 0; i++) {
      heap.allocate(8, 15);
      heap.step();
    }
    expect(heap.stats().totals.bytesEvacuated).toBeGreaterThan(0);
    heap.releaseGeneration(1);
    expect(heap.stats().regions.condemned).toBeGreaterThan(0);
    heap.verify();
  });

  it('are evacuated in steps once regions are few, even if none was fit earlier in the cycle', () => {
    // A clock that stands: a step that the machine holds up gets nothing done in its time.
    const clock = { nowMs: () => 0, unixMs: () => 0 };
    const heap = small({ settleCycles: 1000, cycleBytes: 256 * 1024, clock });
    const refs = Array.from({ length: 1400 }, () => heap.allocate(100, 1));
    for (const [i, ref] of refs.entries()) if (i % 3 !== 0) heap.free(ref);
    while (heap.cycle === 0) heap.allocate(400, 15);
    heap.step();
    expect(heap.stats().totals.bytesEvacuated).toBe(0);
    while (heap.cycle === 1 && heap.regions.freeRegions > 15) heap.allocate(400, 15);
    heap.step();
    expect(heap.cycle).toBe(1);
    expect(heap.stats().totals.bytesEvacuated).toBeGreaterThan(0);
    heap.verify();
  });

  it('that are to be waited for are left alone till then, or until regions are few', () => {
    const evacuatedAt = (waitCycles: number, cycleBytes: number): number => {
      const heap = small({ settleCycles: 0, wasteThreshold: 0, cycleBytes });
      const generation = heap.newGeneration({ waitCycles });
      const refs = Array.from({ length: 700 }, () => heap.allocate(100, generation));
      for (const [i, ref] of refs.entries()) if (i % 3 !== 0) heap.free(ref);
      while (heap.stats().totals.bytesEvacuated === 0 && heap.cycle < 400) {
        heap.allocate(400, 15);
        heap.step();
      }
      heap.verify();
      return heap.cycle;
    };
    // The regions were opened in the first cycles.
    expect(evacuatedAt(0, 16 * 1024)).toBeLessThan(8);
    expect(evacuatedAt(16, 16 * 1024)).toBeGreaterThanOrEqual(16);
    expect(evacuatedAt(16, 16 * 1024)).toBeLessThan(24);
    expect(evacuatedAt(1000, 16 * 1024)).toBeLessThan(32);
    const heap = small();
    expect(() => heap.newGeneration({ waitCycles: -1 })).toThrow('newGeneration.waitCycles');
    const before = heap.stats().generations[2]!.evacuateTo;
    expect(() => heap.configureGeneration(3, { evacuateTo: 9, waitCycles: 0.5 })).toThrow(
      'configureGeneration.waitCycles',
    );
    expect(heap.stats().generations[2]!.evacuateTo).toBe(before);
  });

  it('with keep can be filled again after their release', () => {
    const heap = small();
    const generation = heap.newGeneration();
    const ref = heap.allocate(8, generation);
    heap.releaseGeneration(generation, { keep: true });
    expect(heap.has(ref)).toBe(false);
    expect(heap.generationOf(heap.allocate(8, generation))).toBe(generation);
  });

  it('are released by options that are true or false, and nothing else', () => {
    const heap = small();
    const ref = heap.allocate(8, heap.newGeneration());
    const { releases } = heap;
    for (const name of ['keep', 'tellOwners']) {
      for (const value of [1, 0, 'yes']) {
        expect(() => heap.releaseGeneration(heap.generationOf(ref), { [name]: value } as never)).toThrow(
          `releaseGeneration.${name} must be true or false`,
        );
      }
    }
    expect(heap.has(ref)).toBe(true);
    expect(heap.releases).toBe(releases);
  });

  it('evacuate fragmented regions into the next one, the last and the anonymous into 15', () => {
    const heap = small();
    const anonymous = heap.newGeneration();
    for (const [generation, to] of [
      [1, 2],
      [13, 14],
      [14, 15],
      [15, 15],
      [anonymous, 15],
    ] as const) {
      const refs = Array.from({ length: 40 }, () => heap.allocate(100, generation));
      const kept = refs.filter((ref, i) => i % 10 === 0 || heap.free(ref));
      for (const ref of kept) heap.view(ref).fill(ref & 0xff);
      heap.collectGeneration(generation);
      for (const ref of kept) {
        expect(heap.generationOf(ref)).toBe(to);
        expect(heap.view(ref).every((byte) => byte === (ref & 0xff))).toBe(true);
      }
      heap.verify();
    }
  });

  it('free a region whole, with nothing copied, when its last block dies', () => {
    const heap = small();
    const refs = Array.from({ length: 400 }, () => heap.allocate(100, 3));
    for (const ref of refs) heap.free(ref);
    const { totals } = heap.stats();
    expect(totals.regionsFreedWhole).toBeGreaterThan(30);
    expect(totals.bytesEvacuated).toBe(0);
    heap.verify();
  });
});

/** Regions that a generation holds. */
function regionsOf(heap: GenerationalHeap, generation: number): number {
  return heap.stats().generations.find((stats) => stats.generation === generation)!.regions;
}

/** Lets `cycles` heap cycles pass, in each of which regions are opened. */
function pass(heap: GenerationalHeap, cycles: number): void {
  for (const end = heap.cycle + cycles; heap.cycle < end; ) heap.free(heap.allocate(400, 14));
}

describe('a region that is open and in which all has died', () => {
  it('goes back within two heap cycles, where nothing more is placed in the generation', () => {
    const heap = small({ cycleBytes: 8192 });
    for (const ref of Array.from({ length: 3 }, () => heap.allocate(100, 7))) heap.free(ref);
    const kept = heap.allocate(100, 8);
    heap.free(heap.allocate(100, 8));
    expect(regionsOf(heap, 7)).toBe(1);
    const { regionsFreedWhole } = heap.stats().generations[6]!;
    pass(heap, 2);
    heap.verify();
    expect(regionsOf(heap, 7)).toBe(0);
    expect(heap.stats().generations[6]!.regionsFreedWhole).toBe(regionsFreedWhole + 1);
    // One block that lives keeps it.
    expect(regionsOf(heap, 8)).toBe(1);
    expect(heap.has(kept)).toBe(true);
    expect(heap.generationOf(heap.allocate(100, 7))).toBe(7);
    heap.verify();
  });

  it('goes back as well where survivors were copied to', () => {
    const heap = small({ cycleBytes: 8192 });
    const refs = Array.from({ length: 40 }, () => heap.allocate(100, 3));
    const kept = refs.filter((ref, i) => i % 10 === 0 || heap.free(ref));
    heap.collectGeneration(3);
    for (const ref of kept) expect(heap.generationOf(ref)).toBe(4);
    for (const ref of kept) heap.free(ref);
    expect(regionsOf(heap, 4)).toBe(1);
    pass(heap, 2);
    expect(regionsOf(heap, 4)).toBe(0);
    heap.verify();
  });

  it('stays while it is pinned, and where an owner counts on the room in it', () => {
    const heap = small({ cycleBytes: 8192 });
    const owned = heap.newGeneration({ liveThreshold: 0 });
    const ref = heap.allocate(100, 7);
    const pin = heap.pin(ref);
    heap.free(ref);
    heap.free(heap.allocate(100, owned));
    const room = heap.regions.roomIn(owned);
    pass(heap, 3);
    expect(regionsOf(heap, 7)).toBe(1);
    expect(heap.regions.roomIn(owned)).toBe(room);
    heap.unpin(pin);
    pass(heap, 2);
    expect(regionsOf(heap, 7)).toBe(0);
    heap.verify();
  });

  it('is not taken from under a block that is being placed in it', () => {
    // A cycle turns with nearly every block, so also with those that go to the generation that was idle.
    const heap = small({ cycleBytes: 300 });
    for (let i = 0; i < 300; i++) {
      const ref = heap.allocate(100 + (i % 7) * 30, 1 + (i % 9));
      heap.view(ref).fill(i & 0xff);
      heap.verify();
      expect(heap.view(ref).every((byte) => byte === (i & 0xff))).toBe(true);
      heap.free(ref);
    }
  });
});

describe('the heap cycle', () => {
  it('is looked at once in many blocks: without samples, allocation takes the fast path', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 26, sampleBytes: 0 });
    heap.free(heap.allocate(8));
    const { words } = (heap as unknown as { core: { hot: HotWords } }).core.hot;
    expect(words[FUSE]).toBeGreaterThan(4000);
  });

  it('passes every cycleBytes allocated, whatever the mix of sizes', () => {
    const heap = small({ cycleBytes: 10_000, sampleBytes: 0 });
    let bytes = 0;
    for (let i = 0; i < 3000; i++) {
      const size = i % 50 === 0 ? 3000 : i % 200;
      heap.free(heap.allocate(size));
      bytes += Math.ceil((size + 8) / 8) * 8;
    }
    expect(Math.abs(heap.cycle - bytes / 10_000)).toBeLessThanOrEqual(1);
  });

  it('gives ages at death by generation and site', () => {
    const heap = small({ cycleBytes: 10_000, sampleBytes: 1 });
    const site = heap.site('queue');
    const queue: number[] = [];
    for (let i = 0; i < 4000; i++) {
      queue.push(heap.allocate(92, 5, site));
      if (queue.length > 250) heap.free(queue.shift()!);
    }
    // 250 blocks of 100 or 108 bytes are two and a half cycles.
    const ages = heap.stats().sites[site]!.ages;
    const total = ages.reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(3000);
    expect(ages[2]! + ages[3]!).toBe(total);
    expect(heap.stats().generations.find((stats) => stats.generation === 5)!.ages).toEqual(ages);
  });
});

describe('humongous blocks', () => {
  it('have ages and are told of to the policy, as often as their length makes them samples', () => {
    const heap = small({ cycleBytes: 10_000, sampleBytes: 1 });
    const site = heap.site('large');
    const told: unknown[][] = [];
    heap.setPlacementPolicy({
      generationFor: () => 0,
      born: (...args) => {
        told.push(['born', ...args]);
        return 0xfffffff1;
      },
      died: (...args) => void told.push(['died', ...args]),
      fragmented() {},
    });
    const ref = heap.allocate(3000, 5, site);
    while (heap.cycle < 7) heap.free(heap.allocate(100, 1));
    heap.free(ref);
    expect(told).toContainEqual(['born', site, 5, 3000]);
    expect(told).toContainEqual(['died', site, 5, 3000, 7, 0xfffffff1]);
    expect(heap.stats().sites[site]!.ages[7]).toBe(1);
    const released = heap.newGeneration();
    heap.allocate(5000, released, site);
    const { cycle } = heap;
    heap.releaseGeneration(released);
    expect(told).toContainEqual(['died', site, released, 5000, heap.cycle - cycle, 0xfffffff1]);
    expect(heap.stats().anonymousAges[0]).toBe(1);

    const never = small({ sampleBytes: 0 });
    never.free(never.allocate(3000, 5));
    expect(
      never
        .stats()
        .generations.flatMap((g) => g.ages)
        .every((count) => count === 0),
    ).toBe(true);
    // One in about 3.5 blocks of 600 bytes is a sample where one in 2048 bytes is; region and pad are as always.
    const some = small({ sampleBytes: 2048 });
    for (let i = 0; i < 2000; i++) some.free(some.allocate(600, 5));
    const { ages } = some.stats().generations.find((g) => g.generation === 5)!;
    const sampled = ages.reduce((sum, count) => sum + count, 0);
    expect(Math.abs(sampled * some.sampleWeight(600) - 2000)).toBeLessThan(600);
  });

  it('in a full heap have as many regions evacuated as they need, not all that are fragmented', () => {
    let nowMs = 0;
    // Every look at the clock finds the budget of a step spent: what is evacuated is for want of room.
    const heap = small({ generations: 1, clock: { nowMs: () => nowMs++, unixMs: () => 0 } });
    const refs: number[] = [];
    try {
      for (;;) refs.push(heap.allocate(100, 1));
    } catch {}
    const kept: number[] = [];
    for (const [i, ref] of refs.entries()) {
      // Every region keeps a block, two in three of them keep two: those with least are never side by side.
      if (i % 9 === 0 || (i % 9 === 4 && i % 27 > 9)) kept.push(ref);
      else heap.free(ref);
    }
    for (const ref of kept) heap.view(ref).fill(ref & 0xff);
    const before = heap.stats().totals.regionsEvacuated;
    const { fragmented } = heap.stats().regions;
    const large = heap.allocate(5000, 1);
    heap.verify();
    const evacuated = heap.stats().totals.regionsEvacuated - before;
    expect(fragmented).toBeGreaterThan(100);
    expect(evacuated).toBeGreaterThan(0);
    // Those five, what a step had begun, and what makes room for them.
    expect(evacuated).toBeLessThanOrEqual(9);
    heap.view(large).fill(1);
    for (const ref of kept) expect(heap.view(ref).every((byte) => byte === (ref & 0xff))).toBe(true);
    heap.verify();
  });
});

describe('samples', () => {
  it('lie as far apart as they should, also where that is more than 2^32 bytes', () => {
    const sampleBytes = 2 ** 30;
    const heap = small({ sampleBytes, random: () => 0.3 });
    const { lives } = (heap as unknown as { core: { lives: Lives } }).core;
    let sum = 0;
    let longest = 0;
    for (let i = 0; i < 50_000; i++) {
      const bytes = lives.sampleGap() * heap.memory.unitBytes;
      sum += bytes;
      longest = Math.max(longest, bytes);
    }
    expect(longest).toBeGreaterThan(2 ** 32);
    expect(sum / 50_000 / sampleBytes).toBeGreaterThan(0.98);
    expect(sum / 50_000 / sampleBytes).toBeLessThan(1.02);
  });
});

describe('a placement policy', () => {
  it('is asked where neither caller nor site says, and told of births, deaths and fragmentation', () => {
    const heap = small({ sampleBytes: 1, cycleBytes: 4096 });
    const site = heap.site('x');
    const seen: unknown[][] = [];
    const fragmented = new Map<number, number>();
    const policy: PlacementPolicy = {
      generationFor: (...args) => {
        seen.push(['for', ...args]);
        return 6;
      },
      born: (...args) => {
        seen.push(['born', ...args]);
        return 0xfffffff0;
      },
      died: (...args) => {
        seen.push(['died', ...args]);
      },
      fragmented: (of, _generation, bytes) => void fragmented.set(of, (fragmented.get(of) ?? 0) + bytes),
    };
    heap.setPlacementPolicy(policy);
    const ref = heap.allocate(100, undefined, site, 5000);
    expect(heap.generationOf(ref)).toBe(6);
    heap.free(heap.allocate(10, 3, site));
    heap.free(ref);
    expect(seen).toContainEqual(['for', site, 100, 5000]);
    expect(seen).toContainEqual(['born', site, 6, 100]);
    expect(seen).toContainEqual(['died', site, 6, 100, 0, 0xfffffff0]);
    expect(seen.filter(([kind]) => kind === 'for').length).toBe(1);
    const refs = Array.from({ length: 30 }, () => heap.allocate(100, 6, site));
    for (const [i, each] of refs.entries()) if (i % 5 !== 0) heap.free(each);
    heap.collectGeneration(6);
    expect(fragmented.get(site)).toBeGreaterThan(500);
    expect(heap.stats().sites[site]!.fragmentedBytes).toBe(fragmented.get(site));
  });

  it('with a steady answer for a site is asked once, and again when it says so or what is by hand has changed', () => {
    const heap = small();
    const site = heap.site('x');
    let steady = 6;
    let asked = 0;
    const policy: PlacementPolicy = {
      generationFor: () => 3,
      steadyGeneration: (of) => {
        if (of === site) asked++;
        return of === site ? steady : 0;
      },
      born: () => 0,
      died() {},
      fragmented() {},
    };
    heap.setPlacementPolicy(policy);
    const owner = heap.registerOwner({ moved() {} });
    const place = (): number => {
      const owned = heap.generationAt(heap.allocateOwned(owner, 8, undefined, site));
      expect(heap.generationOf(heap.allocate(8, undefined, site))).toBe(owned);
      return owned;
    };
    for (let i = 0; i < 10; i++) expect(place()).toBe(6);
    expect(asked).toBe(1);
    expect(heap.generationOf(heap.allocate(8))).toBe(3);
    steady = 7;
    expect(place()).toBe(6);
    heap.reconsider(site);
    expect(place()).toBe(7);
    // The table grows past its first sixteen sites.
    for (let i = 0; i < 40; i++) heap.site(`site ${i}`);
    const before = asked;
    expect(place()).toBe(7);
    expect(asked).toBe(before);
    heap.setGeneration(4);
    expect(place()).toBe(4);
    heap.setGeneration(1);
    expect(place()).toBe(7);
    heap.site('x', { generation: 9 });
    expect(place()).toBe(9);
    const given = heap.newGeneration();
    heap.site('x', { generation: given });
    expect(place()).toBe(given);
    // What has ended holds no blocks.
    heap.releaseGeneration(given);
    expect(place()).toBe(7);
    steady = 0;
    heap.reconsider(site);
    expect(place()).toBe(3);
    steady = 5;
    expect(place()).toBe(5);
    expect(heap.runInGeneration(8, place)).toBe(8);
    expect(place()).toBe(5);
    heap.setPlacementPolicy(null);
    expect(place()).toBe(1);
    heap.verify();
  });

  it('whose steady answer is nonsense or a throw is ignored or uninstalled', () => {
    const heap = small();
    const site = heap.site('x');
    const policy = { generationFor: () => 0, born: () => 0, died() {}, fragmented() {} };
    heap.setPlacementPolicy({ ...policy, steadyGeneration: () => 99 });
    expect(heap.generationOf(heap.allocate(8, undefined, site))).toBe(1);
    heap.setPlacementPolicy({ ...policy, steadyGeneration: () => 4 });
    expect(heap.generationOf(heap.allocate(8, undefined, site))).toBe(4);
    const broken = {
      ...policy,
      steadyGeneration: () => {
        throw new Error('no idea');
      },
    };
    heap.setPlacementPolicy(broken);
    expect(heap.generationOf(heap.allocate(8, undefined, site))).toBe(1);
    expect(heap.placementPolicy).toBeNull();
  });

  it('that answers nonsense is ignored, that throws is uninstalled', () => {
    const heap = small();
    let calls = 0;
    const policy: PlacementPolicy = { generationFor: () => 99, born: () => 0, died() {}, fragmented() {} };
    heap.setPlacementPolicy(policy);
    expect(heap.generationOf(heap.allocate(8))).toBe(1);
    heap.setPlacementPolicy({
      ...policy,
      generationFor: () => {
        calls++;
        throw new Error('no');
      },
    });
    heap.allocate(8);
    heap.allocate(8);
    expect(calls).toBe(1);
    expect(() => heap.setPlacementPolicy({} as PlacementPolicy)).toThrow('PlacementPolicy.generationFor');
  });
});

describe('slabs', () => {
  it('of one region each serve a heap from its first block to its last', () => {
    const heap = small({ regionBytes: 8192 });
    let blocks = 0;
    expect(() => {
      for (;;) {
        heap.allocate(1000);
        blocks++;
      }
    }).toThrow('the heap is full');
    expect(blocks * 1000).toBeGreaterThan(0.75 * heap.maxBytes);
    heap.verify();
  });

  for (const decommit of [true, false]) {
    it(`grow as needed and go back when empty (decommit ${decommit})`, () => {
      const heap = small({ decommit });
      const { committed } = heap.bytes;
      const refs = Array.from({ length: 1000 }, () => heap.allocate(200));
      const { committed: full } = heap.bytes;
      expect(full).toBeGreaterThan(committed + 200_000);
      for (const ref of refs) heap.free(ref);
      expect(heap.shrink()).toBeGreaterThan(150_000);
      expect(heap.bytes.committed).toBeLessThan(committed + 30_000);
      heap.verify();
      for (let i = 0; i < 1000; i++) heap.view(heap.allocate(200)).fill(1);
      heap.verify();
    });
  }

  it('go back by themselves after shrinkAfterCycles', () => {
    const heap = small({ shrinkAfterCycles: 2, cycleBytes: 4096 });
    const refs = Array.from({ length: 1000 }, () => heap.allocate(200));
    const { committed } = heap.bytes;
    for (const ref of refs) heap.free(ref);
    for (let i = 0; i < 200; i++) heap.free(heap.allocate(100));
    expect(heap.bytes.committed).toBeLessThan(committed / 2);
  });

  it('can be shared memory; the heap itself cannot leave its thread', () => {
    const heap = small({ shared: true });
    const ref = heap.allocate(64);
    expect(heap.view(ref).buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(() => structuredClone(heap)).toThrow(/could not be cloned/);
  });

  it('tell the most that was in use, however shortly: of regions, tables and reservations', () => {
    const heap = small();
    const batch = heap.newGeneration({ fixed: true });
    const before = heap.bytes.used;
    for (let i = 0; i < 100; i++) heap.place(300, batch);
    const { used } = heap.bytes;
    heap.releaseGeneration(batch);
    expect(heap.bytes).toMatchObject({ used: before, peakUsed: used });
    heap.resetPeakUsed();
    expect(heap.bytes.peakUsed).toBe(before);
    heap.reserve(5000);
    heap.release(5000);
    expect(heap.bytes).toMatchObject({ used: before, peakUsed: before + 5000 });
    // The first block brings its region, and the first chunk of the handle table.
    heap.resetPeakUsed();
    heap.free(heap.allocate(400));
    expect(heap.bytes.peakUsed).toBe(heap.bytes.used);
    expect(heap.bytes.used).toBeGreaterThan(before + heap.regionBytes);
    // Memory that is free is in use by no one: growing by a slab is no peak.
    const { peakUsed, committed } = heap.bytes;
    expect(committed).toBeGreaterThan(peakUsed);
    heap.verify();
  });

  it('count reservations in the budget', () => {
    const heap = small();
    const { committed } = heap.bytes;
    heap.reserve(10_000);
    expect(heap.bytes.committed).toBe(committed + 10_000);
    expect(() => heap.reserve(heap.maxBytes)).toThrow('the heap is full');
    heap.release(10_000);
    expect(heap.bytes.committed).toBe(committed);
    expect(() => heap.release(1)).toThrow('bytes must lie between');
  });
});

describe('observability', () => {
  it('tells subscribers of growth, releases, evacuations and freed regions', () => {
    const events: string[] = [];
    const names = ['rolp:heap:grow', 'rolp:generation:release', 'rolp:region:evacuate', 'rolp:region:free'];
    const listeners = names.map((name) => {
      const listener = (message: unknown): void => {
        expect((message as { heap: string }).heap).toBe('told');
        events.push(name);
      };
      subscribe(name, listener);
      return () => unsubscribe(name, listener);
    });
    const heap = small({ name: 'told' });
    const refs = Array.from({ length: 40 }, () => heap.allocate(100, 1));
    for (const [i, ref] of refs.entries()) if (i % 10 !== 0) heap.free(ref);
    heap.collectGeneration(1);
    heap.releaseGeneration(2);
    for (const off of listeners) off();
    expect(new Set(events)).toEqual(new Set(names));
  });

  it('records its own stop work by kind', () => {
    const heap = small();
    heap.allocate(100, 1);
    heap.collectGeneration(1);
    heap.releaseGeneration(2);
    expect(heap.pauses.summary('evacuate').count).toBe(1);
    expect(heap.pauses.summary('release').count).toBe(1);
    const drained: [string, number][] = [];
    expect(heap.pauses.drain((kind, ns) => drained.push([kind, ns]))).toBe(0);
    expect(drained.map(([kind]) => kind)).toEqual(['evacuate', 'release']);
    expect(heap.pauses.drain(() => drained.push(['', 0]))).toBe(0);
    expect(drained.length).toBe(2);
  });

  it('finds a header that was written over, and says where', () => {
    const heap = small();
    const ref = heap.allocate(64);
    heap.allocate(64);
    const address = heap.addressOf(ref);
    heap.memory.i32[address >>> heap.memory.slabShift]![(address & heap.memory.slabMask) * 2] = 12345;
    expect(() => heap.verify()).toThrow(/broken invariant at address \d+ \(region 0/);
  });
});
