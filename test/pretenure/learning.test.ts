import { describe, expect, it, vi } from 'vitest';
import { defineRecord, GenerationalHeap, type PlacementPolicy, Pool } from '../../src/heap/index.js';
import {
  type PlacedContext,
  type PlacedPrior,
  pretenure,
  priorsOf,
  priorsOfDecisions,
  profileContexts,
} from '../../src/pretenure/index.js';
import {
  about,
  contextsOf,
  generationsOf,
  type Kind,
  lcg,
  learningHeap,
  Program,
  runKinds,
} from './helpers.js';

function kind(heap: GenerationalHeap, site: string, cycles: number, weight = 1): Kind {
  const id = heap.site(site);
  return { allocate: (byteLength) => heap.allocate(byteLength, undefined, id), life: about(cycles), weight };
}

/** Half of its blocks live for one cycle, half for twelve, and nothing tells which. */
function mixed(heap: GenerationalHeap): Kind {
  const life = (random: () => number): number => about(random() < 0.5 ? 1 : 12)(random);
  return { ...kind(heap, 'mixed', 1), life };
}

/** What a later run is given: by the program itself, and by a profile. */
function handedOn(contexts: readonly PlacedContext[]): readonly (readonly PlacedPrior[])[] {
  return [priorsOf(contexts), priorsOfDecisions(profileContexts(contexts))];
}

/**
 * A store that rewrites its data: one site makes batches of two sizes, each of which dies whole, the small ones soon, the
 * large ones late, while another makes blocks that live for a cycle. Nothing in the program tells which batch is which.
 * @returns bytes evacuated per byte allocated.
 */
function evacuatedOfBatches(placement: 'single' | 'auto' | 'hand'): number {
  const random = lcg(11);
  const { heap } = learningHeap();
  if (placement !== 'auto') heap.setPlacementPolicy(null);
  const [batches, others] = [heap.site('batches'), heap.site('others')];
  const byHand = placement === 'auto' ? undefined : 1;
  const due = new Map<number, (() => void)[]>();
  const at = (step: number, end: () => void): void => void due.set(step, [...(due.get(step) ?? []), end]);
  // A step is a tenth of a heap cycle.
  for (let step = 0; heap.cycle < 200; ) {
    const isLong = random() < 0.2;
    const generation = placement === 'hand' ? heap.newGeneration() : undefined;
    const refs: number[] = [];
    for (let left = isLong ? 60 : 8; left > 0; left--) {
      const short: number[] = [];
      for (let i = 0; i < 30; i++) {
        refs.push(heap.allocate(100, generation ?? byHand, batches));
        short.push(heap.allocate(100, byHand, others));
      }
      at(step + 10, () => {
        for (const ref of short) heap.free(ref);
      });
      for (const end of due.get(step) ?? []) end();
      due.delete(step++);
    }
    at(step + Math.round((isLong ? 400 : 30) * (0.8 + 0.4 * random())), () => {
      if (generation !== undefined) heap.releaseGeneration(generation);
      else for (const ref of refs) heap.free(ref);
    });
  }
  heap.verify();
  const { bytesEvacuated, bytesAllocated } = heap.stats().totals;
  return bytesEvacuated / bytesAllocated;
}

