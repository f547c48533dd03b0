import { describe, expect, it } from 'vitest';
import { costPerByte } from '../../src/profiler/gc-cost.js';
import type { PauseAggregate, ThreadAggregates } from '../../src/profiler/index.js';
import { collect, withSource } from './helpers.js';

/** Some 48 bytes each, or 40. */
function makeKept(count: number): unknown[] {
  const kept: unknown[] = [];
  for (let i = 0; i < count; i++) kept.push({ a: i, b: i, c: i });
  return kept;
}

describe('what a pause’s work was', () => {
  it('is the bytes a scavenge copied, and the bytes alive after a mark-compact', () => {
    const seen: ThreadAggregates[] = [];
    const held: unknown[] = [];
    withSource({ intervalBytes: 65_536 }, (source) => {
      collect('major');
      collect('major');
      seen.push(source.read());
      for (let round = 0; round < 20; round++) {
        held.push(makeKept(2000));
        collect('minor');
      }
      seen.push(source.read());
      collect('major');
      seen.push(source.read());
    });
    const [start, scavenged, marked] = seen as [ThreadAggregates, ThreadAggregates, ThreadAggregates];
    const delta = (a: PauseAggregate, b: PauseAggregate) => b.work!.bytes - a.work!.bytes;
    const copied = delta(start.scavenge, scavenged.scavenge);
    // Each object once or twice, and not what was old before.
    expect(copied).toBeGreaterThan(20 * 2000 * 36);
    expect(copied).toBeLessThan(20 * 2000 * 36 * 12);
    const alive = delta(scavenged.markCompact, marked.markCompact);
    expect(alive).toBeCloseTo(marked.markCompact.afterBytes - scavenged.markCompact.afterBytes, 0);
    expect(costPerByte(marked.scavenge).value).toBeGreaterThan(0);
    expect(held).toHaveLength(20);
  });

  it('adds up, so that a regression can be made of the sums', () => {
    withSource({}, (source) => {
      for (let round = 0; round < 10; round++) {
        makeKept(500 * (round + 1));
        collect('minor');
      }
      const { scavenge } = source.read();
      const { bytes, bytesSquared, ns, nsSquared, product } = scavenge.work!;
      expect(ns).toBeCloseTo(scavenge.sumNs - scavenge.pollNs, -1);
      expect(bytesSquared * nsSquared).toBeGreaterThanOrEqual(product * product * (1 - 1e-9));
      expect(bytesSquared * scavenge.count).toBeGreaterThanOrEqual(bytes * bytes * (1 - 1e-9));
    });
  });
});

describe('a budget changed while sampling', () => {
  it('makes polls rarer, and loses none of the samples', () => {
    withSource({ budgetPercent: 0, intervalBytes: 4096, seed: 3 }, (source) => {
      const cycles = 150;
      const run = (): number => {
        const before = source.read().polls;
        for (let i = 0; i < cycles; i++) {
          makeKept(100);
          collect('minor');
        }
        return source.read().polls - before;
      };
      const awake = run();
      source.setBudget(0.0001);
      const falling = run();
      const resting = run();
      // No budget polls each GC; a tiny one lets the probability fall by its steps, however slow the machine.
      expect(awake).toBeGreaterThanOrEqual(cycles);
      expect(falling).toBeLessThan(awake);
      expect(resting).toBeLessThan(awake / 2);
      expect(source.read().missed).toBe(0);
    });
  });
});
