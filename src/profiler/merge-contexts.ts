import type { Estimate, LifetimeClass, LifetimeSummary, ProfileContext } from './profile.js';

/** What several contexts of a profile come to together. */
export type MergedContexts = Pick<
  ProfileContext,
  'samples' | 'allocated' | 'live' | 'survival' | 'deaths' | 'lifetime' | 'estimated' | 'class'
>;

type Clock = keyof ProfileContext['lifetime'];

/** What a profile tells of one context's distribution of lifetimes in one clock. */
interface KnownShares {
  readonly objects: number;
  /** Shares of objects collected by an age, both ascending. */
  readonly points: readonly (readonly [age: number, share: number])[];
  /** Beyond that age nothing is known. */
  readonly until: number;
}

/**
 * The contexts as one. Counts are sums; survival is exact as far as theirs is. Quantiles of lifetimes are those
 * of the contexts' distributions mixed by objects, each drawn as straight lines through the ages and quantiles that
 * the profile holds: right to within the gaps between those, without intervals of their own (`low` and `high` are what is
 * known for sure). The class is the one that most samples have.
 *
 * @param contexts at least one. Cost: linear in them.
 */
export function mergeContexts(contexts: readonly ProfileContext[]): MergedContexts {
  if (contexts.length === 1) return contexts[0]!;
  const total = (of: (context: ProfileContext) => number): number =>
    contexts.reduce((sum, context) => sum + of(context), 0);
  const bytes = total((context) => context.allocated.bytes);
  const estimatedBytes = total(({ estimated, allocated }) => estimated * allocated.bytes);
  return {
    samples: total(({ samples }) => samples),
    allocated: { objects: total(({ allocated }) => allocated.objects), bytes },
    live: { objects: total(({ live }) => live.objects), bytes: total(({ live }) => live.bytes) },
    survival: contexts[0]!.survival.map((_, age) => total(({ survival }) => survival[age] ?? 0)),
    deaths: { young: total(({ deaths }) => deaths.young), old: total(({ deaths }) => deaths.old) },
    lifetime: {
      gcCycles: mergeLifetimes(contexts, 'gcCycles'),
      bytes: mergeLifetimes(contexts, 'bytes'),
      ms: mergeLifetimes(contexts, 'ms'),
    },
    estimated: bytes > 0 ? estimatedBytes / bytes : 0,
    class: commonestClass(contexts),
  };
}

/** The class of most samples. */
export function commonestClass(contexts: readonly ProfileContext[]): LifetimeClass {
  const samples: Record<LifetimeClass, number> = { young: 0, middle: 0, long: 0 };
  for (const context of contexts) samples[context.class] += context.samples;
  return (['young', 'middle', 'long'] as const).reduce((a, b) => (samples[b] > samples[a] ? b : a));
}

function mergeLifetimes(contexts: readonly ProfileContext[], clock: Clock): LifetimeSummary {
  const parts = contexts.map((context) => knownShares(context, clock)).filter(({ objects }) => objects > 0);
  const objects = parts.reduce((sum, part) => sum + part.objects, 0);
  const over = (of: (summary: LifetimeSummary) => number): number =>
    contexts.reduce((sum, { lifetime, allocated }) => sum + allocated.objects * of(lifetime[clock]), 0) /
    Math.max(objects, Number.MIN_VALUE);
  return {
    mean: { value: over(({ mean }) => mean.value ?? 0), low: null, high: null },
    p50: mixedQuantile(parts, objects, 0.5, clock),
    p90: mixedQuantile(parts, objects, 0.9, clock),
    p99: mixedQuantile(parts, objects, 0.99, clock),
    horizon: contexts.reduce<number | null>((most, { lifetime }) => {
      const { horizon } = lifetime[clock];
      return horizon === null ? most : Math.max(most ?? 0, horizon);
    }, null),
    beyond: over(({ beyond }) => beyond),
  };
}

function knownShares({ lifetime, survival, allocated }: ProfileContext, clock: Clock): KnownShares {
  const { p50, p90, p99, horizon, beyond } = lifetime[clock];
  if (horizon === null || !(survival[0]! > 0)) return { objects: 0, points: [], until: 0 };
  const points: [number, number][] = [[0, 0]];
  const add = (age: number | null, share: number): void => {
    const [lastAge, lastShare] = points.at(-1)!;
    if (age !== null && age > lastAge) points.push([age, Math.max(share, lastShare)]);
  };
  if (clock === 'gcCycles') {
    for (let age = 1; age < survival.length && age <= horizon; age++)
      add(age, 1 - survival[age]! / survival[0]!);
  }
  add(p50.value, 0.5);
  // Of garbage more may die with the median, in the first GC: a straight line to p90 would have it live on.
  const garbage = 1 - survival[1]! / survival[0]!;
  if (clock !== 'gcCycles' && p50.value !== null && lifetime.gcCycles.p50.value === 1 && garbage < 0.9) {
    add(p50.value * (garbage / 0.5), garbage);
  }
  add(p90.value, 0.9);
  add(p99.value, 0.99);
  add(horizon, 1 - beyond);
  return { objects: allocated.objects, points, until: beyond > 0 ? horizon : Number.POSITIVE_INFINITY };
}

/** @returns the share collected by `age`, taken to be the least (nobody dies unseen) or the most that it can be. */
function shareAt({ points, until }: KnownShares, age: number, unseen: 'least' | 'most'): number {
  if (age > until && unseen === 'most') return 1;
  let before = points[0]!;
  for (const point of points) {
    if (point[0] >= age) {
      const width = point[0] - before[0];
      return width === 0 ? point[1] : before[1] + ((point[1] - before[1]) * (age - before[0])) / width;
    }
    before = point;
  }
  return before[1];
}

function mixedQuantile(
  parts: readonly KnownShares[],
  objects: number,
  share: number,
  clock: Clock,
): Estimate {
  const ages = [...new Set(parts.flatMap(({ points }) => points.map(([age]) => age)))].sort((a, b) => a - b);
  const crossing = (unseen: 'least' | 'most'): number | null => {
    let before: readonly [age: number, share: number] = [0, 0];
    for (const age of ages) {
      const reached =
        parts.reduce((sum, part) => sum + part.objects * shareAt(part, age, unseen), 0) / objects;
      if (reached >= share - 1e-9) {
        const rise = reached - before[1];
        const within = rise > 0 ? before[0] + ((age - before[0]) * (share - before[1])) / rise : age;
        return clock === 'gcCycles' ? Math.max(1, Math.ceil(within - 1e-9)) : within;
      }
      before = [age, reached];
    }
    return null;
  };
  const value = crossing('least');
  return { value, low: crossing('most') ?? ages.at(-1) ?? null, high: value };
}
