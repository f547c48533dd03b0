import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/base/index.js';
import {
  type Address,
  type Generation,
  GenerationalHeap,
  HeapFullError,
  type HeapOptions,
  StaleRefError,
} from '../../src/heap/index.js';

const REGION = 1024;

function small(options: HeapOptions = {}): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 512 * 1024, regionBytes: REGION, debug: true, ...options });
}

/** A placed block's bytes, as a reader finds them. */
function bytesAt(heap: GenerationalHeap, address: Address, byteLength: number): Uint8Array {
  const at = heap.placedAt(address);
  return heap.memory.u8[address >>> heap.memory.slabShift]!.subarray(at, at + byteLength);
}

function statsOf(heap: GenerationalHeap, generation: Generation) {
  return heap.stats().generations.find((stats) => stats.generation === generation)!;
}

describe('fixed generations', () => {
  for (const debug of [false, true]) {
    it(`place blocks side by side, with nothing between them (debug: ${debug})`, () => {
      const heap = small({ debug });
      const batch = heap.newGeneration({ fixed: true });
      const first = heap.place(24, batch);
      const second = heap.place(1, batch);
      const empty = heap.place(0, batch);
      const last = heap.place(8, batch);
      expect(first).toBeGreaterThan(0);
      expect([second, empty, last].map((address) => (address - first) * heap.memory.unitBytes)).toEqual([
        24, 32, 40,
      ]);
      expect(heap.placedAt(first) % 8).toBe(0);
      expect(heap.generationAt(second)).toBe(batch);
      expect(heap.stats().refs.live).toBe(0);
      heap.verify();
    });
  }

  it('give whole regions to a block of more than half of one, and no address is 0', () => {
    const heap = small({ debug: false });
    const batch = heap.newGeneration({ fixed: true });
    // The first region of all: one unit of it is not given out, so that a block as long as it needs two.
    const first = heap.place(REGION, batch);
    const second = heap.place(REGION, batch);
    expect(first).toBeGreaterThan(0);
    expect(statsOf(heap, batch).regions).toBe(3);
    bytesAt(heap, first, REGION).fill(1);
    bytesAt(heap, second, REGION).fill(2);
    const beside = heap.place(REGION / 2, batch);
    expect(statsOf(heap, batch).regions).toBe(4);
    const long = heap.place(10 * REGION, batch);
    expect(statsOf(heap, batch).regions).toBe(14);
    bytesAt(heap, beside, REGION / 2).fill(3);
    bytesAt(heap, long, 10 * REGION).fill(4);
    expect(bytesAt(heap, first, REGION).every((byte) => byte === 1)).toBe(true);
    expect(bytesAt(heap, second, REGION).every((byte) => byte === 2)).toBe(true);
    heap.verify();
    heap.releaseGeneration(batch);
    expect(heap.bytes.live).toBe(0);
    heap.verify();
  });

  it('clear the bytes if the heap was told to, of short blocks and long ones', () => {
    const heap = small({ zeroFill: true });
    for (const byteLength of [100, 3 * REGION]) {
      const batch = heap.newGeneration({ fixed: true });
      bytesAt(heap, heap.place(byteLength, batch), byteLength).fill(9);
      heap.releaseGeneration(batch, { keep: true });
      const again = bytesAt(heap, heap.place(byteLength, batch), byteLength);
      expect(again.every((byte) => byte === 0)).toBe(true);
      heap.releaseGeneration(batch);
    }
  });

  it('give their regions back at once, poisoned in debug mode, with nothing left to sweep', () => {
    const heap = small();
    const batch = heap.newGeneration({ fixed: true });
    const before = heap.bytes.used;
    const address = heap.place(64, batch);
    for (let i = 0; i < 100; i++) heap.place(300, batch);
    heap.place(5 * REGION, batch);
    const { regions, liveBytes } = statsOf(heap, batch);
    expect(liveBytes).toBeGreaterThanOrEqual(64 + 100 * 300 + 5 * REGION);
    expect(heap.bytes.live).toBe(liveBytes);
    const bytes = bytesAt(heap, address, 64);
    heap.releaseGeneration(batch);
    expect(new Set(new Int32Array(bytes.buffer, bytes.byteOffset, 16))).toEqual(new Set([0xdeadbeef | 0]));
    const { regions: now, totals, bytes: after } = heap.stats();
    expect(now.condemned).toBe(0);
    expect(now.inUse).toBe(0);
    expect(totals.regionsReleased).toBe(regions);
    expect(totals.bytesAllocated).toBe(liveBytes);
    expect(after.live).toBe(0);
    expect(after.used).toBe(before);
    expect(() => heap.place(8, batch)).toThrow('no generation');
    heap.verify();
  });

  it('make room at once for as much as lay in them, whatever regions lie among theirs', () => {
    const heap = small({ maxBytes: 128 * 1024, debug: false });
    const [first, second] = [heap.newGeneration({ fixed: true }), heap.newGeneration({ fixed: true })];
    const place = (into: Generation): void => void heap.place(300, into);
    expect(() => {
      for (;;) [first, second].forEach(place);
    }).toThrow(HeapFullError);
    const { regions } = statsOf(heap, first);
    heap.releaseGeneration(first);
    const third = heap.newGeneration({ fixed: true });
    heap.onPressure(() => expect.fail('nothing need be evicted'));
    while (statsOf(heap, third).regions < regions) place(third);
    heap.verify();
    expect(statsOf(heap, second).regions).toBeGreaterThan(10);
  });

  it('tell subscribers of each region that is free again, once their counts are right', () => {
    const heap = small();
    const batch = heap.newGeneration({ fixed: true });
    for (let i = 0; i < 20; i++) heap.place(300, batch);
    const { regions, liveBytes } = statsOf(heap, batch);
    const freed = new Set<unknown>();
    const released: unknown[] = [];
    const onFree = (message: unknown): void => {
      const { region, generation } = message as { region: number; generation: number };
      expect(generation).toBe(batch);
      expect(heap.bytes.live).toBe(0);
      freed.add(region);
    };
    const onRelease = (message: unknown): unknown => released.push(message);
    subscribe('rolp:region:free', onFree);
    subscribe('rolp:generation:release', onRelease);
    heap.releaseGeneration(batch);
    unsubscribe('rolp:region:free', onFree);
    unsubscribe('rolp:generation:release', onRelease);
    expect(freed.size).toBe(regions);
    expect(released).toEqual([expect.objectContaining({ generation: batch, regions, bytes: liveBytes })]);
  });

  it('leave empty slabs to be used again for some cycles, then give them back', () => {
    const heap = small({ shrinkAfterCycles: 4, cycleBytes: 4096 });
    const batch = heap.newGeneration({ fixed: true });
    for (let i = 0; i < 300; i++) heap.place(300, batch);
    const { committed } = heap.bytes;
    heap.releaseGeneration(batch);
    const passCycles = (count: number): void => {
      for (const end = heap.cycle + count; heap.cycle < end; ) heap.free(heap.allocate(100));
    };
    passCycles(2);
    expect(heap.bytes.committed).toBeGreaterThanOrEqual(committed);
    passCycles(6);
    expect(heap.bytes.committed).toBeLessThan(committed - 70_000);
  });

  it('go on after a release with `keep`', () => {
    const heap = small();
    const batch = heap.newGeneration({ fixed: true });
    const first = heap.place(8, batch);
    heap.releaseGeneration(batch, { keep: true });
    expect(heap.place(8, batch)).toBe(first);
    expect(statsOf(heap, batch)).toMatchObject({ fixed: true, evacuateTo: batch, regions: 1, epoch: 1 });
    expect(heap.describe()).toContain(`generation ${batch} fixed: 1 regions`);
    heap.verify();
  });

  it('run the clock of the heap as allocations do', () => {
    const heap = small({ debug: false, cycleBytes: 4096, sampleBytes: 64 });
    const batch = heap.newGeneration({ fixed: true });
    for (let i = 0; i < 1025; i++) heap.place(32, batch);
    expect(heap.cycle).toBe(8);
  });

  it('take nothing but placed blocks, which go nowhere else', () => {
    const heap = small({ debug: false });
    const batch = heap.newGeneration({ fixed: true });
    const moving = heap.newGeneration();
    const owner = heap.registerOwner({ moved() {} });
    const owned = heap.allocateOwned(owner, 8, moving);
    const refuse = [
      () => heap.allocate(8, batch),
      () => heap.allocate(5 * REGION, batch),
      () => heap.allocateOwned(owner, 8, batch),
      () => heap.makeRoomIn(batch, 8),
      () => heap.moveOwned(owned, batch),
      () => heap.setGeneration(batch),
      () => heap.runInGeneration(batch, () => 1),
      () => heap.site('a', { generation: batch }),
      () => heap.newGeneration({ evacuateTo: batch }),
      () => heap.configureGeneration(moving, { evacuateTo: batch }),
      () => heap.configureGeneration(batch, { waitCycles: 1 }),
    ];
    for (const round of ['without a region', 'with one']) {
      for (const call of refuse) {
        expect(call, `${round}: ${call}`).toThrow(TypeError);
        expect(call, `${round}: ${call}`).toThrow(`generation ${batch} is fixed`);
      }
      heap.place(8, batch);
    }
    heap.allocate(8, moving);
    for (const other of [1, 15, moving]) {
      expect(() => heap.place(8, other)).toThrow(`generation ${other} is not fixed`);
    }
    expect(() => heap.place(8, 0)).toThrow("V8's own heap");
    expect(() => heap.place(8, 9999)).toThrow('no generation 9999');
    for (const length of [-1, 0.5, Number.NaN, 2 ** 40, '8' as never]) {
      expect(() => heap.place(length, batch)).toThrow('byteLength');
    }
    heap.verify();
  });

  it('refuse options that are of no use to them', () => {
    const heap = small();
    const others = [{ evacuateTo: 15 }, { liveThreshold: 0 }, { waitCycles: 0 }, { vacate: () => {} }];
    for (const other of others) {
      const [name] = Object.keys(other);
      expect(() => heap.newGeneration({ fixed: true, ...other })).toThrow(`newGeneration.${name}`);
      expect(() => heap.newGeneration({ fixed: true, ...other })).toThrow(TypeError);
      heap.newGeneration({ fixed: false, ...other });
    }
    expect(() => heap.newGeneration({ fixed: 1 as never })).toThrow('newGeneration.fixed');
    expect(() => heap.configureGeneration(1, { fixed: true })).toThrow('configureGeneration.fixed');
  });

  it('are no answer of a placement policy, nor of an owner whose block moves', () => {
    const heap = small({ debug: false });
    const batch = heap.newGeneration({ fixed: true });
    heap.place(8, batch);
    heap.setPlacementPolicy({
      generationFor: () => batch,
      steadyGeneration: () => batch,
      born: () => 0,
      died() {},
      fragmented() {},
    });
    const site = heap.site('a');
    expect(heap.generationOf(heap.allocate(8, undefined, site))).toBe(1);
    const addresses = new Set<Address>();
    const owner = heap.registerOwner({
      moved: (from, to) => {
        addresses.delete(from);
        addresses.add(to);
      },
      relocate: () => batch,
    });
    for (let i = 0; i < 64; i++) addresses.add(heap.allocateOwned(owner, 56, 2));
    const [first] = addresses;
    heap.evacuateRegion(heap.regionAt(first!));
    expect(addresses.has(first!)).toBe(false);
    expect(heap.generationAt([...addresses].at(-1)!)).toBe(3);
    heap.verify();
  });

  it('are of no concern to those who walk and collect regions', () => {
    const heap = small();
    const batch = heap.newGeneration({ fixed: true });
    const address = heap.place(40, batch);
    for (let i = 0; i < 100; i++) bytesAt(heap, heap.place(100, batch), 100).fill(0xff);
    heap.collectGeneration(batch);
    const region = heap.regionAt(address);
    expect(heap.oldestRegion(batch)).toBe(-1);
    expect(heap.regions.nextLive(region, heap.regions.start(region))).toBe(-1);
    expect(() => heap.evacuateRegion(region)).toThrow('not retired');
    expect(() => heap.releaseRegion(region)).toThrow('not retired');
    expect(() => heap.freeOwned(address)).toThrow(StaleRefError);
    // Many more: the table grows, and the functions of the heap must go on with the new one.
    const others = Array.from({ length: 40 }, () => heap.newGeneration({ fixed: true }));
    for (const other of others) heap.place(8, other);
    for (const other of others) heap.releaseGeneration(other);
    heap.verify();
  });

  it('have room made for them by evacuation elsewhere, and say so when there is none', () => {
    const heap = small({ maxBytes: 128 * 1024 });
    const batch = heap.newGeneration({ fixed: true });
    const kept: number[] = [];
    try {
      for (let i = 0; ; i++) {
        const ref = heap.allocate(120, 2);
        heap.view(ref).fill(i);
        kept.push(ref);
      }
    } catch (error) {
      if (!(error instanceof HeapFullError)) throw error;
    }
    const left = kept.filter((_, i) => i % 3 === 0);
    for (const [i, ref] of kept.entries()) if (i % 3 !== 0) heap.free(ref);
    const placed: Address[] = [];
    expect(() => {
      for (;;) placed.push(heap.place(200, batch));
    }).toThrow(HeapFullError);
    expect(heap.stats().totals.bytesEvacuated).toBeGreaterThan(0);
    const freed = (kept.length - left.length) * 128;
    expect(placed.length * 200).toBeGreaterThan(0.75 * freed);
    expect(() => heap.place(20 * REGION, batch)).toThrow(HeapFullError);
    heap.verify();
    expect(left.every((ref, i) => heap.view(ref)[0] === ((3 * i) & 0xff))).toBe(true);
    heap.releaseGeneration(batch);
    for (let i = 0; i < placed.length; i++) heap.allocate(180, 2);
    heap.verify();
  });

  it('may be released by a pressure hook: a block that was for one of them is refused', () => {
    for (const fixed of [true, false]) {
      for (const byteLength of [400, 3 * REGION]) {
        const heap = small({ maxBytes: 128 * 1024 });
        const generation = heap.newGeneration({ fixed });
        let released = 0;
        heap.onPressure(() => {
          if (released++ === 0) heap.releaseGeneration(generation);
        });
        const fill = () => {
          for (;;) fixed ? heap.place(byteLength, generation) : heap.allocate(byteLength, generation);
        };
        expect(fill).toThrow(`no generation ${generation}`);
        heap.verify();
        expect(heap.bytes.live).toBe(0);
      }
    }
  });
});

