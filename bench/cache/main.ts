/** bench/cache: the cache against lru-cache and other stores. See --help. */
import { parseArgs } from 'node:util';
import { median } from '../lib/compare.js';
import { type NodeBinary, resolveNode } from '../lib/nodes.js';
import { HIT_ENTRIES, HIT_STORES } from './hits.js';
import { CASES, type CaseName, type Group, groupsOf, MORE_ROUNDS, nextUndecided, secondsOf } from './plan.js';
import {
  type ByStore,
  column,
  header,
  linesOf,
  type Report,
  reportClosed,
  reportGrowth,
  reportOpen,
  reportPeers,
  undecidedOf,
} from './report.js';
import { LeftOut, Results, runChild } from './run.js';
import { MIXES, type Mix, type Sample, type Spec } from './spec.js';
import { TRACES } from './traces.js';

const HELP = `npm run bench:cache -- [case...] [options]

Compares ArenaCache (as it is; with a front; with record views) with lru-cache, with a floor that keeps nothing, and
with other stores, each in a process of its own, warmed up until it is steady, in shuffled order, alternated. Ratios are of
the two processes of a round, with the median of the rounds and its interval: 5 rounds of everything, 9 and 15 of what is
undecided: of the full cell at once, of the others while there is time.

Cases (default: all but, with --quick, peers and hits)
  closed  YCSB A, B, C, F as fast as they go: throughput, RSS, GC pauses and the cache's own stop work
  open    single operations at 60 % of the slowest store's capacity, each timed from when it was due
  peers   lmdb, @ronomon/hash-table, a Map of Buffers (same codec), @cacheable/memory, quick-lru
          (npm ci --prefix bench; those that are not installed are left out, and told)
  hits    hit ratios on traces, at equal bytes and at equal entries

Options
  --quick        100,000 entries, shorter runs, about 3 minutes
  --all          everything: no limit of time, 4 KiB buffers to 1 M, Node 26
  --entries N    entries of the full cell (default 1,000,000)
  --mixes A,C    of A, B, C, F
  --stores a,b   only these stores
  --rounds N     processes per store: so many and no more (default 5; but with --quick, more of what is undecided)
  --minutes N    what does not fit is left out, and told (default 30; with --all none)
  --node 20,24   versions or paths of Node; the first does everything, the others the full cell (default 20,24;
                 with --quick the running one)
  --out FILE     results as lines of JSON (default bench/out/cache-<time>.jsonl). One that is there is gone on with.`;

const OPEN_SHARE = 0.6;

interface Run {
  readonly nodes: readonly NodeBinary[];
  readonly rounds: number;
  /** Whether what is undecided gets more rounds. */
  readonly decides: boolean;
  readonly results: Results;
  readonly deadlineMs: number;
  /** Real seconds per expected one, so far. */
  pace: { spent: number; expected: number };
  leftOut: Set<string>;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      quick: { type: 'boolean' },
      all: { type: 'boolean' },
      entries: { type: 'string' },
      mixes: { type: 'string' },
      stores: { type: 'string' },
      rounds: { type: 'string' },
      minutes: { type: 'string' },
      node: { type: 'string' },
      out: { type: 'string' },
    },
  });
  if (values.help === true) {
    console.log(HELP);
    return 0;
  }
  const scale = values.quick === true ? 'quick' : values.all === true ? 'all' : 'default';
  const defaults: readonly CaseName[] = scale === 'quick' ? ['closed', 'open'] : CASES;
  const cases = positionals.length === 0 ? defaults : among('case', positionals, CASES);
  const mixes: readonly Mix[] =
    values.mixes === undefined ? MIXES : among('mix', values.mixes.split(','), MIXES);
  const asked = values.node ?? { quick: major(), default: '20,24', all: '20,24,26' }[scale];
  const nodes = await Promise.all(asked.split(',').map((one) => resolveNode(one, 'bench/out/nodes')));
  const minutes =
    values.minutes === undefined && scale === 'all' ? Infinity : count('minutes', values.minutes ?? '30');
  const run: Run = {
    nodes,
    rounds: count('rounds', values.rounds ?? '5'),
    decides: scale !== 'quick' && values.rounds === undefined,
    results: new Results(values.out ?? `bench/out/cache-${Date.now()}.jsonl`),
    deadlineMs: performance.now() + minutes * 60_000,
    pace: { spent: 0, expected: 0 },
    leftOut: new Set(),
  };
  const groups = groupsOf({
    cases,
    scale,
    mixes,
    entries: count('entries', values.entries ?? (scale === 'quick' ? '100000' : '1000000')),
    nodes: nodes.length,
    stores: values.stores?.split(','),
  });
  if (groups.length === 0 && !cases.includes('hits')) throw new RangeError('nothing is left to run');
  console.log(
    `results in ${run.results.file}${run.results.count > 0 ? `, ${run.results.count} already there` : ''}`,
  );
  if (scale === 'quick') console.log('quick: indicative only');
  runGroups(run, groups);
  if (cases.includes('hits')) reportHits(run);
  for (const why of run.leftOut) console.log(`left out: ${why}`);
  return 0;
}

