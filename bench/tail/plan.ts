import type { BenchOptions } from './options.js';
import { overheadSeconds, PLANNED_RATE, type RunSize, type Size, sizeOf } from './sizes.js';
import type { ProcessResult, ProcessSpec } from './spec.js';
import { type BenchVariant, variantsOf, workloadNamed } from './variants.js';

/** Of the slowest variant's capacity, the share at which latency is measured. */
export const LOAD_SHARE = 0.6;
const STREAM_OPS = 200_000;

/** Empty: every variant. */
const VARIANTS: Record<Size, readonly string[]> = {
  quick: ['heap', 'arena', 'floor'],
  medium: ['heap', 'typed', 'single', 'auto', 'arena-refs', 'arena', 'floor'],
  full: [],
};

/** Mixes of each workload: the first has all repeats, and verdicts at --full; the others are looked at once. */
const MIXES: Record<Size, Record<string, readonly string[]>> = {
  quick: { lucene: ['80-20'], cassandra: ['WI'], graphchi: ['pagerank'] },
  medium: { lucene: ['80-20'], cassandra: ['WI'], graphchi: ['pagerank'] },
  full: { lucene: ['80-20'], cassandra: ['WI', 'WR', 'RI'], graphchi: ['pagerank', 'components'] },
};
const SIDE_VARIANTS = ['heap', 'arena'];

/** What no verdict is about is run once, for its figures. */
const ONCE = ['lru-cache', 'map-of-buffers', 'minisearch'];
/** Compared with each other by their medians, without a verdict: half of the repeats will do. */
const BY_MEDIAN = ['single', 'auto', 'arena-refs'];

export interface PlannedVariant extends BenchVariant {
  readonly repeats: number;
}

/** One workload under one mix on one Node: what is compared with each other. */
export interface Group {
  readonly workload: string;
  readonly mix: string;
  readonly node: string;
  readonly size: RunSize;
  /** Operations a second of the open loop, where the user says. */
  readonly rate: number | undefined;
  readonly variants: readonly PlannedVariant[];
}

/** Those of the options that say what is run, whichever Node it is run on. */
type Choice = Omit<BenchOptions, 'nodes' | 'out' | 'plan'>;

export function groupsOf(options: Choice, nodeVersions: readonly string[]): Group[] {
  const groups: Group[] = [];
  for (const node of nodeVersions) {
    for (const name of options.workloads) {
      const chosen = options.mixes.filter((mix) => workloadNamed(name).mixes.includes(mix));
      const mixes = options.mixes.length === 0 ? MIXES[options.size][name]! : chosen;
      for (const [at, mix] of mixes.entries()) {
        const isSide = options.mixes.length === 0 && at > 0;
        const size = given(options, sizeOf(options.size, name));
        const variants = plannedVariants(options, name, isSide, size.repeats);
        if (variants.length > 0)
          groups.push({ workload: name, mix, node, size, rate: options.rate, variants });
      }
    }
  }
  return groups;
}

function given(options: Choice, size: RunSize): RunSize {
  const openSeconds = options.openSeconds ?? size.openSeconds;
  return {
    ...size,
    heapMb: options.heapMb ?? size.heapMb,
    repeats: options.repeats ?? size.repeats,
    openSeconds,
    warmupSeconds: Math.min(size.warmupSeconds, openSeconds),
    burstSeconds: Math.min(size.burstSeconds, openSeconds / 2),
  };
}

function plannedVariants(
  options: Choice,
  workload: string,
  isSide: boolean,
  repeats: number,
): PlannedVariant[] {
  const known = variantsOf(workloadNamed(workload));
  if (options.variants.length > 0) {
    return known.filter(({ name }) => options.variants.includes(name)).map((v) => ({ ...v, repeats }));
  }
  const wanted = isSide ? SIDE_VARIANTS : VARIANTS[options.size];
  return known
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
    .map((v) => ({ ...v, repeats: isSide ? 1 : repeatsOf(v.name, repeats) }));
}

function repeatsOf(variant: string, repeats: number): number {
  if (ONCE.includes(variant)) return 1;
  return BY_MEDIAN.includes(variant) ? Math.ceil(repeats / 2) : repeats;
}

/** The runs that the rate is taken from: none where it is given. */
export function closedSpecs(group: Group, seed: number): ProcessSpec[] {
  if (group.rate !== undefined) return [];
  return group.variants.map((variant) => spec(group, variant, seed, 'closed', 0));
}

/**
 * Operations a second of a group's open loops: as the user says; else as those that a broken-off run has already, since
 * a process that failed then and gives its capacity now must not divide the repeats into two rates; else LOAD_SHARE of
 * the slowest comparable variant's capacity.
 *
 * @throws Error if no variant ran.
 */
