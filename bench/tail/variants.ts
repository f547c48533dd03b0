import { cassandra } from '../../workloads/cassandra/index.js';
import type { Workload } from '../../workloads/common/index.js';
import { graphchi } from '../../workloads/graphchi/index.js';
import { lucene } from '../../workloads/lucene/index.js';

export const WORKLOADS: readonly Workload[] = [lucene, cassandra, graphchi];

/** What the bench calls a variant: an engine's variant and the flags that Node gets. */
export interface BenchVariant {
  readonly name: string;
  readonly engine: string;
  readonly nodeFlags: readonly string[];
}

/** `heap` as a careful user tunes it: V8 keeps more of the young generation before it copies. */
const SEMI_SPACES_MB = [64, 128];

export function variantsOf(workload: Workload): BenchVariant[] {
  const variants: BenchVariant[] = workload.variants.map((name) => ({ name, engine: name, nodeFlags: [] }));
  const tuned = SEMI_SPACES_MB.map((mb) => ({
    name: `heap-semi${mb}`,
    engine: 'heap',
    nodeFlags: [`--max-semi-space-size=${mb}`, `--min-semi-space-size=${mb}`],
  }));
  variants.splice(1, 0, ...tuned);
  return variants;
}

/** @throws RangeError for an unknown name. */
export function workloadNamed(name: string): Workload {
  const found = WORKLOADS.find((workload) => workload.name === name);
  if (found === undefined) {
    const names = WORKLOADS.map((workload) => workload.name).join(', ');
    throw new RangeError(`there is no workload '${name}': it is one of ${names}, or all`);
  }
  return found;
}
