import type { SliceRecord } from './records.js';
import { type MedianInterval, medianInterval, ratioOfMeans, verdict } from './statistics.js';

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
    `off: CPU ${number(medianInterval(base.map(cpuPerWork)).median)} us a request or run` +
      `${base[0]?.p99Us == null ? '' : `, p99 ${number(medianInterval(base.map(({ p99Us }) => p99Us ?? 0)).median / 1000)} ms`}` +
      `, RSS ${number(medianInterval(base.map(({ rssBytes }) => rssBytes)).median / 1e6)} MB, ${base.length} slices`,
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
  const cpu = medianInterval(pairs.map(([slice, base]) => cpuPerWork(slice) / cpuPerWork(base)));
  const means = ratioOfMeans(
    pairs.map(([slice, base]) => [cpuPerWork(slice), cpuPerWork(base)]),
    Math.random,
  );
  console.log(`${kind}: ${pairs.length} pairs`);
  console.log(
    `  CPU x ${interval(cpu)} (limit ${CPU_LIMIT}): ${verdict(cpu, CPU_LIMIT)}; of means x ${interval(means)}`,
  );
  if (pairs.every(([slice, base]) => slice.p99Us !== null && base.p99Us !== null)) {
    const p99 = medianInterval(pairs.map(([slice, base]) => slice.p99Us! / base.p99Us!));
    console.log(`  p99 x ${interval(p99)} (limit ${P99_LIMIT}): ${verdict(p99, P99_LIMIT)}`);
  }
  const settled = pairs.flatMap(([slice, base]) =>
    slice.settled === null || base.settled === null ? [] : [[slice.settled, base.settled] as const],
  );
  const rss = medianInterval(settled.map(([own, base]) => (own.rssBytes - base.rssBytes) / 1e6));
  const used = medianInterval(
    settled.map(
      ([own, base]) => (own.rssBytes - own.heapFreeBytes - base.rssBytes + base.heapFreeBytes) / 1e6,
    ),
  );
  console.log(
    `  RSS after full GCs + ${interval(rss)} MB (limit ${RSS_LIMIT_MB}): ${verdict(rss, RSS_LIMIT_MB)}; ` +
      `without V8's empty pages + ${interval(used)} MB; ${settled.length} processes of each`,
  );
}

function cpuPerWork({ cpuUs, work }: SliceRecord): number {
  return cpuUs / work;
}

function interval({ median, low, high }: MedianInterval): string {
  return `${number(median)} [${number(low)}, ${number(high)}]`;
}

function number(value: number): string {
  return Number.isFinite(value) ? value.toFixed(Math.abs(value) >= 100 ? 0 : 3) : String(value);
}