function major(): string {
  return process.versions.node.split('.', 1)[0]!;
}

function among<T extends string>(what: string, given: readonly string[], known: readonly T[]): T[] {
  for (const name of given) {
    if (!known.includes(name as T))
      throw new RangeError(`unknown ${what} ${name}; there are ${known.join(', ')}`);
  }
  return given as T[];
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || (name !== 'minutes' && !Number.isInteger(value))) {
    throw new RangeError(
      `--${name} must be a positive ${name === 'minutes' ? 'number' : 'integer'}, got ${text}`,
    );
  }
  return value;
}

/** A group, and what its rounds have given so far. */
interface Trial {
  readonly group: Group;
  readonly label: string;
  /** Of the open case. */
  readonly perSecond: number;
  readonly results: Record<string, Sample[]>;
  readonly missing: Set<string>;
  rounds: number;
  undecided: number;
}

function runGroups(run: Run, groups: readonly Group[]): void {
  const trials: Trial[] = [];
  for (const [i, group] of groups.entries()) {
    if (!group.leads && groups[i - 1]?.leads === true) decide(run, trials);
    const title = header(group, run.nodes[group.node]!.version);
    if (!fits(run, group, run.rounds)) {
      run.leftOut.add(`${title.trim()}: no time left (--minutes)`);
      continue;
    }
    const perSecond = group.case === 'open' ? openRate(trials, group) : 0;
    if (perSecond === undefined) {
      run.leftOut.add(`${title.trim()}: needs the capacities that the closed case measures`);
      continue;
    }
    const label = `group ${i + 1} of ${groups.length}`;
    const trial: Trial = {
      group,
      label,
      perSecond,
      results: {},
      missing: new Set(),
      rounds: 0,
      undecided: 0,
    };
    trials.push(trial);
    console.log(title);
    runRounds(run, trial, run.rounds);
  }
  decide(run, trials);
  reportGrowthOf(trials);
}

/** More rounds of what is undecided, while there is time. */
function decide(run: Run, trials: readonly Trial[]): void {
  if (!run.decides) return;
  for (let next = nextUndecided(trials); next !== -1; next = nextUndecided(trials)) {
    const trial = trials[next]!;
    const { group, rounds } = trial;
    const upTo = MORE_ROUNDS.find((more) => more > rounds)!;
    if (!fits(run, group, upTo - rounds)) {
      // What takes less time may still fit.
      trial.undecided = 0;
      run.leftOut.add(
        `${header(group, run.nodes[group.node]!.version).trim()}: undecided, no time for more rounds`,
      );
      continue;
    }
    console.log(`${header(group, run.nodes[group.node]!.version)}, ${upTo} rounds`);
    runRounds(run, trial, upTo);
  }
}

/** Whether so many rounds of the group end in time, by the pace so far. */
function fits(run: Run, group: Group, rounds: number): boolean {
  const pace = run.pace.expected === 0 ? 1 : run.pace.spent / run.pace.expected;
  const expected = secondsOf(group) * group.stores.length * rounds;
  return performance.now() + expected * pace * 1000 <= run.deadlineMs;
}

function reportGrowthOf(trials: readonly Trial[]): void {
  const at = (entries: number): Trial | undefined =>
    trials.find(
      ({ group: { case: name, cell, node } }) =>
        name === 'closed' &&
        node === 0 &&
        cell.entries === entries &&
        cell.value === 'object' &&
        cell.distribution === 'zipfian' &&
        cell.keys === 'fresh',
    );
  const [small, large] = [at(100_000), at(4_000_000)];
  if (small !== undefined && large !== undefined)
    print(reportGrowth(small.results, large.results, large.group.mixes));
}

function print(report: Report): void {
  for (const line of linesOf(report)) console.log(line);
}

