/**
 * What a sample source counts, before anything is estimated: the contract between the doors into V8 (the
 * native addon, the fallback) and the estimators. One `ThreadAggregates` describes one isolate from the start
 * of its sampling to its last poll.
 *
 * Vocabulary. A poll is one look at V8's live samples. A sample's *birth cycle* is the GC cycle that first
 * follows its allocation; its *age* counts the GC cycles it has faced, the one that collected it included, so that
 * garbage dies at age 1. Only samples born in a cohort (both polls around the birth known) enter the age
 * tables; all live samples enter `live`.
 */

/** What V8 was told to show when a sample was born: see attribution.ts. In the addon's order. */
export const LEVELS = ['off', 'sites', 'calls'] as const;
export type AttributionLevel = (typeof LEVELS)[number];

/** How many groups cohorts are dealt to: kGroups in native/src/contexts.h. */
export const COHORT_GROUPS = 16;

/** A frame as V8 reports it: the function, at the position where its text starts; line and column 1-based, 0 = unknown. */
export interface RawFrame {
  readonly function: string;
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/**
 * A lifetime known only to lie in (low, high], in the table's unit (GC cycles, bytes, ms), with the samples
 * that share it. `high` is `null` for samples that still live (right-censored at `low`).
 * Mark-compacts are polled on both sides, so a span of several GC cycles holds scavenges alone; and what lived
 * through two GC cycles is old and dies at no scavenge. A source therefore ends a span that begins before age 2 at
 * age 2 (in bytes and ms: at that cycle's GC, whose clocks it knows without a poll). Left wide, such spans would be
 * filled with old deaths by the estimator, which cannot know this (measured: survival at age 2 off its 95 % interval
 * in a third of the runs at cohorts of 1/16).
 * Weights count objects: each sample stands for (1 / (1 - exp(-size / interval))) / inclusionProbability of its cohort.
 */
export type LifetimeCell = readonly [
  low: number,
  high: number | null,
  samples: number,
  weight: number,
  weightSquared: number,
];

/** A context (a site with its callers), as counted under one attribution level. */
export interface ContextAggregate {
  /** Leaf first. Empty for the context into which the coldest are folded when even their leaf was let go. */
  readonly frames: readonly RawFrame[];
  readonly level: AttributionLevel;
  /** 0: as sampled; 1: callers folded away, the leaf kept; 2: everything folded. */
  readonly folded: 0 | 1 | 2;
  /** Sampled births in cohorts. */
  readonly samples: number;
  /** Estimated births, from the cohorts' samples: sums of weights, of squared weights, of weight x bytes. */
  readonly objects: number;
  readonly objectsSquared: number;
  readonly bytes: number;
  readonly bytesSquared: number;
  /**
   * Cohorts dealt to groups, the first to one each, those after them at random: per group the sums of weight and of weight x
   * life in GC cycles (age at death, the middle of its interval; age so far of the living). Lives of one cohort
   * are alike, since they meet the same mark-compacts: what differs between groups tells how much the confidence
   * intervals must widen where not every cycle is a cohort. Absent: no widening.
   */
  readonly groups?: readonly (readonly [weight: number, weightedLife: number])[];
  /** All live samples at the last poll, in a cohort or not; objects and bytes weighted by sampling alone. */
  readonly live: { readonly samples: number; readonly objects: number; readonly bytes: number };
  /** Weighted deaths among the cohorts' samples: seen after a scavenge, or only after a mark-compact. */
  readonly deaths: { readonly young: number; readonly old: number };
  /** Lifetimes of the cohorts' samples in three clocks. Every cohort sample is in each of the three once. */
  readonly gcCycles: readonly LifetimeCell[];
  readonly lifeBytes: readonly LifetimeCell[];
  readonly lifeMs: readonly LifetimeCell[];
}

/**
 * Sums of a regression of pauses, polls left out, on their work: the bytes a scavenge copied (what was young after it, and
 * what had become old), the bytes that lived after a mark-compact.
 */
export interface PauseWork {
  readonly bytes: number;
  readonly bytesSquared: number;
  readonly ns: number;
  readonly nsSquared: number;
  /** Of bytes and ns. */
  readonly product: number;
}

/** Pauses of one kind. `buckets` are [upper bound ns, count], ascending, 1/8 octave apart at most. */
export interface PauseAggregate {
  readonly count: number;
  readonly sumNs: number;
  readonly maxNs: number;
  /** The part of sumNs that rolp's own polls took. */
  readonly pollNs: number;
  readonly buckets: readonly (readonly [upperNs: number, count: number])[];
  /** Heap used, summed over the pauses, on entry and on exit. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** Absent where the source cannot tell. */
  readonly work?: PauseWork;
}

/** A stretch of sampling under one interval: V8 forgets every live sample when sampling restarts. */
export interface EpochAggregate {
  readonly index: number;
  readonly reason: 'start' | 'interval' | 'foreign-stop' | 'adopted';
  readonly intervalBytes: number;
  /** From the thread's start of sampling. */
  readonly startMs: number;
  readonly endMs: number | null;
  /** Samples that V8 took, polled or not (from its ids). */
  readonly samples: number;
  /** Live cohort samples that the epoch's end censored. */
  readonly censored: number;
}

/** A stretch of time under one attribution level. */
export interface WindowAggregate {
  readonly level: AttributionLevel;
  readonly startMs: number;
  readonly endMs: number | null;
  readonly startGcCycle: number;
  readonly endGcCycle: number | null;
}

export interface ThreadAggregates {
  readonly threadId: number;
  readonly startedAtUnixMs: number;
  /** From the start of sampling to the last poll. */
  readonly durationMs: number;
  /** True once the thread's isolate is gone. */
  readonly ended: boolean;
  readonly engine: 'native' | 'v8-heap-profile' | 'pprof' | 'none';
  readonly intervalBytes: number;
  readonly stackDepth: number;
  /** Samples V8 took in all epochs. */
  readonly samples: number;
  /** Births inside polled cohorts that no poll saw; null where the source cannot know. */
  readonly missed: number | null;
  /** Births outside cohorts. */
  readonly skipped: number;
  readonly cohorts: number;
  /**
   * Births in cohorts, each over its cohort's inclusion probability: an unbiased estimate of `samples`, which is known
   * exactly. Their quotient says how far the draw of cohorts happened to miss, and takes that out of totals.
   */
  readonly weightedSamples?: number;
  readonly polls: number;
  readonly pollNs: number;
  /** Profiles written while the thread ran on, and their CPU time; absent where nobody counts them. */
  readonly files?: number;
  readonly fileNs?: number;
  readonly gcCycles: number;
  /** The bytes clock at the last poll: bytes allocated on the JS heap since the start of sampling. */
  readonly allocatedBytes: number;
  readonly scavenge: PauseAggregate;
  readonly markCompact: PauseAggregate;
  readonly epochs: readonly EpochAggregate[];
  readonly windows: readonly WindowAggregate[];
  readonly contexts: readonly ContextAggregate[];
  /** Contexts whose callers (or all) were folded away to stay within the cap. */
  readonly foldedContexts: number;
}
