import { describe, expect, it } from 'vitest';
import {
  buildProfile,
  type LifetimeCell,
  mergeContexts,
  type ProfileContext,
} from '../../src/profiler/index.js';
import { aggregates, context, frame } from './aggregates-fixture.js';

/** A profile's context of so many objects, its cells the same in all three clocks. */
function contextOf(name: string, cells: LifetimeCell[]): ProfileContext {
  const objects = cells.reduce((sum, cell) => sum + cell[3], 0);
  const counted = context([frame(name)], objects, { gcCycles: cells, lifeBytes: cells, lifeMs: cells });
  return buildProfile(aggregates([counted]), { pid: 1, node: 'v', v8: '1', argv: [] }).contexts[0]!;
}

const died = (age: number, n: number): LifetimeCell => [age - 1, age, n, n, n];
const lives = (age: number, n: number): LifetimeCell => [age, null, n, n, n];

describe('merged contexts', () => {
  const young = contextOf('young', [died(1, 90), died(2, 10)]);
  const middle = contextOf('middle', [died(6, 60), died(30, 40)]);
  const long = contextOf('long', [died(1, 20), lives(40, 80)]);

  it('are the one context where there is but one', () => {
    expect(mergeContexts([middle])).toBe(middle);
  });

  it('have the sums of counts, and survival exact at the ages of the table', () => {
    const merged = mergeContexts([young, middle, long]);
    expect(merged.samples).toBe(300);
    expect(merged.allocated).toEqual({ objects: 300, bytes: 30_000 });
    expect(merged.survival[0]).toBeCloseTo(300);
    expect(merged.survival[1]).toBeCloseTo(190);
    expect(merged.survival[6]).toBeCloseTo(120);
    expect(merged.survival[15]).toBeCloseTo(120);
  });

  it('have the quantiles of all objects together where those are known', () => {
    // Of 200: 90 at age 1, 10 at 2, 60 at 6, 40 by 30.
    const { gcCycles } = mergeContexts([young, middle]).lifetime;
    expect(gcCycles.p50.value).toBe(2);
    expect(gcCycles.p90.value).toBeGreaterThan(15);
    expect(gcCycles.p90.value).toBeLessThanOrEqual(30);
    expect(gcCycles.beyond).toBe(0);
  });

  it('have none where more objects than that still live, but the age that they have reached', () => {
    const { gcCycles, ms } = mergeContexts([young, long]).lifetime;
    expect(gcCycles.p50.value).toBe(1);
    expect(gcCycles.p90).toEqual({ value: null, low: 40, high: null });
    expect(ms.p90.value).toBeNull();
    expect(ms.p90.low).toBeGreaterThanOrEqual(35);
    expect(gcCycles.beyond).toBeCloseTo(0.4);
  });

  it('do not let garbage live on where half of the objects is known to die in the first GC', () => {
    const half = (ms: number): ProfileContext => {
      const objects = 100;
      const counted = context([frame(`half ${ms}`)], objects, {
        gcCycles: [died(1, 60), died(80, 40)],
        lifeMs: [
          [0, ms, 60, 60, 60],
          [39_000, 40_000, 40, 40, 40],
        ],
      });
      return buildProfile(aggregates([counted]), { pid: 1, node: 'v', v8: '1', argv: [] }).contexts[0]!;
    };
    const { gcCycles, ms } = mergeContexts([half(500), half(1000)]).lifetime;
    expect(gcCycles.p50.value).toBe(1);
    expect(ms.p50.value).toBeLessThan(1000);
    expect(ms.p90.value).toBeGreaterThan(30_000);
  });

  it('have the class that most samples have', () => {
    expect([young.class, middle.class, long.class]).toEqual(['young', 'middle', 'long']);
    expect(mergeContexts([young, contextOf('b', [died(1, 100)]), long]).class).toBe('young');
    expect(mergeContexts([young, contextOf('b', [lives(20, 101)])]).class).toBe('long');
  });
});
