import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEAP_EDGES, type Lifetimes, observe, UNIMODAL } from '../../bench/inference/shapes.js';
import {
  type AgeHistogram,
  ageEdges,
  type Decision,
  emptyAges,
  fromSurvivors,
  LifetimeInference,
} from '../../src/profiler/index.js';
import { lifeTable, sharePast } from '../../src/profiler/inference/life-table.js';
import { excessMass } from '../../src/profiler/inference/unimodal.js';

const inference = new LifetimeInference();
const times = (value: number, count: number): number[] => Array.from({ length: count }, () => value);
const around =
  (...cycles: number[]): Lifetimes =>
  (random) =>
    cycles[Math.floor(random() * cycles.length)]! * (0.9 + 0.2 * random());
const decide = (draw: Lifetimes, over: object = {}, previous?: Decision) =>
  inference.decide(observe(draw, { objects: 1000, cycles: 128, seed: 1, ...over }), previous);

describe('rolp’s own inference', () => {
  it.each([
    [[72, 72, 72], 2],
    [times(72, 5), 4],
    [[72, 72], 1],
    [[100, 100, 70, 20, 5], 2],
  ])('agrees with the published rule on one clear lifetime: %j', (table, generation) => {
    expect(inference.decide(fromSurvivors(table))).toMatchObject({ generation, conflict: null });
  });

  it.each([
    [
      [72, 72, 36, 36, 36],
      [1, 4],
    ],
    [
      [100, 50, 45, 45],
      [1, 3],
    ],
  ])('agrees with the published rule that %j mixes lifetimes, and tells them', (table, generations) => {
    const { conflict } = inference.decide(fromSurvivors(table));
    expect(conflict?.modes.map(({ generation }) => generation)).toEqual(generations);
    expect(conflict?.modes.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
  });

  it('differs where the published rule is weak', () => {
    // Slow decay: the median, not the forced end.
    const slow = times(0, 16).map((_, i) => 1000 * 0.9 ** i);
    expect(inference.decide(fromSurvivors(slow))).toMatchObject({ generation: 6, conflict: null });
    // For ever is the oldest generation, not the one before it.
    expect(inference.decide(fromSurvivors(times(100, 16)))).toMatchObject({ generation: 15, conflict: null });
    // No births, or too few: nothing is decided, and nothing is divided by them.
    const nothing = { generation: null, confidence: 0, conflict: null };
    expect(inference.decide(fromSurvivors([0, 3]))).toMatchObject(nothing);
    expect(inference.decide(emptyAges(ageEdges(44)))).toMatchObject(nothing);
    expect(inference.decide(fromSurvivors([49, 49, 49]))).toMatchObject(nothing);
  });

  it('sees no conflict in shapes of one mode, at 95 % of seeds and more', () => {
    expect(UNIMODAL).toHaveLength(50);
    for (const [name, draw] of UNIMODAL) {
      let conflicts = 0;
      for (let seed = 1; seed <= 40; seed++) {
        const objects = [60, 300, 2000][seed % 3]!;
        const cycles = [32, 128][seed % 2]!;
        if (inference.decide(observe(draw, { objects, cycles, seed })).conflict !== null) conflicts++;
      }
      expect(conflicts, name).toBeLessThanOrEqual(2);
    }
  });

  it.each([[[0.5, 5]], [[0.5, 50]], [[1, 4]], [[3, 8]], [[2, 14]], [[0.5, 3, 20]], [[0.5, 1, 3, 8, 20, 50]]])(
    'sees that lifetimes of %j cycles are several',
    (cycles) => {
      for (let seed = 1; seed <= 10; seed++) {
        const { conflict } = decide(around(...cycles), { objects: 400, seed });
        expect(conflict?.modes.length, `seed ${seed}`).toBeGreaterThan(1);
        expect(conflict?.confidence).toBeGreaterThan(0.9);
      }
    },
  );

  it('calls lifetimes that would share a generation one', () => {
    expect(decide(around(20, 50))).toMatchObject({ generation: 15, conflict: null });
  });

  it.each([
    [2, 2],
    [5, 5],
    [9, 9],
    [13, 13],
    [30, 15],
  ])('puts what lives %i cycles into generation %i', (cycles, generation) => {
    const decision = decide((random) => cycles * (0.95 + 0.1 * random()));
    expect(decision).toMatchObject({ generation, conflict: null });
    expect(decision.confidence).toBeGreaterThan(0.9);
  });

  it('does not take the living for dead: most of what lives 40 cycles is alive after 32', () => {
    expect(decide(() => 40, { cycles: 32, objects: 500 })).toMatchObject({ generation: 15, conflict: null });
  });

  it('is surer with more births, and unsure between two generations', () => {
    const spread: Lifetimes = (random) => 6 * random() + 2;
    const few = decide(spread, { objects: 60 }).confidence;
    const many = decide(spread, { objects: 20_000 }).confidence;
    expect(many).toBeGreaterThan(few);
    const between: Lifetimes = (random) => (random() < 0.5 ? 4.5 : 6.5);
    expect(decide(between, { objects: 100 }).confidence).toBeLessThan(0.95);
  });

  it('keeps a generation that new data do not contradict, and leaves one that they do', () => {
    const exponential: Lifetimes = (random) => -9 * Math.log(1 - random());
    let last = decide(exponential, { seed: 1, objects: 100 });
    let [held, free] = [0, 0];
    for (let seed = 2; seed < 60; seed++) {
      const next = decide(exponential, { seed, objects: 100 }, last);
      if (next.generation !== last.generation) held++;
      last = next;
      const alone = (s: number) => decide(exponential, { seed: s, objects: 100 }).generation;
      if (alone(seed) !== alone(seed - 1)) free++;
    }
    expect(free).toBeGreaterThan(20);
    expect(held).toBeLessThanOrEqual(4);
    expect(decide(around(2), {}, last).generation).toBe(2);
    expect(decide(around(14), {}, last).generation).toBe(14);
    // Too few births leave everything as it was.
    expect(decide(around(2), { objects: 10 }, last)).toBe(last);
  });

  it('holds on to a conflict while half of its evidence is there', () => {
    const mixed = (share: number): AgeHistogram => {
      const ages = emptyAges(HEAP_EDGES);
      ages.deathsByAge[1] = 1000 * (1 - share);
      ages.deathsByAge[9] = 1000 * share;
      return { ...ages, births: 1000 };
    };
    const clear = inference.decide(mixed(0.2));
    expect(clear.conflict).not.toBeNull();
    expect(inference.decide(mixed(0.04)).conflict).toBeNull();
    expect(inference.decide(mixed(0.04), clear).conflict).not.toBeNull();
    expect(inference.decide(mixed(0.01), clear).conflict).toBeNull();
  });

  it('never breaks, whatever the table: figures are finite and within their bounds', () => {
    const column = fc.oneof(
      fc.constant(0),
      fc.nat(5),
      fc.nat(100_000),
      fc.double({ min: 0, max: 9, noNaN: true }),
    );
    const row = fc.array(column, { minLength: 44, maxLength: 44 });
    fc.assert(
      fc.property(row, row, (deaths, live) => {
        const decision = inference.decide({
          births: 10,
          deathsByAge: Float64Array.from(deaths),
          liveByAge: Float64Array.from(live),
          ageEdges: HEAP_EDGES,
        });
        expect(decision.confidence).toBeGreaterThanOrEqual(0);
        expect(decision.confidence).toBeLessThanOrEqual(1);
        if (decision.generation !== null) {
          expect(decision.generation).toBeGreaterThanOrEqual(1);
          expect(decision.generation).toBeLessThanOrEqual(15);
        }
        const weights = decision.conflict?.modes.map(({ weight }) => weight) ?? [1];
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});

describe('the life table', () => {
  it('is the share of the dead where nobody lives', () => {
    const table = lifeTable(fromSurvivors([100, 60, 30]));
    expect([...table.survival.subarray(0, 4)].map((s) => Number(s.toFixed(6)))).toEqual([1, 0.6, 0.3, 0]);
    expect(sharePast(table, 1)).toBeCloseTo(0.6, 9);
  });

  it('estimates a fixed lifetime from staggered births half of which still live', () => {
    const table = lifeTable(observe(() => 20, { objects: 4000, cycles: 40, seed: 3 }));
    expect(sharePast(table, 16)).toBeCloseTo(1, 2);
    // The column from 16 to 32 does not say where in it the living stand.
    expect(sharePast(table, 32)).toBeLessThan(0.2);
  });
});

describe('excess mass', () => {
  const of = (...mass: number[]) =>
    excessMass(Float64Array.from(mass), new Float64Array(mass.length).fill(1));

  it('is none for one mode wherever it lies', () => {
    for (const mass of [[4, 3, 2, 1], [1, 2, 3], [1, 5, 2], [2, 2, 2], [0, 0, 9], [7], []]) {
      expect(of(...mass)).toBeCloseTo(0, 12);
    }
  });

  it('is what must move to fill the valley between two', () => {
    expect(of(1, 0, 1)).toBeCloseTo(0.5, 12);
    expect(of(0.5, 0, 0, 0.5)).toBeCloseTo(1 / 3, 12);
    expect(of(0.6, 0, 0.3, 0.1)).toBeLessThan(of(0.6, 0, 0.1, 0.3));
  });
});
