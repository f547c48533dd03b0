import type { AgeHistogram } from './age-histogram.js';

/** Births that must speak for an age, as a share of all: beyond, the table says no more than "older". */
const LEAST_SUPPORT = 0.25;
/** Objects that must have been watched at an age. */
const LEAST_AT_RISK = 8;

/** A lifetime distribution by columns of age: the life table (Kaplan and Meier's estimate on columns). */
export interface LifeTable {
  readonly edges: Float64Array;
  /** Columns known; those beyond are part of the tail. */
  readonly columns: number;
  /** Share of objects that die in each column. */
  readonly mass: Float64Array;
  /** Share that lives to the start of each column; one more than there are columns. */
  readonly survival: Float64Array;
  /** Share that outlives the last column known. */
  readonly tail: number;
  /** Number of independent births that the least certain column known rests on. */
  readonly support: number;
  /** Objects observed, dead and living. */
  readonly observed: number;
}

/** The life table of a histogram, with the living as censored in the middle of their column. */
export function lifeTable({ deathsByAge, liveByAge, ageEdges }: AgeHistogram): LifeTable {
  const all = deathsByAge.length;
  let observed = 0;
  for (let i = 0; i < all; i++) observed += deathsByAge[i]! + liveByAge[i]!;
  const mass = new Float64Array(all);
  const survival = new Float64Array(all + 1);
  survival[0] = 1;
  let atRisk = observed;
  let support = observed;
  let columns = 0;
  for (let i = 0; i < all && atRisk > 1e-9; i++) {
    const watched = atRisk - liveByAge[i]! / 2;
    const here = watched / survival[i]!;
    if (i > 0 && (watched < LEAST_AT_RISK || here < LEAST_SUPPORT * observed)) break;
    support = Math.min(support, here);
    mass[i] = survival[i]! * Math.min(1, watched > 0 ? deathsByAge[i]! / watched : 0);
    survival[i + 1] = Math.max(0, survival[i]! - mass[i]!);
    atRisk -= deathsByAge[i]! + liveByAge[i]!;
    columns = i + 1;
    if (survival[i + 1]! < 1e-9) break;
  }
  return { edges: ageEdges, columns, mass, survival, tail: survival[columns]!, support, observed };
}

/** Share that lives beyond `age`, deaths spread evenly over a column. */
export function sharePast(table: LifeTable, age: number): number {
  const { edges, columns, mass, survival, tail } = table;
  if (age <= 0) return 1;
  if (age >= edges[columns]!) return tail;
  let i = 0;
  while (edges[i + 1]! <= age) i++;
  return survival[i]! - (mass[i]! * (age - edges[i]!)) / (edges[i + 1]! - edges[i]!);
}

/**
 * The age by which `share` of the objects in columns [from, to) have died. In columns of one cycle it is the cycle
 * itself: ROLP's ages are whole.
 *
 * @returns Infinity when that lies in the tail.
 */
export function ageAtShare(table: LifeTable, share: number, from = 0, to: number = table.columns): number {
  const { edges, mass, columns, tail } = table;
  let all = to === columns ? tail : 0;
  for (let i = from; i < to; i++) all += mass[i]!;
  let wanted = share * all;
  for (let i = from; i < to; i++) {
    if (mass[i]! > 0 && mass[i]! >= wanted - 1e-12) {
      const width = edges[i + 1]! - edges[i]!;
      return width <= 1 ? edges[i]! : edges[i]! + width * (wanted / mass[i]!);
    }
    wanted -= mass[i]!;
  }
  return Number.POSITIVE_INFINITY;
}
