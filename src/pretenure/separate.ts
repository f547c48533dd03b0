import type { ContextTable } from './context-table.js';
import { candidateSets, FEATURES, type FeatureSet, has, NO_FEATURES } from './features.js';
import { type Ages, agesOfRow, horizonOf, noAges, spreadOf } from './spread.js';
import { DEAR_VISIT, StepMeter, type Steps } from './steps.js';

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
export const MOST_GROUPS = 64;

export interface Separation {
  readonly features: FeatureSet;
  /** Part of the spread of lifetimes that the features explain, 0 to 1. */
  readonly gain: number;
}

/**
 * The cheapest set of features that tells lifetimes apart (ROLP's minimal set of call sites): every
 * candidate set groups the same observations, so that one window serves the whole search.
 *
 * There may be a hundred sets and hundreds of contexts: yields after some visits, by a StepMeter.
 *
 * @param rows contexts told apart by all features that were looked at.
 * @returns null while there are too few births, a separation without features if nothing tells the lifetimes apart.
 */
export function* separate(
  table: ContextTable,
  rows: readonly number[],
  heap: { readonly cycle: number },
): Steps<Separation | null> {
  const meter = new StepMeter();
  const { ages, all, varying } = yield* observe(table, rows, heap, meter);
  if (all.total < LEAST_TOTAL) return null;
  yield;
  const horizon = horizonOf(all);
  const spread = spreadOf(all, horizon);
  const gains = new Map<FeatureSet, number>();
  let best = 0;
  const sets = candidateSets(varying);
  yield;
  for (const set of sets) {
    const groups = yield* group(table, rows, ages, set, meter);
    if (groups === null) continue;
    const gain = yield* gainOf(groups, spread, horizon, all.total, meter);
    gains.set(set, gain);
    best = Math.max(best, gain);
  }
  if (best < LEAST_GAIN || best * spread < LEAST_SPREAD_GAIN) return { features: NO_FEATURES, gain: best };
  for (const [features, gain] of gains) {
    if (gain >= NEARLY_AS_GOOD * best) return { features, gain };
  }
  return { features: NO_FEATURES, gain: best };
}

interface Observed {
  /** Of each row. */
  readonly ages: readonly Ages[];
  readonly all: Ages;
  /** Features that have more than one value. */
  readonly varying: FeatureSet;
}

function* observe(
  table: ContextTable,
  rows: readonly number[],
  heap: { readonly cycle: number },
  meter: StepMeter,
): Steps<Observed> {
  const ages: Ages[] = [];
  const all = noAges();
  let varying = 0;
  for (const row of rows) {
    table.rows.touch(row, heap.cycle);
    const own = agesOfRow(table, row);
    ages.push(own);
    add(own, all);
    for (let feature = 0; feature < FEATURES; feature++) {
      if (table.values[row * FEATURES + feature] !== table.values[rows[0]! * FEATURES + feature])
        varying |= 1 << feature;
    }
    if (meter.visit(DEAR_VISIT)) yield;
  }
  return { ages, all, varying };
}

function add(from: Ages, to: Ages): void {
  for (let column = 0; column < from.deaths.length; column++) {
    to.deaths[column]! += from.deaths[column]!;
    to.live[column]! += from.live[column]!;
  }
  to.total += from.total;
}

/** @returns the ages of each group of rows that have equal values, or null if there are too many groups. */
function* group(
  table: ContextTable,
  rows: readonly number[],
  ages: readonly Ages[],
  set: FeatureSet,
  meter: StepMeter,
): Steps<Ages[] | null> {
  const features = Array.from({ length: FEATURES }, (_, feature) => feature).filter((f) => has(set, f));
  const numbers = new Map<number, number>();
  const groups = new Map<number, Ages>();
  for (const [i, row] of rows.entries()) {
    const number = numberOf(table, row, features, numbers);
    let into = groups.get(number);
    if (into === undefined) {
      if (groups.size === MOST_GROUPS) return null;
      into = noAges();
      groups.set(number, into);
    }
    add(ages[i]!, into);
    if (meter.visit()) yield;
  }
  return [...groups.values()];
}

/** A number for the row's values of `features`, the same for the same values: paths in a trie, whose edges are in `numbers`. */
function numberOf(
  table: ContextTable,
  row: number,
  features: readonly number[],
  numbers: Map<number, number>,
): number {
  let number = 0;
  for (const feature of features) {
    // Fewer than 2^20 nodes, and 32 bits of a value: exact in a double.
    const edge = number * 2 ** 32 + (table.values[row * FEATURES + feature]! >>> 0);
    number = numbers.get(edge) ?? numbers.size + 1;
    numbers.set(edge, number);
  }
  return number;
}

/** Part of `spread` that goes with the grouping. Small groups keep it all: what they seem to explain may be chance. */
function* gainOf(
  groups: readonly Ages[],
  spread: number,
  horizon: number,
  total: number,
  meter: StepMeter,
): Steps<number> {
  let within = 0;
  for (const ages of groups) {
    within += (ages.total / total) * (ages.total < LEAST_GROUP ? spread : spreadOf(ages, horizon));
    if (meter.visit()) yield;
  }
  return spread > 0 ? 1 - within / spread : 0;
}
