import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { ContextAggregate, SampleSourceOptions, ThreadAggregates } from '../../src/profiler/index.js';
import { collect, leaf, V8S_OWN_SAMPLES, warmUp, withSource } from './helpers.js';

function makeTracked(i: number): unknown {
  return { i, pair: [i, i + 1] };
}

function makePoint(i: number): unknown {
  return { x: i, y: i };
}

function make(count: number): unknown[] {
  const made: unknown[] = [];
  for (let i = 0; i < count; i++) made.push(makeTracked(i));
  return made;
}

warmUp(makeTracked);
warmUp(makePoint);

type Cell = ContextAggregate['gcCycles'][number];

/** Cells with both ends known. */
function deaths(context: ContextAggregate): Cell[] {
  return context.gcCycles.filter(([, high]) => high !== null);
}

/** Samples of these cells that lie in others than that from `low` to `high`: V8's own may. */
function expectAllAt(cells: readonly Cell[], low: number, high: number | null): void {
  const elsewhere = cells.filter((cell) => cell[0] !== low || cell[1] !== high);
  const samples = elsewhere.reduce((sum, cell) => sum + cell[2], 0);
  expect(samples, `not at ${low} to ${high}: ${JSON.stringify(elsewhere)}`).toBeLessThanOrEqual(
    V8S_OWN_SAMPLES,
  );
}

function expectWhole(counts: ThreadAggregates): void {
  let births = 0;
  for (const context of counts.contexts) {
    births += context.samples;
    for (const table of [context.gcCycles, context.lifeBytes, context.lifeMs]) {
      expect(table.reduce((sum, cell) => sum + cell[2], 0)).toBe(context.samples);
      for (const [low, high] of table) if (high !== null) expect(high).toBeGreaterThan(low);
    }
    const groups = context.groups!.reduce((sum, [weight]) => sum + weight, 0);
    expect(groups).toBeCloseTo(context.objects, 3);
  }
  expect(births + counts.skipped + counts.missed!).toBe(counts.samples);
}

