import { type MergedContexts, mergeContexts, type Profile, type ProfileContext } from '../profiler/index.js';
import { type ContextGroup, groupContexts, groupEach } from './group.js';

/** Which contexts a report shows, and in which order. */
export interface ReportOptions {
  readonly sort: SortKey;
  /** Rows shown at most. */
  readonly top: number;
  /** A row for each context, instead of one for all that allocate in one place and live alike. */
  readonly full?: boolean;
  /** Only contexts with this text in their id, class or a frame's function or file, whatever the case; empty: all. */
  readonly filter: string;
}

/** What `ReportOptions.sort` takes. */
export const SORT_KEYS = ['survived', 'allocated', 'live', 'lifetime', 'samples'] as const;

export type SortKey = (typeof SORT_KEYS)[number];

const ORDER: Readonly<Record<SortKey, (context: MergedContexts) => number>> = {
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
export function survivedBytes(context: MergedContexts): number {
  const [all = 0, survivors = 0] = context.survival;
  return all > 0 ? (context.allocated.bytes * survivors) / all : 0;
}

/** @returns the contexts of V8's heap that match, largest first, at most `top`; and how many match in all. */
export function selectContexts(
  profile: Profile,
  options: ReportOptions,
): { readonly contexts: readonly ProfileContext[]; readonly matching: number } {
  const matching = matchingContexts(profile, options);
  return { contexts: matching.slice(0, options.top), matching: matching.length };
}

/** A row of the report: contexts shown as one, and what they come to. */
export interface ReportRow {
  readonly group: ContextGroup;
  readonly figures: MergedContexts;
}

/** @returns the rows of the contexts that match, largest first, at most `top`; how many there are in all, of how many contexts. */
export function selectRows(
  profile: Profile,
  options: ReportOptions,
): { readonly rows: readonly ReportRow[]; readonly matching: number; readonly contexts: number } {
  const contexts = matchingContexts(profile, options);
  const groups = options.full ? groupEach(contexts) : groupContexts(contexts);
  const weigh = ORDER[options.sort];
  const rows = groups
    .map((group) => ({ group, figures: mergeContexts(group.contexts) }))
    .sort((a, b) => weigh(b.figures) - weigh(a.figures));
  return { rows: rows.slice(0, options.top), matching: rows.length, contexts: contexts.length };
}

function matchingContexts(profile: Profile, options: ReportOptions): ProfileContext[] {
  const wanted = options.filter.toLowerCase();
  const weigh = ORDER[options.sort];
  return profile.contexts
    .filter((context) => context.kind === 'v8' && (wanted === '' || matches(context, wanted)))
    .sort((a, b) => weigh(b) - weigh(a));
}

function matches(context: ProfileContext, wanted: string): boolean {
  return (
    context.id.startsWith(wanted) ||
    context.class === wanted ||
    context.frames.some((frame) => `${frame.function}\n${frame.url}`.toLowerCase().includes(wanted))
  );
}
