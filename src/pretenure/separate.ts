import type { ContextTable } from './context-table.js';
import { candidateSets, FEATURES, type FeatureSet, has, NO_FEATURES } from './features.js';
import { type Ages, agesOfRow, horizonOf, noAges, spreadOf } from './spread.js';

/** A group with fewer blocks says nothing yet. */
const LEAST_GROUP = 16;
/** All together must be so many. */
const LEAST_TOTAL = 96;
/** The part of the spread that a split must explain, and least in octaves, to be worth its cost. */
const LEAST_GAIN = 0.35;
const LEAST_SPREAD_GAIN = 0.15;
/** A cheaper set is taken if it explains this part of what the best one does. */
const NEARLY_AS_GOOD = 0.9;
/** More values than that of one feature are data, not code: it is not split by. */
const MOST_GROUPS = 64;

export interface Separation {
  readonly features: FeatureSet;
  /** Part of the spread of lifetimes that the features explain, 0 to 1. */
  readonly gain: number;
}

/**
 * The cheapest set of features that tells lifetimes apart (ROLP's minimal set of call sites, papers.md R6): every
 * candidate set groups the same observations, so that one window serves the whole search.
 *
 * @param rows contexts told apart by all features that were looked at, brought up to one cycle.
 * @returns null while there are too few births, a separation without features if nothing tells the lifetimes apart.
 */
export function separate(table: ContextTable, rows: readonly number[]): Separation | null {
  const ages = rows.map((row) => agesOfRow(table, row));
  const all = sumOf(ages);
  if (all.total < LEAST_TOTAL) return null;
  const horizon = horizonOf(all);
  const spread = spreadOf(all, horizon);
  const gains = new Map<FeatureSet, number>();
  let best = 0;
  for (const set of candidateSets(varying(table, rows))) {
    const groups = group(table, rows, ages, set);
    if (groups === null) continue;
    const gain = gainOf(groups, spread, horizon, all.total);
    gains.set(set, gain);
    best = Math.max(best, gain);
  }
  if (best < LEAST_GAIN || best * spread < LEAST_SPREAD_GAIN) return { features: NO_FEATURES, gain: best };
  for (const [features, gain] of gains) {
    if (gain >= NEARLY_AS_GOOD * best) return { features, gain };
  }
  return { features: NO_FEATURES, gain: best };
}

function sumOf(parts: readonly Ages[]): Ages {
  const sum = noAges();
  for (const part of parts) add(part, sum);
  return sum;
}

function add(from: Ages, to: Ages): void {
  for (let column = 0; column < from.deaths.length; column++) {
    to.deaths[column]! += from.deaths[column]!;
    to.live[column]! += from.live[column]!;
  }
  to.total += from.total;
}

/** Features that have more than one value. */
function varying(table: ContextTable, rows: readonly number[]): FeatureSet {
  let set = 0;
  for (let feature = 0; feature < FEATURES; feature++) {
    const first = table.values[rows[0]! * FEATURES + feature];
    if (rows.some((row) => table.values[row * FEATURES + feature] !== first)) set |= 1 << feature;
  }
  return set;
}

/** @returns the ages of each group of rows that have equal values, or null if there are too many groups. */
function group(
  table: ContextTable,
  rows: readonly number[],
  ages: readonly Ages[],
  set: FeatureSet,
): Ages[] | null {
  const groups = new Map<string, Ages>();
  for (const [i, row] of rows.entries()) {
    let key = '';
    for (let feature = 0; feature < FEATURES; feature++) {
      if (has(set, feature)) key += `${table.values[row * FEATURES + feature]},`;
    }
    let into = groups.get(key);
    if (into === undefined) {
      if (groups.size === MOST_GROUPS) return null;
      into = noAges();
      groups.set(key, into);
    }
    add(ages[i]!, into);
  }
  return [...groups.values()];
}

/** Part of `spread` that goes with the grouping. Small groups keep it all: what they seem to explain may be chance. */
function gainOf(groups: readonly Ages[], spread: number, horizon: number, total: number): number {
  let within = 0;
  for (const ages of groups) {
    within += (ages.total / total) * (ages.total < LEAST_GROUP ? spread : spreadOf(ages, horizon));
  }
  return spread > 0 ? 1 - within / spread : 0;
}
