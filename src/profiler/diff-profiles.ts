import type { LifetimeClass, Profile, ProfileContext, ProfileFrame } from './profile.js';

const Z = 1.959964;

/** One context in two profiles. Shares are of all bytes that the program allocated in that run, in V8's heap or in rolp's. */
export interface ProfileDiffRow {
  readonly id: string;
  readonly kind: ProfileContext['kind'];
  readonly frames: readonly ProfileFrame[];
  readonly before: ContextFigures | null;
  readonly after: ContextFigures | null;
  /** Bytes that survived a GC, per byte the program allocated: difference in per cent of the first profile's total. */
  readonly changePercent: number;
  /** Half of the 95 % interval of `changePercent` that the number of samples leaves. */
  readonly noisePercent: number;
}

export interface ContextFigures {
  /** Bytes that lived through a GC or more, per byte that the program allocated. */
  readonly survivedShare: number;
  readonly allocatedShare: number;
  readonly class: LifetimeClass;
  readonly generation: number | null;
  /** Median lifetime in bytes allocated; null: longer than was observed. */
  readonly medianBytes: number | null;
  readonly samples: number;
}

export interface ProfileDiff {
  /** Largest change first; only contexts that changed at all. */
  readonly rows: readonly ProfileDiffRow[];
  /** All contexts of kind `v8` together. */
  readonly total: {
    readonly survivedShare: readonly [before: number, after: number];
    readonly changePercent: number;
    readonly noisePercent: number;
    /** Mean GC pause, ms; null where there was none. */
    readonly meanPauseMs: readonly [before: number | null, after: number | null];
  };
}

/**
 * What changed between two runs, run lengths set aside: what survives, per byte allocated. Contexts are matched by id,
 * so that code that moved within its file shows as one gone and one new. Placed contexts are compared among themselves.
 */
export function diffProfiles(before: Profile, after: Profile): ProfileDiff {
  const scales = { v8: new Scale(before, after, 'v8'), placed: new Scale(before, after, 'placed') };
  const pairs = new Map<string, { before?: ProfileContext; after?: ProfileContext }>();
  for (const context of before.contexts) pairs.set(keyOf(context), { before: context });
  for (const context of after.contexts)
    pairs.set(keyOf(context), { ...pairs.get(keyOf(context)), after: context });
  const rows = [...pairs.values()].map((pair): ProfileDiffRow => {
    const known = (pair.after ?? pair.before)!;
    const scale = scales[known.kind];
    const [a, b] = scale.allocated;
    const [figuresA, figuresB] = [figuresOf(pair.before, a), figuresOf(pair.after, b)];
    return {
      id: known.id,
      kind: known.kind,
      frames: known.frames,
      before: figuresA,
      after: figuresB,
      changePercent: scale.percent((figuresB?.survivedShare ?? 0) - (figuresA?.survivedShare ?? 0)),
      noisePercent: scale.percent(Z * Math.hypot(errorOf(pair.before, a), errorOf(pair.after, b))),
    };
  });
  const { v8 } = scales;
  return {
    rows: rows
      .filter(
        ({ changePercent, before: x, after: y }) => Math.abs(changePercent) > 1e-9 || x?.class !== y?.class,
      )
      .sort((x, y) => Math.abs(y.changePercent) - Math.abs(x.changePercent) || (x.id < y.id ? -1 : 1)),
    total: {
      survivedShare: v8.survived,
      changePercent: v8.percent(v8.survived[1] - v8.survived[0]),
      noisePercent: v8.percent(Z * Math.hypot(...v8.errors)),
      meanPauseMs: [meanPauseMs(before), meanPauseMs(after)],
    },
  };
}

/** What the shares of one kind of context are shares of, before and after. */
class Scale {
  readonly allocated: readonly [before: number, after: number];
  readonly survived: readonly [before: number, after: number];
  /** Standard errors of `survived`. */
  readonly errors: readonly [before: number, after: number];

  constructor(before: Profile, after: Profile, kind: ProfileContext['kind']) {
    const sides = [before, after].map(({ contexts }) => contexts.filter((context) => context.kind === kind));
    const both = (of: (contexts: readonly ProfileContext[], side: 0 | 1) => number): [number, number] => [
      of(sides[0]!, 0),
      of(sides[1]!, 1),
    ];
    const allocated = both((contexts) => contexts.reduce((sum, context) => sum + context.allocated.bytes, 0));
    this.allocated = allocated;
    this.survived = both((contexts, side) =>
      contexts.reduce((sum, context) => sum + figuresOf(context, allocated[side])!.survivedShare, 0),
    );
    this.errors = both((contexts, side) =>
      Math.hypot(0, ...contexts.map((context) => errorOf(context, allocated[side]))),
    );
  }

  /** In per cent of what survived before. */
  percent(share: number): number {
    const [before] = this.survived;
    return before > 0 ? (100 * share) / before : Math.sign(share) * 100;
  }
}

function keyOf({ kind, id }: ProfileContext): string {
  return `${kind} ${id}`;
}

function survivorsOf({ survival }: ProfileContext): number {
  const [all = 0, once = 0] = survival;
  return all > 0 ? once / all : 0;
}

function figuresOf(context: ProfileContext | undefined, allocated: number): ContextFigures | null {
  if (context === undefined) return null;
  const allocatedShare = allocated > 0 ? context.allocated.bytes / allocated : 0;
  return {
    survivedShare: allocatedShare * survivorsOf(context),
    allocatedShare,
    class: context.class,
    generation: context.generation,
    medianBytes: context.lifetime.bytes.p50.value,
    samples: context.samples,
  };
}

/** Standard error of the survived share: survivors among the samples are a Poisson count. */
function errorOf(context: ProfileContext | undefined, allocated: number): number {
  const figures = figuresOf(context, allocated);
  if (figures === null || figures.samples === 0) return 0;
  const survivors = Math.max(1, figures.samples * survivorsOf(context!));
  return Math.max(figures.survivedShare, figures.allocatedShare / figures.samples) / Math.sqrt(survivors);
}

function meanPauseMs({ gc: { pauseMs } }: Profile): number | null {
  const count = pauseMs.scavenge.count + pauseMs.markCompact.count;
  if (count === 0) return null;
  const own =
    pauseMs.scavenge.sum - pauseMs.scavenge.poll + pauseMs.markCompact.sum - pauseMs.markCompact.poll;
  return own / count;
}
