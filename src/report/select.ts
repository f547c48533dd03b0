import type { Profile, ProfileContext } from '../profiler/index.js';

/** Which contexts a report shows, and in which order. */
export interface ReportOptions {
  readonly sort: SortKey;
  /** Contexts shown at most. */
  readonly top: number;
  /** Only contexts with this text in their id, class or a frame's function or file, whatever the case; empty: all. */
  readonly filter: string;
}

/** What `ReportOptions.sort` takes. */
export const SORT_KEYS = ['survived', 'allocated', 'live', 'lifetime', 'samples'] as const;

export type SortKey = (typeof SORT_KEYS)[number];

const ORDER: Readonly<Record<SortKey, (context: ProfileContext) => number>> = {
  survived: survivedBytes,
  allocated: (context) => context.allocated.bytes,
  live: (context) => context.live.bytes,
  lifetime: (context) => context.lifetime.gcCycles.mean.value ?? 0,
  samples: (context) => context.samples,
};

/**
 * Estimated bytes that lived through at least one GC cycle: what a generational collector has to copy. Takes the
 * context's objects to be of one size.
 */
export function survivedBytes(context: ProfileContext): number {
  const [all = 0, survivors = 0] = context.survival;
  return all > 0 ? (context.allocated.bytes * survivors) / all : 0;
}

/** @returns the contexts of V8's heap that match, largest first, at most `top`; and how many match in all. */
export function selectContexts(
  profile: Profile,
  options: ReportOptions,
): { readonly contexts: readonly ProfileContext[]; readonly matching: number } {
  const wanted = options.filter.toLowerCase();
  const matching = profile.contexts.filter(
    (context) => context.kind === 'v8' && (wanted === '' || matches(context, wanted)),
  );
  const weigh = ORDER[options.sort];
  const contexts = matching.toSorted((a, b) => weigh(b) - weigh(a)).slice(0, options.top);
  return { contexts, matching: matching.length };
}

function matches(context: ProfileContext, wanted: string): boolean {
  return (
    context.id.startsWith(wanted) ||
    context.class === wanted ||
    context.frames.some((frame) => `${frame.function}\n${frame.url}`.toLowerCase().includes(wanted))
  );
}
