/**
 * What profiling costs the search service at a fixed rate, and an allocation-heavy loop beside it: CPU, p99, RSS.
 *
 * How. All kinds run at once as long-lived processes, idle but for their own slice: a round gives each kind a slice
 * of load, in random order, with the same requests; the bare process's slice is the base of all pairs of its round.
 * After some rounds all processes are replaced, since two processes of one kind differ by more than two slices
 * of one process (what V8 optimised, where memory lies). Peers take a profile after each minute of load; rolp writes
 * its own files as ever.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { load, type RequestMaker, requestMaker } from './load.js';
import { Records, type SettledMemory, type SliceRecord } from './records.js';
import { printSummary } from './summary.js';
import { KINDS, type Kind, ROOT, Target } from './target.js';

const HELP = `Usage: npm --prefix bench install && npm run bench:overhead -- [options]

  --workload NAME       service or loop (default service)
  --pairs N             rounds, each a pair of every kind with the bare process (default 30)
  --kinds LIST          of ${Object.keys(KINDS).join(', ')} (default off,rolp,pprof,v8-profiler-next)
  --levels              the costs of rolp's attribution levels: --kinds off,rolp-off,rolp-sites,rolp-calls
  --seconds S           length of a slice of load (default 8)
  --rate R              requests a second (default 100)
  --rounds-per-process N  rounds after which the processes are replaced (default 5)
  --seed N              of requests and orders (default 1)
  --fresh               start over instead of going on with bench/out
  --help                this page

Results: one JSON line a slice in bench/out/overhead-<workload>.jsonl, then a verdict for each kind against CPU a
request 1.02, p99 1.05, RSS + 32 MB: met, short, or undecided when the 95 % interval holds the limit.
`;

interface Options {
  readonly workload: 'service' | 'loop';
  readonly pairs: number;
  readonly kinds: readonly Kind[];
  readonly seconds: number;
  readonly rate: number;
  readonly roundsPerProcess: number;
  readonly seed: number;
  readonly fresh: boolean;
}

/** Seconds of load after which a peer takes a profile, as agents do each minute. */
const PROFILE_EVERY_S = 60;
/** Fills the caches and has V8 optimise before anything is measured. */
const WARM_UP_S = 15;
const WARM_UP_RATE = 300;
const LOOP_RUNS_PER_SLICE = 3;

