/**
 * What profiling costs the search service at a fixed rate, and an allocation-heavy loop beside it: CPU, p99, RSS.
 *
 * How. A generation is one process of each kind. They run side by side under the same requests, and the load takes turns
 * request by request: a machine's speed changes by tens of per cent from one second to the next, and a process that
 * stands idle while others have their turn collects garbage meanwhile that nobody counts. (The loop leaves no core idle:
 * there the kinds take turns slice by slice.) Two processes of one kind differ by more than two slices of one
 * process (what V8 optimised, where memory lies, when its mark-compacts fall), so they are replaced after a few
 * rounds, and intervals count processes, not slices. Peers take a profile after each minute of load; rolp writes its own
 * files as ever.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { nativeThreadStore } from 'rolp/profiler';
import { estimate, type Interval, runProcess } from '../lib/compare.js';
import { printAccounting } from './accounting.js';
import { load, type RequestMaker, requestMaker } from './load.js';
import { HELP, type Options, parseOptions } from './options.js';
import {
  type Accounting,
  type AccountReading,
  Records,
  type SettledMemory,
  type SliceRecord,
} from './records.js';
import { shuffled } from './shuffle.js';
import { printSummary } from './summary.js';
import { type Kind, ROOT, Target, type Usage } from './target.js';

/** Seconds of load after which a peer takes a profile, as agents do each minute. */
const PROFILE_EVERY_S = 60;
const LOOP_RUNS_PER_SLICE = 12;
const SAMPLE_COST_PROCESSES = 7;

/** A process with its stream of requests and the load it has had. */
interface Runner {
  readonly target: Target;
  readonly maker: RequestMaker | null;
  loadSeconds: number;
}

/** What a slice was asked to do and what came of it. */
interface Work {
  readonly work: number;
  readonly failures: number;
  readonly latency: string | null;
}

async function startOne(kind: Kind, options: Options, generation: number): Promise<Runner | null> {
  try {
    const isService = options.workload === 'service';
    const target = isService ? await Target.service(kind) : await Target.loop(kind);
    const maker = isService ? await requestMaker(options.seed + generation) : null;
    return { target, maker, loadSeconds: 0 };
  } catch (error) {
    if (!kind.name.startsWith('v8-profiler')) throw error;
    progress(`left out, since it does not run here: ${kind.name}: ${(error as Error).message}`);
    return null;
  }
}

async function startAll(options: Options, generation: number): Promise<Runner[]> {
  const starts = await Promise.allSettled(options.kinds.map((kind) => startOne(kind, options, generation)));
  const runners = starts.flatMap((start) =>
    start.status === 'fulfilled' && start.value !== null ? [start.value] : [],
  );
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed !== undefined) {
    await stopAll(runners);
    throw failed.reason;
  }
  if (options.workload === 'service') {
    // Fills the caches and has V8 optimise before anything is measured.
    await load(streamsOf(runners), 2 * options.rate, options.warmUpSeconds);
  } else {
    for (const { target } of runners) await loopRuns(target);
  }
  return runners;
}

async function stopAll(runners: readonly Runner[]): Promise<void> {
  await Promise.all(runners.map(({ target }) => target.stop()));
}

function streamsOf(runners: readonly Runner[]): { url: string; maker: RequestMaker }[] {
  return runners.map(({ target, maker }) => ({ url: target.url, maker: maker! }));
}

/** A round of all processes side by side. */
async function serviceRound(runners: readonly Runner[], options: Options): Promise<Work[]> {
  const loaded = await load(streamsOf(runners), options.rate, options.seconds);
  return loaded.map(({ requests, failures, latency }) => ({
    work: requests,
    failures,
    latency: encodeIntoCompressedBase64(latency),
  }));
}

async function loopRuns(target: Target): Promise<Work> {
  for (let run = 0; run < LOOP_RUNS_PER_SLICE; run++) await target.ask('run');
  return { work: LOOP_RUNS_PER_SLICE, failures: 0, latency: null };
}

/** Measures `runners` while `run` has them work, and has those take a profile for which a minute is over. */
async function measured(
  runners: readonly Runner[],
  run: () => Promise<Work[]>,
): Promise<Omit<SliceRecord, 'round' | 'generation' | 'settled'>[]> {
  const all = <T>(ask: (runner: Runner) => Promise<T>): Promise<T[]> => Promise.all(runners.map(ask));
  const countedBefore = await all(({ target }) => target.accounting());
  const before = await all(({ target }) => target.usage());
  const startMs = performance.now();
  const works = await run();
  const seconds = (performance.now() - startMs) / 1000;
  await all(async (runner) => {
    const minutes = Math.floor(runner.loadSeconds / PROFILE_EVERY_S);
    runner.loadSeconds += seconds;
    if (Math.floor(runner.loadSeconds / PROFILE_EVERY_S) > minutes) await runner.target.ask('profile');
  });
  const after = await all(({ target }) => target.usage());
  const countedAfter = await all(({ target }) => target.accounting());
  return runners.map(({ target }, i) => ({
    kind: target.kind.name,
    ...works[i]!,
    ...spent(before[i]!, after[i]!),
    accounting: counted(countedBefore[i]!, countedAfter[i]!),
  }));
}

