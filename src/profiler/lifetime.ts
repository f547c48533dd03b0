import type { LifetimeCell } from './aggregates.js';
import type { Estimate, LifetimeSummary } from './profile.js';
import { fitSurvival, type SurvivalCurve } from './survival.js';

/** Normal quantile of a two-sided 95 % interval. */
const Z = 1.959964;
/** Student's quantiles of the same interval, by degrees of freedom. */
const STUDENT = [
  Number.NaN,
  12.706,
  4.303,
  3.182,
  2.776,
  2.571,
  2.447,
  2.365,
  2.306,
  2.262,
  2.228,
  2.201,
  2.179,
  2.16,
  2.145,
  2.131,
];
/** Of a two-sided 95 % interval, what may lie beyond one end. */
const TAIL = 0.025;
/** Below this many deaths the normal approximation of the mean's error is not trusted. */
const FEW_DEATHS = 10;

/** How a clock counts: GC cycles come whole, bytes and ms do not. */
export type ClockKind = 'discrete' | 'continuous';

/** A lifetime distribution in one clock: the curve with its pointwise 95 % band. */
export interface LifetimeDistribution {
  readonly clock: ClockKind;
  readonly curve: SurvivalCurve;
  readonly lowerBand: readonly number[];
  readonly upperBand: readonly number[];
  readonly precision: Precision;
}

/** What the draw of cohorts takes from the precision that the number of samples suggests. */
export interface Precision {
  /** >= 1: how much wider than for independent samples the variance is; see designEffect(). */
  readonly designEffect: number;
  /**
   * Share of births that may have fared otherwise as a whole without any cohort showing it: a cycle whose garbage is
   * promoted in one go is a rare event that no number of samples of other cycles excludes. 0 where every cycle is
   * a cohort.
   */
  readonly unseen: number;
  /** The largest such share that the draw of cohorts would still have missed with a probability of 2.5 %. */
  readonly unseenAtMost: number;
}

export const FULL_PRECISION: Precision = { designEffect: 1, unseen: 0, unseenAtMost: 0 };

const UNKNOWN: Estimate = { value: null, low: null, high: null };

/** What is said of lifetimes nobody saw. */
export const UNKNOWN_LIFETIME: LifetimeSummary = {
  mean: UNKNOWN,
  p50: UNKNOWN,
  p90: UNKNOWN,
  p99: UNKNOWN,
  horizon: null,
  beyond: 0,
};

/**
 * The lifetime distribution that a table of cells speaks of.
 *
 * @returns `null` without samples. Cost: linear in cells where deaths are exact, see fitSurvival.
 */
export function lifetimeDistribution(
  cells: readonly LifetimeCell[],
  clock: ClockKind,
  precision: Precision = FULL_PRECISION,
): LifetimeDistribution | null {
  const curve = fitSurvival(cells);
  if (curve === null) return null;
  const lowerBand: number[] = [];
  const upperBand: number[] = [];
  for (let j = 0; j < curve.ages.length; j++) {
    const share = curve.survival[j]!;
    const [low, high] = j === 0 ? [1, 1] : wilson(share, curve.effectiveSize[j]! / precision.designEffect);
    const unseen = j === 0 ? 0 : precision.unseen;
    lowerBand.push(Math.max(0, share - Math.hypot(share - low, unseen * share)));
    const upper = Math.min(1, share + Math.hypot(high - share, unseen * (1 - share)));
    upperBand.push(j === 0 ? upper : Math.min(upper, upperBand[j - 1]!));
  }
  for (let j = lowerBand.length - 2; j > 0; j--) lowerBand[j] = Math.max(lowerBand[j]!, lowerBand[j + 1]!);
  return { clock, curve, lowerBand, upperBand, precision };
}

/**
 * Wilson's interval for a share estimated from `size` effective samples. With the size from Greenwood's variance
 * this is Rothman's (1978) interval for a survival curve, which holds its level at shares near 0 and 1 and in
 * small samples, where a normal interval does not.
 */
