import type { LifetimeCell } from './aggregates.js';

/** Longest grid a curve is kept on; finer data are rounded outwards to a sixteenth of an octave. */
const MAX_GRID = 256;
const MAX_ITERATIONS = 200;
/** Change per round, in standard errors of a share, below which iterating tells nothing more. */
const TOLERANCE = 1e-3;

/**
 * An estimated survival function on a grid of ages: `survival[j]` is the share of objects that live longer than
 * `ages[j]`. Between two grid points nothing is known but the drop.
 */
export interface SurvivalCurve {
  /** Ascending, from 0 to the longest lifetime that could be observed (the horizon). */
  readonly ages: readonly number[];
  readonly survival: readonly number[];
  /** Size of the binomial sample that would leave the same uncertainty about `survival[j]` (Cutler and Ederer). */
  readonly effectiveSize: readonly number[];
  /** Greenwood's term of each drop, d / (Y (Y - d)) in effective counts; drop j leads from ages[j] to ages[j + 1]. */
  readonly hazardVariance: readonly number[];
  /** Observed deaths in effective counts. */
  readonly effectiveDeaths: number;
}

/** Weights by grid cell; a cell is the span (ages[j], ages[j + 1]]. */
interface Grid {
  readonly ages: readonly number[];
  /** Deaths known to lie in one cell, as weight and squared weight. */
  readonly deaths: Float64Array;
  readonly deathsSquared: Float64Array;
  /** Living objects, last seen at ages[j]. */
  readonly censored: Float64Array;
  readonly censoredSquared: Float64Array;
  /** Deaths known to lie in cells [from, to). */
  readonly spread: readonly SpreadDeath[];
}

interface SpreadDeath {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
  readonly weightSquared: number;
}

/**
 * Fits the non-parametric maximum likelihood estimate to lifetimes of which some are known exactly, some within
 * an interval and some only from below. Where every death lies in one cell of the grid this is Kaplan and
 * Meier's estimate, in one pass; else Turnbull's (JASA 1974) self-consistency iteration: expected deaths a cell,
 * then the product limit, at most 200 rounds, each linear in cells.
 *
 * @returns the curve, or `null` when there is no sample at all.
 */
export function fitSurvival(cells: readonly LifetimeCell[]): SurvivalCurve | null {
  const grid = toGrid(cells);
  if (grid === null) return null;
  const count = grid.ages.length - 1;
  const expected = Float64Array.from(grid.deaths);
  let survival = spreadEvenly(grid, expected) ? productLimit(grid, expected) : null;
  if (survival === null) survival = productLimit(grid, expected);
  else survival = iterate(grid, expected, survival);
  return withUncertainty(grid, expected, survival, count);
}

function toGrid(cells: readonly LifetimeCell[]): Grid | null {
  const used = cells.filter((cell) => cell[3] > 0);
  if (used.length === 0) return null;
  let ages = distinctAges(used);
  let lows = (age: number): number => age;
  let highs = lows;
  if (ages.length > MAX_GRID) {
    lows = roundDown;
    highs = roundUp;
    ages = distinctAges(used.map(([low, high, ...rest]) => [lows(low), high && highs(high), ...rest]));
  }
  const index = new Map(ages.map((age, j) => [age, j]));
  const size = ages.length;
  const grid = {
    ages,
    deaths: new Float64Array(size),
    deathsSquared: new Float64Array(size),
    censored: new Float64Array(size),
    censoredSquared: new Float64Array(size),
    spread: [] as SpreadDeath[],
  };
  for (const [low, high, , weight, weightSquared] of used) {
    const from = index.get(lows(low))!;
    if (high === null) {
      grid.censored[from]! += weight;
      grid.censoredSquared[from]! += weightSquared;
      continue;
    }
    const to = Math.max(index.get(highs(high))!, 1);
    if (to - from <= 1) {
      grid.deaths[to - 1]! += weight;
      grid.deathsSquared[to - 1]! += weightSquared;
    } else grid.spread.push({ from, to, weight, weightSquared });
  }
  return grid;
}

function distinctAges(cells: readonly LifetimeCell[]): number[] {
  const ages = new Set<number>([0]);
  for (const [low, high] of cells) {
    ages.add(low);
    if (high !== null) ages.add(high);
  }
  return [...ages].sort((a, b) => a - b);
}

function roundDown(age: number): number {
  return age <= 0 ? 0 : 2 ** (Math.floor(Math.log2(age) * 16 + 1e-9) / 16);
}

function roundUp(age: number): number {
  return age <= 0 ? 0 : 2 ** (Math.ceil(Math.log2(age) * 16 - 1e-9) / 16);
}

/** Starting point: a death of several cells counts in each alike. @returns false when there is none such. */
function spreadEvenly(grid: Grid, expected: Float64Array): boolean {
  for (const { from, to, weight } of grid.spread) {
    for (let j = from; j < to; j++) expected[j]! += weight / (to - from);
  }
  return grid.spread.length > 0;
}

/** Kaplan-Meier: survival at each age from deaths and censorings by cell. */
function productLimit(
  grid: Grid,
  deaths: Float64Array,
  survival: Float64Array = new Float64Array(grid.ages.length),
): Float64Array {
  const atRisk = riskSet(deaths, grid.censored, survival);
  let here = 1;
  for (let j = 0; j < survival.length; j++) {
    const risk = atRisk[j]!;
    survival[j] = here;
    const left = risk > 0 ? 1 - deaths[j]! / risk : 1;
    // The sums run from the far end, so that the last death leaves rounding, not nothing.
    here = left < 1e-12 ? 0 : here * left;
  }
  return survival;
}

