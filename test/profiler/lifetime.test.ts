import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LifetimeCell } from '../../src/profiler/index.js';
import {
  FULL_PRECISION,
  lifetimeDistribution,
  precisionOf,
  summariseLifetime,
  survivalAt,
} from '../../src/profiler/lifetime.js';
import { LIFETIMES, type Sampling, type Scenario, simulate } from './simulation.js';

const cell = (low: number, high: number | null, weight = 1): LifetimeCell => [
  low,
  high,
  weight,
  weight,
  weight,
];
const discrete = (cells: LifetimeCell[]) => lifetimeDistribution(cells, 'discrete')!;
const summary = (cells: LifetimeCell[]) => summariseLifetime(discrete(cells));

describe('the lifetime estimators', () => {
  it('say nothing without samples', () => {
    expect(lifetimeDistribution([], 'discrete')).toBeNull();
    expect(summariseLifetime(null).mean.value).toBeNull();
  });

  it('know nothing of cycles of which none was drawn, and leave nothing open where all were', () => {
    expect(precisionOf([], undefined, 0, 0)).toEqual({ designEffect: 1, unseen: 1, unseenAtMost: 1 });
    expect(precisionOf([], undefined, 1, 50)).toEqual(FULL_PRECISION);
  });

  it('give Kaplan and Meier’s textbook figures', () => {
    // Freireich's 6-MP arm: deaths at 6 6 6 7 10 13 16 22 23, censored at 6 9 10 11 17 19 20 25 32 32 34 35.
    const deaths = [6, 6, 6, 7, 10, 13, 16, 22, 23].map((t) => cell(t - 1, t));
    const living = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map((t) => cell(t, null));
    const d = discrete([...deaths, ...living]);
    const published: [number, number][] = [
      [6, 0.857],
      [7, 0.807],
      [10, 0.753],
      [13, 0.69],
      [16, 0.627],
      [22, 0.538],
      [23, 0.448],
    ];
    for (const [age, share] of published) expect(survivalAt(d, age)).toBeCloseTo(share, 3);
    // Greenwood's standard error at 10 weeks is 0.0963: an effective size of 0.753 * 0.247 / 0.0963^2.
    const at = d.curve.ages.indexOf(10);
    expect(Math.sqrt((0.753 * 0.247) / d.curve.effectiveSize[at]!)).toBeCloseTo(0.0963, 3);
    expect(summariseLifetime(d).p50.value).toBe(23);
    expect(summariseLifetime(d).p90).toMatchObject({ value: null, high: null });
  });

  it('never ignore living objects', () => {
    const s = summary([cell(0, 1, 50), cell(30, null, 50)]);
    expect(s.mean.value).toBeCloseTo(0.5 * 1 + 0.5 * 30, 9);
    expect(s.p90.value).toBeNull();
    expect(s.p90.low).toBe(30);
    expect(s.beyond).toBeCloseTo(0.5, 9);
  });

  it('claim no quantile that objects for ever alive leave open', () => {
    const s = summary([cell(12, null, 400), cell(3, null, 400)]);
    expect(s).toMatchObject({ p50: { value: null, low: 12, high: null }, horizon: 12, beyond: 1 });
    expect(s.mean).toMatchObject({ value: 12, high: 12 });
    expect(s.mean.low).toBeLessThan(12);
  });

  it('find Turnbull’s estimate where deaths are only known between polls', () => {
    // Intervals (0,2], (1,3], (2,4] overlap so that the likelihood puts 1/2 on (1,2] and 1/2 on (2,3]… only
    // their maximum is asked for here: no distribution on the grid may be likelier.
    const cells = [cell(0, 2, 3), cell(1, 3, 4), cell(2, 4, 3), cell(0, 1, 1), cell(3, null, 2)];
    const d = discrete(cells);
    const likelihood = (survival: (age: number) => number) =>
      cells.reduce(
        (sum, [low, high, , w]) => sum + w * Math.log(survival(low) - (high === null ? 0 : survival(high))),
        0,
      );
    const best = likelihood((age) => survivalAt(d, age));
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 5, maxLength: 5 }),
        (masses) => {
          const total = masses.reduce((a, b) => a + b);
          const tail = (age: number) => masses.slice(age).reduce((a, b) => a + b, 0) / total;
          expect(best).toBeGreaterThan(likelihood(tail) - 1e-3);
        },
      ),
      { seed: 7, numRuns: 500 },
    );
  });

  it('keep every figure within its bounds, whatever the cells', () => {
    const anyCell = fc
      .tuple(
        fc.nat(40),
        fc.option(fc.integer({ min: 1, max: 30 })),
        fc.double({ min: 0.1, max: 50, noNaN: true }),
      )
      .map(([low, span, w]): LifetimeCell => [low, span === null ? null : low + span, 1, w, w * w]);
    fc.assert(
      fc.property(fc.array(anyCell, { minLength: 1, maxLength: 60 }), fc.boolean(), (cells, whole) => {
        const d = lifetimeDistribution(cells, whole ? 'discrete' : 'continuous')!;
        const { survival, ages } = d.curve;
        survival.forEach((s, j) => {
          expect(s).toBeLessThanOrEqual(j === 0 ? 1 : survival[j - 1]! + 1e-12);
          expect(d.lowerBand[j]).toBeLessThanOrEqual(s + 1e-9);
          expect(d.upperBand[j]).toBeGreaterThanOrEqual(s - 1e-9);
        });
        const s = summariseLifetime(d);
        expect(s.mean.low).toBeLessThanOrEqual(s.mean.value! + 1e-9);
        expect(s.mean.high).toBeGreaterThanOrEqual(s.mean.value! - 1e-9);
        for (const q of [s.p50, s.p90, s.p99]) {
          if (q.value === null) continue;
          expect(q.low).toBeLessThanOrEqual(q.value + 1e-9);
          expect(q.high ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(q.value - 1e-9);
          expect(q.value).toBeLessThanOrEqual(ages.at(-1)!);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });

  it('bound the grid of a clock with endless distinct ages', () => {
    const cells = Array.from({ length: 5000 }, (_, i): LifetimeCell => cell(1000 + i * 977, 1100 + i * 977));
    const d = lifetimeDistribution(cells, 'continuous')!;
    expect(d.curve.ages.length).toBeLessThanOrEqual(256);
    const mean = 1050 + (4999 * 977) / 2;
    expect(summariseLifetime(d).mean.value! / mean).toBeCloseTo(1, 2);
  });
});

/** Share of runs whose interval holds the truth of the very run. */
function coverage(
  lifetime: Scenario['lifetime'],
  sampling: Sampling,
  oldDieAtMarkCompact: boolean,
  over: Partial<Scenario> = {},
  runs = 40,
) {
  const held = { mean: 0, p50: 0, p90: 0, survival: 0 };
  let bias = 0;
  let cohorts = 0;
  for (let seed = 1; seed <= runs; seed++) {
    const scenario = {
      cycles: 160,
      birthsPerCycle: 150,
      markCompactEvery: 12,
      lifetime,
      oldDieAtMarkCompact,
      ...over,
    };
    const run = simulate(scenario, sampling, seed);
    cohorts += run.cohorts / runs;
    const precision = precisionOf(run.cells, run.groups, sampling.inclusion, run.cohorts);
    const estimated = lifetimeDistribution(run.cells, 'discrete', precision)!;
    const truth = discrete(run.truth);
    const e = summariseLifetime(estimated);
    const t = summariseLifetime(truth);
    let mean = 0;
    for (let age = 0; age < e.horizon!; age++) mean += survivalAt(truth, age);
    if (e.mean.low! <= mean + 1e-9 && mean <= e.mean.high! + 1e-9) held.mean++;
    bias += (e.mean.value! / mean - 1) / runs;
    for (const q of ['p50', 'p90'] as const) {
      const value = t[q].value ?? Number.POSITIVE_INFINITY;
      if ((e[q].low ?? 0) <= value && value <= (e[q].high ?? Number.POSITIVE_INFINITY)) held[q]++;
    }
    const at = estimated.curve.ages.findIndex((age, _, all) => age >= Math.min(2, all.at(-1)!));
    const share = survivalAt(truth, estimated.curve.ages[at]!);
    if (estimated.lowerBand[at]! <= share + 1e-9 && share <= estimated.upperBand[at]! + 1e-9) held.survival++;
  }
  return { ...held, bias, cohorts, runs };
}

describe('with cohorts, the truth lies inside the stated intervals', () => {
  for (const [name, lifetime] of Object.entries(LIFETIMES)) {
    for (const inclusion of [1, 1 / 4, 1 / 16]) {
      it(`${name}, cohorts at ${inclusion}`, () => {
        for (const oldDieAtMarkCompact of [false, true]) {
          const { mean, p50, p90, survival, bias, runs } = coverage(
            lifetime,
            { inclusion, objectShare: 0.3 },
            oldDieAtMarkCompact,
          );
          // 95 % nominal; ten cohorts that meet a dozen mark-compacts tell their own variance less well.
          const floor = runs * (inclusion < 0.1 ? 0.7 : 0.85);
          for (const held of [mean, p50, p90, survival]) expect(held).toBeGreaterThanOrEqual(floor);
          expect(Math.abs(bias)).toBeLessThan(inclusion < 0.1 ? 0.04 : 0.015);
        }
      });
    }
  }

  // Few mark-compacts, so that age at death runs up and down as the teeth of a saw: the programs of bench:truth.
  const saw = () => 4;
  const varied = (random: () => number) => 2 + Math.floor(random() * 8);
  // Seven cycles in a hundred are promoted as a whole; a few others live for a while, so that such ages are observed.
  const promoted = (random: () => number, cycle: number) =>
    (cycle * 7919) % 100 < 7 ? 60 : random() < 0.01 ? 4 : 1;
  it.each([
    ['8 cohorts, teeth', saw, 32, 8, 1 / 4],
    ['10 cohorts, varied', varied, 80, 25, 1 / 8],
    ['12 cohorts, teeth', saw, 48, 12, 1 / 4],
    ['15 cohorts, teeth', saw, 124, 40, 1 / 8],
    ['20 cohorts, exponential', LIFETIMES.exponential!, 80, 25, 1 / 4],
    ['20 cohorts, cycles promoted', promoted, 80, 25, 1 / 4],
    ['31 cohorts, teeth', saw, 124, 40, 1 / 4],
    ['31 cohorts, varied', varied, 124, 40, 1 / 4],
    ['40 cohorts, teeth', saw, 160, 12, 1 / 4],
  ] as const)('the mean’s holds its level: %s', (name, lifetime, cycles, markCompactEvery, inclusion) => {
    const scenario = { cycles, markCompactEvery, birthsPerCycle: 40 };
    const { mean, cohorts, runs } = coverage(lifetime, { inclusion, objectShare: 1 }, true, scenario, 150);
    expect(Math.abs(cohorts - Number.parseInt(name, 10))).toBeLessThan(2);
    expect(mean / runs).toBeGreaterThanOrEqual(0.93);
  });

  it('also where one cycle’s garbage lives on as a whole, which most draws of cohorts do not show', () => {
    // A few others live as long, so that such ages are observed at all.
    const lifetime = (random: () => number, cycle: number) => (cycle === 71 || random() < 0.002 ? 60 : 1);
    const { mean, p50, runs } = coverage(lifetime, { inclusion: 1 / 4, objectShare: 0.3 }, false);
    expect(p50).toBe(runs);
    expect(mean).toBeGreaterThanOrEqual(runs * 0.85);
  });

  it('is lost without the boundary: survivors of unpolled cycles pass for births', () => {
    const scenario = {
      cycles: 400,
      birthsPerCycle: 200,
      markCompactEvery: 50,
      lifetime: (random: () => number) => (random() < 0.7 ? 1 : 12),
    };
    const sampling = { inclusion: 1 / 4, objectShare: 0.3 };
    expect(survivalAt(discrete(simulate(scenario, sampling, 3).cells), 1)).toBeCloseTo(0.3, 1);
    const naive = simulate(scenario, { ...sampling, withoutBoundary: true }, 3);
    expect(survivalAt(discrete(naive.cells), 1)).toBeGreaterThan(0.5);
  });
});
