/** `npm run bench`: see options.ts for what it can be told, docs/benchmark.md for what it measures. */
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { type NodeBinary, resolveNode } from '../lib/nodes.js';
import { evaluate, type RunConfig } from './evaluate.js';
import { type BenchOptions, HELP, parseOptions } from './options.js';
import {
  closedSpecs,
  costOf,
  type Group,
  groupsOf,
  isOf,
  measuredSeconds,
  mostRepeats,
  openSpecs,
  planText,
  rateOf,
} from './plan.js';
import { RunFolder, runProcess } from './run.js';
import { MOST_MINUTES, overheadSeconds } from './sizes.js';
import { keyOf, type ProcessResult, type ProcessSpec } from './spec.js';

async function main(options: BenchOptions): Promise<number> {
  const nodes = await Promise.all(options.nodes.map((asked) => resolveNode(asked, 'bench/out/nodes')));
  const groups = groupsOf(
    options,
    nodes.map(({ version }) => version),
  );
  if (groups.length === 0) throw new RangeError('none of the workloads has these variants and mixes');
  if (options.plan) {
    process.stdout.write(planText(groups));
    return 0;
  }
  const config = configOf(options, nodes, groups);
  const folder = new RunFolder(options.out ?? defaultFolder(), config);
  const bench = new Bench(options, config, nodes, groups, folder);
  console.error(`results go to ${folder.path}${folder.results.size > 0 ? ', which is gone on with' : ''}`);
  return bench.run();
}

function defaultFolder(): string {
  return join('bench/out', `tail-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`);
}

function configOf(options: BenchOptions, nodes: readonly NodeBinary[], groups: readonly Group[]): RunConfig {
  const { out: _, nodes: __, plan: ___, ...rest } = options;
  const args = process.argv.slice(2).filter((arg, i, all) => arg !== '--out' && all[i - 1] !== '--out');
  return {
    ...rest,
    command: `npm run bench -- ${args.join(' ')}`,
    nodes: nodes.map(({ version }) => version),
    sizes: Object.fromEntries(groups.map(({ workload, size }) => [workload, size])),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
  };
}

class Bench {
  readonly #options: BenchOptions;
  readonly #config: RunConfig;
  readonly #paths: Map<string, string>;
  readonly #groups: readonly Group[];
  readonly #folder: RunFolder;
  readonly #bar: SingleBar;
  /** How much longer processes take than the plan has it. */
  #slowness = 1;
  #secondsLeft: number;
  /** A run that is gone on with tries them again. */
  readonly #failed: ProcessSpec[] = [];

  constructor(
    options: BenchOptions,
    config: RunConfig,
    nodes: readonly NodeBinary[],
    groups: readonly Group[],
    folder: RunFolder,
  ) {
    this.#options = options;
    this.#config = config;
    this.#paths = new Map(nodes.map(({ version, path }) => [version, path]));
    this.#groups = groups;
    this.#folder = folder;
    this.#secondsLeft = groups.reduce((sum, group) => sum + costOf(group).seconds, 0);
    const format = '{bar} {value}/{total} {what}, about {left} left';
    this.#bar = new SingleBar({ format, noTTYOutput: true, notTTYSchedule: 10_000, stream: process.stderr });
  }

  /** @returns the exit code: 1 if variants disagreed or a run was invalid. */
  async run(): Promise<number> {
    const processes = this.#groups.reduce((sum, group) => sum + costOf(group).processes, 0);
    this.#bar.start(processes, 0, { what: '', left: this.#timeLeft() });
    try {
      for (const node of this.#paths.keys()) {
        await this.#runNode(this.#groups.filter((group) => group.node === node));
      }
    } finally {
      this.#bar.stop();
    }
    return this.#conclude();
  }

  /** All groups in turn, repeat by repeat: what the machine does in an hour meets all of them alike. */
  async #runNode(groups: readonly Group[]): Promise<void> {
    const end = performance.now() + MOST_MINUTES[this.#options.size] * 60_000;
    const rates = new Map<Group, number>();
    for (const group of groups) {
      const closed = await this.#runAll(closedSpecs(group, this.#options.seed));
      const before = [...this.#folder.results.values()].filter(({ spec }) => isOf(group, spec));
      rates.set(group, rateOf(group, closed, before));
    }
    const repeats = mostRepeats(groups);
    for (let repeat = 0; repeat < repeats; repeat++) {
      const specs = groups.flatMap((group) =>
        openSpecs(group, this.#options.seed, rates.get(group)!, repeat),
      );
      const round = specs.reduce((sum, spec) => sum + plannedSeconds(spec), 0) * this.#slowness;
      if (repeat > 0 && performance.now() + round * 1000 > end) return;
      await this.#runAll(specs);
    }
  }

  async #runAll(specs: readonly ProcessSpec[]): Promise<ProcessResult[]> {
    const results: ProcessResult[] = [];
    for (const spec of specs) {
      this.#bar.update({ what: keyOf(spec), left: this.#timeLeft() });
      const result = this.#folder.results.get(keyOf(spec)) ?? (await this.#runOne(spec));
      if (result !== undefined) results.push(result);
      this.#secondsLeft -= plannedSeconds(spec);
      this.#bar.increment({ what: keyOf(spec), left: this.#timeLeft() });
    }
    return results;
  }

  /** @returns undefined if the process failed, which ends nothing but its own part: an hour's run goes on. */
  async #runOne(spec: ProcessSpec): Promise<ProcessResult | undefined> {
    const start = performance.now();
    let result: ProcessResult;
    try {
      result = await runProcess(spec, this.#paths.get(spec.node)!);
    } catch (error) {
      this.#failed.push(spec);
      console.error(`\n${(error as Error).message}`);
      return undefined;
    }
    const slowness = (performance.now() - start) / 1000 / plannedSeconds(spec);
    this.#slowness += (slowness - this.#slowness) / 8;
    this.#folder.add(result);
    return result;
  }

  #timeLeft(): string {
    const seconds = Math.max(0, Math.round(this.#secondsLeft * this.#slowness));
    return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
  }

  #conclude(): number {
    const results = [...this.#folder.results.values()];
    const { text, wrong } = evaluate(this.#folder.path, this.#config, results, this.#failed);
    process.stdout.write(text);
    return wrong ? 1 : 0;
  }
}

/** A process's seconds as planned. */
function plannedSeconds(spec: ProcessSpec): number {
  return measuredSeconds(spec) + overheadSeconds(spec.workload, spec.heapMb);
}

/** Told apart here: the service is a bench of its own, with its own options. */
async function service(args: readonly string[]): Promise<number> {
  const { runService } = await import('../service/main.js');
  return runService(args);
}

try {
  const [first, ...others] = process.argv.slice(2);
  if (first === 'service') process.exitCode = await service(others);
  else process.exitCode = await run();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}

async function run(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options !== 'help') return main(options);
  process.stdout.write(HELP);
  return 0;
}