export function rateOf(
  group: Group,
  closed: readonly ProcessResult[],
  before: readonly ProcessResult[],
): number {
  const known = group.rate ?? before.find(({ spec }) => spec.phase === 'open')?.spec.rate;
  if (known !== undefined) return known;
  const { incomparable } = workloadNamed(group.workload);
  if (closed.length === 0) throw new Error(`no variant of ${group.workload} ran: there is no rate to go by`);
  const limiting = closed.filter(({ spec }) => !incomparable.includes(spec.engine));
  const slowest = Math.min(...(limiting.length > 0 ? limiting : closed).map(({ throughput }) => throughput));
  return Number((slowest * LOAD_SHARE).toPrecision(3));
}

/** One repeat at a fixed rate, each in the other direction, so that no variant always follows the same one. */
export function openSpecs(group: Group, seed: number, rate: number, repeat: number): ProcessSpec[] {
  const order = repeat % 2 === 0 ? group.variants : group.variants.toReversed();
  return order
    .filter(({ repeats }) => repeat < repeats)
    .map((variant) => ({
      ...spec(group, variant, seed, 'open', repeat),
      warmupSeconds: warmupSeconds(group, rate),
      rate,
      burstSeconds: group.size.burstSeconds,
    }));
}

/**
 * The warm-up lasts until the operations are served that the engine needs for it, but no longer than the window: at one
 * rate the same operations in the same time in all variants. What begins later, as eviction from cassandra's row cache did,
 * begins within the window, in code that V8 has not compiled.
 */
function warmupSeconds({ workload, size }: Group, rate: number): number {
  const operations = workloadNamed(workload).warmUpOperations?.(size.heapMb) ?? 0;
  return Math.max(size.warmupSeconds, Math.min(size.openSeconds, Math.ceil((10 * operations) / rate) / 10));
}

function spec(
  { workload, mix, node, size }: Group,
  variant: PlannedVariant,
  seed: number,
  phase: 'closed' | 'open',
  repeat: number,
): ProcessSpec {
  return {
    workload,
    mix,
    variant: variant.name,
    engine: variant.engine,
    nodeFlags: variant.nodeFlags,
    node,
    phase,
    repeat,
    heapMb: size.heapMb,
    streamOps: STREAM_OPS,
    seed,
    warmupSeconds: size.warmupSeconds,
    seconds: phase === 'closed' ? size.closedSeconds : size.openSeconds,
  };
}

/** What a process takes without its start and the filling of its store. */
export function measuredSeconds({ seconds, warmupSeconds, burstSeconds }: ProcessSpec): number {
  return seconds + warmupSeconds + (burstSeconds ?? 0);
}

export interface Cost {
  readonly processes: number;
  readonly seconds: number;
}

/** What a group costs, its closed loops included. `rounds`: only so many repeats. */
export function costOf(group: Group, rounds: number = Number.POSITIVE_INFINITY): Cost {
  const overhead = overheadSeconds(group.workload, group.size.heapMb);
  const specs = closedSpecs(group, 0);
  const rate = group.rate ?? PLANNED_RATE;
  for (let repeat = 0; repeat < Math.min(rounds, mostRepeats([group])); repeat++) {
    specs.push(...openSpecs(group, 0, rate, repeat));
  }
  const seconds = specs.reduce((sum, one) => sum + measuredSeconds(one) + overhead, 0);
  return { processes: specs.length, seconds };
}

/** Whether a process is one of the group's. */
export function isOf(group: Group, spec: ProcessSpec): boolean {
  return group.node === spec.node && group.workload === spec.workload && group.mix === spec.mix;
}

export function mostRepeats(groups: readonly Group[]): number {
  return Math.max(0, ...groups.flatMap(({ variants }) => variants.map(({ repeats }) => repeats)));
}

/** What `--plan` prints. */
export function planText(groups: readonly Group[]): string {
  const lines = groups.map((group) => {
    const { processes, seconds } = costOf(group);
    const names = group.variants.map(({ name, repeats }) => `${name} x${repeats}`).join(', ');
    const what = `${group.node} ${group.workload} ${group.mix}, ${group.size.heapMb} MB`;
    return `${what}: ${processes} processes, about ${minutes(seconds)} min: ${names}\n`;
  });
  const total = groups.reduce((sum, group) => sum + costOf(group).seconds, 0);
  return `${lines.join('')}together about ${minutes(total)} min\n`;
}

function minutes(seconds: number): string {
  return (seconds / 60).toFixed(1);
}
