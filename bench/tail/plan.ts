import type { BenchOptions } from './options.js';
import type { ProcessSpec } from './spec.js';
import { type BenchVariant, variantsOf, workloadNamed } from './variants.js';

/** Of the slowest variant's capacity, the share at which latency is measured. */
export const LOAD_SHARE = 0.6;
const STREAM_OPS = 200_000;

const QUICK_VARIANTS = ['heap', 'arena', 'floor'];
const QUICK_MIXES: Record<string, string[]> = {
  lucene: ['80-20'],
  cassandra: ['WI'],
  graphchi: ['pagerank'],
};
const FULL_MIXES: Record<string, string[]> = {
  lucene: ['80-20'],
  cassandra: ['WI', 'WR', 'RI'],
  graphchi: ['pagerank', 'components'],
};

/** One workload under one mix on one Node: what is compared with each other. */
export interface Group {
  readonly workload: string;
  readonly mix: string;
  readonly node: string;
  readonly variants: readonly BenchVariant[];
}

export function groupsOf(options: BenchOptions, nodeVersions: readonly string[]): Group[] {
  const groups: Group[] = [];
  for (const node of nodeVersions) {
    for (const name of options.workloads) {
      const workload = workloadNamed(name);
      const chosen = options.mixes.filter((mix) => workload.mixes.includes(mix));
      const fallback = (options.size === 'full' ? FULL_MIXES : QUICK_MIXES)[name]!;
      const mixes = options.mixes.length === 0 ? fallback : chosen;
      const variants = variantsOf(workload).filter((variant) => isChosen(options, variant.name));
      if (variants.length === 0) continue;
      for (const mix of mixes) groups.push({ workload: name, mix, node, variants });
    }
  }
  return groups;
}

function isChosen(options: BenchOptions, name: string): boolean {
  if (options.variants.length > 0) return options.variants.includes(name);
  return options.size === 'full' || QUICK_VARIANTS.includes(name);
}

/** The capacity runs of a group; `floor` sets no limit, but its throughput is reported, too. */
export function closedSpecs(group: Group, options: BenchOptions): ProcessSpec[] {
  return group.variants.map((variant) => spec(group, variant, options, 'closed', 0));
}

/** The runs at a fixed rate, each repeat in the other direction, so that no variant always follows the same one. */
export function openSpecs(group: Group, options: BenchOptions, rate: number): ProcessSpec[] {
  const specs: ProcessSpec[] = [];
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    const order = repeat % 2 === 0 ? group.variants : group.variants.toReversed();
    for (const variant of order) specs.push({ ...spec(group, variant, options, 'open', repeat), rate });
  }
  return specs;
}

function spec(
  group: Group,
  variant: BenchVariant,
  options: BenchOptions,
  phase: 'closed' | 'open',
  repeat: number,
): ProcessSpec {
  return {
    workload: group.workload,
    mix: group.mix,
    variant: variant.name,
    engine: variant.engine,
    nodeFlags: variant.nodeFlags,
    node: group.node,
    phase,
    repeat,
    heapMb: options.heapMb,
    streamOps: STREAM_OPS,
    seed: options.seed,
    warmupSeconds: options.warmupSeconds,
    seconds: phase === 'closed' ? options.closedSeconds : options.openSeconds,
  };
}