function spent(before: Usage, after: Usage): Pick<SliceRecord, 'cpuUs' | 'rssBytes' | 'majorGcs'> {
  return {
    cpuUs: after.cpuUs - before.cpuUs,
    rssBytes: after.rssBytes,
    majorGcs: after.majorGcs - before.majorGcs,
  };
}

function counted(start: AccountReading | null, end: AccountReading | null): Accounting | null {
  if (start === null || end === null) return null;
  return {
    polls: end.before.polls - start.after.polls,
    pollNs: end.before.pollNs - start.after.pollNs,
    samples: end.samples - start.samples,
    fileNs: end.fileNs - start.fileNs,
  };
}

async function roundOf(runners: readonly Runner[], options: Options, round: number): Promise<SliceRecord[]> {
  const place = { round, generation: Math.floor(round / options.roundsPerProcess) };
  const slices: Omit<SliceRecord, 'round' | 'generation' | 'settled'>[] = [];
  if (options.workload === 'service') {
    slices.push(...(await measured(runners, () => serviceRound(runners, options))));
  } else {
    for (const runner of shuffled(runners)) {
      slices.push(...(await measured([runner], async () => [await loopRuns(runner.target)])));
    }
  }
  const isLast = (round + 1) % options.roundsPerProcess === 0 || round + 1 >= options.pairs;
  const settled = await Promise.all(
    runners.map(async ({ target }) => ({
      kind: target.kind.name,
      memory: isLast ? ((await target.ask('settled')) as SettledMemory) : null,
    })),
  );
  return slices.map((slice) => ({
    ...place,
    ...slice,
    settled: settled.find(({ kind }) => kind === slice.kind)!.memory,
  }));
}

async function measure(options: Options, records: Records): Promise<void> {
  // A generation that was broken off is taken again whole: its processes are gone.
  const firstRound = records.nextRound - (records.nextRound % options.roundsPerProcess);
  records.forgetFrom(firstRound);
  const start = performance.now();
  let runners: Runner[] = [];
  try {
    for (let round = firstRound; round < options.pairs; round++) {
      if (round % options.roundsPerProcess === 0) {
        await stopAll(runners);
        progress(`starting ${options.kinds.map(({ name }) => name).join(', ')}`);
        runners = await startAll(options, Math.floor(round / options.roundsPerProcess));
      }
      records.add(await roundOf(runners, options, round));
      const perRoundMs = (performance.now() - start) / (round - firstRound + 1);
      const leftMin = (perRoundMs * (options.pairs - round - 1)) / 60_000;
      progress(`round ${round + 1} of ${options.pairs}, about ${leftMin.toFixed(1)} min left`);
    }
  } finally {
    await stopAll(runners);
  }
}

/** ns of CPU that V8 spends on one sample, each process measuring for itself. */
function sampleCost(): Interval {
  progress('measuring what a sample costs');
  const script = fileURLToPath(new URL('./sample-cost.js', import.meta.url));
  return estimate(Array.from({ length: SAMPLE_COST_PROCESSES }, () => runProcess(script, []).nsPerSample!));
}

function progress(text: string): void {
  process.stderr.write(`overhead: ${text}\n`);
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') {
    console.log(HELP);
    return;
  }
  // Without it rolp would fall back, and another sampler be measured.
  if (options.kinds.some(({ isRolp }) => isRolp)) nativeThreadStore();
  const { workload, accounting, seconds, rate, warmUpSeconds, roundsPerProcess, seed } = options;
  const setup = {
    bench: accounting ? 'overhead-accounting' : 'overhead',
    node: process.version,
    workload,
    kinds: options.kinds.map(({ name }) => name),
    seconds,
    rate,
    warmUpSeconds,
    roundsPerProcess,
    seed,
  };
  const file = join(ROOT, `bench/out/${setup.bench}-${workload}.jsonl`);
  const records = new Records(file, setup, options.fresh);
  if (records.slices.length > 0) progress(`going on at round ${records.nextRound + 1}; --fresh starts over`);
  await measure(options, records);
  console.log(`Node ${process.version}, ${workload}`);
  printSummary(records.slices);
  if (accounting) printAccounting(records.slices, sampleCost());
}

main().catch((error: Error) => {
  process.stderr.write(`overhead: ${error.message}\n`);
  process.exitCode = 1;
});
