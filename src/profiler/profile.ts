/**
 * The profile document, schema `rolp-profile/1`: what `rolp/register` writes and `rolp report` reads.
 * docs/profile-schema.json says the same to machines; a test holds the two together.
 */
import type { AttributionLevel } from './aggregates.js';
import type { GcCosts } from './gc-cost.js';

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

/** What only contexts of kind `placed` have: objects that rolp's own heap holds. */
export interface PlacedDetails {
  /** Name of the heap. */
  readonly heap: string;
  /** Name of the allocation site. */
  readonly site: string;
  /** What sets it apart from others of its site, by feature: `ttl`, `size`, `key`, `caller0` to `caller6`, `scope`. */
  readonly features: Readonly<Record<string, string>>;
  /** Bytes allocated per heap cycle. */
  readonly cycleBytes: number;
  /** How the site's conflict stands, where it mixes lifetimes: docs/pretenure.md. */
  readonly verdict: 'none' | 'open' | 'resolved' | 'dear' | 'unresolvable';
  /** Whether it lies in a generation to itself, since no one generation fits its lifetimes. Absent: no. */
  readonly atHome?: boolean;
}

/**
 * Of contexts of kind `placed`, cycles are heap cycles, `ms` is unknown, of a lifetime only the median is told, and
 * `frames` are those that tell it apart, or one that names the site.
 */
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
  /**
   * The generation its objects belong in: 0 young, 1 to 15 where the data carry it (for `placed`, heap cycles).
   * Null with a confidence: not young, but how old V8's clock does not tell. Null without: undecided.
   */
  readonly generation: number | null;
  /** Probability that more data would give the same decision; null: undecided. */
  readonly confidence: number | null;
  readonly class: LifetimeClass;
  /** Mark-compacts that promoted objects face until collected (median); known of contexts that are not young. */
  readonly ageMarkCompacts: Estimate;
  /** The decision looks at so many innermost frames: the least that tell its lifetime from other callers'. */
  readonly decidedAt: number | null;
  /** Whether the decision is this run's, or that of the profile it was given (ROLP_PROFILE_IN). */
  readonly decidedBy: 'samples' | 'profile' | null;
  readonly conflict: ContextConflict | null;
  readonly placed?: PlacedDetails;
}

/** Several lifetimes that no caller seen tells apart. */
export interface ContextConflict {
  /** `window`: a stretch at attribution level calls may resolve it; `unresolvable`: nothing V8's samples carry will. */
  readonly resolution: 'window' | 'unresolvable';
  readonly reason: string;
  /** What the user can do; null: nothing. */
  readonly command: string | null;
  /** Shares of the objects, shortest lifetimes first. */
  readonly modes: readonly {
    readonly weight: number;
    readonly class: LifetimeClass;
    /** In GC cycles (of a placed context: heap cycles); null: longer than was observed. */
    readonly medianGcCycles: number | null;
  }[];
}

/** What should live elsewhere, with what that is expected to save. */
export interface Advice {
  /** The code it is about: innermost frames first, as many as tell it from others. */
  readonly frames: readonly ProfileFrame[];
  /** Ids of the contexts it sums up. */
  readonly contexts: readonly string[];
  readonly what: 'cache' | 'map' | 'parsed JSON' | 'text' | 'class' | 'objects';
  readonly into: 'ArenaCache' | 'Pool' | 'record' | 'map';
  /** Bytes that scavenges copied and mark-compacts marked for it. */
  readonly copiedBytes: number;
  readonly markedBytes: number;
  /** GC pauses that moving it is expected to save over a run like this one. */
  readonly savedMs: Estimate;
  /** `savedMs` as a share of all GC pauses of the run. */
  readonly share: number;
  readonly samples: number;
  /** What V8 does and does not do about it by itself. */
  readonly limits: string;
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
    /** Profiles written before this one while the app ran on, and the CPU time they took. */
    readonly files: number;
    readonly fileNs: number;
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
    /** What a byte costs this process, from the regression of its own pauses. */
    readonly costs: GcCosts;
  };
  readonly contexts: readonly ProfileContext[];
  /** Largest saving first. */
  readonly advice: readonly Advice[];
  /** Present where `rolp merge` joined several profiles: how many. */
  readonly merged?: number;
}