/** Weight of the objects that live at the start of each cell and are watched to its end. */
function riskSet(
  deaths: Float64Array,
  censored: Float64Array,
  atRisk: Float64Array = new Float64Array(deaths.length),
): Float64Array {
  let sum = 0;
  for (let j = deaths.length - 1; j >= 0; j--) {
    sum += deaths[j]!;
    atRisk[j] = sum;
    sum += censored[j]!;
  }
  return atRisk;
}

function iterate(grid: Grid, expected: Float64Array, start: Float64Array): Float64Array {
  let survival = start;
  // Two buffers in turn: thousands of fits of hundreds of rounds would else be garbage in the profiled app.
  let next: Float64Array = new Float64Array(start.length);
  const density = new Float64Array(start.length + 1);
  const tolerance = TOLERANCE / Math.sqrt(sampleSize(grid));
  for (let round = 0; round < MAX_ITERATIONS; round++) {
    expectedDeaths(grid, survival, expected, density);
    productLimit(grid, expected, next);
    let change = 0;
    for (let j = 0; j < next.length; j++) change = Math.max(change, Math.abs(next[j]! - survival[j]!));
    [survival, next] = [next, survival];
    if (change < tolerance) break;
  }
  return survival;
}

/** Of all samples, those with a known cell included. */
function sampleSize(grid: Grid): number {
  let weight = 0;
  let squared = 0;
  for (let j = 0; j < grid.ages.length; j++) {
    weight += grid.deaths[j]! + grid.censored[j]!;
    squared += grid.deathsSquared[j]! + grid.censoredSquared[j]!;
  }
  for (const death of grid.spread) {
    weight += death.weight;
    squared += death.weightSquared;
  }
  return Math.max(1, effective(weight, squared));
}

/** @param density scratch, one longer than the grid. */
function expectedDeaths(
  grid: Grid,
  survival: Float64Array,
  into: Float64Array,
  density: Float64Array,
  squared = false,
): void {
  const exact = squared ? grid.deathsSquared : grid.deaths;
  density.fill(0);
  for (const death of grid.spread) {
    const share = survival[death.from]! - survival[death.to]!;
    // A span that the curve crosses without a drop (possible only by underflow) keeps what it had.
    if (share <= 0) continue;
    const amount = (squared ? death.weightSquared : death.weight) / share;
    density[death.from]! += amount;
    density[death.to]! -= amount;
  }
  let running = 0;
  for (let j = 0; j + 1 < into.length; j++) {
    running += density[j]!;
    const drop = survival[j]! - survival[j + 1]!;
    into[j] = exact[j]! + (running > 0 ? drop * running : 0);
  }
}

function withUncertainty(
  grid: Grid,
  deaths: Float64Array,
  survival: Float64Array,
  count: number,
): SurvivalCurve {
  const squared = Float64Array.from(grid.deathsSquared);
  if (grid.spread.length > 0) expectedDeaths(grid, survival, squared, new Float64Array(count + 2), true);
  const risk = riskSet(deaths, grid.censored);
  const riskSquared = riskSet(squared, grid.censoredSquared);
  const unresolved = unresolvedShare(grid, risk[0]! + grid.censored[0]!);
  const hazardVariance: number[] = [];
  const effectiveSize: number[] = [effective(risk[0]!, riskSquared[0]!)];
  let greenwood = 0;
  let effectiveDeaths = 0;
  for (let j = 0; j < count; j++) {
    const size = effective(risk[j]!, riskSquared[j]!);
    const scale = risk[j]! > 0 ? size / risk[j]! : 0;
    const died = deaths[j]! * scale;
    effectiveDeaths += died;
    const term = size > died && died > 0 ? died / (size * (size - died)) : 0;
    hazardVariance.push(term);
    greenwood += term;
    const here = survival[j + 1]!;
    const informed = greenwood > 0 && here > 0 ? (1 - here) / (here * greenwood) : size;
    effectiveSize.push(informed * (1 - unresolved[j + 1]!));
  }
  return {
    ages: grid.ages,
    survival: Array.from(survival),
    effectiveSize,
    hazardVariance,
    effectiveDeaths,
  };
}

/** (sum w)^2 / sum w^2: the number of equally weighted samples that would tell as much. */
function effective(weight: number, weightSquared: number): number {
  return weightSquared > 0 ? (weight * weight) / weightSquared : 0;
}

/**
 * At each age the share of objects of which it is not known whether they lived longer: they tell nothing about
 * survival there, which Greenwood's formula, made for exact deaths, would overlook.
 */
function unresolvedShare(grid: Grid, total: number): Float64Array {
  const straddling = new Float64Array(grid.ages.length + 1);
  for (const { from, to, weight } of grid.spread) {
    straddling[from + 1]! += weight / total;
    straddling[to]! -= weight / total;
  }
  let running = 0;
  for (let j = 0; j < straddling.length; j++) {
    running += straddling[j]!;
    straddling[j] = Math.min(1, Math.max(0, running));
  }
  return straddling;
}
