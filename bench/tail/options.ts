import { parseArgs } from 'node:util';
import { checkInteger, checkNumber } from '../../src/base/options.js';
import { variantsOf, WORKLOADS, workloadNamed } from './variants.js';

export type Size = 'quick' | 'full';

export interface BenchOptions {
  readonly size: Size;
  readonly workloads: readonly string[];
  /** Empty: the size's own choice. */
  readonly variants: readonly string[];
  /** Empty: the size's own choice. */
  readonly mixes: readonly string[];
  /** Operations a second of the open loop; undefined: from the capacity measured. */
  readonly rate: number | undefined;
  readonly heapMb: number;
  readonly seed: number;
  readonly repeats: number;
  /** Seconds measured of each process, warm-up not included. */
  readonly closedSeconds: number;
  readonly openSeconds: number;
  readonly warmupSeconds: number;
  /** Majors ('24') or paths of a node binary. */
  readonly nodes: readonly string[];
  /** Folder of the results; an unfinished run in it is gone on with. */
  readonly out: string | undefined;
}

const SIZES = {
  quick: { heapMb: 150, repeats: 1, closedSeconds: 5, openSeconds: 10, warmupSeconds: 2 },
  full: { heapMb: 600, repeats: 3, closedSeconds: 8, openSeconds: 15, warmupSeconds: 3 },
} as const;

export const HELP = `npm run bench -- lucene|cassandra|graphchi|all [options]

Tail latency under load: each variant in a process of its own, first its capacity (closed loop), then its
latency at a fixed rate (open loop, operations timed from when they should have begun).

  --quick            5 minutes: heap, arena and floor, one repeat, indicative figures only (the default)
  --full             up to an hour per Node version: every variant, verdicts
  --variants a,b     only these; all of them: ${variantNames()}
  --mixes a,b        only these mixes of operations: ${WORKLOADS.flatMap((w) => w.mixes).join(', ')}
  --rate n           operations a second of the open loop (default: 60 % of the slowest variant's capacity)
  --heap-mb n        megabytes of live data in the variant heap (default: ${SIZES.quick.heapMb}, ${SIZES.full.heapMb} with --full)
  --seed n           what is drawn (default 1)
  --repeats n        processes per variant in the open loop (default: ${SIZES.quick.repeats}, ${SIZES.full.repeats} with --full)
  --seconds n        seconds measured in each open loop (default: ${SIZES.quick.openSeconds}, ${SIZES.full.openSeconds} with --full)
  --node 20,24       Node majors or paths of node binaries (default: the running one); others than the running
                     one are installed into bench/out/nodes from npm
  --out folder       where results go (default bench/out/tail-<time>); names an unfinished run to go on with it
  --help

Results: runs.jsonl (one line a finished process), *.hlog (latency histograms), summary.txt, report.html.
docs/benchmark.md says how to read them, and what they do not show.
`;

function variantNames(): string {
  return [...new Set(WORKLOADS.flatMap((workload) => variantsOf(workload).map(({ name }) => name)))].join(
    ', ',
  );
}

/**
 * @returns the options, or 'help'.
 * @throws Error, TypeError or RangeError that names the option.
 */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean' },
      full: { type: 'boolean' },
      variants: { type: 'string' },
      mixes: { type: 'string' },
      rate: { type: 'string' },
      'heap-mb': { type: 'string' },
      seed: { type: 'string' },
      repeats: { type: 'string' },
      seconds: { type: 'string' },
      node: { type: 'string' },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  if (values.quick === true && values.full === true)
    throw new RangeError('--quick and --full exclude each other');
  if (positionals.length === 0) throw new RangeError('name a workload: lucene, cassandra, graphchi or all');
  const size: Size = values.full === true ? 'full' : 'quick';
  const workloads = positionals.includes('all')
    ? WORKLOADS.map((workload) => workload.name)
    : positionals.map((name) => workloadNamed(name).name);
  const variants = list(values.variants);
  const mixes = list(values.mixes);
  checkKnown(
    '--variants',
    variants,
    workloads.flatMap((name) => variantsOf(workloadNamed(name)).map((v) => v.name)),
  );
  checkKnown(
    '--mixes',
    mixes,
    workloads.flatMap((name) => workloadNamed(name).mixes),
  );
  const defaults = SIZES[size];
  return {
    size,
    workloads,
    variants,
    mixes,
    rate: values.rate === undefined ? undefined : checkNumber('--rate', number(values.rate), 1, 1e8),
    heapMb: checkNumber('--heap-mb', number(values['heap-mb']) ?? defaults.heapMb, 1, 1e5),
    seed: checkInteger('--seed', number(values.seed) ?? 1, 0, 2 ** 31),
    repeats: checkInteger('--repeats', number(values.repeats) ?? defaults.repeats, 1, 100),
    closedSeconds: defaults.closedSeconds,
    openSeconds: checkNumber('--seconds', number(values.seconds) ?? defaults.openSeconds, 1, 3600),
    warmupSeconds: defaults.warmupSeconds,
    nodes: values.node === undefined ? [process.execPath] : list(values.node),
    out: values.out,
  };
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').filter((part) => part !== '');
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function checkKnown(option: string, given: readonly string[], known: readonly string[]): void {
  for (const name of given) {
    if (!known.includes(name)) {
      throw new RangeError(`${option}: '${name}' is none of ${[...new Set(known)].join(', ')}`);
    }
  }
}
