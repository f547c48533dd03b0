import { clustered, estimate, type Interval, intervalText, median, verdict } from '../lib/compare.js';
import type { SliceRecord } from './records.js';

const CPU_LIMIT = 1.02;
const P99_LIMIT = 1.05;
const RSS_LIMIT_MB = 32;

/** Prints each kind's figures against the bare process of the same rounds. */
export function printSummary(slices: readonly SliceRecord[]): void {
  const rounds = new Map<number, Map<string, SliceRecord>>();
  for (const slice of slices) {
    const round = rounds.get(slice.round) ?? new Map<string, SliceRecord>();
    rounds.set(slice.round, round.set(slice.kind, slice));
  }
  const kinds = new Set(slices.map(({ kind }) => kind));
  kinds.delete('off');
  const base = slices.filter(({ kind }) => kind === 'off');
  console.log(
    `off: CPU ${number(median(base.map(cpuPerWork)))} us a request or run` +
      `${base[0]?.p99Us == null ? '' : `, p99 ${number(median(base.map(({ p99Us }) => p99Us ?? 0)) / 1000)} ms`}` +
      `, RSS ${number(median(base.map(({ rssBytes }) => rssBytes)) / 1e6)} MB, ${base.length} slices`,
  );
  for (const kind of kinds) printKind(kind, pairsOf(rounds, kind));
  const failures = slices.reduce((sum, slice) => sum + slice.failures, 0);
  if (failures > 0) console.log(`${failures} requests failed: these figures are void`);
}

type Pair = readonly [slice: SliceRecord, base: SliceRecord];

function pairsOf(rounds: ReadonlyMap<number, ReadonlyMap<string, SliceRecord>>, kind: string): Pair[] {
  return [...rounds.values()].flatMap((round) => {
    const slice = round.get(kind);
    const base = round.get('off');
    return slice === undefined || base === undefined ? [] : [[slice, base] as const];
  });
}

function printKind(kind: string, pairs: readonly Pair[]): void {
  const generations = [...new Set(pairs.map(([{ generation }]) => generation))];
  const over = (of: (pair: Pair) => number): Interval =>
    clustered(
      generations.map((own) => pairs.filter(([{ generation }]) => generation === own).map(of)),
      median,
    );
  const cpu = over(([slice, base]) => cpuPerWork(slice) / cpuPerWork(base));
  console.log(`${kind}: ${pairs.length} pairs of slices, ${generations.length} of processes`);
  console.log(`  CPU x ${intervalText(cpu)} (limit ${CPU_LIMIT}): ${verdict(cpu, CPU_LIMIT, 'at most')}`);
  if (pairs.every(([slice, base]) => slice.p99Us !== null && base.p99Us !== null)) {
    const p99 = over(([slice, base]) => slice.p99Us! / base.p99Us!);
    console.log(`  p99 x ${intervalText(p99)} (limit ${P99_LIMIT}): ${verdict(p99, P99_LIMIT, 'at most')}`);
  }
  const settled = pairs.flatMap(([slice, base]) =>
    slice.settled === null || base.settled === null ? [] : [[slice.settled, base.settled] as const],
  );
  const rss = estimate(settled.map(([own, base]) => (own.rssBytes - base.rssBytes) / 1e6));
  const used = estimate(
    settled.map(
      ([own, base]) => (own.rssBytes - own.heapFreeBytes - base.rssBytes + base.heapFreeBytes) / 1e6,
    ),
  );
  console.log(
    `  RSS after full GCs + ${intervalText(rss)} MB (limit ${RSS_LIMIT_MB}): ${verdict(rss, RSS_LIMIT_MB, 'at most')}; ` +
      `without V8's empty pages + ${intervalText(used)} MB; ${settled.length} processes of each`,
  );
}

function cpuPerWork({ cpuUs, work }: SliceRecord): number {
  return cpuUs / work;
}

function number(value: number): string {
  return Number.isFinite(value) ? value.toFixed(Math.abs(value) >= 100 ? 0 : 3) : String(value);
}
