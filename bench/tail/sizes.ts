import { workloadNamed } from './variants.js';

/** How big a run is: `--quick` tells little in five minutes, `--full` gives verdicts in an hour. */
export type Size = 'quick' | 'medium' | 'full';

/** What one workload gets. Seconds are measured ones, warm-up and loading come on top. */
export interface RunSize {
  readonly heapMb: number;
  /** Processes a variant in the open loop; of those compared in a verdict. */
  readonly repeats: number;
  readonly openSeconds: number;
  /** A closed loop at the end of each open one, for the throughput. */
  readonly burstSeconds: number;
  /** The closed loop that the rate is taken from. */
  readonly closedSeconds: number;
  /** Of the open loop at least: an engine that needs more operations gets longer (plan.ts). */
  readonly warmupSeconds: number;
}

/**
 * Five repeats are the least whose whole range holds the median with over 90 %. Data and seconds of `full` are what an
 * hour has room for: more data makes mark-compacts longer, but rarer too, so that a window meets none.
 */
const SIZES: Record<Size, Record<string, RunSize>> = {
  quick: { lucene: quick(100), cassandra: quick(150), graphchi: quick(150) },
  medium: { lucene: medium(150, 4), cassandra: medium(150, 6), graphchi: medium(200, 4) },
  full: { lucene: full(400, 12), cassandra: full(400, 14), graphchi: full(600, 9) },
};

function full(heapMb: number, openSeconds: number): RunSize {
  return { heapMb, repeats: 5, openSeconds, burstSeconds: 2, closedSeconds: 4, warmupSeconds: 2 };
}

function medium(heapMb: number, openSeconds: number): RunSize {
  return { heapMb, repeats: 3, openSeconds, burstSeconds: 1, closedSeconds: 2, warmupSeconds: 1 };
}

function quick(heapMb: number): RunSize {
  return { heapMb, repeats: 1, openSeconds: 10, burstSeconds: 2, closedSeconds: 4, warmupSeconds: 2 };
}

export function sizeOf(size: Size, workload: string): RunSize {
  const found = SIZES[size][workload];
  if (found === undefined) throw new RangeError(`the size of ${workloadNamed(workload).name} is not planned`);
  return found;
}

/** A run of one Node version ends by then, with the repeats that it has. */
export const MOST_MINUTES: Record<Size, number> = { quick: 6, medium: 12, full: 60 };

/**
 * Seconds to start a process, prepare its stream and fill its store, per process and per 100 MB of `heap`'s live
 * data: measured on two quiet cores, for the plan. A run learns its own as it goes.
 */
const OVERHEAD: Record<string, { readonly start: number; readonly per100Mb: number }> = {
  lucene: { start: 2, per100Mb: 1 },
  cassandra: { start: 0.7, per100Mb: 1.5 },
  graphchi: { start: 0.7, per100Mb: 1 },
};

/** Operations a second where the plan needs to know and no rate is given: cassandra's on the same machine. */
export const PLANNED_RATE = 50_000;

export function overheadSeconds(workload: string, heapMb: number): number {
  const { start, per100Mb } = OVERHEAD[workload] ?? { start: 1, per100Mb: 1 };
  return start + (per100Mb * heapMb) / 100;
}
