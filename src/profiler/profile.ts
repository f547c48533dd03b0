/**
 * The profile document, schema `rolp-profile/1`: what `rolp/register` writes and `rolp report` reads.
 * docs/profile-schema.json says the same to machines; a test holds the two together.
 */
import type { AttributionLevel } from './aggregates.js';

export const PROFILE_SCHEMA = 'rolp-profile/1';

/** An estimate with its 95 % confidence interval. `null` where the data cannot say (e.g. a quantile beyond the last death). */
export interface Estimate {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Lifetime in one clock: from birth to the GC cycle that collected the object, that cycle included. */
export interface LifetimeSummary {
  /** Of min(lifetime, horizon): restricted to the observed span where living objects leave the tail open. */
  readonly mean: Estimate;
  readonly p50: Estimate;
  readonly p90: Estimate;
  readonly p99: Estimate;
  /** The longest lifetime that could be observed; null without samples. */
  readonly horizon: number | null;
  /** Estimated share of objects that outlive the horizon; 0: the distribution is known to its end. */
  readonly beyond: number;
}

export type LifetimeClass = 'young' | 'middle' | 'long';

/** Frames leaf first; line and column 1-based, source maps applied; null where V8 had no position. */
export interface ProfileFrame {
  readonly function: string;
  readonly url: string;
  readonly line: number | null;
  readonly column: number | null;
}

export interface ProfileContext {
  /** Hash of the normalised frames, equal across processes and checkouts. */
  readonly id: string;
  readonly kind: 'v8' | 'placed';
  readonly frames: readonly ProfileFrame[];
  readonly samples: number;
  readonly allocated: { readonly objects: number; readonly bytes: number };
  readonly live: { readonly objects: number; readonly bytes: number };
  /** survival[k]: estimated number of allocated objects that lived through at least k GC cycles; survival[0] is all. */
  readonly survival: readonly number[];
  /** Estimated objects seen dead after a scavenge, and those collected by a mark-compact. */
  readonly deaths: { readonly young: number; readonly old: number };
  readonly lifetime: {
    readonly gcCycles: LifetimeSummary;
    readonly bytes: LifetimeSummary;
    readonly ms: LifetimeSummary;
  };
  /** Share of `allocated` that was not measured here but moved here from an outer function: see attribution. 0 = all measured. */
  readonly estimated: number;
  readonly generation: number | null;
  readonly confidence: number | null;
  readonly class: LifetimeClass;
}

export interface ProfilePauses {
  readonly count: number;
  readonly sum: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  /** The part of `sum` that rolp's own polls took. */
  readonly poll: number;
}

/** Why a window was not opened or closed, and when that was. */
export interface WindowNote {
  readonly gcCycle: number;
  readonly text: string;
}

export interface Profile {
  readonly schema: typeof PROFILE_SCHEMA;
  readonly process: {
    readonly pid: number;
    readonly threadId: number;
    readonly node: string;
    readonly v8: string;
    readonly argv: readonly string[];
    /** ISO 8601. */
    readonly startedAt: string;
    readonly durationMs: number;
  };
  readonly sampler: {
    readonly engine: 'native' | 'v8-heap-profile' | 'pprof' | 'none';
    readonly limitation: string | null;
    readonly intervalBytes: number;
    readonly stackDepth: number;
    readonly attribution: string;
    readonly samples: number;
    readonly missed: number | null;
    readonly skipped: number;
    readonly cohorts: number;
    readonly polls: number;
    readonly pollNs: number;
    readonly foldedContexts: number;
  };
  readonly epochs: readonly {
    readonly index: number;
    readonly reason: string;
    readonly intervalBytes: number;
    readonly startMs: number;
    readonly endMs: number | null;
    readonly samples: number;
    readonly censored: number;
  }[];
  readonly windows: readonly {
    readonly level: AttributionLevel;
    readonly startMs: number;
    readonly endMs: number | null;
    readonly startGcCycle: number;
    readonly endGcCycle: number | null;
    /** Why a change of level that was asked for in this stretch did not happen; absent otherwise. */
    readonly note?: string;
  }[];
  readonly gc: {
    readonly scavenges: number;
    readonly markCompacts: number;
    readonly gcCycles: number;
    readonly allocatedBytes: number;
    readonly pauseMs: { readonly scavenge: ProfilePauses; readonly markCompact: ProfilePauses };
  };
  readonly contexts: readonly ProfileContext[];
}
