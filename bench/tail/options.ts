import { parseArgs } from 'node:util';
import { checkInteger, checkNumber } from '../../src/base/options.js';
import { MOST_MINUTES, type Size, sizeOf } from './sizes.js';
import { variantsOf, WORKLOADS, workloadNamed } from './variants.js';

export interface BenchOptions {
  readonly size: Size;
  readonly workloads: readonly string[];
  /** Empty: the size's own choice. */
  readonly variants: readonly string[];
  /** Empty: the size's own choice. */
  readonly mixes: readonly string[];
  /** Operations a second of the open loop; undefined: from the capacity measured. */
  readonly rate: number | undefined;
  readonly seed: number;
  /** What goes before the size's own numbers. */
  readonly heapMb: number | undefined;
  readonly repeats: number | undefined;
  /** Seconds measured in each open loop, warm-up not included. */
  readonly openSeconds: number | undefined;
  /** Majors ('24') or paths of a node binary. */
  readonly nodes: readonly string[];
  /** Folder of the results; an unfinished run in it is gone on with. */
  readonly out: string | undefined;
  /** Only say what would be run and how long it takes. */
  readonly plan: boolean;
}

export const HELP: string = `npm run bench -- lucene|cassandra|graphchi|all [options]
npm run bench -- service [--help]     the same behind HTTP

Tail latency under load: each variant in a process of its own, first its capacity (closed loop), then its
latency at a fixed rate (open loop, operations timed from when they should have begun).

  --quick            5 minutes: heap, arena and floor, one repeat, indicative figures only (the default)
  --medium           12 minutes: the same, typed, single, auto and arena-refs; three repeats
  --full             at most ${MOST_MINUTES.full} minutes per Node version: every variant, five repeats, verdicts
  --variants a,b     only these; all of them: ${variantNames()}
  --mixes a,b        only these mixes of operations: ${WORKLOADS.flatMap((w) => w.mixes).join(', ')}
  --rate n           operations a second of the open loop (default: 60 % of the slowest variant's capacity)
  --heap-mb n        megabytes of live data in the variant heap (default: ${sizesText('heapMb')})
  --seed n           what is drawn (default 1)
  --repeats n        processes per variant in the open loop (default: ${sizesText('repeats')})
  --seconds n        seconds measured in each open loop (default: ${sizesText('openSeconds')})
  --node 20,24       Node majors or paths of node binaries (default: the running one); others than the running
                     one are installed into bench/out/nodes from npm
  --out folder       where results go (default bench/out/tail-<time>); names an unfinished run to go on with it
  --plan             only print what would be run, and how long it takes
  --help

Results: runs.jsonl (one line a finished process), *.hlog (latency histograms), summary.txt, report.html,
table.md, pauses.svg. docs/benchmark.md says how to read them, and what they do not show.
`;

/** '100/150/150 (lucene/cassandra/graphchi), ... with --full' */
function sizesText(key: 'heapMb' | 'repeats' | 'openSeconds'): string {
  const of = (size: Size): string => {
    const values = WORKLOADS.map(({ name }) => sizeOf(size, name)[key]);
    return new Set(values).size === 1 ? `${values[0]}` : values.join('/');
  };
  return `${of('quick')}; ${of('medium')} with --medium; ${of('full')} with --full`;
}

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
      medium: { type: 'boolean' },
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
      plan: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) return 'help';
  const sizes = (['quick', 'medium', 'full'] as const).filter((size) => values[size] === true);
  if (sizes.length > 1) throw new RangeError(`--${sizes.join(' and --')} exclude each other`);
  if (positionals.length === 0) throw new RangeError('name a workload: lucene, cassandra, graphchi or all');
  const size: Size = sizes[0] ?? 'quick';
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
  const given = <T>(text: string | undefined, check: (value: number) => T): T | undefined =>
    text === undefined ? undefined : check(Number(text));
  return {
    size,
    workloads,
    variants,
    mixes,
    rate: given(values.rate, (rate) => checkNumber('--rate', rate, 1, 1e8)),
    seed: given(values.seed, (seed) => checkInteger('--seed', seed, 0, 2 ** 31)) ?? 1,
    heapMb: given(values['heap-mb'], (mb) => checkNumber('--heap-mb', mb, 1, 1e5)),
    repeats: given(values.repeats, (repeats) => checkInteger('--repeats', repeats, 1, 100)),
    openSeconds: given(values.seconds, (seconds) => checkNumber('--seconds', seconds, 1, 3600)),
    nodes: values.node === undefined ? [process.execPath] : list(values.node),
    out: values.out,
    plan: values.plan === true,
  };
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').filter((part) => part !== '');
}

function checkKnown(option: string, given: readonly string[], known: readonly string[]): void {
  for (const name of given) {
    if (!known.includes(name)) {
      throw new RangeError(`${option}: '${name}' is none of ${[...new Set(known)].join(', ')}`);
    }
  }
}
