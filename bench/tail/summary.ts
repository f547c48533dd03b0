import { estimate, type Interval } from '../lib/compare.js';
import type { Group } from './plan.js';
import { LATENCY_UNIT_MS, type Pause, type ProcessResult } from './spec.js';
import { latencyQuantile, mergedLatency, quantile } from './statistics.js';

export const PAUSE_QUANTILES = [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999];
export const LATENCY_QUANTILES = [0.5, 0.99, 0.999, 0.9999, 0.99999];

/** A variant's figures within its group. Times in ms; undefined where too few samples lie beyond. */
export interface VariantFigures {
  readonly variant: string;
  readonly nodeFlags: readonly string[];
  readonly repeats: number;
  readonly invalid: number;
  readonly rate: number | undefined;
  /** Operations a second in a closed loop: after each open one, or by itself where there is none. */
  readonly capacity: number;
  readonly worstPause: Interval;
  readonly worstScavenge: Interval;
  readonly worstMarkCompact: Interval;
  readonly worstRolp: Interval;
  readonly pauses: number;
  /** Share of the time measured spent in pauses. */
  readonly pausedShare: number;
  readonly pauseQuantiles: readonly (number | undefined)[];
  /** Of all repeats added up: one bad repeat is most of what lies beyond p99.9. */
  readonly latencyQuantiles: readonly (number | undefined)[];
  /** Of the repeats' own p99.9, as verdicts compare them. */
  readonly p999: Interval;
  readonly worstLatency: number | undefined;
  readonly peakRssMb: Interval;
  readonly cpuShare: Interval;
}

export function figuresOf(group: Group, results: readonly ProcessResult[]): VariantFigures[] {
  return group.variants.map(({ name, nodeFlags }) => {
    const own = results.filter(({ spec }) => spec.variant === name);
    const open = own.filter(({ spec }) => spec.phase === 'open');
    const valid = validOf(own, name);
    const lengths = valid.flatMap((result) => measuredPauses(result).map((pause) => pause.ms));
    const sorted = lengths.toSorted((a, b) => a - b);
    const worst = (kinds: (pause: Pause) => boolean): Interval =>
      estimate(valid.map((result) => longest(measuredPauses(result).filter(kinds))));
    const latency = valid.length === 0 ? undefined : mergedLatency(valid.map((result) => result.latency!));
    const seconds = valid.reduce((sum, { spec }) => sum + spec.seconds, 0);
    return {
      variant: name,
      nodeFlags,
      repeats: valid.length,
      invalid: open.length - valid.length,
      rate: open[0]?.spec.rate,
      capacity: capacityOf(own),
      worstPause: worst(() => true),
      worstScavenge: worst(({ kind }) => kind === 'scavenge'),
      worstMarkCompact: worst(({ kind }) => kind === 'mark-compact'),
      worstRolp: worst(({ kind }) => kind === 'rolp'),
      pauses: sorted.length,
      pausedShare: sorted.reduce((sum, ms) => sum + ms, 0) / Math.max(1, seconds * 1000),
      pauseQuantiles: PAUSE_QUANTILES.map((q) => quantile(sorted, q)),
      latencyQuantiles: LATENCY_QUANTILES.map((q) => latency && latencyQuantile(latency, q)),
      p999: estimate(valid.map(p999).filter(Number.isFinite)),
      worstLatency: latency && latency.maxValue * LATENCY_UNIT_MS,
      peakRssMb: estimate(valid.map((result) => result.peakRssMb)),
      cpuShare: estimate(valid.map(({ cpuMs, spec }) => cpuMs / (spec.seconds * 1000))),
    };
  });
}

/** Of an invalid run, whose backlog makes its latencies mean nothing, the closed loop after it is told all the same. */
function capacityOf(results: readonly ProcessResult[]): number {
  const bursts = results.map(({ burstThroughput }) => burstThroughput).filter((one) => one !== undefined);
  const closed = results.filter(({ spec }) => spec.phase === 'closed').map(({ throughput }) => throughput);
  return estimate(bursts.length > 0 ? bursts : closed).value;
}

/** A variant's runs at a fixed rate that all its figures are taken from. */
export function validOf(results: readonly ProcessResult[], variant: string): ProcessResult[] {
  return results.filter(
    ({ spec, invalidBecause }) =>
      spec.variant === variant && spec.phase === 'open' && invalidBecause === undefined,
  );
}

/** The warm-up's pauses are plotted, not counted. */
export function measuredPauses(result: ProcessResult): Pause[] {
  return result.pauses.filter((pause) => pause.atMs >= 0);
}

/** Of many pauses: an argument each would be too many for `Math.max` in a run of minutes. */
export function longest(pauses: readonly { readonly ms: number }[]): number {
  return pauses.reduce((most, { ms }) => Math.max(most, ms), 0);
}