function options(): Options | null {
  const { values } = parseArgs({
    options: {
      workload: { type: 'string', default: 'service' },
      pairs: { type: 'string', default: '30' },
      kinds: { type: 'string' },
      levels: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '8' },
      rate: { type: 'string', default: '100' },
      'rounds-per-process': { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return null;
  }
  const { workload } = values;
  if (workload !== 'service' && workload !== 'loop') {
    throw new Error(`--workload must be service or loop, got ${JSON.stringify(workload)}`);
  }
  const list =
    values.kinds ??
    (values.levels ? 'off,rolp-off,rolp-sites,rolp-calls' : 'off,rolp,pprof,v8-profiler-next');
  const kinds = list.split(',').map((name) => {
    const kind = KINDS[name];
    if (kind === undefined)
      throw new Error(`--kinds: ${JSON.stringify(name)} is none of ${Object.keys(KINDS)}`);
    return kind;
  });
  if (!kinds.some(({ name }) => name === 'off'))
    throw new Error('--kinds must hold off, the base of all pairs');
  return {
    workload,
    kinds,
    pairs: positive('--pairs', values.pairs),
    seconds: positive('--seconds', values.seconds),
    rate: positive('--rate', values.rate),
    roundsPerProcess: positive('--rounds-per-process', values['rounds-per-process']),
    seed: positive('--seed', values.seed),
    fresh: values.fresh,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, got ${JSON.stringify(text)}`);
  return value;
}

/** A process with its stream of requests and the load it has had. */
interface Runner {
  readonly target: Target;
  readonly maker: RequestMaker | null;
  loadSeconds: number;
}

async function startAll({ kinds, workload, seed }: Options, generation: number): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const kind of kinds) {
    progress(`starting ${kind.name}`);
    try {
      const target = workload === 'service' ? await Target.service(kind) : await Target.loop(kind);
      const maker = workload === 'service' ? await requestMaker(seed + generation) : null;
      if (maker === null) await target.ask('run');
      else await load(target.url, maker, WARM_UP_RATE, WARM_UP_S);
      runners.push({ target, maker, loadSeconds: 0 });
    } catch (error) {
      if (!kind.name.startsWith('v8-profiler')) throw error;
      progress(`left out, since it does not run here: ${kind.name}: ${(error as Error).message}`);
    }
  }
  return runners;
}

async function slice(
  runner: Runner,
  options: Options,
  isLast: boolean,
): Promise<Omit<SliceRecord, 'round' | 'generation'>> {
  const { target, maker } = runner;
  const before = await target.usage();
  const started = performance.now();
  let work = LOOP_RUNS_PER_SLICE;
  let result = { failures: 0, p50Us: null as number | null, p99Us: null as number | null };
  if (maker !== null) {
    const loaded = await load(target.url, maker, options.rate, options.seconds);
    work = loaded.requests;
    result = loaded;
  } else {
    for (let run = 0; run < LOOP_RUNS_PER_SLICE; run++) await target.ask('run');
  }
  const minutes = Math.floor(runner.loadSeconds / PROFILE_EVERY_S);
  runner.loadSeconds += (performance.now() - started) / 1000;
  if (Math.floor(runner.loadSeconds / PROFILE_EVERY_S) > minutes) await target.ask('profile');
  const after = await target.usage();
  return {
    kind: target.kind.name,
    work,
    failures: result.failures,
    cpuUs: after.cpuUs - before.cpuUs,
    rssBytes: after.rssBytes,
    settled: isLast ? ((await target.ask('settled')) as SettledMemory) : null,
    p50Us: result.p50Us,
    p99Us: result.p99Us,
  };
}

async function measure(options: Options, records: Records): Promise<void> {
  const firstRound = records.nextRound;
  const start = performance.now();
  let runners: Runner[] = [];
  try {
    for (let round = firstRound; round < options.pairs; round++) {
      const generation = Math.floor(round / options.roundsPerProcess);
      if (runners.length === 0 || round % options.roundsPerProcess === 0) {
        await Promise.all(runners.map(({ target }) => target.stop()));
        runners = await startAll(options, generation);
      }
      const isLast = (round + 1) % options.roundsPerProcess === 0 || round + 1 >= options.pairs;
      const slices: SliceRecord[] = [];
      for (const runner of shuffled(runners)) {
        slices.push({ round, generation, ...(await slice(runner, options, isLast)) });
      }
      records.add(slices);
      const perRoundMs = (performance.now() - start) / (round - firstRound + 1);
      const leftMin = (perRoundMs * (options.pairs - round - 1)) / 60_000;
      progress(`round ${round + 1} of ${options.pairs}, about ${leftMin.toFixed(1)} min left`);
    }
  } finally {
    await Promise.all(runners.map(({ target }) => target.stop()));
  }
}

function shuffled<T>(list: readonly T[]): T[] {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [copy[i], copy[j]] = [copy[j]!, copy[i]!];
  }
  return copy;
}

function progress(text: string): void {
  process.stderr.write(`overhead: ${text}\n`);
}

async function main(): Promise<void> {
  const chosen = options();
  if (chosen === null) return;
  const { workload, seconds, rate, roundsPerProcess, seed } = chosen;
  const kinds = chosen.kinds.map(({ name }) => name);
  const setup = {
    bench: 'overhead',
    node: process.version,
    workload,
    kinds,
    seconds,
    rate,
    roundsPerProcess,
    seed,
  };
  const records = new Records(join(ROOT, `bench/out/overhead-${workload}.jsonl`), setup, chosen.fresh);
  if (records.slices.length > 0) progress(`going on at round ${records.nextRound + 1}; --fresh starts over`);
  await measure(chosen, records);
  printSummary(records.slices);
}

main().catch((error: Error) => {
  process.stderr.write(`overhead: ${error.message}\n`);
  process.exitCode = 1;
});
