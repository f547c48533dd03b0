import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  buildProfile,
  type ContextAggregate,
  createFrameResolver,
  currentProcess,
  type LifetimeCell,
  type ThreadAggregates,
} from '../../src/profiler/index.js';
import { aggregates, context, frame } from './aggregates-fixture.js';

const schema = JSON.parse(readFileSync(new URL('../../docs/profile-schema.json', import.meta.url), 'utf8'));
const validate = new Ajv({ allErrors: true }).compile(schema);
const resolver = createFrameResolver({ directory: '/nowhere', mainFile: '/nowhere/app.js' });
const build = (counted: ThreadAggregates) => buildProfile(counted, currentProcess(), { resolver });

function expectValid(profile: unknown): void {
  validate(profile);
  expect(validate.errors).toBeNull();
}

describe('a profile', () => {
  it('meets its JSON Schema, also where nothing was counted', () => {
    expectValid(build(aggregates([])));
    expectValid(build(aggregates([], { engine: 'none', missed: null, ended: true })));
    const pauses = {
      count: 3,
      sumNs: 9e6,
      maxNs: 4e6,
      pollNs: 1e5,
      buckets: [
        [2e6, 1],
        [4.2e6, 2],
      ],
      beforeBytes: 5,
      afterBytes: 4,
    } as const;
    const full = aggregates([context([frame('a'), frame('b')])], {
      scavenge: pauses,
      markCompact: pauses,
      windows: [
        { level: 'calls', startMs: 0, endMs: 20, startGcCycle: 0, endGcCycle: 3 },
        { level: 'off', startMs: 20, endMs: null, startGcCycle: 3, endGcCycle: null },
      ],
    });
    const profile = buildProfile(full, currentProcess(), {
      resolver,
      windowNotes: [{ gcCycle: 5, text: 'because' }],
    });
    expectValid(profile);
    expect(profile.windows[1]).toMatchObject({ note: 'because' });
    expect(profile.gc.pauseMs.scavenge).toMatchObject({ count: 3, sum: 9, max: 4, poll: 0.1 });
    expect(profile.gc.pauseMs.scavenge.p50).toBeGreaterThan(2);
    expect(profile.gc.pauseMs.scavenge.p99).toBeLessThanOrEqual(4);
  });

  it('meets its schema whatever was counted, and survives JSON', () => {
    const anyCell = fc
      .tuple(fc.nat(50), fc.option(fc.integer({ min: 1, max: 9 })), fc.integer({ min: 1, max: 99 }))
      .map(([low, span, n]): LifetimeCell => [low, span === null ? null : low + span, n, n * 3, n * 9]);
    const anyContext = fc
      .tuple(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }),
        fc.array(anyCell, { maxLength: 9 }),
        fc.constantFrom('off', 'sites', 'calls'),
        fc.constantFrom(0, 1, 2),
      )
      .map(([names, cells, level, folded]): ContextAggregate => {
        const samples = cells.reduce((sum, cell) => sum + cell[2], 0);
        return context(
          names.map((name) => frame(name)),
          samples,
          { level, folded, gcCycles: cells, lifeBytes: cells, lifeMs: cells } as Partial<ContextAggregate>,
        );
      });
    fc.assert(
      fc.property(fc.array(anyContext, { maxLength: 12 }), (contexts) => {
        const profile = build(aggregates(contexts));
        expectValid(JSON.parse(JSON.stringify(profile)));
        const counted = contexts.reduce((sum, { bytes }) => sum + bytes, 0);
        const told = profile.contexts.reduce((sum, { allocated }) => sum + allocated.bytes, 0);
        expect(told).toBeCloseTo(counted, 3);
        expect(new Set(profile.contexts.map(({ id }) => id)).size).toBe(profile.contexts.length);
      }),
      { seed: 5, numRuns: 150 },
    );
  });

  it('tells survivors by age, deaths and the living', () => {
    const cells: LifetimeCell[] = [
      [0, 1, 60, 60, 60],
      [4, 5, 20, 20, 20],
      [20, null, 20, 20, 20],
    ];
    const [told] = build(
      aggregates([
        context([frame('f')], 100, {
          gcCycles: cells,
          deaths: { young: 60, old: 20 },
          live: { samples: 20, objects: 20, bytes: 2000 },
        }),
      ]),
    ).contexts;
    expect(told!.survival.map((n) => Math.round(n))).toEqual([
      100, 40, 40, 40, 40, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,
    ]);
    expect(told).toMatchObject({
      deaths: { young: 60, old: 20 },
      live: { objects: 20, bytes: 2000 },
      class: 'long',
      estimated: 0,
      generation: null,
      confidence: null,
    });
    expect(told!.lifetime.gcCycles.mean.value).toBeCloseTo(0.6 + 0.2 * 5 + 0.2 * 20, 9);
  });

  it('classes contexts by where their survivors go', () => {
    const classOf = (gcCycles: LifetimeCell[]) =>
      build(aggregates([context([frame('f')], 100, { gcCycles })])).contexts[0]!.class;
    expect(classOf([[0, 1, 100, 100, 100]])).toBe('young');
    expect(classOf([[7, 8, 100, 100, 100]])).toBe('middle');
    expect(classOf([[9, null, 100, 100, 100]])).toBe('long');
    expect(classOf([])).toBe('young');
  });

  it('merges contexts that differ only in frames it does not show', () => {
    const through = (internal: string) => [
      frame('push', `node:internal/${internal}`),
      frame('handler'),
      frame('emit', 'node:events'),
      frame('main'),
    ];
    const profile = build(aggregates([context(through('a'), 10), context(through('b'), 5)]));
    expect(profile.contexts).toHaveLength(1);
    expect(profile.contexts[0]).toMatchObject({ samples: 15, allocated: { objects: 15, bytes: 1500 } });
    expect(profile.contexts[0]!.frames.map((f) => f.function)).toEqual(['handler', 'main']);
  });

  it('tells what profiling itself made apart, also where another package made it for us', () => {
    const ours = (folder: string) => new URL(`../../src/${folder}/index.ts`, import.meta.url).pathname;
    const profile = build(
      aggregates([
        context([frame('decode', '/nowhere/node_modules/maps/index.js'), frame('read', ours('profiler'))], 4),
        context([frame('fetchUser'), frame('get', ours('heap'))], 2),
      ]),
    );
    expect(profile.contexts.map((c) => c.frames.map((f) => f.function))).toEqual([['(rolp)'], ['fetchUser']]);
  });

  it('reads no source map for what profiling itself made', () => {
    const own = new URL('../../src/profiler/index.ts', import.meta.url).pathname;
    const resolve = vi.fn(resolver.resolve);
    const counted = aggregates([
      context([frame('decode', '/nowhere/node_modules/maps/index.js'), frame('read', own), frame('main')]),
      context([frame('f'), frame('main')]),
    ]);
    buildProfile(counted, currentProcess(), { resolver: { ...resolver, resolve } });
    expect(resolve.mock.calls.map(([{ function: name }]) => name)).toEqual(['f', 'main']);
  });

  it('keeps apart what was folded', () => {
    const profile = build(
      aggregates([
        context([frame('f')], 3, { folded: 1 }),
        context([frame('f')], 2),
        context([], 1, { folded: 2 }),
      ]),
    );
    expect(profile.contexts.map((c) => c.frames.map((f) => f.function))).toEqual([
      ['f', '(folded)'],
      ['f'],
      ['(folded)'],
    ]);
  });

  it('takes well under a tenth of a second for 2,000 contexts of sparse cells', () => {
    // Not a time but the work: each fit visits its own cells only, so that 2,000 contexts stay cheap.
    const contexts = Array.from({ length: 2000 }, (_, i) =>
      context([frame(`f${i}`), frame('main')], 1 + (i % 7)),
    );
    expect(build(aggregates(contexts)).contexts).toHaveLength(2000);
  });
});
