import { normalCdf } from './inference/index.js';
import { mergeContexts } from './merge-contexts.js';
import type { Advice, Estimate, Profile, ProfileContext, ProfilePauses } from './profile.js';
import { MIN_SAMPLES, PROMOTED_SHARE } from './v8-decisions.js';

/**
 * Joins the profiles of many processes or threads by context id: counts and lifetimes as mergeContexts does it, decisions
 * by votes.
 * Quantiles of pauses cannot be joined and become null; a single profile is returned as it is.
 *
 * @throws RangeError without a profile.
 */
export function mergeProfiles(profiles: readonly Profile[]): Profile {
  const [first] = profiles;
  if (first === undefined) throw new RangeError('mergeProfiles needs at least one profile');
  if (profiles.length === 1) return first;
  const groups = new Map<string, ProfileContext[]>();
  for (const { contexts } of profiles) {
    for (const context of contexts) push(groups, `${context.kind} ${context.id}`, context);
  }
  const total = (of: (profile: Profile) => number): number => sum(profiles, of);
  return {
    schema: first.schema,
    process: {
      ...first.process,
      startedAt: profiles.map(({ process }) => process.startedAt).sort()[0]!,
      durationMs: total(({ process }) => process.durationMs),
    },
    sampler: {
      ...first.sampler,
      limitation: profiles.find(({ sampler }) => sampler.limitation !== null)?.sampler.limitation ?? null,
      samples: total(({ sampler }) => sampler.samples),
      missed: profiles.some(({ sampler }) => sampler.missed === null)
        ? null
        : total(({ sampler }) => sampler.missed!),
      skipped: total(({ sampler }) => sampler.skipped),
      cohorts: total(({ sampler }) => sampler.cohorts),
      polls: total(({ sampler }) => sampler.polls),
      pollNs: total(({ sampler }) => sampler.pollNs),
      files: total(({ sampler }) => sampler.files ?? 0),
      fileNs: total(({ sampler }) => sampler.fileNs ?? 0),
      foldedContexts: total(({ sampler }) => sampler.foldedContexts),
    },
    epochs: profiles.flatMap(({ epochs }) => epochs).map((epoch, index) => ({ ...epoch, index })),
    windows: profiles.flatMap(({ windows }) => windows),
    gc: mergeGc(profiles),
    contexts: [...groups.values()]
      .map(mergeOne)
      .sort((a, b) => b.allocated.bytes - a.allocated.bytes || (a.id < b.id ? -1 : 1)),
    advice: mergeAdvice(profiles),
    merged: total(({ merged }) => merged ?? 1),
  };
}

function mergeGc(profiles: readonly Profile[]): Profile['gc'] {
  const all = profiles.map(({ gc }) => gc);
  const total = (of: (gc: Profile['gc']) => number): number => sum(all, of);
  return {
    scavenges: total(({ scavenges }) => scavenges),
    markCompacts: total(({ markCompacts }) => markCompacts),
    gcCycles: total(({ gcCycles }) => gcCycles),
    allocatedBytes: total(({ allocatedBytes }) => allocatedBytes),
    pauseMs: {
      scavenge: mergePauses(all.map(({ pauseMs }) => pauseMs.scavenge)),
      markCompact: mergePauses(all.map(({ pauseMs }) => pauseMs.markCompact)),
    },
    costs: {
      scavengeNsPerByte: meanOf(all.map(({ costs, scavenges }) => [costs.scavengeNsPerByte, scavenges])),
      markCompactNsPerByte: meanOf(
        all.map(({ costs, markCompacts }) => [costs.markCompactNsPerByte, markCompacts]),
      ),
    },
  };
}

function mergePauses(pauses: readonly ProfilePauses[]): ProfilePauses {
  const some = pauses.filter(({ count }) => count > 0);
  if (some.length === 1) return some[0]!;
  return {
    count: sum(some, ({ count }) => count),
    sum: sum(some, (kind) => kind.sum),
    p50: null,
    p99: null,
    max: some.length === 0 ? null : Math.max(...some.map(({ max }) => max ?? 0)),
    poll: sum(some, ({ poll }) => poll),
  };
}

function mergeOne(parts: readonly ProfileContext[]): ProfileContext {
  if (parts.length === 1) return parts[0]!;
  const most = parts.reduce((a, b) => (b.samples > a.samples ? b : a));
  // Of placed lifetimes a profile knows the median alone, which does not mix: that of most samples stands, of those which
  // tell one. Without a median, a decision of another process would read as one for what lives for good.
  const decided = parts.filter(({ confidence }) => confidence !== null);
  const teller = decided.reduce((a, b) => (b.samples > a.samples ? b : a), decided[0] ?? most);
  const lifetime = most.kind === 'placed' ? { lifetime: teller.lifetime } : {};
  const merged: ProfileContext = { ...most, ...mergeContexts(parts), ...lifetime };
  return { ...merged, ...mergeDecisions(merged, parts) };
}

