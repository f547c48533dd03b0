/**
 * What tells the objects of one site apart, cheapest first. The site itself, and with it the cache (which has a site of
 * its own), comes before all of these and costs nothing.
 */
export const TTL = 0;
export const SIZE = 1;
export const KEY = 2;
/** The allocating frame; each feature after it, to CALLER + CALLER_DEPTH - 1, takes one caller more. */
export const CALLER = 3;
export const CALLER_DEPTH = 7;
export const SCOPE: number = CALLER + CALLER_DEPTH;
export const FEATURES: number = SCOPE + 1;

/** A set of features, one bit each. */
export type FeatureSet = number;

export const NO_FEATURES: FeatureSet = 0;
export const ALL_FEATURES: FeatureSet = (1 << FEATURES) - 1;
/** Set in the contexts of a probe, so that none of them is taken for one of those that the site is told apart into. */
export const PROBED: FeatureSet = 1 << FEATURES;
export const ALL_CALLERS: FeatureSet = ((1 << CALLER_DEPTH) - 1) << CALLER;

export function has(set: FeatureSet, feature: number): boolean {
  return (set & (1 << feature)) !== 0;
}

/** Frames that must be captured for a set: 0 where no caller is in it. */
export function framesOf(set: FeatureSet): number {
  const callers = (set & ALL_CALLERS) >>> CALLER;
  return 32 - Math.clz32(callers);
}

/** What a feature costs in the allocation path, relatively: a set's cost is the sum. */
function costOf(feature: number): number {
  if (feature === SCOPE) return 200;
  if (feature >= CALLER) return 100 + feature - CALLER;
  return feature === KEY ? 10 : 1;
}

function costOfSet(set: FeatureSet): number {
  let cost = 0;
  for (let feature = 0; feature < FEATURES; feature++) if (has(set, feature)) cost += costOf(feature);
  return cost;
}

/** Every set that is worth a try among `varying` features, cheapest first: one level of callers at most. */
export function candidateSets(varying: FeatureSet): FeatureSet[] {
  const sets: FeatureSet[] = [];
  const others = [TTL, SIZE, KEY, SCOPE].filter((feature) => has(varying, feature));
  const callers = Array.from({ length: CALLER_DEPTH }, (_, depth) => CALLER + depth);
  const levels = [-1, ...callers.filter((feature) => has(varying, feature))];
  for (let pick = 0; pick < 1 << others.length; pick++) {
    const base = others.reduce((set, feature, i) => ((pick >> i) & 1 ? set | (1 << feature) : set), 0);
    for (const level of levels) sets.push(level < 0 ? base : base | (1 << level));
  }
  const priced = sets.filter((set) => set !== NO_FEATURES).map((set) => ({ set, cost: costOfSet(set) }));
  return priced.sort((a, b) => a.cost - b.cost).map(({ set }) => set);
}

/** Bucket of a time to live: one a doubling; 0 without one. */
export function ttlBucket(ttlMs: number): number {
  return ttlMs >= 1 ? 32 - Math.clz32(Math.min(ttlMs, 0x7fffffff)) : 0;
}

/** Size class: one a doubling. */
export function sizeClass(byteLength: number): number {
  return 32 - Math.clz32(byteLength);
}

/** Names of features in profiles and messages. */
export function featureName(feature: number): string {
  if (feature === TTL) return 'ttl';
  if (feature === SIZE) return 'size';
  if (feature === KEY) return 'key';
  return feature === SCOPE ? 'scope' : `caller${feature - CALLER}`;
}

/** A feature's value for a person; callers and scopes are told by whoever knows their names. */
export function valueText(feature: number, value: number): string {
  if (feature === TTL) return value === 0 ? 'none' : `${2 ** (value - 1)}-${2 ** value - 1} ms`;
  if (feature === SIZE) return value === 0 ? '0 B' : `${2 ** (value - 1)}-${2 ** value - 1} B`;
  return String(value);
}
