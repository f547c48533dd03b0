/** `npm run bench`: see options.ts for what it can be told, docs/benchmark.md for what it measures. */
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { estimate } from '../lib/compare.js';
import { type NodeBinary, resolveNode } from '../lib/nodes.js';
import { type BenchOptions, HELP, parseOptions } from './options.js';
import { closedSpecs, type Group, groupsOf, LOAD_SHARE, openSpecs } from './plan.js';
import { writeReport } from './report.js';
import { disagreements, RunFolder, runProcess } from './run.js';
import { keyOf, type ProcessResult, type ProcessSpec } from './spec.js';
import { arenaAgainstSingle, figuresOf, tableOf, titleOf } from './summary.js';
import { workloadNamed } from './variants.js';
import { verdictsOf } from './verdicts.js';

/** Seconds that a process takes to start and fill its store, for the time left; learnt as processes finish. */
const FIRST_GUESS_SECONDS = 4;

async function main(options: BenchOptions): Promise<number> {
  const nodes = await Promise.all(options.nodes.map((asked) => resolveNode(asked, 'bench/out/nodes')));
  const folder = new RunFolder(options.out ?? defaultFolder(), configOf(options, nodes));
  const groups = groupsOf(
    options,
    nodes.map(({ version }) => version),
  );
  if (groups.length === 0) throw new RangeError('none of the workloads has these variants and mixes');
  const bench = new Bench(options, nodes, groups, folder);
  console.error(`results go to ${folder.path}${folder.results.size > 0 ? ', which is gone on with' : ''}`);
  return bench.run();
}

function defaultFolder(): string {
  return join('bench/out', `tail-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}`);
}

function configOf(options: BenchOptions, nodes: readonly NodeBinary[]): Record<string, unknown> {
  const { out: _, nodes: __, ...rest } = options;
  const args = process.argv.slice(2).filter((arg, i, all) => arg !== '--out' && all[i - 1] !== '--out');
  return {
    ...rest,
    command: `npm run bench -- ${args.join(' ')}`,
    nodes: nodes.map(({ version }) => version),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
  };
}

class Bench {
  readonly #options: BenchOptions;
  readonly #paths: Map<string, string>;
  readonly #groups: readonly Group[];
  readonly #folder: RunFolder;
  readonly #bar: SingleBar;
  #left: number;
  #overheadSeconds = FIRST_GUESS_SECONDS;

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
    this.#left = groups.reduce((sum, group) => sum + group.variants.length * (1 + options.repeats), 0);
    const format = '{bar} {value}/{total} {what}, about {left} left';
    this.#bar = new SingleBar({ format, noTTYOutput: true, notTTYSchedule: 10_000, stream: process.stderr });
  }

  /** @returns the exit code: 1 if variants disagreed or a run was invalid. */
  async run(): Promise<number> {
    this.#bar.start(this.#left, 0, { what: '', left: this.#timeLeft() });
    try {
      for (const group of this.#groups) await this.#runGroup(group);
    } finally {
      this.#bar.stop();
    }
    return this.#conclude();
  }

  async #runGroup(group: Group): Promise<void> {
    const closed = await this.#runAll(closedSpecs(group, this.#options));
    const rate = this.#options.rate ?? this.#rateFor(group, closed);
    await this.#runAll(openSpecs(group, this.#options, rate));
  }

  #rateFor(group: Group, closed: readonly ProcessResult[]): number {
    const { incomparable } = workloadNamed(group.workload);
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
      results.push(this.#folder.results.get(keyOf(spec)) ?? (await this.#runOne(spec)));
      this.#left--;
      this.#bar.increment({ what: keyOf(spec), left: this.#timeLeft() });
    }
    return results;
  }

  async #runOne(spec: ProcessSpec): Promise<ProcessResult> {
    const start = performance.now();
    const result = await runProcess(spec, this.#paths.get(spec.node)!);
    const overhead = (performance.now() - start) / 1000 - spec.seconds - spec.warmupSeconds;
    this.#overheadSeconds += (overhead - this.#overheadSeconds) / 4;
    this.#folder.add(result);
    return result;
  }

  #timeLeft(): string {
    const { closedSeconds, openSeconds, warmupSeconds, repeats } = this.#options;
    const mean =
      (closedSeconds + repeats * openSeconds) / (1 + repeats) + warmupSeconds + this.#overheadSeconds;
    const seconds = Math.round(this.#left * mean);
    return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${seconds} s`;
  }

  #conclude(): number {
    const sections = this.#groups.map((group) => {
      const results = [...this.#folder.results.values()].filter(({ spec }) => isOf(group, spec));
      return { group, results, ...this.#sectionOf(group, results) };
    });
    const text = sections.map((section) => section.text).join('') + this.#footer();
    process.stdout.write(text);
    writeFileSync(join(this.#folder.path, 'summary.txt'), text);
    writeReport(this.#folder.path, this.#folder.config, sections);
    return sections.some((section) => section.wrong) ? 1 : 0;
  }

  #sectionOf(group: Group, results: readonly ProcessResult[]): { text: string; wrong: boolean } {
    const figures = figuresOf(group, results);
    const differing = disagreements(results, workloadNamed(group.workload).incomparable);
    const invalid = results.filter((result) => !result.valid).map(({ spec }) => keyOf(spec));
    let text = `\n${titleOf(group, figures)}\n${tableOf(figures)}\n`;
    if (differing.length === 0) text += 'answers: the same in all comparable variants\n';
    for (const sentence of differing) text += `ANSWERS DIFFER: ${sentence}\n`;
    for (const key of invalid) text += `INVALID: ${key}: its backlog does not go away; lower --rate\n`;
    text += arenaAgainstSingle(results);
    if (this.#options.size === 'full')
      text += verdictsOf(group, results)
        .map((line) => `${line}\n`)
        .join('');
    return { text, wrong: differing.length > 0 || invalid.length > 0 };
  }

  #footer(): string {
    const repeats = estimate(Array.from({ length: this.#options.repeats }, (_, i) => i));
    const sure = `[low, high] holds the median of ${this.#options.repeats} repeats with ${Math.round(repeats.confidence * 100)} %`;
    const note = this.#options.size === 'quick' ? 'indicative: one short run, no verdict' : sure;
    return `\n${note}; '-': fewer than 10 samples beyond. Pauses: V8's and rolp's own together.\n`;
  }
}

function isOf(group: Group, spec: ProcessSpec): boolean {
  return group.node === spec.node && group.workload === spec.workload && group.mix === spec.mix;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(HELP);
  else process.exitCode = await main(options);
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
