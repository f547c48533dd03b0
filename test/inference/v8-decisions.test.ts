import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import {
  buildProfile,
  createFrameResolver,
  currentProcess,
  decisionsOf,
  type LifetimeCell,
  type ProfileContext,
  type ThreadAggregates,
} from '../../src/profiler/index.js';
import { decisionForHeap } from '../../src/profiler/profile-input.js';
import { aggregates, context, frame } from '../profiler/aggregates-fixture.js';
import { contextFixture, profileFixture } from '../report/profile-fixture.js';

const resolver = createFrameResolver({ directory: '/nowhere', mainFile: '/nowhere/app.js' });
const MAIN = frame('main', 'node:internal/main/run_main_module');
const stack = (...names: string[]) => [...names.map((name) => frame(name)), MAIN];
const GARBAGE = (n: number): LifetimeCell[] => [[0, 1, n, n, n]];
const LONG = (n: number): LifetimeCell[] => [[30, null, n, n, n]];
const sampled = (names: string[], cells: LifetimeCell[]) =>
  context(
    stack(...names),
    cells.reduce((sum, cell) => sum + cell[2], 0),
    {
      gcCycles: cells,
      // As many bytes a cycle as the fixture allocates.
      lifeBytes: cells.map(([low, high, ...n]) => [low * 90_000, high && high * 90_000, ...n] as const),
    },
  );
const pauses = (count: number) => ({
  count,
  sumNs: count * 1e6,
  maxNs: 1e6,
  pollNs: 0,
  buckets: [[1e6, count]] as const,
  beforeBytes: 0,
  afterBytes: 0,
});

function decide(
  contexts: Parameters<typeof aggregates>[0],
  over: Partial<ThreadAggregates> = {},
): (name: string) => ProfileContext {
  const counted = aggregates(contexts, {
    gcCycles: 50,
    scavenge: pauses(45),
    markCompact: pauses(5),
    ...over,
  });
  const profile = buildProfile(counted, currentProcess(), { resolver });
  return (name) => profile.contexts.find(({ frames }) => frames.some((f) => f.function === name))!;
}

const window = (level: 'calls' | 'off', from: number, to: number | null) => ({
  level,
  startMs: from,
  endMs: to,
  startGcCycle: from,
  endGcCycle: to,
});