describe('a learning placement policy', () => {
  it('places each site by the lifetimes seen: 1 to 14 heap cycles, doublings beyond, 15 for what stays', () => {
    const { heap, pretenurer } = learningHeap();
    const kinds = [kind(heap, 'a', 1, 3), kind(heap, 'b', 5), kind(heap, 'c', 11), kind(heap, 'd', 40)];
    kinds.push({ ...kind(heap, 'e', 0), life: () => 1e6, weight: 0.5 });
    runKinds(heap, kinds, 160);
    expect(generationsOf(pretenurer, 'a')).toEqual([1]);
    expect([5, 6]).toContain(generationsOf(pretenurer, 'b')[0]);
    expect([10, 11, 12]).toContain(generationsOf(pretenurer, 'c')[0]);
    // Told as 15, but in a generation of their own: what lives 40 cycles does not lie among what stays.
    expect(generationsOf(pretenurer, 'd')).toEqual([15]);
    expect(generationsOf(pretenurer, 'e')).toEqual([15]);
    const of = (site: string): number => heap.generationOf(heap.allocate(64, undefined, heap.site(site)));
    expect(of('d')).toBeGreaterThan(15);
    expect(of('e')).toBe(15);
    expect(of('b')).toBe(generationsOf(pretenurer, 'b')[0]);
    heap.verify();
  });

  it('discards the first window, and decides at the end of the second', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [kind(heap, 'a', 4)], 3);
    program.run(31);
    expect(generationsOf(pretenurer, 'a')).toEqual([null]);
    program.run(2);
    expect(generationsOf(pretenurer, 'a')[0]).not.toBeNull();
  });

  it('gives way to generations given by hand: in the call, by site, by setGeneration, by runInGeneration', () => {
    const { heap, pretenurer } = learningHeap();
    const program = runKinds(heap, [kind(heap, 'a', 6)], 40);
    const site = heap.site('a');
    const learnt = generationsOf(pretenurer, 'a')[0]!;
    expect(learnt).toBeGreaterThan(4);
    expect(heap.generationOf(heap.allocate(64, undefined, site))).toBe(learnt);
    expect(heap.generationOf(heap.allocate(64, 2, site))).toBe(2);
    heap.setGeneration(3);
    expect(heap.generationOf(heap.allocate(64, undefined, site))).toBe(3);
    heap.setGeneration(1);
    expect(heap.runInGeneration(9, () => heap.generationOf(heap.allocate(64, undefined, site)))).toBe(9);
    expect(heap.generationOf(heap.allocate(64, undefined, site))).toBe(learnt);
    heap.site('a', { generation: 12 });
    expect(heap.generationOf(heap.allocate(64, undefined, site))).toBe(12);
    expect(program.births).toBeGreaterThan(0);
  });

  it('chooses for pools too', () => {
    const { heap, pretenurer } = learningHeap();
    const record = defineRecord({ id: 'u32', name: 'string' });
    const short = new Pool(record, { heap, site: 'short' });
    const long = new Pool(record, { heap, site: 'long' });
    const from = (pool: typeof short) => () => pool.create({ id: 1, name: 'x'.repeat(40) });
    runKinds(
      heap,
      [
        { allocate: from(short), life: about(1), weight: 1 },
        { allocate: from(long), life: about(9), weight: 1 },
      ],
      64,
    );
    expect(generationsOf(pretenurer, 'short')).toEqual([1]);
    expect(generationsOf(pretenurer, 'long')[0]).toBeGreaterThanOrEqual(8);
    expect(heap.generationOf(long.create({ id: 2, name: '' }))).toBe(generationsOf(pretenurer, 'long')[0]);
  });

  it('learns a new phase anew within 64 heap cycles, whichever way lifetimes go', () => {
    for (const [before, after] of [
      [2, 10],
      [10, 2],
      [30, 3],
      [1, 30],
    ] as const) {
      const { heap, pretenurer } = learningHeap();
      const program = new Program(heap, [kind(heap, 'a', before)], 5);
      program.run(130);
      program.kinds = [kind(heap, 'a', after)];
      program.run(64);
      const [generation] = generationsOf(pretenurer, 'a');
      const wanted = Math.min(15, after);
      expect(Math.abs(generation! - wanted), `${before} to ${after}: ${generation}`).toBeLessThanOrEqual(1);
    }
  });

  it('rests when nothing changes, following fewer blocks, and wakes when something does', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [kind(heap, 'a', 4)], 5);
    program.run(80);
    const busy = contextsOf(pretenurer, 'a')[0]!.samples;
    program.run(160);
    const resting = contextsOf(pretenurer, 'a')[0]!.samples;
    expect(resting).toBeLessThan(busy / 3);
    program.kinds = [kind(heap, 'a', 12)];
    program.run(96);
    expect(generationsOf(pretenurer, 'a')[0]).toBeGreaterThanOrEqual(11);
    expect(contextsOf(pretenurer, 'a')[0]!.samples).toBeGreaterThan(resting * 2);
  });

  it('tells what is allocated and what lives as it is, also while one block in eight is followed', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [kind(heap, 'a', 4)], 5);
    program.run(80);
    const before = contextsOf(pretenurer, 'a')[0]!.allocated.objects;
    const { births } = program;
    program.run(160);
    const { allocated, live } = contextsOf(pretenurer, 'a')[0]!;
    const share = (allocated.objects - before) / (program.births - births);
    expect(Math.abs(share - 1), `${share}`).toBeLessThan(0.2);
    const cycles = live.bytes / heap.cycleBytes;
    expect(Math.abs(cycles - 4), `${cycles}`).toBeLessThan(1.8);
  });

  it('keeps the blocks of each site among themselves until it knows better', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [kind(heap, 'a', 2), kind(heap, 'b', 3)], 3);
    program.run(8);
    const of = (site: string): number => heap.generationOf(heap.allocate(64, undefined, heap.site(site)));
    expect(of('a')).not.toBe(of('b'));
    expect(generationsOf(pretenurer, 'a')).toEqual([null]);
    expect(heap.generationOf(heap.allocate(64, 1, heap.site('by hand')))).toBe(1);
    program.run(40);
    // Known by now: generations by number.
    expect([of('a'), of('b')]).toEqual([2, 3]);
    const many = Array.from({ length: 20 }, (_, i) => kind(heap, `site ${i}`, 2));
    new Program(heap, many, 3).run(4);
    const generations = new Set(many.map((_, i) => of(`site ${i}`)));
    // Each home has a region open: there are eight.
    expect(generations.size).toBe(9);
    heap.verify();
  });

  it('leaves what it cannot tell apart by itself, where batches still die whole', () => {
    const shares = (['single', 'auto', 'hand'] as const).map((placement) => evacuatedOfBatches(placement));
    const [single, auto, hand] = shares as [number, number, number];
    expect(single).toBeGreaterThan(0.1);
    expect((single - auto) / (single - hand), String(shares)).toBeGreaterThan(0.95);
  });

  it('does not waver between home and a generation where lifetimes are of one cycle and of two', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [kind(heap, 'a', 8.9)], 7);
    program.run(159);
    program.kinds = [kind(heap, 'a', 1.34)];
    program.run(48);
    const { changes } = pretenurer.stats;
    program.run(96);
    expect(pretenurer.stats.changes).toBe(changes);
    expect(heap.generationOf(heap.allocate(64, undefined, heap.site('a')))).toBeLessThanOrEqual(2);
  });

  it('starts with what an earlier run learnt, also on a heap whose cycles are longer', () => {
    const first = learningHeap();
    runKinds(first.heap, [kind(first.heap, 'a', 8), kind(first.heap, 'b', 1)], 64);
    const priors = priorsOf(first.pretenurer.contexts());
    const { heap, pretenurer } = learningHeap({ priors }, { cycleBytes: 128 * 1024 });
    runKinds(heap, [kind(heap, 'a', 4), kind(heap, 'b', 1)], 1);
    // Eight short cycles are four long ones.
    expect([4, 5]).toContain(generationsOf(pretenurer, 'a')[0]);
    expect(generationsOf(pretenurer, 'b')).toEqual([1]);
  });

  it('goes by what was learnt on a heap of its own name where several have a site of one name', () => {
    const learnt = (name: string, cycles: number): PlacedPrior[] => {
      const { heap, pretenurer } = learningHeap({}, { name });
      runKinds(heap, [kind(heap, 'a', cycles)], 64);
      return priorsOf(pretenurer.contexts());
    };
    const priors = [...learnt('users', 9), ...learnt('pages', 1)];
    for (const [name, wanted] of [
      ['users', 9],
      ['pages', 1],
      ['another', 9],
    ] as const) {
      const { heap, pretenurer } = learningHeap({ priors }, { name });
      runKinds(heap, [kind(heap, 'a', wanted)], 1);
      expect(Math.abs(generationsOf(pretenurer, 'a')[0]! - wanted), name).toBeLessThanOrEqual(1);
    }
  });

  it('begins with a generation to itself where an earlier run found that no other fits', () => {
    const first = learningHeap();
    runKinds(first.heap, [mixed(first.heap), kind(first.heap, 'a', 3)], 128);
    for (const priors of handedOn(first.pretenurer.contexts())) {
      const { heap, pretenurer } = learningHeap({ priors });
      runKinds(heap, [mixed(heap), kind(heap, 'a', 3)], 1);
      const of = (site: string): number => heap.generationOf(heap.allocate(64, undefined, heap.site(site)));
      expect(of('mixed')).toBeGreaterThan(15);
      expect(of('a')).toBe(3);
      expect(contextsOf(pretenurer, 'mixed')[0]!.atHome).toBe(true);
      expect(contextsOf(pretenurer, 'a')[0]!.atHome).toBe(false);
    }
  });

  it('hands on what it began with where it was too short to learn', () => {
    const first = learningHeap();
    runKinds(first.heap, [kind(first.heap, 'a', 8)], 64);
    const [learnt] = generationsOf(first.pretenurer, 'a');
    const second = learningHeap({ priors: priorsOf(first.pretenurer.contexts()) });
    runKinds(second.heap, [kind(second.heap, 'a', 8)], 1);
    for (const priors of handedOn(second.pretenurer.contexts())) {
      const { heap, pretenurer } = learningHeap({ priors });
      runKinds(heap, [kind(heap, 'a', 8)], 1);
      expect(Math.abs(generationsOf(pretenurer, 'a')[0]! - learnt!)).toBeLessThanOrEqual(1);
    }
  });

  it('leaves out what a damaged profile has in place of a lifetime', () => {
    const { heap, pretenurer } = learningHeap();
    runKinds(heap, [kind(heap, 'a', 8)], 64);
    const [context] = profileContexts(pretenurer.contexts());
    const withMedian = (value: number) => {
      const { lifetime } = context!;
      const p50 = { ...lifetime.bytes.p50, value };
      return { ...context!, lifetime: { ...lifetime, bytes: { ...lifetime.bytes, p50 } } };
    };
    expect(priorsOfDecisions([withMedian(5)])).toHaveLength(1);
    // As JSON.parse('1e999') has it.
    for (const value of [-5, Number.POSITIVE_INFINITY]) {
      expect(priorsOfDecisions([withMedian(value)])).toEqual([]);
    }
  });

  it('lowers a generation by one where its regions turn out fragmented and lifetimes shorter', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [kind(heap, 'a', 9)], 5);
    program.run(64);
    const before = generationsOf(pretenurer, 'a')[0]!;
    const policy = heap.placementPolicy as PlacementPolicy;
    // Half a cycle less is within what inference holds on to.
    program.kinds = [kind(heap, 'a', 8.4)];
    for (let window = 0; window < 6; window++) {
      program.run(8);
      policy.fragmented(heap.site('a'), before as never, 1e7);
      program.run(8);
    }
    expect(generationsOf(pretenurer, 'a')[0]).toBe(before - 1);
  });
});

