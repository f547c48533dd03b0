import { decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { clustered, estimate, type Interval, intervalText, median, verdict } from '../lib/compare.js';
import { emptyLatency } from './load.js';
import type { SliceRecord } from './records.js';
import { KINDS } from './target.js';

const CPU_LIMIT = 1.02;
const P99_LIMIT = 1.05;
const RSS_LIMIT_MB = 32;
/** Of CPU, that rolp may cost more than a peer. */
const PEER_LIMIT_POINTS = 1;

/** Two kinds' slices of one round. */
export type Pair = readonly [slice: SliceRecord, base: SliceRecord];

/** Prints each kind's figures against the bare process that ran beside it. */
export function printSummary(slices: readonly SliceRecord[]): void {
  const kinds = [...new Set(slices.map(({ kind }) => kind))];
  for (const kind of kinds) printOwn(slices.filter((slice) => slice.kind === kind));
  for (const kind of kinds) {
    const base = KINDS[kind]!.base;
    if (base !== null) printKind(kind, pairsOf(slices, kind, base));
  }
  for (const peer of kinds) {
    const { isRolp, base } = KINDS[peer]!;
    if (!isRolp && base !== null && kinds.includes('rolp')) printAgainstPeer(slices, peer);
  }
  const failures = slices.reduce((sum, slice) => sum + slice.failures, 0);
  if (failures > 0) console.log(`${failures} requests failed: these figures are void`);
}

/** By generation, since the slices of one generation share their processes. */
export function pairsOf(slices: readonly SliceRecord[], kind: string, base: string): Pair[][] {
  const generations: Pair[][] = [];
  for (const slice of slices) {
    if (slice.kind !== kind) continue;
    const beside = slices.find((other) => other.kind === base && other.round === slice.round);
    if (beside === undefined) continue;
    generations[slice.generation] ??= [];
    generations[slice.generation]!.push([slice, beside]);
  }
  return generations.filter((pairs) => pairs !== undefined);
}

/** CPU time a request or run, in us. */
export function cpuPerWork({ cpuUs, work }: SliceRecord): number {
  return cpuUs / work;
}

function printOwn(own: readonly SliceRecord[]): void {
  const [{ kind }] = own as [SliceRecord];
  const p99 = own.every(({ latency }) => latency !== null) ? `, p99 ${ms(p99Us(own))} ms` : '';
  const total = (of: (slice: SliceRecord) => number): number =>
    own.reduce((sum, slice) => sum + of(slice), 0);
  const cpuUs = total(({ cpuUs }) => cpuUs);
  const work = total(({ work }) => work);
  const majorGcs = total(({ majorGcs }) => majorGcs);
  const rssMb = median(own.map(({ rssBytes }) => rssBytes)) / 1e6;
  console.log(
    `${kind}: CPU ${Math.round(cpuUs / work)} us a request or run, ${((1000 * majorGcs) / work).toFixed(2)} ` +
      `mark-compacts a thousand${p99}, RSS ${rssMb.toFixed(0)} MB, ${own.length} slices`,
  );
}

function printKind(kind: string, generations: readonly (readonly Pair[])[]): void {
  const pairs = generations.flat();
  console.log(`${kind}: ${pairs.length} pairs of slices, of ${generations.length} pairs of processes`);
  const cpu = clustered(generations, (drawn) =>
    median(drawn.map(([slice, base]) => cpuPerWork(slice) / cpuPerWork(base))),
  );
  // Unlike the median this holds what happens now and then.
  const total = clustered(generations, (drawn) => {
    const sum = (side: 0 | 1): number => drawn.reduce((all, pair) => all + cpuPerWork(pair[side]), 0);
    return sum(0) / sum(1);
  });
  line('CPU x', cpu, CPU_LIMIT, `; of all CPU together x ${intervalText(total)}`);
  if (pairs.every(([slice, base]) => slice.latency !== null && base.latency !== null)) {
    const ratios = generations.map((own) => [
      p99Us(own.map(([slice]) => slice)) / p99Us(own.map(([, base]) => base)),
    ]);
    line('p99 of a process x', clustered(ratios, median), P99_LIMIT);
  }
  printMemory(pairs);
}

function printMemory(pairs: readonly Pair[]): void {
  const settled = pairs.flatMap(([slice, base]) =>
    slice.settled === null || base.settled === null ? [] : [[slice.settled, base.settled] as const],
  );
  const rss = estimate(settled.map(([own, base]) => (own.rssBytes - base.rssBytes) / 1e6));
  const used = estimate(
    settled.map(
      ([own, base]) => (own.rssBytes - own.heapFreeBytes - base.rssBytes + base.heapFreeBytes) / 1e6,
    ),
  );
  const note = `; without V8's empty pages + ${intervalText(used)} MB`;
  line('RSS after full GCs, MB +', rss, RSS_LIMIT_MB, note);
}

function printAgainstPeer(slices: readonly SliceRecord[], peer: string): void {
  const points = clustered(pairsOf(slices, 'rolp', peer), (drawn) =>
    median(
      drawn.map(([rolp, other]) => {
        const bare = slices.find(({ kind, round }) => kind === 'off' && round === rolp.round)!;
        return (100 * (cpuPerWork(rolp) - cpuPerWork(other))) / cpuPerWork(bare);
      }),
    ),
  );
  console.log(`rolp against ${peer}`);
  line("CPU, points of the bare process's +", points, PEER_LIMIT_POINTS);
}

function line(what: string, interval: Interval, limit: number, note = ''): void {
  const told = verdict(interval, limit, 'at most');
  console.log(`  ${told.padEnd(9)} ${what} ${intervalText(interval)}, at most ${limit}${note}`);
}

/** Of all the slices' requests together. */
function p99Us(slices: readonly SliceRecord[]): number {
  const all = emptyLatency();
  for (const { latency } of slices) all.add(decodeFromCompressedBase64(latency!, 32));
  return all.getValueAtPercentile(99);
}

function ms(us: number): string {
  return (us / 1000).toFixed(1);
}