const geometry = fc.record({
  maxBytes: fc.integer({ min: 90, max: 200 }).map((kib) => kib * 1024),
  regionBytes: fc.constantFrom(256, 512, 1024, 2048),
  cycleBytes: fc.constantFrom(1024, 32768),
  alignBytes: fc.constantFrom(8, 16, 32),
  liveThreshold: fc.constantFrom(0.4, 0.65, 0.95),
  wasteThreshold: fc.constantFrom(0, 0.1, 1),
  settleCycles: fc.constantFrom(0, 1),
  sampleBytes: fc.constantFrom(0, 1, 256),
  shrinkAfterCycles: fc.constantFrom(0, 8),
  shared: fc.boolean(),
  zeroFill: fc.boolean(),
  debug: fc.boolean(),
});

interface Placed {
  readonly address: Address;
  readonly bytes: Uint8Array;
}

/** A heap with blocks that move and blocks that do not, beside copies of what they hold. */
class MixedHeap {
  readonly heap: GenerationalHeap;
  readonly #random: Random;
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #batches = new Map<Generation, Placed[]>();
  full = 0;
  evacuated = 0;
  reused = 0;
  readonly #wasPlaced = new Set<Address>();

  constructor(options: HeapOptions, random: Random) {
    this.heap = new GenerationalHeap({ ...options, random: seededRandom(7) });
    this.#random = random;
  }

