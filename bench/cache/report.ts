/** What the results of a group say: verdicts, and lines of text around them. */
import { type Interval, type Judged, judged, judgedText, median, paired, ratio } from '../lib/compare.js';
import { type Group, titleOf } from './plan.js';
import type { Mix, Sample } from './spec.js';
import { OFF_HEAP } from './stores.js';

export type ByStore = Readonly<Record<string, readonly Sample[]>>;

/** A report, line by line: what is judged, and what stands beside. */
export type Report = readonly (Judged | string)[];

export function linesOf(report: Report): string[] {
  return report.map((line) => (typeof line === 'string' ? line : judgedText(line)));
}

/** How many of a report's verdicts are still out. */
export function undecidedOf(report: Report): number {
  return report.filter((line) => typeof line !== 'string' && line.verdict === 'undecided').length;
}

const RSS = 0.5;
const PAUSE = 1 / 20;
const TIMES_FLOOR = 1.5;
const P999 = 1 / 5;
const GROWTH_OF_PAUSES = 1.3;

export function column(samples: readonly Sample[], name: string): number[] {
  return samples.map((sample) => sample[name]!);
}

function speedOf(sample: readonly Sample[], mix: Mix): string {
  const of = (name: string): number => median(column(sample, `${mix}.${name}`));
  return (
    `${(of('opsPerSecond') / 1e6).toFixed(2)} M/s, ${of('rssMiB').toFixed(0)} MiB, ` +
    `worst pause ${of('worstPauseMs').toFixed(2)} ms, all ${of('pauseMs').toFixed(0)} ms`
  );
}

export function header(group: Group, version: string): string {
  return `\n${titleOf(group.cell)}, Node ${version}, ${group.case} (${group.mixes.join(', ')})`;
}

/** Throughput, RSS and pauses against lru-cache. */
export function reportClosed(group: Group, results: ByStore): Report {
  return group.mixes.flatMap((mix) => [
    ...Object.keys(results).map((name) => `  ${mix}  ${name.padEnd(12)} ${speedOf(results[name]!, mix)}`),
    ...verdictsOf(mix, results),
  ]);
}

function verdictsOf(mix: Mix, results: ByStore): Report {
  const { arena, 'lru-cache': lru, floor } = results;
  if (arena === undefined || lru === undefined) return [];
  const of = (samples: readonly Sample[], name: string): number[] => column(samples, `${mix}.${name}`);
  const against = (samples: readonly Sample[], name: string): Interval =>
    paired(of(samples, name), of(lru, name));
  const speed = mix === 'A' ? 2 : 1;
  const lines: (Judged | string)[] = [
    judged(`  ${mix} throughput, arena / lru-cache`, against(arena, 'opsPerSecond'), 'at least', speed),
    judged(`  ${mix} RSS, arena / lru-cache`, against(arena, 'rssMiB'), 'at most', RSS),
    judged(`  ${mix} worst pause, arena / lru-cache`, against(arena, 'worstPauseMs'), 'at most', PAUSE),
  ];
  for (const name of ['arena-front', 'arena-view']) {
    if (results[name] === undefined) continue;
    const figure = against(results[name], 'opsPerSecond');
    lines.splice(1, 0, judged(`  ${mix} throughput, ${name} / lru-cache`, figure, 'at least', speed));
  }
  if (floor === undefined) return lines;
  const overFloor = paired(of(arena, 'worstPauseMs'), of(floor, 'worstPauseMs'));
  const worst = (samples: readonly Sample[]): number => median(of(samples, 'worstPauseMs'));
  const avoidable = worst(lru) - worst(floor);
  const removed = ((worst(lru) - worst(arena)) / avoidable) * 100;
  lines.push(judged(`  ${mix} or: worst pause, arena / floor`, overFloor, 'at most', TIMES_FLOOR));
  lines.push(
    avoidable > 0
      ? `           ${mix} of the avoidable pause ${removed.toFixed(0)} % is gone`
      : `           ${mix} lru-cache pauses no longer than the floor: there is nothing to avoid`,
  );
  return lines;
}

/** Each peer against the arena with the same codec. */
export function reportPeers(group: Group, results: ByStore): Report {
  const least = group.cell.value === 'object' ? 1.5 : 1;
  return group.mixes.flatMap((mix) => {
    const lines: (Judged | string)[] = Object.keys(results).map(
      (name) => `  ${mix}  ${name.padEnd(16)} ${speedOf(results[name]!, mix)}`,
    );
    for (const [name, samples] of Object.entries(results)) {
      // Views are compared with views: who copies does more.
      const own = name.endsWith('-view') ? 'arena-view' : 'arena';
      const ours = results[own];
      if (ours === undefined || name === 'arena' || name === 'arena-view') continue;
      const of = `${mix}.opsPerSecond`;
      const figure = paired(column(ours, of), column(samples, of));
      const what = `  ${mix} throughput, ${own} / ${name}`;
      if (OFF_HEAP.has(name)) lines.push(judged(what, figure, 'at least', least));
      else lines.push(`beside     ${what}: ${figure.value.toPrecision(3)}`);
    }
    return lines;
  });
}

/** Latency of single operations at a fixed rate. */
export function reportOpen(group: Group, perSecond: number, results: ByStore): Report {
  const [mix] = group.mixes;
  const lines: (Judged | string)[] = [`  ${mix}  at ${(perSecond / 1e6).toFixed(2)} M operations a second`];
  for (const [name, samples] of Object.entries(results)) {
    const of = (figure: string): string => median(column(samples, figure)).toPrecision(3);
    lines.push(
      `  ${mix}  ${name.padEnd(12)} p50 ${of('p50Us')} us, p99 ${of('p99Us')} us, p99.9 ${of('p999Us')} us, ` +
        `max ${of('maxUs')} us, worst pause ${of('worstPauseMs')} ms`,
    );
  }
  const { arena, 'lru-cache': lru, floor } = results;
  if (arena === undefined || lru === undefined) return lines;
  const figure = paired(column(arena, 'p999Us'), column(lru, 'p999Us'));
  lines.push(judged(`  ${mix} p99.9, arena / lru-cache`, figure, 'at most', P999));
  if (floor !== undefined) {
    const beside = paired(column(arena, 'p999Us'), column(floor, 'p999Us'));
    lines.push(`beside       ${mix} p99.9, arena / floor: ${beside.value.toPrecision(3)}`);
  }
  return lines;
}

/** Whether the arena's pauses grow with the number of its entries. */
export function reportGrowth(small: ByStore, large: ByStore, mixes: readonly Mix[]): Report {
  const { arena: few } = small;
  const { arena: many } = large;
  if (few === undefined || many === undefined) return [];
  return mixes.map((mix) => {
    const of = `${mix}.worstPauseMs`;
    const figure = ratio(column(many, of), column(few, of));
    return judged(`  ${mix} worst pause, arena at 4 M / at 100 k`, figure, 'at most', GROWTH_OF_PAUSES);
  });
}
