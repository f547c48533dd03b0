import { estimate, type Interval, verdict } from '../lib/compare.js';
import type { Group } from './plan.js';
import type { ProcessResult } from './spec.js';
import { digits, longest, measuredPauses, p999, validOf } from './summary.js';

/** What the project has set itself: `arena` over `heap` on V8's defaults, at --full (factors, at most). */
const TARGETS: Record<string, { worstPause: number; p999: number }> = {
  cassandra: { worstPause: 0.02, p999: 0.1 },
  lucene: { worstPause: 0.05, p999: 0.2 },
  graphchi: { worstPause: 0.02, p999: 0.05 },
};
const THROUGHPUT = 1.2;
const PEAK_RSS = 0.8;
/** Where even keeping nothing pauses too long for the factor, this times the floor's worst pause will do. */
const TIMES_FLOOR = 1.5;
/** A workload hurts if V8's pauses under `heap` get longer than these. */
const HURTS_MS = { scavenge: 10, 'mark-compact': 100 } as const;

/** One figure of a run, wanted in parts of another variant's. */
interface Measure {
  readonly name: string;
  readonly limit: number;
  readonly want: 'at most' | 'at least';
  readonly of: (result: ProcessResult) => number;
}

function measuresOf(target: { worstPause: number; p999: number }): Measure[] {
  return [
    { name: 'worst pause', limit: target.worstPause, want: 'at most', of: worstPause },
    { name: 'p99.9 latency', limit: target.p999, want: 'at most', of: p999 },
    {
      name: 'throughput',
      limit: THROUGHPUT,
      want: 'at least',
      of: ({ burstThroughput }) => burstThroughput ?? Number.NaN,
    },
    { name: 'peak RSS', limit: PEAK_RSS, want: 'at most', of: ({ peakRssMb }) => peakRssMb },
  ];
}

/** Whether the workload hurts, and one line a target and baseline. Empty where the group lacks `heap` or `arena`. */
export function verdictsOf(group: Group, results: readonly ProcessResult[]): string[] {
  const target = TARGETS[group.workload];
  const runs = new Runs(results);
  if (target === undefined || !runs.has('heap') || !runs.has('arena')) return [];
  const measures = measuresOf(target);
  const lines = [
    ...painOf(runs),
    'arena against heap on V8’s defaults',
    ...against(runs, measures, ['heap']),
  ];
  lines.splice(lines.findIndex((line) => line.includes('worst pause')) + 1, 0, ...overFloor(runs, target));
  const semis = ['heap-semi64', 'heap-semi128'].filter((name) => runs.has(name));
  if (semis.length > 0)
    lines.push('arena against the best semi-space of each figure', ...against(runs, measures, semis));
  if (runs.has('typed')) lines.push('arena against typed', ...against(runs, measures, ['typed']));
  return lines;
}

/** Does `heap` hurt? */
function painOf(runs: Runs): string[] {
  const worst = (kind: string): Interval =>
    estimate(runs.of('heap').map((result) => longest(measuredPauses(result).filter((p) => p.kind === kind))));
  return Object.entries(HURTS_MS).map(([kind, ms]) => {
    const figure = worst(kind);
    return `${verdict(figure, ms, 'at least').padEnd(9)} heap hurts: worst ${kind} ${shown(figure)} ms, wanted at least ${ms}`;
  });
}

/** @param bases of them the one that is best in each figure is compared with */
function against(runs: Runs, measures: readonly Measure[], bases: readonly string[]): string[] {
  return measures.map(({ name, limit, want, of }) => {
    const ratios = bases.map((base) => ({ base, ratio: runs.ratio('arena', base, of) }));
    const hardest = ratios.toSorted((a, b) =>
      want === 'at most' ? b.ratio.value - a.ratio.value : a.ratio.value - b.ratio.value,
    )[0]!;
    const decided = verdict(hardest.ratio, limit, want).padEnd(9);
    return `${decided} ${name}: ${shown(hardest.ratio)} of ${hardest.base}'s, wanted ${want} ${limit}`;
  });
}

/** The other way to meet the pause target: not where even keeping nothing, the floor, is proven to meet it. */
function overFloor(runs: Runs, target: { worstPause: number }): string[] {
  const isMet = (variant: string): boolean =>
    verdict(runs.ratio(variant, 'heap', worstPause), target.worstPause, 'at most') === 'met';
  if (!runs.has('floor') || isMet('arena') || isMet('floor')) return [];
  const ratio = runs.ratio('arena', 'floor', worstPause);
  const decided = verdict(ratio, TIMES_FLOOR, 'at most').padEnd(9);
  const own = `floor's own is ${shown(runs.ratio('floor', 'heap', worstPause))} of heap's`;
  return [`${decided} or: ${shown(ratio)} of floor's worst pause, wanted at most ${TIMES_FLOOR}; ${own}`];
}

/** The valid runs at a fixed rate. */
class Runs {
  readonly #results: readonly ProcessResult[];

  constructor(results: readonly ProcessResult[]) {
    this.#results = results;
  }

  of(variant: string): ProcessResult[] {
    return validOf(this.#results, variant);
  }

  has(variant: string): boolean {
    return this.of(variant).length > 0;
  }

  /** `variant` over `base`, repeat by repeat. */
  ratio(variant: string, base: string, figure: (result: ProcessResult) => number): Interval {
    const others = this.of(base);
    const ratios = this.of(variant).flatMap((result) => {
      const other = others.find(({ spec }) => spec.repeat === result.spec.repeat);
      return other === undefined ? [] : [figure(result) / figure(other)];
    });
    // Over a baseline without a pause the ratio is infinite, and stays: to leave it out would be in favour of `variant`.
    // Where neither pauses, or a figure has too few samples, there is none.
    return estimate(ratios.filter((one) => !Number.isNaN(one)));
  }
}

function worstPause(result: ProcessResult): number {
  return longest(measuredPauses(result));
}

function shown({ value, low, high, confidence }: Interval): string {
  if (confidence === 0 && Number.isNaN(value)) return '-';
  return low === high ? digits(value) : `${digits(value)} [${digits(low)}, ${digits(high)}]`;
}