  step(): void {
    const dice = this.#random();
    if (dice < 0.35) this.#attempt(() => this.#allocate());
    else if (dice < 0.65) this.#attempt(() => this.#place());
    else if (dice < 0.9) this.#free();
    else if (dice < 0.93) this.#attempt(() => void this.heap.step(0.05));
    else if (dice < 0.96) this.#open();
    else if (dice < 0.975) this.#release(this.#random() < 0.3);
    else if (dice < 0.985) this.heap.shrink();
    else this.#attempt(() => this.heap.collectGeneration(1));
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof HeapFullError)) throw error;
      this.full++;
    }
  }

  #length(): number {
    const most = this.#random() < 0.8 ? 0.3 : 3;
    return Math.floor(this.#random() * this.heap.regionBytes * most);
  }

  #bytes(byteLength: number): Uint8Array {
    const first = Math.floor(this.#random() * 256);
    return Uint8Array.from({ length: byteLength }, (_, i) => first + 7 * i);
  }

  #allocate(): void {
    const bytes = this.#bytes(this.#length());
    const ref = this.heap.allocate(bytes.length, 1 + Math.floor(3 * this.#random()));
    this.heap.view(ref).set(bytes);
    this.#blocks.set(ref, bytes);
  }

  #place(): void {
    const generation = this.#someBatch();
    if (generation === undefined) return;
    const bytes = this.#bytes(this.#length());
    const address = this.heap.place(bytes.length, generation);
    const there = bytesAt(this.heap, address, bytes.length);
    if (address === 0 || this.heap.placedAt(address) % 8 !== 0) throw new Error(`wrong address ${address}`);
    if (there.length !== bytes.length) throw new Error(`${there.length} bytes at ${address}`);
    there.set(bytes);
    if (this.#wasPlaced.has(address)) this.reused++;
    this.#batches.get(generation)!.push({ address, bytes });
  }

  #someBatch(): Generation | undefined {
    const all = [...this.#batches.keys()];
    return all[Math.floor(this.#random() * all.length)];
  }

  #free(): void {
    const all = [...this.#blocks.keys()];
    if (all.length === 0) return;
    const ref = all[Math.floor(this.#random() * all.length)]!;
    this.heap.free(ref);
    this.#blocks.delete(ref);
  }

  #open(): void {
    if (this.#batches.size > 3) return;
    this.#attempt(() => this.#batches.set(this.heap.newGeneration({ fixed: true }), []));
  }

  #release(keep: boolean): void {
    const generation = this.#someBatch();
    if (generation === undefined) return;
    const before = this.heap.stats();
    const { regions } = before.generations.find((stats) => stats.generation === generation)!;
    const [epoch] = this.heap.memory.epoch;
    this.heap.releaseGeneration(generation, { keep });
    const after = this.heap.stats();
    const freed = after.regions.free - before.regions.free;
    // What was condemned otherwise may have been swept with it.
    if (freed < regions) throw new Error(`${freed} of ${regions} regions are free after the release`);
    if (before.bytes.used - after.bytes.used < regions * this.heap.regionBytes)
      throw new Error('memory is still in use');
    const counted = after.totals.regionsReleased - before.totals.regionsReleased;
    if (counted !== regions) throw new Error(`${counted} of ${regions} regions are counted as released`);
    if (after.totals.bytesAllocated !== before.totals.bytesAllocated)
      throw new Error('bytes allocated are forgotten');
    // Who keeps an address looks at this count.
    if (this.heap.memory.epoch[0]! - epoch! < regions) throw new Error('the release is not in the epoch');
    for (const { address } of this.#batches.get(generation)!) this.#wasPlaced.add(address);
    if (keep) this.#batches.set(generation, []);
    else this.#batches.delete(generation);
  }

  check(): void {
    const { heap } = this;
    heap.verify();
    let least = 0;
    for (const placed of this.#batches.values()) {
      for (const { address, bytes } of placed) {
        if (Buffer.compare(bytesAt(heap, address, bytes.length), bytes) !== 0) {
          throw new Error(`the block at ${address} has changed`);
        }
        least += bytes.length;
      }
    }
    for (const [ref, bytes] of this.#blocks) {
      if (Buffer.compare(heap.view(ref), bytes) !== 0) throw new Error(`block ${ref} has changed`);
      least += bytes.length;
    }
    const { live, used, committed, max } = heap.bytes;
    if (!(least <= live && live <= used && used <= committed && committed <= max)) {
      throw new Error(`${least} bytes in blocks, ${live} live, ${used} used, ${committed} of ${max}`);
    }
    this.evacuated = heap.stats().totals.bytesEvacuated;
  }

  drain(): void {
    for (const ref of this.#blocks.keys()) this.heap.free(ref);
    for (const generation of this.#batches.keys()) this.heap.releaseGeneration(generation);
    this.heap.verify();
    if (this.heap.bytes.live !== 0) throw new Error(`${this.heap.bytes.live} bytes live in an empty heap`);
  }
}

describe('placed blocks', () => {
  it('never move or change, while others do, on any geometry', () => {
    const met = { full: 0, evacuated: 0, reused: 0 };
    fc.assert(
      fc.property(geometry, fc.integer(), fc.integer({ min: 1, max: 800 }), (options, seed, steps) => {
        const mixed = new MixedHeap(options, seededRandom(seed));
        for (let i = 0; i < steps; i++) {
          mixed.step();
          mixed.check();
        }
        mixed.drain();
        met.full += mixed.full;
        met.evacuated += mixed.evacuated;
        met.reused += mixed.reused;
      }),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 60), seed: Number(process.env.ROLP_TEST_SEED ?? 5) },
    );
    // The walk must have met what it is there for.
    expect(Math.min(...Object.values(met)), JSON.stringify(met)).toBeGreaterThan(0);
  }, 300_000);
});
