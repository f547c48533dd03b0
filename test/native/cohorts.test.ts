import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import type { ThreadAggregates } from '../../src/profiler/index.js';
import { collect, leaf, V8S_OWN_SAMPLES, warmUp, withSource } from './helpers.js';

const CYCLES = 60;
const PER_CYCLE = 400;
/** Cycles for which a survivor is held. */
const HELD = 3;

function makeGarbage(i: number): unknown {
  return { x: i, y: i };
}

function makeSurvivor(i: number): unknown {
  return { x: i, y: i };
}

warmUp(makeGarbage);
warmUp(makeSurvivor);

function run(seed: number, budgetPercent: number): ThreadAggregates {
  let counts: ThreadAggregates | undefined;
  withSource({ intervalBytes: 256, budgetPercent, seed }, (source) => {
    const held: unknown[][] = [];
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const now: unknown[] = [];
      for (let i = 0; i < PER_CYCLE; i++) {
        makeGarbage(i);
        now.push(makeSurvivor(i));
      }
      held.push(now);
      if (held.length > HELD) held.shift();
      collect(cycle % 10 === 9 ? 'major' : 'minor');
    }
    counts = source.read();
  });
  return counts!;
}

/** Mean and its standard error. */
function meanOf(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}

describe('cohorts within a budget', () => {
  // So small that p falls from 1 as fast as it may: these programs poll hundreds of times a second.
  const runs = Array.from({ length: 60 }, (_, seed) => run(seed + 1, 0.001));

  it('leave births out, miss none in cohorts, and account for every sample', () => {
    for (const counts of runs) {
      expect(counts.missed).toBe(0);
      const births = counts.contexts.reduce((sum, c) => sum + c.samples, 0);
      expect(births + counts.skipped).toBe(counts.samples);
    }
    expect(runs.every((counts) => counts.skipped > 0)).toBe(true);
    expect(runs.every((counts) => counts.cohorts < counts.gcCycles)).toBe(true);
  });

  it('weigh births by the inverse of the inclusion probability: totals are unbiased over many draws', () => {
    for (const name of ['makeGarbage', 'makeSurvivor']) {
      const { mean, error } = meanOf(runs.map((counts) => leaf(counts, name).objects / (CYCLES * PER_CYCLE)));
      expect(error).toBeLessThan(0.15);
      expect(Math.abs(mean - 1)).toBeLessThan(4 * error);
    }
    const { mean, error } = meanOf(runs.map((counts) => counts.weightedSamples! / counts.samples));
    expect(Math.abs(mean - 1)).toBeLessThan(4 * error);
  });

  it('keep ages right: garbage at 1, and survivors in intervals that hold the truth', () => {
    // Both counts are of what is told wrong, which only V8's own objects may be, and over all runs to not even one in a
    // hundred: V8 compiles a function but a few times.
    const all = { dead: 0, wrong: 0 };
    const count = (dead: number, right: number): void => {
      expect(dead - right).toBeLessThanOrEqual(V8S_OWN_SAMPLES);
      all.dead += dead;
      all.wrong += dead - right;
    };
    for (const counts of runs) {
      const dead = leaf(counts, 'makeGarbage').gcCycles.filter(([, high]) => high !== null);
      const atOne = dead.filter(([low, high]) => low === 0 && high === 1);
      const total = (cells: typeof dead): number => cells.reduce((sum, cell) => sum + cell[2], 0);
      count(total(dead), total(atOne));
      // Held over HELD cycles, the next may collect them; those promoted wait for a mark-compact, at most ten cycles on.
      const survivor = leaf(counts, 'makeSurvivor');
      const known = survivor.gcCycles.filter(([, high]) => high !== null);
      const right = known.filter(([low, high]) => high! > HELD - 1 && low < HELD + 11);
      count(total(known), total(right));
    }
    expect(all.dead).toBeGreaterThan(10_000);
    expect(all.wrong).toBeLessThan(0.002 * all.dead);
  });

  it('hold against CPU time too: an app that idles pays no larger part of the little it does', () => {
    withSource({ intervalBytes: 256, budgetPercent: 5, seed: 1 }, (source) => {
      const live = Array.from({ length: 20_000 }, (_, i) => makeSurvivor(i));
      collect('minor');
      // The least of some: on a busy machine one may stand still for a while.
      let { polls, pollNs } = source.read();
      let leastNs = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 5; i++) {
        const now = source.read();
        leastNs = Math.min(leastNs, (now.pollNs - pollNs) / (now.polls - polls));
        ({ polls, pollNs } = now);
      }
      // So long a pause that all polls together stay within a twentieth of wall time.
      const idleMs = Math.max(5, (20 * leastNs) / 1e6);
      const polledOf = (count: number): number => {
        const before = source.read().polls;
        for (let cycle = 0; cycle < count; cycle++) {
          idle(idleMs);
          collect('minor');
        }
        // The second read() has polled too.
        return source.read().polls - before - 1;
      };
      // p falls by 7 % a cycle at most. Wall time alone would let every cycle be polled.
      polledOf(CYCLES);
      expect(polledOf(CYCLES)).toBeLessThan(CYCLES / 2);
      expect(live.length).toBe(20_000);
    });
  });
});

function idle(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** See native/truth/truth.cc. */
interface TruthAddon {
  drawPolls(
    budgetPercent: number,
    seed: number,
    cycles: number,
    cycleNs: number,
    cycleCpuNs: number,
    pollNs: number,
    pollCpuNs: number,
  ): number[];
}

describe('the poll budget', () => {
  const { modules } = process.versions;
  const { drawPolls } = createRequire(import.meta.url)(
    `../../native/build/${modules}/rolp_truth.node`,
  ) as TruthAddon;
  const MS = 1e6;
  const COUNT = 4000;

  /** Share of cycles polled at a budget of 1 %, past what start-up overspends; the mean over some draws. */
  function polledShare(times: Record<'cycle' | 'cycleCpu' | 'poll' | 'pollCpu', number>): number {
    const { cycle, cycleCpu, poll, pollCpu } = times;
    let polled = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const cycles = drawPolls(1, seed, COUNT, cycle * MS, cycleCpu * MS, poll * MS, pollCpu * MS);
      polled += cycles.filter((index) => index >= COUNT / 2).length;
    }
    return polled / (20 * (COUNT / 2));
  }

  it('polls each GC where that costs less than its share of either clock', () => {
    expect(polledShare({ cycle: 100, cycleCpu: 100, poll: 0.5, pollCpu: 0.5 })).toBe(1);
  });

  it('keeps polls within wall time on a thread that is always busy', () => {
    // 2.5 ms of 100 would be 2.5 %: two in five.
    const share = polledShare({ cycle: 100, cycleCpu: 100, poll: 2.5, pollCpu: 2.5 });
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.45);
  });

  it('keeps polls within the CPU time of a thread that idles', () => {
    const share = polledShare({ cycle: 100, cycleCpu: 20, poll: 0.5, pollCpu: 0.5 });
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.45);
  });

  it('does not take a wait for the processor for work', () => {
    // A poll that works 0.15 of 20 ms costs 0.75 % of CPU time, and the 0.8 ms for which it stands 0.8 % of wall time.
    expect(polledShare({ cycle: 100, cycleCpu: 20, poll: 0.8, pollCpu: 0.15 })).toBe(1);
  });

  it('stops short of what waiting polls take of wall time', () => {
    const share = polledShare({ cycle: 100, cycleCpu: 20, poll: 2.5, pollCpu: 0.15 });
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.45);
  });
});
