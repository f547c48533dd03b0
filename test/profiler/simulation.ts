import { type Random, seededRandom } from '../../src/base/index.js';
import type { LifetimeCell } from '../../src/profiler/index.js';

/** A program whose every lifetime is known, and what a sample source would report of it. */
export interface Scenario {
  /** GC cycles the program runs. */
  readonly cycles: number;
  readonly birthsPerCycle: number;
  /** Every n-th cycle is a mark-compact; the others are scavenges. */
  readonly markCompactEvery: number;
  /** Lifetime in GC cycles (>= 1, the collecting one included) as drawn at birth in `cycle`; Infinity: for ever. */
  readonly lifetime: (random: Random, cycle: number) => number;
  /** Old objects (two scavenges survived) die at mark-compacts only, as V8's do. */
  readonly oldDieAtMarkCompact?: boolean;
}

export interface Sampling {
  /** Share of birth cycles that are cohorts. */
  readonly inclusion: number;
  /** Share of objects that V8 samples. */
  readonly objectShare: number;
  /** A cohort's first poll, which tells what is older, is left out: all that is first seen passes for born. */
  readonly withoutBoundary?: boolean;
}

export interface Simulated {
  readonly truth: LifetimeCell[];
  readonly cells: LifetimeCell[];
  readonly groups: (readonly [number, number])[];
  readonly samples: number;
  readonly cohorts: number;
}

const GROUPS = 16;

export function simulate(scenario: Scenario, sampling: Sampling, seed: number): Simulated {
  const random = seededRandom(seed);
  const isMarkCompact = (gc: number) => gc % scenario.markCompactEvery === 0;
  const cohorts: number[] = [];
  const polled = new Set<number>();
  for (let cycle = 1; cycle <= scenario.cycles; cycle++) {
    if (random() < sampling.inclusion) {
      cohorts.push(cycle);
      for (const gc of [cycle - 1, cycle, cycle + 1]) polled.add(gc);
    }
    if (isMarkCompact(cycle)) polled.add(cycle).add(cycle + 1);
  }
  // The last poll, outside any GC, sees what the prologue of the next would.
  const last = scenario.cycles + 1;
  polled.add(last);
  const polls = [...polled].filter((gc) => gc <= last).sort((a, b) => a - b);
  const groupOf = cohorts.map((_, number) => (number < GROUPS ? number : Math.floor(random() * GROUPS)));
  const inCohort = new Map(cohorts.map((cycle, index) => [cycle, index]));
  const truth = new CellTable();
  const cells = new CellTable();
  const groups = Array.from({ length: GROUPS }, () => [0, 0] as [number, number]);
  for (let cycle = 1; cycle <= scenario.cycles; cycle++) {
    const nextCohort = cohorts.find((next) => next >= cycle);
    const bornIn = sampling.withoutBoundary ? nextCohort : inCohort.has(cycle) ? cycle : undefined;
    for (let i = 0; i < scenario.birthsPerCycle; i++) {
      let life = scenario.lifetime(random, cycle);
      if (scenario.oldDieAtMarkCompact && life > 2 && life !== Number.POSITIVE_INFINITY) {
        while (!isMarkCompact(cycle + life - 1)) life++;
      }
      // GC number cycle + life - 1 collects it, so it is gone in the prologue of the next.
      const goneAt = cycle + life;
      if (goneAt <= last) truth.add(life - 1, life, 1);
      else truth.add(last - cycle, null, 1);
      if (bornIn === undefined || goneAt <= bornIn || random() >= sampling.objectShare) continue;
      const weight = 1 / (sampling.objectShare * sampling.inclusion);
      const seen = polls.findLast((gc) => gc < goneAt && gc >= bornIn)! - bornIn;
      const gonePoll = polls.find((gc) => gc >= goneAt);
      let gone = gonePoll === undefined ? null : gonePoll - bornIn;
      // No old object dies at a scavenge: see LifetimeCell.
      if (scenario.oldDieAtMarkCompact && gone !== null && gone > seen + 1 && seen < 2) gone = 2;
      cells.add(seen, gone, weight);
      const group = groups[groupOf[inCohort.get(bornIn)!]!]!;
      group[0] += weight;
      group[1] += weight * (gone === null ? seen : (seen + 1 + gone) / 2);
    }
  }
  return {
    truth: truth.cells(),
    cells: cells.cells(),
    groups,
    samples: cells.samples,
    cohorts: cohorts.length,
  };
}

export class CellTable {
  readonly #cells = new Map<string, [number, number | null, number, number, number]>();
  samples = 0;

  add(low: number, high: number | null, weight: number): void {
    this.samples++;
    const key = `${low} ${high}`;
    const cell = this.#cells.get(key) ?? [low, high, 0, 0, 0];
    cell[2]++;
    cell[3] += weight;
    cell[4] += weight * weight;
    this.#cells.set(key, cell);
  }

  cells(): LifetimeCell[] {
    return [...this.#cells.values()];
  }
}

const integer = (x: number): number => Math.max(1, Math.ceil(x));

/** The truth programs' lifetimes. */
export const LIFETIMES: Record<string, Scenario['lifetime']> = {
  garbage: () => 1,
  fifo: () => 6,
  fifoVaried: (random) => 4 + Math.floor(random() * 5),
  forever: () => Number.POSITIVE_INFINITY,
  exponential: (random) => integer(-5 * Math.log(1 - random())),
  mixture: (random) => (random() < 0.8 ? 1 : random() < 0.5 ? 9 : Number.POSITIVE_INFINITY),
};
