/** `npm run bench`: see options.ts for what it can be told, docs/benchmark.md for what it measures. */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { estimate } from '../lib/compare.js';
import { type NodeBinary, resolveNode } from '../lib/nodes.js';
import { markdownOf } from './markdown.js';
import { type BenchOptions, HELP, parseOptions } from './options.js';
import { pausePicture } from './picture.js';
import {
  closedSpecs,
  costOf,
  type Group,
  groupsOf,
  LOAD_SHARE,
  measuredSeconds,
  mostRepeats,
  openSpecs,
  planText,
} from './plan.js';
import { writeReport } from './report.js';
import { disagreements, RunFolder, runProcess } from './run.js';
import { MOST_MINUTES, overheadSeconds } from './sizes.js';
import { keyOf, type ProcessResult, type ProcessSpec } from './spec.js';
import { arenaAgainstSingle, autoBetween, figuresOf, ownWork, tableOf, titleOf } from './summary.js';
import { workloadNamed } from './variants.js';
import { verdictsOf } from './verdicts.js';

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
  const folder = new RunFolder(options.out ?? defaultFolder(), configOf(options, nodes, groups));
  const bench = new Bench(options, nodes, groups, folder);
  console.error(`results go to ${folder.path}${folder.results.size > 0 ? ', which is gone on with' : ''}`);
  return bench.run();
}

function defaultFolder(): string {
  return join('bench/out', `tail-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`);
}

function configOf(
  options: BenchOptions,
  nodes: readonly NodeBinary[],
  groups: readonly Group[],
): Record<string, unknown> {
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
  readonly #paths: Map<string, string>;
  readonly #groups: readonly Group[];
  readonly #folder: RunFolder;
  readonly #bar: SingleBar;
  /** How much longer processes take than the plan has it. */
  #slowness = 1;
  #secondsLeft: number;
  /** What processes that failed wrote, by their key. A run that is gone on with tries them again. */
  readonly #failures = new Map<string, string>();
  /** Repeats that were left out for want of time. */
  #leftOut = 0;

  constructor(
    options: BenchOptions,
    nodes: readonly NodeBinary[],
    groups: readonly Group[],
    folder: RunFolder,
  ) {
    this.#options = options;
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
      rates.set(group, group.rate ?? this.#rateFor(group, closed));
    }
    const repeats = mostRepeats(groups);
    for (let repeat = 0; repeat < repeats; repeat++) {
      const specs = groups.flatMap((group) =>
        openSpecs(group, this.#options.seed, rates.get(group)!, repeat),
      );
      const round = specs.reduce((sum, spec) => sum + plannedSeconds(spec), 0) * this.#slowness;
      if (repeat > 0 && performance.now() + round * 1000 > end) {
        this.#leftOut = repeats - repeat;
        return;
      }
      await this.#runAll(specs);
    }
  }

  #rateFor(group: Group, closed: readonly ProcessResult[]): number {
    const { incomparable } = workloadNamed(group.workload);
    if (closed.length === 0)
      throw new Error(`no variant of ${group.workload} ran: there is no rate to go by`);
    const limiting = closed.filter(({ spec }) => !incomparable.includes(spec.engine));
    const slowest = Math.min(
      ...(limiting.length > 0 ? limiting : closed).map(({ throughput }) => throughput),
    );
    return Number((slowest * LOAD_SHARE).toPrecision(3));
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
      const { message } = error as Error;
      this.#failures.set(keyOf(spec), message);
      console.error(`\n${message}`);
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
    const sections = this.#groups.map((group) => {
      const results = [...this.#folder.results.values()].filter(({ spec }) => isOf(group, spec));
      return { group, results, ...this.#sectionOf(group, results) };
    });
    const failed = [...this.#failures.keys()].map((key) => `FAILED: ${key}\n`).join('');
    const text = sections.map((section) => section.text).join('') + failed + this.#footer();
    process.stdout.write(text);
    writeFileSync(join(this.#folder.path, 'summary.txt'), text);
    writeReport(this.#folder.path, this.#folder.config, sections);
    writeFileSync(join(this.#folder.path, 'table.md'), markdownOf(this.#folder.config, sections));
    writeFileSync(join(this.#folder.path, 'pauses.svg'), pausePicture(sections));
    return this.#failures.size > 0 || sections.some((section) => section.wrong) ? 1 : 0;
  }

  #sectionOf(group: Group, results: readonly ProcessResult[]): { text: string; wrong: boolean } {
    const figures = figuresOf(group, results);
    const differing = disagreements(results, workloadNamed(group.workload).incomparable);
    const invalid = results.filter(({ invalidBecause }) => invalidBecause !== undefined);
    let text = `\n${titleOf(group, figures)}\n${tableOf(figures)}\n`;
    if (differing.length === 0) text += 'answers: the same in all comparable variants\n';
    for (const sentence of differing) text += `ANSWERS DIFFER: ${sentence}\n`;
    for (const { spec, invalidBecause } of invalid) text += `INVALID: ${keyOf(spec)}: ${invalidBecause}\n`;
    text += ownWork(results);
    text += arenaAgainstSingle(results);
    text += autoBetween(results);
    if (this.#options.size !== 'quick')
      text += verdictsOf(group, results)
        .map((line) => `${line}\n`)
        .join('');
    const { incomparable } = workloadNamed(group.workload);
    // A library that does not keep up with the others' rate is told of, and is no fault of the run.
    const faulty = invalid.some(({ spec }) => !incomparable.includes(spec.engine));
    return { text, wrong: differing.length > 0 || faulty };
  }

  #footer(): string {
    const repeats = mostRepeats(this.#groups) - this.#leftOut;
    const { confidence } = estimate(Array.from({ length: repeats }, (_, i) => i));
    const sure = `[low, high] holds the median of ${repeats} repeats with ${Math.round(confidence * 100)} %`;
    const note = {
      quick: 'indicative: one short run, no verdict',
      medium: `indicative: smaller than --full; ${sure}`,
      full: sure,
    }[this.#options.size];
    const left = this.#leftOut === 0 ? '' : `${this.#leftOut} repeats were left out: the time was over. `;
    return `\n${left}${note}; '-': fewer than 10 samples beyond. Pauses: V8's and rolp's own together.\n`;
  }
}

/** A process's seconds as planned. */
function plannedSeconds(spec: ProcessSpec): number {
  return measuredSeconds(spec) + overheadSeconds(spec.workload, spec.heapMb);
}

function isOf(group: Group, spec: ProcessSpec): boolean {
  return group.node === spec.node && group.workload === spec.workload && group.mix === spec.mix;
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