/** A run's own p99.9 in ms; NaN with too few operations for it. */
export function p999(result: ProcessResult): number {
  return latencyQuantile(mergedLatency([result.latency!]), 0.999) ?? Number.NaN;
}

/**
 * How surely `[low, high]` holds the median: not all variants have as many repeats, and invalid ones do not count.
 *
 * @returns '' where no variant has two.
 */
export function confidenceText(results: readonly ProcessResult[]): string {
  const repeats = new Map<string, number>();
  for (const { spec, invalidBecause } of results) {
    if (spec.phase !== 'open' || invalidBecause !== undefined) continue;
    const variant = [spec.node, spec.workload, spec.mix, spec.variant].join('|');
    repeats.set(variant, (repeats.get(variant) ?? 0) + 1);
  }
  const parts = [...new Set(repeats.values())]
    .filter((count) => count > 1)
    .sort((a, b) => b - a)
    .map(
      (count) => `of ${count} repeats with ${percent(estimate(Array.from({ length: count }, (_, i) => i)))}`,
    );
  return parts.length === 0 ? '' : `[low, high] holds the median ${parts.join(', ')}`;
}

function percent({ confidence }: Interval): string {
  return `${Math.round(confidence * 100)} %`;
}

export function titleOf(group: Group, figures: readonly VariantFigures[]): string {
  const rate = figures.find((figure) => figure.rate !== undefined)?.rate;
  const at = rate === undefined ? '' : `, ${Math.round(rate)} operations/s`;
  return `${group.workload} ${group.mix}, Node ${group.node}${at}`;
}

/**
 * What generations buy over one generation for all, in figures of rolp's heap itself: bytes copied, rolp's own
 * pauses, peak bytes.
 */
export function arenaAgainstSingle(results: readonly ProcessResult[]): string {
  const [arena, single] = [validOf(results, 'arena'), validOf(results, 'single')];
  if (arena.length === 0 || single.length === 0) return '';
  const [own, others] = [ownPauses(arena), ownPauses(single)];
  const q = [0.999, 0.99].find((one) => [own, others].every((list) => quantile(list, one) !== undefined));
  const tail = (list: readonly number[]): number => (q === undefined ? list.at(-1) : quantile(list, q)) ?? 0;
  const line = (what: string, a: number, s: number): string =>
    `${a < s ? 'lower ' : a > s ? 'HIGHER' : 'equal '} ${what}: arena ${digits(a)}, single ${digits(s)}\n`;
  return (
    'arena against single\n' +
    line(
      'bytes evacuated per byte allocated',
      middle(evacuatedShare)(arena),
      middle(evacuatedShare)(single),
    ) +
    line(
      `rolp's own pauses, ${q === undefined ? 'the longest' : `p${q * 100}`}, ms`,
      tail(own),
      tail(others),
    ) +
    line("rolp's own pauses, ms a second", pausedMs(arena, own), pausedMs(single, others)) +
    line('peak bytes in use, MB', middle(peakOffHeapMb)(arena), middle(peakOffHeapMb)(single))
  );
}

/** What rolp's own pauses were for, variant by variant: so that a long one can be traced to what it did. */
export function ownWork(results: readonly ProcessResult[]): string {
  const variants = [...new Set(results.map(({ spec }) => spec.variant))];
  const lines = variants.map((variant) => {
    const runs = validOf(results, variant);
    const own = runs.flatMap(measuredPauses);
    const kinds = [...new Set(own.flatMap(({ work }) => work ?? []))].map((kind) => {
      const ofKind = own.filter(({ work }) => work === kind);
      return `${kind} ${ofKind.length} (longest ${digits(longest(ofKind))} ms)`;
    });
    if (kinds.length === 0) return '';
    return `rolp's own pauses in ${runs.length} x ${variant}: ${kinds.join(', ')}\n`;
  });
  return lines.join('');
}

/** Where `single` and `arena-refs` lie closer together than this, a part of the way between them is chance. */
const ALIKE = 0.05;

/** A figure of a variant's runs. */
interface Figure {
  readonly name: string;
  readonly of: (list: readonly ProcessResult[]) => number | undefined;
}

const middle =
  (of: (result: ProcessResult) => number) =>
  (list: readonly ProcessResult[]): number =>
    estimate(list.map(of)).value;

/** What `auto` is to bring down. */
const LEARNT: readonly Figure[] = [
  { name: 'bytes evacuated per byte allocated', of: middle(evacuatedShare) },
  { name: "rolp's own pauses, p99.9, ms", of: (list) => quantile(ownPauses(list), 0.999) },
  { name: 'peak bytes in use, MB', of: middle(peakOffHeapMb) },
];

/**
 * Part of the gap between one generation for all and generations by hand that `auto` closes: at least 0.9 is asked for.
 * By hand is `arena-refs`, whose blocks may move as auto's may: what `arena` has beside good generations no placement of
 * such blocks can have, so that the gap to it is only told.
 */
