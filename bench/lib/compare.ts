/**
 * What benches share: each implementation in a process of its own, alternated round by round in shuffled order,
 * figures with their intervals, verdicts, and the raw results kept as lines of JSON.
 *
 * Intervals are ours: the statistics packages at hand (simple-statistics, jstat) have no interval of a median and no
 * cluster bootstrap.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

export type Sample = Readonly<Record<string, number>>;
export type Verdict = 'met' | 'short' | 'undecided';

/** A figure with its interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** How sure it is that the true figure lies from low to high. */
  readonly confidence: number;
}

const CONFIDENCE = 0.95;
/** Five repeats' whole range holds the median with 94 %; what is less sure than that decides nothing. */
const LEAST_CONFIDENCE = 0.9;
const DRAWS = 2000;
const [LOW, HIGH] = [49, 1950];
const FEWEST_CLUSTERS = 6;
/** The normal distribution's 97.5 % quantile. */
const Z = 1.959964;

/**
 * Runs `script` and parses the last line of its output.
 *
 * @param execPath the Node to run it with
 * @throws Error with its stderr if it fails.
 */
export function runProcess(
  script: string,
  args: readonly string[],
  flags: readonly string[] = [],
  execPath: string = process.execPath,
): Sample {
  const { status, stdout, stderr } = spawnSync(execPath, [...flags, script, ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${script} ${args.join(' ')} ended with ${status}:\n${stderr}`);
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Sample;
}

export interface Plan {
  readonly bench: string;
  readonly script: string;
  /** Arguments of each implementation. */
  readonly implementations: Readonly<Record<string, readonly string[]>>;
  readonly rounds: number;
  readonly flags?: readonly string[];
  /** The Node to run them with; absent: this one. */
  readonly node?: { readonly version: string; readonly path: string };
  readonly outFile: string;
}

/** Runs every implementation `rounds` times, in another order each round. @returns samples by implementation. */
export function alternate(plan: Plan): Record<string, Sample[]> {
  mkdirSync(dirname(plan.outFile), { recursive: true });
  const names = Object.keys(plan.implementations);
  const results: Record<string, Sample[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round++) {
    const order = names.map((name) => ({ name, key: Math.random() })).sort((a, b) => a.key - b.key);
    for (const { name } of order) {
      process.stderr.write(`\r\x1b[K${plan.bench}: round ${round + 1} of ${plan.rounds}, ${name}`);
      const sample = runProcess(plan.script, plan.implementations[name]!, plan.flags, plan.node?.path);
      results[name]!.push(sample);
      const node = plan.node?.version ?? process.version;
      const line = { bench: plan.bench, name, round, node, at: Date.now(), ...sample };
      appendFileSync(plan.outFile, `${JSON.stringify(line)}\n`);
    }
  }
  process.stderr.write('\r\x1b[K');
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/**
 * The median of repeats and the interval between two of them that holds the true median with at least 95 %
 * (order statistics, no distribution assumed). Fewer than six repeats cannot give 95 %: their whole range
 * is told, with the confidence that it has.
 */
export function estimate(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN, confidence: 0 };
  let cut = 0;
  while (cut + 1 < n / 2 && coverage(n, cut + 1) >= CONFIDENCE) cut++;
  return {
    value: median(sorted),
    low: sorted[cut]!,
    high: sorted[n - 1 - cut]!,
    confidence: coverage(n, cut),
  };
}

/** The chance that the median lies between the values `cut` places from either end of `n`. */
function coverage(n: number, cut: number): number {
  let outside = 0;
  let ways = 1;
  for (let k = 0; k <= cut; k++) {
    outside += ways;
    ways = (ways * (n - k)) / (k + 1);
  }
  return Math.max(0, 1 - (2 * outside) / 2 ** n);
}

function resample<T>(values: readonly T[], random: () => number): T[] {
  return values.map(() => values[Math.floor(random() * values.length)]!);
}

/** Sorted values of a statistic over redrawn data. */
function redrawn(statistic: () => number): number[] {
  return Array.from({ length: DRAWS }, statistic).sort((a, b) => a - b);
}

/** median(a) / median(b) with its 95 % bootstrap interval. */
export function ratio(a: readonly number[], b: readonly number[]): Interval {
  const draws = redrawn(() => median(resample(a, Math.random)) / median(resample(b, Math.random)));
  return {
    value: median(a) / median(b),
    low: draws[LOW]!,
    high: draws[HIGH]!,
    confidence: Math.min(CONFIDENCE, coverage(Math.min(a.length, b.length), 0)),
  };
}

/**
 * a over b, round by round: what is run in one round meets the same machine, so that a round's ratio tells more than its
 * two figures. The median of the rounds' ratios with its interval, see `estimate`.
 *
 * @throws RangeError if there are not as many of the one as of the other.
 */
export function paired(a: readonly number[], b: readonly number[]): Interval {
  if (a.length !== b.length) throw new RangeError(`${a.length} figures cannot be paired with ${b.length}`);
  return estimate(a.map((figure, round) => figure / b[round]!));
}

/**
 * A statistic of figures that come in clusters, such as the slices of one process, which are alike: how many clusters
 * there are decides what is known, not how many figures. Its 95 % interval comes from redrawing whole clusters
 * (Davison and Hinkley, Bootstrap Methods, 3.8). With few clusters that is too narrow, so the distances to its ends
 * are stretched as Student's t asks. Fewer than `FEWEST_CLUSTERS` give no interval.
 *
 * @param statistic of all figures of the clusters drawn, in the clusters' order
 * @param random draws the clusters
 */
export function clustered<T>(
  clusters: readonly (readonly T[])[],
  statistic: (figures: readonly T[]) => number,
  random: () => number = Math.random,
): Interval {
  const value = statistic(clusters.flat());
  const n = clusters.length;
  if (n < FEWEST_CLUSTERS) return { value, low: -Infinity, high: Infinity, confidence: 0 };
  const draws = redrawn(() => statistic(resample(clusters, random).flat()));
  const stretch = (studentT(n - 1) / Z) * Math.sqrt(n / (n - 1));
  return {
    value,
    low: value - stretch * Math.max(0, value - draws[LOW]!),
    high: value + stretch * Math.max(0, draws[HIGH]! - value),
    confidence: CONFIDENCE,
  };
}

/** The 97.5 % quantile of Student's t, within 0.5 % from 5 degrees of freedom on (Abramowitz and Stegun 26.7.5). */
function studentT(freedom: number): number {
  const [z3, z5, z7] = [Z ** 3, Z ** 5, Z ** 7];
  return (
    Z +
    (z3 + Z) / 4 / freedom +
    (5 * z5 + 16 * z3 + 3 * Z) / 96 / freedom ** 2 +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * Z) / 384 / freedom ** 3
  );
}

/** Whether the interval lies wholly on the right side of `target`; an interval to rely on there must be. */
export function verdict(
  { low, high, confidence }: Interval,
  target: number,
  want: 'at least' | 'at most',
): Verdict {
  if (!(confidence >= LEAST_CONFIDENCE)) return 'undecided';
  const [good, bad] = want === 'at least' ? [low >= target, high < target] : [high <= target, low > target];
  return good ? 'met' : bad ? 'short' : 'undecided';
}

/** `1.02 [0.99, 1.05]`, with its confidence where that is not 95 %. */
export function intervalText({ value, low, high, confidence }: Interval): string {
  const shown = (x: number): string => (Math.abs(x) >= 1000 ? Math.round(x).toString() : x.toPrecision(3));
  if (confidence === 0) return `${shown(value)} (too few for an interval)`;
  const sure = confidence >= CONFIDENCE ? '' : ` with ${Math.floor(confidence * 100)} %`;
  return `${shown(value)} [${shown(low)}, ${shown(high)}]${sure}`;
}

/** A figure held against its target. */
export interface Judged {
  readonly verdict: Verdict;
  readonly what: string;
  readonly figure: Interval;
  readonly want: 'at least' | 'at most';
  readonly target: number;
}

export function judged(what: string, figure: Interval, want: Judged['want'], target: number): Judged {
  return { verdict: verdict(figure, target, want), what, figure, want, target };
}

/** Its line in a report: the verdict, what was measured, the figure with its interval, the target. */
export function judgedText({ verdict, what, figure, want, target }: Judged): string {
  return `${verdict.padEnd(9)}  ${what}: ${intervalText(figure)}, ${want} ${target}`;
}

/** The line of a figure that is judged for it alone. */
export function report(what: string, figure: Interval, want: Judged['want'], target: number): string {
  return judgedText(judged(what, figure, want, target));
}