function wilson(share: number, size: number): [low: number, high: number] {
  if (!(size > 0)) return [0, 1];
  const z2 = (Z * Z) / size;
  const centre = (share + z2 / 2) / (1 + z2);
  const half = (Z / (1 + z2)) * Math.sqrt((share * (1 - share)) / size + z2 / (4 * size));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** Mean, quantiles and horizon with 95 % intervals. */
export function summariseLifetime(distribution: LifetimeDistribution | null): LifetimeSummary {
  if (distribution === null) return UNKNOWN_LIFETIME;
  const { ages, survival } = distribution.curve;
  return {
    mean: restrictedMean(distribution),
    p50: lifetimeQuantile(distribution, 0.5),
    p90: lifetimeQuantile(distribution, 0.9),
    p99: lifetimeQuantile(distribution, 0.99),
    horizon: ages.at(-1)!,
    beyond: survival.at(-1)!,
  };
}

/** Share of objects that live longer than `age`; past the horizon the last value known. */
export function survivalAt({ clock, curve }: LifetimeDistribution, age: number): number {
  const { ages, survival } = curve;
  let j = ages.length - 1;
  if (age >= ages[j]!) return survival[j]!;
  while (ages[j]! > age) j--;
  const from = ages[j]!;
  const width = ages[j + 1]! - from;
  const inside = clock === 'discrete' ? Math.floor(age - from) : age - from;
  return survival[j]! - (survival[j]! - survival[j + 1]!) * (inside / width);
}

/** Age by which `share` of the objects were collected, with its interval. */
export function lifetimeQuantile(
  { clock, curve, lowerBand, upperBand }: LifetimeDistribution,
  share: number,
): Estimate {
  const { ages, survival } = curve;
  const left = 1 - share + 1e-12;
  const firstAtMost = (values: readonly number[]): number => values.findIndex((value) => value <= left);
  const at = firstAtMost(survival);
  const atLow = firstAtMost(lowerBand);
  const atHigh = firstAtMost(upperBand);
  const step = clock === 'discrete' ? 1 : 0;
  return {
    value: at < 0 ? null : interpolate(clock, curve, at, left),
    low: atLow < 0 ? ages.at(-1)! : ages[atLow - 1]! + step,
    high: atHigh < 0 ? null : ages[atHigh]!,
  };
}

function interpolate(clock: ClockKind, { ages, survival }: SurvivalCurve, at: number, left: number): number {
  const from = ages[at - 1]!;
  const width = ages[at]! - from;
  const inside = width * Math.min(1, (survival[at - 1]! - left) / (survival[at - 1]! - survival[at]!));
  return clock === 'discrete' ? from + Math.max(1, Math.ceil(inside - 1e-9)) : from + inside;
}

function restrictedMean(distribution: LifetimeDistribution): Estimate {
  const { clock, curve, precision } = distribution;
  const { ages, survival, hazardVariance } = curve;
  const areas = cellAreas(clock, ages, survival);
  let variance = 0;
  let remaining = 0;
  for (let j = hazardVariance.length - 1; j >= 0; j--) {
    variance += remaining * remaining * hazardVariance[j]!;
    remaining += areas[j]!;
  }
  const value = remaining;
  const slack = placementSlack(clock, ages, survival);
  const half = Z * Math.sqrt(variance * precision.designEffect) + slack;
  const horizon = ages.at(-1)!;
  const least = clock === 'discrete' ? 1 : 0;
  let low = value - Math.hypot(half, precision.unseen * Math.max(0, value - least));
  // A cycle promoted as a whole adds to the life of what else dies at once, up to the horizon.
  const diesAtOnce = 1 - (survival[1] ?? 0);
  const unseenHigh = Math.max(
    precision.unseen * (horizon - value),
    precision.unseenAtMost * diesAtOnce * (horizon - (ages[1] ?? horizon)),
  );
  let high = value + Math.hypot(half, unseenHigh);
  if (curve.effectiveDeaths / precision.designEffect < FEW_DEATHS || variance === 0) {
    low = Math.min(low, sum(cellAreas(clock, ages, distribution.lowerBand)));
    high = Math.max(high, sum(cellAreas(clock, ages, distribution.upperBand)));
  }
  return { value, low: Math.max(Math.min(least, value), low), high: Math.min(high, horizon) };
}

/** Integral of a survival curve over each grid cell, deaths spread evenly over the cell. */
function cellAreas(clock: ClockKind, ages: readonly number[], survival: readonly number[]): number[] {
  const areas: number[] = [];
  for (let j = 0; j + 1 < ages.length; j++) {
    const width = ages[j + 1]! - ages[j]!;
    const lost = clock === 'discrete' ? (width - 1) / 2 : width / 2;
    areas.push(width * survival[j]! - lost * (survival[j]! - survival[j + 1]!));
  }
  return areas;
}

/**
 * How far the mean may lie off because deaths in a wide cell are put in its middle. Continuous clocks come
 * in cells an eighth of an octave wide, whose middle is as good as the truth: only what is wider counts.
 */
function placementSlack(clock: ClockKind, ages: readonly number[], survival: readonly number[]): number {
  let slack = 0;
  for (let j = 0; j + 1 < ages.length; j++) {
    const width = ages[j + 1]! - ages[j]!;
    const unknown = clock === 'discrete' ? width - 1 : Math.max(0, width - 0.1 * ages[j + 1]!);
    slack += (survival[j]! - survival[j + 1]!) * (unknown / 2);
  }
  return slack;
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/**
 * How much wider than for independent samples a variance is because lives of one cohort are alike (they meet
 * the same mark-compacts), estimated from the spread between groups of cohorts.
 *
 * @param cells lifetimes in GC cycles of the same samples as `groups`.
 * @param inclusion share of births that lay in cohorts: where all do, which cohorts were drawn adds no error.
 * @returns 1 or more; 1 where groups are absent.
 */
export function designEffect(
  cells: readonly LifetimeCell[],
  groups: readonly (readonly [weight: number, weightedLife: number])[] | undefined,
  inclusion: number,
): number {
  const filled = groups?.filter(([weight]) => weight > 0) ?? [];
  if (filled.length < 2) return 1;
  const moments = observedMoments(cells);
  if (!(moments.variance > 0)) return 1;
  const weight = sum(filled.map((group) => group[0]));
  const mean = sum(filled.map((group) => group[1])) / weight;
  let between = 0;
  for (const [groupWeight, life] of filled) between += (life - mean * groupWeight) ** 2;
  between *= filled.length / (filled.length - 1) / (weight * weight);
  // So few groups tell their own variance badly: Student's quantile in place of the normal one.
  const ratio = (between / moments.variance) * ((STUDENT[filled.length - 1] ?? Z) / Z) ** 2;
  return Math.max(1, 1 + (1 - Math.min(1, inclusion)) * (ratio - 1));
}

/**
 * The precision of a context's estimates.
 *
 * @param inclusion share of births that lay in cohorts. @param cohorts how many cohorts there were.
 */
export function precisionOf(
  cells: readonly LifetimeCell[],
  groups: readonly (readonly [weight: number, weightedLife: number])[] | undefined,
  inclusion: number,
  cohorts: number,
): Precision {
  const share = Math.min(1, inclusion);
  // All of so many cycles lie outside of the draw with that probability; there are cohorts / share cycles.
  const missedCycles = Math.log(TAIL) / Math.log1p(-share);
  return {
    designEffect: designEffect(cells, groups, inclusion),
    unseen: (1 - share) / (cohorts + 1),
    unseenAtMost: share > 0 ? Math.min(1, (missedCycles * share) / Math.max(1, cohorts)) : 1,
  };
}

/** Variance of the mean observed life (death or last seen) of independent samples. */
function observedMoments(cells: readonly LifetimeCell[]): { variance: number } {
  let weight = 0;
  let squared = 0;
  let life = 0;
  let lifeSquared = 0;
  for (const [low, high, , w, w2] of cells) {
    const age = high === null ? low : (low + 1 + high) / 2;
    weight += w;
    squared += w2;
    life += w * age;
    lifeSquared += w * age * age;
  }
  if (!(weight > 0)) return { variance: 0 };
  const mean = life / weight;
  return { variance: (lifeSquared / weight - mean * mean) * (squared / (weight * weight)) };
}