describe('installing', () => {
  it('is done once a heap, counts its tables in the budget, and can be undone', () => {
    const heap = new GenerationalHeap({ maxBytes: 8 * 2 ** 20 });
    const { committed, free } = heap.bytes;
    const pretenurer = pretenure(heap);
    expect(pretenure(heap)).toBe(pretenurer);
    const { tableBytes, reservedBytes } = pretenurer.stats;
    expect(heap.bytes.free).toBeLessThanOrEqual(free - reservedBytes);
    expect(heap.bytes.committed).toBeGreaterThanOrEqual(committed + tableBytes);
    expect(heap.bytes.committed).toBeLessThan(committed + tableBytes + 4096);
    expect(tableBytes).toBeLessThan(reservedBytes / 2);
    expect(reservedBytes).toBeLessThan(heap.maxBytes / 50);
    const generations = heap.stats().generations.length;
    pretenurer.stop();
    pretenurer.stop();
    expect(heap.placementPolicy).toBeNull();
    expect(heap.stats().generations.length).toBeLessThan(generations);
    expect(heap.bytes.committed).toBeLessThan(committed + 4096);
    expect(pretenure(heap)).not.toBe(pretenurer);
  });

  it('counts tables as memory held when they grow, in what was reserved for them', () => {
    const { heap, pretenurer } = learningHeap({ maxContexts: 100 });
    const { tableBytes, reservedBytes } = pretenurer.stats;
    const tablesIn = (): number => heap.bytes.committed - heap.stats().slabs.grown * heap.stats().slabs.bytes;
    const kinds = Array.from({ length: 40 }, (_, i) => kind(heap, `site ${i}`, 1));
    const before = tablesIn();
    runKinds(heap, kinds, 20);
    expect(pretenurer.stats.contexts).toBe(40);
    const more = pretenurer.stats.tableBytes - tableBytes;
    expect(more).toBeGreaterThan(0);
    expect(pretenurer.stats.reservedBytes).toBe(reservedBytes);
    expect(tablesIn()).toBeGreaterThanOrEqual(before + more);
    heap.verify();
  });

  it('works in heaps with few generations, without samples, and in the smallest', () => {
    for (const options of [
      { generations: 3 },
      { sampleBytes: 0 },
      { maxBytes: 256 * 1024, regionBytes: 1024 },
    ]) {
      const { heap, pretenurer } = learningHeap({}, options);
      runKinds(heap, [kind(heap, 'a', 1), kind(heap, 'b', 2)], 40);
      for (const context of pretenurer.contexts()) expect(context.generation ?? 1).toBeLessThanOrEqual(15);
      heap.verify();
    }
  });

  it('leaves nothing reserved where the heap has no room for its generations', () => {
    const heap = new GenerationalHeap({ maxBytes: 8 * 2 ** 20 });
    const { committed } = heap.bytes;
    const full = vi.spyOn(heap, 'newGeneration').mockImplementation(() => {
      throw new Error('no room');
    });
    expect(() => pretenure(heap)).toThrow('no room');
    full.mockRestore();
    expect(heap.bytes.committed).toBe(committed);
    expect(heap.placementPolicy).toBeNull();
    expect(pretenure(heap).stats.contexts).toBe(0);
  });

  it('that is undone while a conflict is looked into asks for no keys any more', () => {
    const { heap, pretenurer } = learningHeap();
    const program = new Program(heap, [mixed(heap)], 3);
    for (let cycle = 0; cycle < 64 && !heap.wantsPlacementKey; cycle++) program.run(1);
    expect(heap.wantsPlacementKey).toBe(true);
    pretenurer.stop();
    expect(heap.wantsPlacementKey).toBe(false);
  });

  it('anew takes no death of a block of before for one of its own', () => {
    const { heap, pretenurer } = learningHeap();
    const fill = (site: string): number[] => {
      runKinds(heap, [kind(heap, site, 1)], 20);
      return Array.from({ length: 2000 }, () => heap.allocate(100, undefined, heap.site(site)));
    };
    const before = fill('a');
    pretenurer.stop();
    const next = pretenure(heap);
    fill('b');
    const [own] = contextsOf(next, 'b');
    expect(own!.live.bytes).toBeGreaterThan(100_000);
    for (const ref of before) heap.free(ref);
    expect(contextsOf(next, 'b')[0]!.live.bytes).toBe(own!.live.bytes);
  });

  it('refuses wrong options by name', () => {
    const heap = new GenerationalHeap();
    const prior = { site: 's', features: {}, lifetimeBytes: 5 };
    for (const priors of [
      'all',
      [null],
      [{ ...prior, lifetimeBytes: Number.NaN }],
      [{ ...prior, features: { ttl: 3 } }],
      [prior, { ...prior, site: undefined }],
    ]) {
      expect(() => pretenure(heap, { priors: priors as never })).toThrow('pretenure.priors');
    }
    expect(() => pretenure(heap, { maxContexts: 3 })).toThrow('pretenure.maxContexts');
    expect(() => pretenure(heap, { callerBudget: -1 })).toThrow('pretenure.callerBudget');
    expect(() => pretenure(heap, { asyncScopes: 'yes' as never })).toThrow('pretenure.asyncScopes');
    expect(heap.placementPolicy).toBeNull();
  });

  it('holds at most maxContexts contexts, however many sites there are', () => {
    const { heap, pretenurer } = learningHeap({ maxContexts: 16 });
    const kinds = Array.from({ length: 60 }, (_, i) => kind(heap, `site ${i}`, 1 + (i % 9)));
    runKinds(heap, kinds, 60);
    expect(pretenurer.contexts().length).toBeLessThanOrEqual(16);
    expect(pretenurer.stats.folded).toBeGreaterThan(0);
  });

  it('asks for no keys any more once the only site told apart by them has given way', () => {
    const priors = [{ site: 's', features: { key: 'user' }, lifetimeBytes: 1e5 }];
    const { heap, pretenurer } = learningHeap({ maxContexts: 16, priors });
    const others = Array.from({ length: 15 }, (_, i) => kind(heap, `site ${i}`, 8));
    const program = new Program(heap, others, 3, () => 100);
    program.run(4);
    program.kinds = [...others, kind(heap, 's', 8)];
    program.run(2);
    expect(heap.wantsPlacementKey).toBe(true);
    program.kinds = [...others, kind(heap, 'next', 8)];
    program.run(2);
    expect(contextsOf(pretenurer, 's')).toEqual([]);
    expect(heap.wantsPlacementKey).toBe(false);
  });

  it('does not give a site up for the sake of contexts of its own for which there is no room', () => {
    const priors = [{ site: 's', features: { size: '64-127 B' }, lifetimeBytes: 1e5 }];
    const { heap, pretenurer } = learningHeap({ maxContexts: 16, priors });
    const others = Array.from({ length: 15 }, (_, i) => kind(heap, `site ${i}`, 8));
    const program = new Program(heap, others, 3, () => 100);
    program.run(4);
    program.kinds = [...others, kind(heap, 's', 8)];
    program.run(120);
    const contexts = pretenurer.contexts();
    expect(contextsOf(pretenurer, 's').map(({ samples }) => samples > 0)).toEqual([true]);
    // Every row is told: none was lost.
    expect(pretenurer.stats.contexts).toBe(contexts.length);
  });
});