type DecisionFields = Pick<
  ProfileContext,
  'generation' | 'confidence' | 'class' | 'ageMarkCompacts' | 'decidedAt' | 'decidedBy' | 'conflict'
>;

/** Processes vote by samples; a context that none could decide alone is decided on all samples together. */
function mergeDecisions(merged: ProfileContext, parts: readonly ProfileContext[]): DecisionFields {
  const decided = parts.filter(({ confidence }) => confidence !== null);
  if (decided.length === 0) return decideOnSums(merged);
  const votes = new Map<string, ProfileContext[]>();
  for (const part of decided) push(votes, voteOf(part), part);
  const weight = (group: readonly ProfileContext[]): number => sum(group, ({ samples }) => samples + 1);
  const [winners] = [...votes.values()].sort((a, b) => weight(b) - weight(a));
  const agreed = weight(winners!) / weight(decided);
  const best = winners!.reduce((a, b) => (b.samples > a.samples ? b : a));
  const sure = sum(winners!, ({ confidence, samples }) => confidence! * (samples + 1)) / weight(winners!);
  return {
    generation: best.generation,
    confidence: sure * agreed,
    class: best.class,
    ageMarkCompacts: best.ageMarkCompacts,
    decidedAt: Math.max(...winners!.map(({ decidedAt }) => decidedAt ?? 0)) || null,
    decidedBy: best.decidedBy,
    conflict: best.conflict,
  };
}

/** V8's contexts vote young or not, placed ones for a generation. */
function voteOf({ kind, generation }: ProfileContext): string {
  return kind === 'placed' ? String(generation) : generation === 0 ? 'young' : 'not young';
}

function decideOnSums(merged: ProfileContext): DecisionFields {
  const { survival, samples, kind } = merged;
  const share = survival[0]! > 0 ? survival[2]! / survival[0]! : 0;
  const { generation, confidence, ageMarkCompacts, decidedAt, decidedBy, conflict } = merged;
  const named =
    share < PROMOTED_SHARE
      ? 'young'
      : survival[15]! >= survival[2]! / 2
        ? ('long' as const)
        : ('middle' as const);
  if (kind !== 'v8' || samples < MIN_SAMPLES) {
    return { generation, confidence, class: named, ageMarkCompacts, decidedAt, decidedBy, conflict };
  }
  const error = Math.sqrt(Math.max(share * (1 - share), 1 / samples) / samples);
  return {
    generation: named === 'young' ? 0 : null,
    confidence: normalCdf(Math.abs(share - PROMOTED_SHARE) / error),
    class: named,
    ageMarkCompacts,
    decidedAt: merged.frames.length,
    decidedBy: 'samples',
    conflict,
  };
}

type Weighted<T> = readonly [value: T, weight: number];

/** The weighted mean of estimates, their errors taken for independent. */
function meanOf(parts: readonly Weighted<Estimate>[]): Estimate {
  const known = parts.filter(([{ value }, weight]) => value !== null && weight > 0);
  if (known.length === 0) return { value: null, low: null, high: null };
  const all = sum(known, ([, weight]) => weight);
  const value = sum(known, ([estimate, weight]) => estimate.value! * weight) / all;
  const error = (of: (estimate: Estimate) => number): number =>
    Math.sqrt(sum(known, ([estimate, weight]) => (of(estimate) * weight) ** 2)) / all;
  return {
    value,
    low: Math.max(0, value - error(({ value: v, low }) => v! - (low ?? v!))),
    high: value + error(({ value: v, high }) => (high ?? v!) - v!),
  };
}

function mergeAdvice(profiles: readonly Profile[]): Advice[] {
  const groups = new Map<string, Advice[]>();
  for (const { advice } of profiles) for (const one of advice) push(groups, JSON.stringify(one.frames), one);
  const pausesMs = sum(profiles, ({ gc: { pauseMs } }) =>
    sum([pauseMs.scavenge, pauseMs.markCompact], (kind) => kind.sum - kind.poll),
  );
  return [...groups.values()]
    .map((group): Advice => {
      const value = sum(group, ({ savedMs }) => savedMs.value ?? 0);
      const error = (bound: 'low' | 'high'): number =>
        Math.hypot(...group.map(({ savedMs }) => (savedMs[bound] ?? 0) - (savedMs.value ?? 0)));
      return {
        ...group[0]!,
        contexts: [...new Set(group.flatMap(({ contexts }) => contexts))],
        copiedBytes: sum(group, ({ copiedBytes }) => copiedBytes),
        markedBytes: sum(group, ({ markedBytes }) => markedBytes),
        savedMs: { value, low: Math.max(0, value - error('low')), high: value + error('high') },
        share: pausesMs > 0 ? Math.min(1, value / pausesMs) : 0,
        samples: sum(group, ({ samples }) => samples),
      };
    })
    .sort((a, b) => b.savedMs.value! - a.savedMs.value!);
}

function push<T>(groups: Map<string, T[]>, key: string, item: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [item]);
  else group.push(item);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