describe('decisions on V8’s contexts', () => {
  it('are young or not, from 400 sampled births, with the age of the promoted in mark-compacts', () => {
    const of = decide([
      sampled(['garbage', 'main'], GARBAGE(500)),
      sampled(['keeps', 'main'], [[19, 20, 500, 500, 500]]),
      sampled(['few', 'main'], GARBAGE(399)),
    ]);
    expect(of('garbage')).toMatchObject({
      generation: 0,
      class: 'young',
      decidedAt: 1,
      decidedBy: 'samples',
    });
    expect(of('garbage').confidence).toBeGreaterThan(0.999);
    // Mark-compacts come every ten cycles: what was collected after 20 may have been let go at 11.
    expect(of('keeps')).toMatchObject({ generation: null, decidedBy: 'samples', conflict: null });
    expect(of('keeps').confidence).toBeGreaterThan(0.999);
    expect(of('keeps').ageMarkCompacts.value).toBeCloseTo(2, 1);
    expect(of('few')).toMatchObject({ generation: null, confidence: null, decidedAt: null, decidedBy: null });
  });

  it('tell a generation only where mark-compacts are close enough to carry it', () => {
    const cells: LifetimeCell[] = [[4, 5, 500, 500, 500]];
    const often = decide([sampled(['f'], cells)], { scavenge: pauses(0), markCompact: pauses(50) });
    expect(often('f').generation).toBe(5);
    const seldom = decide([sampled(['f'], cells)], { scavenge: pauses(48), markCompact: pauses(2) });
    expect(seldom('f')).toMatchObject({ generation: null, class: 'middle' });
  });

  it('split a site by its callers where they differ, and only there', () => {
    const of = decide([
      sampled(['make', 'short', 'main'], GARBAGE(500)),
      sampled(['make', 'long', 'main'], LONG(500)),
      sampled(['same', 'one', 'main'], GARBAGE(300)),
      sampled(['same', 'two', 'main'], GARBAGE(300)),
    ]);
    expect(of('short')).toMatchObject({ generation: 0, decidedAt: 2, conflict: null });
    expect(of('long')).toMatchObject({ generation: 15, class: 'long', decidedAt: 2, conflict: null });
    // Neither has 400 births; the site has.
    expect(of('one')).toMatchObject({ generation: 0, decidedAt: 1, conflict: null });
  });

  it('look no further out than needed, and as far as needed', () => {
    const of = decide([
      sampled(['make', 'wrap', 'again', 'short', 'main'], GARBAGE(500)),
      sampled(['make', 'wrap', 'again', 'long', 'main'], LONG(500)),
      sampled(['make', 'wrap', 'other', 'main'], GARBAGE(500)),
    ]);
    expect(of('short').decidedAt).toBe(4);
    expect(of('long').decidedAt).toBe(4);
    expect(of('short').generation).toBe(0);
    expect(of('long').generation).not.toBe(0);
  });

  it('do not split by chance: twenty callers that all keep a fifth', () => {
    const random = seededRandom(7);
    const callers = Array.from({ length: 20 }, (_, i) => {
      let kept = 0;
      for (let n = 0; n < 200; n++) if (random() < 0.2) kept++;
      return sampled(['make', `caller${i}`, 'main'], [...GARBAGE(200 - kept), ...LONG(kept)]);
    });
    expect(decide(callers)('caller3')).toMatchObject({ decidedAt: 1, generation: 0 });
  });

  it('report what no caller tells apart, as a mixture, with what may resolve it', () => {
    const mixed = [sampled(['make', 'main'], [...GARBAGE(600), ...LONG(400)])];
    const { conflict, generation, decidedBy } = decide(mixed)('make');
    expect([generation, decidedBy]).toEqual([null, 'samples']);
    expect(conflict).toMatchObject({ resolution: 'window', command: 'ROLP_ATTRIBUTION=calls:64' });
    expect(conflict?.modes.map(({ weight, class: named }) => [Number(weight.toFixed(2)), named])).toEqual([
      [0.6, 'young'],
      [0.4, 'long'],
    ]);
  });

  it('call a conflict unresolvable once a window has shown all callers, and say if it is asynchronous', () => {
    const windows = [window('calls', 0, 30), window('off', 30, null)];
    const cells: LifetimeCell[] = [...GARBAGE(600), ...LONG(400)];
    const sync = decide([sampled(['make', 'main'], cells)], { windows })('make').conflict;
    expect(sync).toMatchObject({ resolution: 'unresolvable', command: null });
    expect(sync?.reason).toContain('data');
    const later = context([frame('make'), frame('handle')], 1000, { gcCycles: cells });
    const async = decide([later], { windows })('make').conflict;
    expect(async?.reason).toContain('event loop');
    // A window too short has shown nothing.
    const short = decide([sampled(['make'], cells)], { windows: [window('calls', 0, 3)] })('make').conflict;
    expect(short?.resolution).toBe('window');
  });

  it('of an earlier run are taken in bytes: a larger new space lets die young what a small one promoted', () => {
    // Collected after 4 to 5 MB of allocation.
    const lives = context(stack('f', 'main'), 500, {
      gcCycles: [[9, 10, 500, 500, 500]],
      lifeBytes: [[4e6, 5e6, 500, 500, 500]],
    });
    const earlier = buildProfile(aggregates([lives]), currentProcess(), { resolver });
    expect(earlier.contexts[0]!.class).toBe('middle');
    const later = (bytesPerCycle: number, gcCycles = 100) =>
      buildProfile(
        aggregates([sampled(['f', 'main'], GARBAGE(9))], {
          gcCycles,
          allocatedBytes: gcCycles * bytesPerCycle,
        }),
        currentProcess(),
        { resolver, prior: decisionsOf(earlier) },
      ).contexts[0]!;
    expect(later(500_000)).toMatchObject({ class: 'middle', decidedBy: 'profile' });
    expect(later(16_000_000)).toMatchObject({ class: 'young', generation: 0, decidedBy: 'profile' });
    // How often cycles come is not known after one.
    expect(later(16_000_000, 1)).toMatchObject({ class: 'middle', decidedBy: 'profile' });
  });

  it('of an earlier run stand until this run’s samples say more', () => {
    const earlier = buildProfile(
      aggregates([sampled(['f', 'main'], LONG(500)), sampled(['g', 'main'], LONG(500))]),
      currentProcess(),
      { resolver },
    );
    const now = buildProfile(
      aggregates([sampled(['f', 'main'], GARBAGE(20)), sampled(['g', 'main'], GARBAGE(500))]),
      currentProcess(),
      { resolver, prior: decisionsOf(earlier) },
    );
    const of = (name: string) => now.contexts.find(({ frames }) => frames[0]!.function === name)!;
    expect(of('f')).toMatchObject({ class: 'long', decidedBy: 'profile', decidedAt: 1 });
    expect(of('g')).toMatchObject({ class: 'young', decidedBy: 'samples', generation: 0 });
  });
});

describe('an earlier run’s decision', () => {
  it('stands as it was made where bytes are not counted', () => {
    const earlier = { ...contextFixture('f', 1e6, 0.9), generation: 5, class: 'middle' as const };
    for (const bytesPerCycle of [null, 0, Number.NaN]) {
      expect(decisionForHeap(earlier, bytesPerCycle)).toEqual({ generation: 5, class: 'middle' });
    }
    expect(decisionForHeap(earlier, 512).generation).toBe(4);
  });

  it('is that of most bytes where heaps of one name have a site of one name', () => {
    const placed = (bytes: number, generation: number): ProfileContext => ({
      ...contextFixture('f', bytes, 0.9),
      kind: 'placed',
      generation,
      confidence: 0.9,
    });
    const [large, small] = [placed(2e6, 9), placed(1e6, 1)];
    for (const contexts of [
      [large, small],
      [small, large],
    ]) {
      const kept = decisionsOf(profileFixture({ contexts })).all('placed');
      expect(kept.map(({ generation }) => generation)).toEqual([9]);
    }
  });
});