export function autoBetween(results: readonly ProcessResult[]): string {
  const [single, auto] = [validOf(results, 'single'), validOf(results, 'auto')];
  if (single.length === 0 || auto.length === 0) return '';
  return judged(single, auto, validOf(results, 'arena-refs')) + told(single, auto, validOf(results, 'arena'));
}

type Runs = readonly ProcessResult[];

function judged(single: Runs, auto: Runs, byHand: Runs): string {
  if (byHand.length === 0) return '';
  const lines = LEARNT.map(({ name, of }) => {
    const [s, a, hand] = [of(single), of(auto), of(byHand)];
    if (s === undefined || a === undefined || hand === undefined)
      return `undecided ${name}: too few pauses\n`;
    if (s <= hand) return `undecided ${name}: single is no worse than arena-refs\n`;
    if (s - hand < ALIKE * s) {
      const figures = `single ${digits(s)}, auto ${digits(a)}, arena-refs ${digits(hand)}`;
      return `alike ${name}: single and arena-refs differ by less than ${100 * ALIKE} % (${figures})\n`;
    }
    const closed = (s - a) / (s - hand);
    return `${closed >= 0.9 ? 'met  ' : 'short'} ${name}: ${digits(closed)} of the gap (auto ${digits(a)})\n`;
  });
  const title = 'auto between single and arena-refs, (single - auto) / (single - arena-refs) >= 0.9\n';
  return title + lines.join('');
}

/** One line, without a verdict. */
function told(single: Runs, auto: Runs, arena: Runs): string {
  if (arena.length === 0) return '';
  const parts = LEARNT.map(({ name, of }) => {
    const [s, a, hand] = [of(single), of(auto), of(arena)];
    const isGap = s !== undefined && a !== undefined && hand !== undefined && s > hand;
    return `${isGap ? digits((s - a) / (s - hand)) : '-'} (${name})`;
  });
  return `beside, of the gap between single and arena: ${parts.join(', ')}\n`;
}

function evacuatedShare({ engineStats }: ProcessResult): number {
  return engineStats.bytesEvacuated! / engineStats.bytesAllocated!;
}

/** All repeats' pauses of rolp's own in ms, in order of length. */
function ownPauses(results: readonly ProcessResult[]): number[] {
  const own = results.flatMap(measuredPauses).filter(({ kind }) => kind === 'rolp');
  return own.map(({ ms }) => ms).sort((a, b) => a - b);
}

function pausedMs(results: readonly ProcessResult[], pauses: readonly number[]): number {
  const seconds = results.reduce((sum, { spec }) => sum + spec.seconds, 0);
  return pauses.reduce((sum, ms) => sum + ms, 0) / seconds;
}

/** The sample with which measuring began tells the warm-up's peak. */
function peakOffHeapMb({ samples }: ProcessResult): number {
  return samples
    .filter(({ atMs }) => atMs > 0)
    .reduce((most, { offHeapPeakMb, offHeapUsedMb }) => Math.max(most, offHeapPeakMb ?? offHeapUsedMb), 0);
}

/** A table in plain text. */
export function tableOf(figures: readonly VariantFigures[]): string {
  const header = [
    'variant',
    'capacity/s',
    'load %',
    'worst pause ms',
    'scavenge',
    'mark-compact',
    'rolp',
    'pause p99',
    'paused %',
    'p99.9 a run ms',
    ...LATENCY_QUANTILES.map((q) => `p${Number((q * 100).toFixed(5))}`),
    'max ms',
    'RSS MB',
    'CPU %',
  ];
  const rows = figures.map((f) => [
    f.invalid > 0 ? `${f.variant} (${f.invalid} invalid)` : f.variant,
    digits(f.capacity),
    digits((100 * (f.rate ?? Number.NaN)) / f.capacity),
    withInterval(f.worstPause),
    digits(f.worstScavenge.value),
    digits(f.worstMarkCompact.value),
    digits(f.worstRolp.value),
    digits(f.pauseQuantiles[PAUSE_QUANTILES.indexOf(0.99)]),
    digits(f.pausedShare * 100),
    withInterval(f.p999),
    ...f.latencyQuantiles.map(digits),
    digits(f.worstLatency),
    digits(f.peakRssMb.value),
    digits(f.cpuShare.value * 100),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ');
  return [line(header), ...rows.map(line)].join('\n');
}

function withInterval(value: Interval): string {
  if (Number.isNaN(value.value)) return '-';
  if (value.low === value.high) return digits(value.value);
  return `${digits(value.value)} [${digits(value.low)}, ${digits(value.high)}]`;
}

export function digits(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '-';
  return value >= 100 ? Math.round(value).toString() : Number(value.toPrecision(3)).toString();
}