describe('the native sampler at budget 0', () => {
  it('misses no birth and has each sample once in each of the three lifetime tables', () => {
    withSource({ intervalBytes: 256 }, (source) => {
      const kept: unknown[] = [];
      for (let round = 0; round < 10; round++) {
        kept.push(make(2000).filter((_, i) => i % 4 === 0));
        collect('minor');
      }
      const counts = source.read();
      expect(counts).toMatchObject({ missed: 0, skipped: 0, engine: 'native', ended: false });
      expect(counts.samples).toBeGreaterThan(1000);
      expect(counts.weightedSamples).toBe(counts.samples);
      expect(counts.gcCycles).toBe(source.gcCycles());
      const { scavenge, markCompact } = counts;
      expect(source.pauseSums()).toEqual({
        count: scavenge.count + markCompact.count,
        ns: scavenge.work!.ns + markCompact.work!.ns,
        nsSquared: scavenge.work!.nsSquared + markCompact.work!.nsSquared,
      });
      expectWhole(counts);
      expect(kept.length).toBe(10);
    });
  });

  it('estimates births without bias and puts garbage at age 1', () => {
    withSource({ intervalBytes: 512 }, (source) => {
      let last: unknown;
      for (let round = 0; round < 20; round++) {
        for (let i = 0; i < 20_000; i++) last = makePoint(i);
        collect('minor');
      }
      const context = leaf(source.read(), 'makePoint');
      expect(last).toEqual({ x: 19_999, y: 19_999 });
      // Some 25 000 samples, so that 4 % are six standard errors.
      expect(context.samples).toBeGreaterThan(10_000);
      expect(context.objects / 400_000).toBeGreaterThan(0.96);
      expect(context.objects / 400_000).toBeLessThan(1.04);
      const young = deaths(context).filter(([low]) => low === 0);
      const atOne = young.find(([, high]) => high === 1);
      expect(atOne![2] / context.samples).toBeGreaterThan(0.99);
    });
  });

  it('tells the age at which a sample was collected, and censors what lives', () => {
    withSource({ intervalBytes: 64 }, (source) => {
      const born = source.gcCycles();
      let held: unknown[] = make(500);
      collect('minor');
      const lived = source.gcCycles() - born;
      let context = leaf(source.read(), 'makeTracked');
      expect(context.live.samples).toBeGreaterThan(400);
      expectAllAt(context.gcCycles, lived, null);
      held = [];
      // Node 26 promotes at the first scavenge already: there the next one collects nothing.
      let before = lived;
      for (const kind of ['minor', 'major'] as const) {
        before = source.gcCycles() - born;
        collect(kind);
        context = leaf(source.read(), 'makeTracked');
        if (context.live.samples <= V8S_OWN_SAMPLES) break;
      }
      const { live } = context;
      expect(live.samples).toBeLessThanOrEqual(V8S_OWN_SAMPLES);
      expectAllAt(deaths(context), before, before + 1);
      expect(context.deaths.young + context.deaths.old).toBeCloseTo(context.objects - live.objects, 3);
      expect(held).toEqual([]);
    });
  });

  it('counts what a mark-compact collected after two cycles as old', () => {
    withSource({ intervalBytes: 64 }, (source) => {
      const born = source.gcCycles();
      let held: unknown[] = make(500);
      for (let i = 0; i < 3; i++) collect('minor');
      held = [];
      for (let i = 0; i < 2; i++) collect('minor');
      const before = source.gcCycles() - born;
      collect('major');
      const context = leaf(source.read(), 'makeTracked');
      expect(context.samples).toBeGreaterThan(400);
      expect(context.live.samples).toBeLessThanOrEqual(V8S_OWN_SAMPLES);
      expectAllAt(deaths(context), before, before + 1);
      const { young, old } = context.deaths;
      expect(young + old).toBeCloseTo(context.objects - context.live.objects, 3);
      // V8's own, as above.
      expect(young).toBeLessThan(0.05 * old);
      expect(held).toEqual([]);
    });
  });

  it('counts births after the last GC as censored at age 0', () => {
    withSource({ intervalBytes: 64 }, (source) => {
      collect('minor');
      const held = make(300);
      const context = leaf(source.read(), 'makeTracked');
      expect(context.gcCycles.map(([low, high]) => [low, high])).toEqual([[0, null]]);
      expect(context.live.samples).toBe(context.samples);
      expect(held.length).toBe(300);
    });
  });

  it('keeps a bytes clock that agrees with what was allocated', () => {
    withSource({ intervalBytes: 4096 }, (source) => {
      const before = source.read().allocatedBytes;
      let last: unknown;
      for (let i = 0; i < 40; i++) {
        for (let k = 0; k < 1000; k++) last = new Array(125).fill(k);
        if (i % 7 === 0) collect('minor');
      }
      // 125 elements and the array itself: 8 bytes each on Node's V8, 16 of header, 32 of JSArray.
      const expected = 40_000 * (125 * 8 + 16 + 32);
      expect((source.read().allocatedBytes - before) / expected).toBeGreaterThan(0.97);
      expect((source.read().allocatedBytes - before) / expected).toBeLessThan(1.05);
      expect(last).toHaveLength(125);
    });
  });

  it('misses none where a GC that nobody polled follows a look outside of GCs', () => {
    withSource({ intervalBytes: 1024, inclusion: 0.3, seed: 1 }, (source) => {
      // In some rounds the draws leave out the GC after read() and begin a cohort at the next, before which nothing is born.
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 3; i++) collect('minor');
        source.read();
        for (let i = 0; i < 500; i++) makePoint(i);
        for (let i = 0; i < 2; i++) collect('minor');
        const held = make(200);
        collect('minor');
        expect(held.length).toBe(200);
      }
      const { missed, cohorts } = source.read();
      expect(cohorts).toBeGreaterThan(60);
      expect(missed).toBe(0);
    });
  });

  it('does not miss what its own look allocates, and V8 samples, when that dies at once', () => {
    // Each in a script of its own, in this order: V8's tree has siblings in the order of their scripts.
    const run = (code: string, filename: string): unknown => vm.runInThisContext(code, { filename });
    const rounds = Array.from({ length: 10 }, (_, i) => `/nowhere/script-${i}.js`);
    const collectors = rounds.map(() => run('(f) => f()', 'collector') as (f: () => void) => void);
    const makers = rounds.map((filename) => run('(i) => ({ i })', filename) as (i: number) => unknown);
    for (const collector of collectors) collector(() => {});
    collectors.reverse();
    withSource({ intervalBytes: 8 }, (source) => {
      const held: unknown[] = [];
      collect('minor');
      for (const [i, makeOne] of makers.entries()) {
        held.push(makeOne(i));
        // The look before this mark-compact makes a string of the new script's name. V8 samples it as the collector's, whom
        // it has passed by then in reading its tree, and the mark-compact collects it.
        collectors[i]!((globalThis as unknown as { gc: () => void }).gc);
        held.push(makeOne(i));
        collect('minor');
      }
      expect(source.read().missed).toBe(0);
      expect(held.length).toBe(20);
    });
  });

  it('misses nothing in a long synchronous loop', () => {
    withSource({ intervalBytes: 1024 }, (source) => {
      const ring: unknown[] = new Array(5000);
      for (let i = 0; source.gcCycles() < 5; i++) ring[i % 5000] = makeTracked(i);
      const counts = source.read();
      expect(counts).toMatchObject({ missed: 0, skipped: 0 });
      expectWhole(counts);
    });
  });

  it('keeps contexts apart by the attribution level at birth', () => {
    withSource({ intervalBytes: 16, level: 'off' }, (source) => {
      const held = [make(1000)];
      source.setLevel('calls');
      held.push(make(2000));
      collect('minor');
      const counts = source.read();
      const of = (level: string) =>
        counts.contexts.filter((c) => c.level === level && c.frames[0]?.function === 'makeTracked');
      const objects = (level: string) => of(level).reduce((sum, c) => sum + c.objects, 0);
      expect(objects('calls') / objects('off')).toBeGreaterThan(1.8);
      expect(objects('calls') / objects('off')).toBeLessThan(2.2);
      expect(counts.windows.map((w) => [w.level, w.endMs === null])).toEqual([
        ['off', false],
        ['calls', true],
      ]);
      expect(counts.missed).toBe(0);
      expect(held.length).toBe(2);
    });
  });

  it('begins a new epoch with a new interval and censors the living', () => {
    withSource({ intervalBytes: 64 }, (source) => {
      const held = [make(200)];
      collect('minor');
      source.setInterval(128);
      held.push(make(200));
      const counts = source.read();
      expect(counts.epochs.map((e) => [e.index, e.reason, e.intervalBytes])).toEqual([
        [0, 'start', 64],
        [1, 'interval', 128],
      ]);
      expect(counts.epochs[0]!.censored).toBeGreaterThan(200);
      expect(counts.epochs[0]!.samples + counts.epochs[1]!.samples).toBe(counts.samples);
      expect(counts).toMatchObject({ missed: 0, intervalBytes: 128 });
      expectWhole(counts);
      expect(held.length).toBe(2);
    });
  });

  const wrongOptions: [name: string, options: Partial<SampleSourceOptions>][] = [
    ['intervalBytes', { intervalBytes: 0 }],
    ['intervalBytes', { intervalBytes: Number.NaN }],
    ['stackDepth', { stackDepth: -1 }],
    ['budgetPercent', { budgetPercent: Number.NaN }],
    ['maxContexts', { maxContexts: 0 }],
    ['level', { level: 'call' as 'calls' }],
    ['inclusion', { inclusion: 2 }],
    ['seed', { seed: -1 }],
  ];
  it.each(wrongOptions)('refuses a wrong %s, of which V8 or the addon might die: %o', (name, wrong) => {
    expect(() => withSource(wrong, () => {})).toThrow(name);
  });

  it('refuses what is wrong while it runs as well', () => {
    withSource({ intervalBytes: 1024 }, (source) => {
      for (const wrong of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => source.setInterval(wrong)).toThrow('intervalBytes');
      }
      expect(() => source.setBudget(Number.NaN)).toThrow('budgetPercent');
      expect(() => source.setLevel('call' as 'calls')).toThrow('level');
      const held = make(500);
      collect('minor');
      expect(source.read()).toMatchObject({ epochs: [{ reason: 'start' }], windows: [{ level: 'off' }] });
      expect(held.length).toBe(500);
    });
  });

  it('still answers read() after stop(), and refuses a second start', () => {
    let counts: ThreadAggregates | undefined;
    withSource({ intervalBytes: 64 }, (source) => {
      make(100);
      expect(() =>
        source.start({ ...source.read(), budgetPercent: 0, maxContexts: 10, level: 'off' }),
      ).toThrow(/running already/);
      source.stop();
      counts = source.read();
      expect(counts.epochs[0]!.endMs).not.toBeNull();
      // 300 objects of 32 bytes and more, two in five of them sampled.
      expect(counts.samples).toBeGreaterThan(60);
      expectWhole(counts);
    });
  });
});

describe('pauses', () => {
  it('add up over the histogram, and hold the polls', () => {
    withSource({ intervalBytes: 1024 }, (source) => {
      make(10_000);
      for (let i = 0; i < 5; i++) collect('minor');
      for (let i = 0; i < 3; i++) collect('major');
      const counts = source.read();
      expect(counts.scavenge.count).toBeGreaterThanOrEqual(5);
      expect(counts.markCompact.count).toBeGreaterThanOrEqual(3);
      expect(counts.scavenge.count + counts.markCompact.count).toBe(counts.gcCycles);
      for (const pauses of [counts.scavenge, counts.markCompact]) {
        expect(pauses.buckets.reduce((sum, [, n]) => sum + n, 0)).toBe(pauses.count);
        expect(pauses.buckets.at(-1)![0]).toBeGreaterThanOrEqual(pauses.maxNs);
        expect(pauses.pollNs).toBeGreaterThan(0);
        expect(pauses.pollNs).toBeLessThan(pauses.sumNs);
        expect(pauses.beforeBytes).toBeGreaterThan(pauses.afterBytes);
      }
    });
  });
});
