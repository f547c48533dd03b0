import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMNS, columnOf, EDGES, placeOf } from '../../src/pretenure/ages.js';
import { LifetimeRows, WINDOW_CYCLES } from '../../src/pretenure/lifetime-rows.js';
import { lcg } from './helpers.js';

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);

/** Births of `perCycle` blocks a cycle, each dead after `life(cycle)` cycles, told in order of time. */
function live(
  rows: LifetimeRows,
  row: number,
  cycles: number,
  perCycle: number,
  life: (cycle: number) => number,
  from = 0,
  due: Map<number, number[]> = new Map(),
): Map<number, number[]> {
  for (let cycle = from; cycle < from + cycles; cycle++) {
    for (const birth of due.get(cycle) ?? []) rows.died(row, cycle, cycle - birth, 64, 8);
    for (let i = 0; i < perCycle; i++) {
      rows.born(row, cycle, 64, 8);
      const death = cycle + Math.max(0, Math.round(life(cycle)));
      if (death === cycle) rows.died(row, cycle, 0, 64, 8);
      else due.set(death, [...(due.get(death) ?? []), cycle]);
    }
  }
  return due;
}

describe('columns of ages', () => {
  it('are a cycle each up to 16, then four a doubling, and hold every age', () => {
    for (const age of [0, 1, 7, 15]) expect(columnOf(age)).toBe(age);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000 }), (age) => {
        const column = columnOf(age);
        expect(EDGES[column]!).toBeLessThanOrEqual(age);
        if (column < COLUMNS - 1) expect(EDGES[column + 1]!).toBeGreaterThan(age);
      }),
      { seed: 13 },
    );
    expect(placeOf(0)).toBe(placeOf(1));
    expect(placeOf(8) - placeOf(4)).toBeCloseTo(1);
  });
});

describe('a row of lifetimes', () => {
  it('counts what dies by its age, and what lives, births being both together', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 1e6 }), (longest, seed) => {
        const rows = new LifetimeRows(2);
        const random = lcg(seed);
        rows.reset(0, 0);
        live(rows, 0, WINDOW_CYCLES, 30, () => longest * random());
        const { births, deathsByAge, liveByAge } = rows.histogram(0);
        expect(births).toBe(WINDOW_CYCLES * 30);
        expect(sum(deathsByAge) + sum(liveByAge)).toBeCloseTo(births, 3);
        expect(sum(deathsByAge.subarray(Math.min(COLUMNS, columnOf(longest) + 1)))).toBe(0);
      }),
      { numRuns: 50, seed: 14 },
    );
  });

  it('fades births and deaths alike: the survival curve of a steady program stays what it is', () => {
    const rows = new LifetimeRows(1);
    rows.reset(0, 0);
    live(rows, 0, 20 * WINDOW_CYCLES, 40, (cycle) => (cycle % 2 === 0 ? 3 : 40));
    const { births, deathsByAge, liveByAge } = rows.histogram(0);
    expect(births).toBeLessThan(5 * WINDOW_CYCLES * 40);
    expect(sum(deathsByAge) + sum(liveByAge)).toBeCloseTo(births, 0);
    const all = births;
    expect(deathsByAge[3]! / all).toBeGreaterThan(0.42);
    expect(deathsByAge[3]! / all).toBeLessThanOrEqual(0.5 + 1e-6);
    // Of the older half, those that died did so at 40, never in between.
    expect(sum(deathsByAge.subarray(4, columnOf(40)))).toBe(0);
    expect(deathsByAge[columnOf(40)]!).toBeGreaterThan(0.1 * all);
  });

  it('keeps the living past the end of its ring, and their deaths leave none behind', () => {
    const rows = new LifetimeRows(1);
    rows.reset(0, 0);
    for (let i = 0; i < 100; i++) rows.born(0, 1, 64, 1);
    for (let cycle = 2; cycle < 400; cycle += 3) rows.touch(0, cycle);
    expect(sum(rows.histogram(0).liveByAge.subarray(0, columnOf(64)))).toBe(0);
    expect(sum(rows.histogram(0).liveByAge)).toBeGreaterThan(0);
    for (let i = 0; i < 100; i++) rows.died(0, 400, 399, 64, 1);
    expect(sum(rows.histogram(0).liveByAge)).toBeLessThan(1);
    expect(rows.liveBytes[0]).toBe(0);
  });

  it('drops its past when the new births live otherwise, and only then', () => {
    for (const [before, after, isChange] of [
      [2, 8, true],
      [8, 2, true],
      [3, 100, true],
      [5, 5, false],
      [12, 12, false],
      [40, 40, false],
    ] as const) {
      const rows = new LifetimeRows(1);
      const random = lcg(before * 100 + after);
      rows.reset(0, 0);
      const jitter = (cycles: number) => () => cycles * (0.8 + 0.4 * random());
      const due = live(rows, 0, 8 * WINDOW_CYCLES, 30, jitter(before));
      const steady = rows.histogram(0).births;
      live(rows, 0, WINDOW_CYCLES, 30, jitter(after), 8 * WINDOW_CYCLES, due);
      const changed = rows.touch(0, 9 * WINDOW_CYCLES);
      expect(changed, `${before} to ${after}`).toBe(isChange);
      if (isChange) expect(rows.histogram(0).births).toBeLessThan(0.5 * steady);
    }
  });

  it('counts no death of a block whose birth it no longer counts', () => {
    const rows = new LifetimeRows(1);
    rows.reset(0, 10);
    rows.died(0, 12, 5, 64, 1);
    expect(sum(rows.histogram(0).deathsByAge)).toBe(0);
  });

  it('merges into another as if its blocks had been born there, and out of it again as if they had not', () => {
    const apart = new LifetimeRows(3);
    for (const row of [0, 1, 2]) apart.reset(row, 0);
    live(apart, 0, 40, 10, () => 3);
    live(apart, 1, 40, 10, () => 20);
    for (const row of [0, 1, 2]) apart.touch(row, 40);
    apart.merge(0, 2);
    apart.merge(1, 2);
    const [a, b, both] = [0, 1, 2].map((row) => apart.histogram(row));
    expect(both!.births).toBeCloseTo(a!.births + b!.births);
    for (let column = 0; column < COLUMNS; column++) {
      expect(both!.deathsByAge[column]!).toBeCloseTo(a!.deathsByAge[column]! + b!.deathsByAge[column]!, 3);
      expect(both!.liveByAge[column]!).toBeCloseTo(a!.liveByAge[column]! + b!.liveByAge[column]!, 3);
    }
    apart.unmerge(1, 2);
    const left = apart.histogram(2);
    expect(left.births).toBeCloseTo(a!.births);
    for (let column = 0; column < COLUMNS; column++) {
      expect(left.deathsByAge[column]!).toBeCloseTo(a!.deathsByAge[column]!, 3);
      expect(left.liveByAge[column]!).toBeCloseTo(a!.liveByAge[column]!, 3);
    }
    expect(apart.liveBytes[2]!).toBeCloseTo(apart.liveBytes[0]!, 6);
  });
});
