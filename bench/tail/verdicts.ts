import { estimate, type Interval, verdict } from '../lib/compare.js';
import type { Group } from './plan.js';
import type { ProcessResult } from './spec.js';
import { latencyQuantile, mergedLatency } from './statistics.js';
import { digits, measuredPauses } from './summary.js';

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

/** One line a target; none where the group lacks `heap` or `arena`. */
export function verdictsOf(group: Group, results: readonly ProcessResult[]): string[] {
  const target = TARGETS[group.workload];
  const names = group.variants.map(({ name }) => name);
  if (target === undefined || !names.includes('heap') || !names.includes('arena')) return [];
  const ratio = (phase: 'open' | 'closed', of: (result: ProcessResult) => number, base = 'heap'): Interval =>
    ratioOf(results, phase, base, of);
  const pause = ratio('open', worstPause);
  const line = (what: string, figure: Interval, limit: number, want: 'at most' | 'at least'): string =>
    `${verdict(figure, limit, want).padEnd(9)} ${what}: ${shown(figure)} of heap's, wanted ${want} ${limit}`;
  const lines = [
    line('worst pause', pause, target.worstPause, 'at most'),
    line('p99.9 latency', ratio('open', p999), target.p999, 'at most'),
    line(
      'throughput',
      ratio('closed', (result) => result.throughput),
      THROUGHPUT,
      'at least',
    ),
    line(
      'peak RSS',
      ratio('open', (result) => result.peakRssMb),
      PEAK_RSS,
      'at most',
    ),
  ];
  if (names.includes('floor') && verdict(pause, target.worstPause, 'at most') !== 'met') {
    const overFloor = ratio('open', worstPause, 'floor');
    const overFloorVerdict = verdict(overFloor, TIMES_FLOOR, 'at most');
    lines.splice(
      1,
      0,
      `${overFloorVerdict.padEnd(9)} or: ${shown(overFloor)} of floor's worst pause, at most ${TIMES_FLOOR}`,
    );
  }
  return lines;
}

function worstPause(result: ProcessResult): number {
  return Math.max(0, ...measuredPauses(result).map(({ ms }) => ms));
}

function p999(result: ProcessResult): number {
  return latencyQuantile(mergedLatency([result.latency!]), 0.999) ?? Number.NaN;
}

/** `arena` over `base`, repeat by repeat. */
function ratioOf(
  results: readonly ProcessResult[],
  phase: 'open' | 'closed',
  base: string,
  figure: (result: ProcessResult) => number,
): Interval {
  const find = (variant: string, repeat: number): ProcessResult | undefined =>
    results.find(({ spec }) => spec.variant === variant && spec.phase === phase && spec.repeat === repeat);
  const ratios: number[] = [];
  for (const { spec } of results) {
    if (spec.variant !== 'arena' || spec.phase !== phase) continue;
    const [arena, other] = [find('arena', spec.repeat)!, find(base, spec.repeat)];
    if (other?.valid !== true || !arena.valid) continue;
    ratios.push(figure(arena) / figure(other));
  }
  return estimate(ratios.filter((ratio) => !Number.isNaN(ratio)));
}

function shown({ value, low, high }: Interval): string {
  return low === high ? digits(value) : `${digits(value)} [${digits(low)}, ${digits(high)}]`;
}
