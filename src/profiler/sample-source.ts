import type { AttributionLevel, ThreadAggregates } from './aggregates.js';

/** How a source is to sample. */
export interface SampleSourceOptions {
  /** Mean bytes between two samples, at least 1. */
  readonly intervalBytes: number;
  /** Frames kept per sample, leaf first: 1 to 1024. */
  readonly stackDepth: number;
  /** Share of wall time (native: and of the thread's CPU time) that polls may take, in per cent; 0 polls at every GC. */
  readonly budgetPercent: number;
  /** Most contexts held; the coldest beyond are folded. */
  readonly maxContexts: number;
  /** The attribution level in force when sampling starts. */
  readonly level: AttributionLevel;
  /** Probability with which a GC cycle's births become a cohort, in place of what the budget allows: for tests and benches. */
  readonly inclusion?: number;
  /** Seed of the draw of cohorts; absent: drawn by the source. */
  readonly seed?: number;
}

/** Sums over pauses of every kind, polls left out: what a mean and its error are told from. */
export interface PauseSums {
  readonly count: number;
  readonly ns: number;
  readonly nsSquared: number;
}

/**
 * A door into V8's sampling heap profiler. The rest of the profiler does not know which one is open.
 * One per isolate; all calls on that isolate's thread.
 */
export interface SampleSource {
  readonly engine: 'native' | 'v8-heap-profile' | 'pprof';
  /** One sentence on what this source cannot see, or null. */
  readonly limitation: string | null;
  /** @throws TypeError or RangeError for an option that is no such value, Error when sampling cannot start, with a reason for the user. */
  start(options: SampleSourceOptions): void;
  /** Stops sampling and forgets V8's samples; `read` still answers with what was counted. */
  stop(): void;
  /** Tells the source that births from now on happen under `level`. */
  setLevel(level: AttributionLevel): void;
  /** Starts a new epoch under another interval: every live sample is censored. */
  setInterval(intervalBytes: number): void;
  /** Changes the share of wall time that polls may take, from the next GC on; estimates stay unbiased. */
  setBudget(budgetPercent: number): void;
  /** GC cycles since `start`: cheap, no poll. */
  gcCycles(): number;
  /** All pauses since `start`. Cost: a microsecond or some, no poll. */
  pauseSums(): PauseSums;
  /** One last poll, then what was counted. Cost: one poll plus linear in contexts. */
  read(): ThreadAggregates;
}
