/**
 * What benches share: each implementation in a process of its own, alternated round by round in shuffled order,
 * medians, a bootstrap interval of a ratio of medians, a verdict, and the raw results kept as lines of JSON.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

export type Sample = Readonly<Record<string, number>>;
export type Verdict = 'met' | 'short' | 'undecided';

export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Runs `script` and parses the last line of its output. @throws Error with its stderr if it fails. */
export function runProcess(script: string, args: readonly string[], flags: readonly string[] = []): Sample {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, script, ...args], {
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
      const sample = runProcess(plan.script, plan.implementations[name]!, plan.flags);
      results[name]!.push(sample);
      const line = { bench: plan.bench, name, round, node: process.version, at: Date.now(), ...sample };
      appendFileSync(plan.outFile, `${JSON.stringify(line)}\n`);
    }
  }
  process.stderr.write('\r\x1b[K');
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function resample(values: readonly number[]): number[] {
  return values.map(() => values[Math.floor(Math.random() * values.length)]!);
}

/** median(a) / median(b) with its 95 % bootstrap interval. */
export function ratio(a: readonly number[], b: readonly number[]): Interval {
  const draws = Array.from({ length: 2000 }, () => median(resample(a)) / median(resample(b)));
  draws.sort((x, y) => x - y);
  return { value: median(a) / median(b), low: draws[50]!, high: draws[1949]! };
}

/** Whether the interval lies wholly on the right side of `target`. */
export function verdict(interval: Interval, target: number, want: 'at least' | 'at most'): Verdict {
  const [good, bad] =
    want === 'at least'
      ? [interval.low >= target, interval.high < target]
      : [interval.high <= target, interval.low > target];
  return good ? 'met' : bad ? 'short' : 'undecided';
}

/** One line of a report. */
export function report(
  what: string,
  interval: Interval,
  want: 'at least' | 'at most',
  target: number,
): string {
  const shown = (x: number): string => x.toPrecision(3);
  const range = `${shown(interval.value)} (95 % ${shown(interval.low)} to ${shown(interval.high)})`;
  return `${verdict(interval, target, want).padEnd(9)}  ${what}: ${range}, ${want} ${target}`;
}