/** 60 % of what the slowest of the group's stores can do, as measured in the closed loop. */
function openRate(trials: readonly Trial[], group: Group): number | undefined {
  const same = trials.find(
    (other) =>
      other.group.case === 'closed' &&
      other.group.node === group.node &&
      JSON.stringify(other.group.cell) === JSON.stringify(group.cell),
  );
  if (same === undefined) return undefined;
  const of = `${group.mixes[0]}.opsPerSecond`;
  const capacities = group.stores.map((store) => {
    const samples = same.results[store];
    return samples === undefined ? Number.NaN : median(column(samples, of));
  });
  const slowest = Math.min(...capacities);
  return Number.isNaN(slowest) ? undefined : Math.round(slowest * OPEN_SHARE);
}

/** Goes on with the group until each store has had so many rounds, and reports. */
function runRounds(run: Run, trial: Trial, upTo: number): void {
  const { group, label } = trial;
  for (; trial.rounds < upTo; trial.rounds++) {
    const order = group.stores.map((store) => ({ store, key: Math.random() })).sort((a, b) => a.key - b.key);
    for (const { store } of order) {
      if (trial.missing.has(store)) continue;
      const left = Math.ceil((run.deadlineMs - performance.now()) / 60_000);
      const time = Number.isFinite(left) ? `, at most ${left} min left` : '';
      process.stderr.write(`\r\x1b[K${label}: round ${trial.rounds + 1} of ${upTo}, ${store}${time}`);
      runOne(run, trial, store);
    }
  }
  process.stderr.write('\r\x1b[K');
  const report = reportOf(trial);
  trial.undecided = undecidedOf(report);
  print(report);
}

function reportOf({ group, perSecond, results }: Trial): Report {
  const inOrder = group.stores.filter((store) => results[store] !== undefined);
  const byStore: ByStore = Object.fromEntries(inOrder.map((store) => [store, results[store]!]));
  if (group.case === 'open') return reportOpen(group, perSecond, byStore);
  return group.case === 'closed' ? reportClosed(group, byStore) : reportPeers(group, byStore);
}

function runOne(run: Run, { group, perSecond, results, missing, rounds }: Trial, store: string): void {
  const node = run.nodes[group.node]!;
  const key = JSON.stringify([
    group.case,
    group.cell,
    group.mixes,
    group.seconds,
    store,
    node.version,
    rounds,
  ]);
  try {
    const sample = run.results.get(key, () => timed(run, group, specOf(group, store, perSecond), node));
    results[store] = [...(results[store] ?? []), sample];
  } catch (error) {
    if (!(error instanceof LeftOut)) throw error;
    missing.add(store);
    run.leftOut.add(error.message);
  }
}

function timed(run: Run, group: Group, spec: Spec, node: NodeBinary): Sample {
  const startMs = performance.now();
  const sample = runChild(spec, node);
  run.pace.spent += (performance.now() - startMs) / 1000;
  run.pace.expected += secondsOf(group);
  return sample;
}

function specOf(group: Group, store: string, perSecond: number): Spec {
  const { cell, mixes, seconds } = group;
  if (group.case !== 'open') return { ...cell, phase: 'closed', store, mixes, seconds };
  return { ...cell, phase: 'open', store, mix: mixes[0]!, seconds, operationsPerSecond: perSecond };
}

function reportHits({ results, nodes }: Run): void {
  const node = nodes[0]!;
  console.log('\nHit ratios in percent; at equal true bytes, and at equal entries (=entries)');
  for (const trace of TRACES) {
    const percent: Record<string, number> = {};
    for (const store of HIT_STORES) {
      process.stderr.write(`\r\x1b[Khits: ${trace}, ${store}`);
      const spec: Spec = { phase: 'hits', store, trace, entries: HIT_ENTRIES };
      const sample = results.get(JSON.stringify([spec, node.version]), () => runChild(spec, node));
      percent[store] = sample.hitPercent!;
    }
    process.stderr.write('\r\x1b[K');
    const gain = percent['s3-fifo']! - percent['lru-cache']!;
    const need = trace === 'scan-mix' ? 5 : -0.5;
    const row = HIT_STORES.map((store) => `${store} ${percent[store]!.toFixed(2)}`).join('  ');
    console.log(
      `${gain >= need ? 'met' : 'short'}  ${trace}: ${row}  (s3-fifo ${gain >= 0 ? '+' : ''}${gain.toFixed(2)}, need ${need})`,
    );
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error instanceof RangeError ? error.message : error.stack);
    process.exitCode = 2;
  },
);
