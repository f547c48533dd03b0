import { COLUMNS, columnOf, EDGES, placeOf } from './ages.js';
import type { ContextTable } from './context-table.js';

const PLACES: Float64Array = Float64Array.from({ length: COLUMNS + 1 }, (_, column) =>
  placeOf(Math.min(column, COLUMNS - 1)),
);

/** Deaths and the living by age, of one context or of several together. */
export interface Ages {
  readonly deaths: Float64Array;
  readonly live: Float64Array;
  /** Blocks in both. */
  total: number;
}

export function noAges(): Ages {
  return { deaths: new Float64Array(COLUMNS), live: new Float64Array(COLUMNS), total: 0 };
}

/** The last column in which anything is known, plus one: further on all is "older". */
export function horizonOf({ deaths, live }: Ages): number {
  let horizon = 1;
  for (let column = 0; column < COLUMNS; column++) {
    if (deaths[column]! + live[column]! > 0.5) horizon = column + 1;
  }
  return horizon;
}

const mass: Float64Array = new Float64Array(COLUMNS + 1);

/**
 * How far lifetimes lie apart: mean distance from their median on the scale of `placeOf`, where 1 is a factor of two. The
 * living are censored (Kaplan and Meier's estimate on columns); what outlives `horizon` lies just beyond it.
 */
export function spreadOf({ deaths, live, total }: Ages, horizon: number): number {
  let atRisk = total;
  let survival = 1;
  for (let column = 0; column < horizon; column++) {
    const dying =
      atRisk > 0 ? survival * Math.min(1, deaths[column]! / Math.max(1e-9, atRisk - live[column]! / 2)) : 0;
    mass[column] = dying;
    survival -= dying;
    atRisk -= deaths[column]! + live[column]!;
  }
  mass[horizon] = Math.max(0, survival);
  let below = 0;
  let median = 0;
  while (median < horizon && below + mass[median]! < 0.5) below += mass[median++]!;
  let spread = 0;
  for (let column = 0; column <= horizon; column++) {
    spread += mass[column]! * Math.abs(PLACES[column]! - PLACES[median]!);
  }
  return spread;
}

/** The ages of one context, brought up to date before. */
export function agesOfRow(table: ContextTable, row: number): Ages {
  const ages = noAges();
  table.rows.addTo(row, ages.deaths, ages.live);
  for (const count of ages.deaths) ages.total += count;
  for (const count of ages.live) ages.total += count;
  return ages;
}

/** Share of blocks that outlives all ages known. */
export function tailOf(ages: Ages): number {
  return survivalTo(ages, COLUMNS);
}

/** The age, in heap cycles, by which all but `share` of the blocks have died; infinite where that was not seen. */
export function ageWith({ deaths, live, total }: Ages, share: number): number {
  let atRisk = total;
  let survival = 1;
  for (let column = 0; column < COLUMNS && atRisk > 1; column++) {
    survival *= 1 - Math.min(1, deaths[column]! / Math.max(1, atRisk - live[column]! / 2));
    if (survival <= share) return EDGES[column + 1]!;
    atRisk -= deaths[column]! + live[column]!;
  }
  return Number.POSITIVE_INFINITY;
}

/** Share of blocks that lives for `cycles` and longer. */
export function shareBeyond(ages: Ages, cycles: number): number {
  return survivalTo(ages, columnOf(Math.floor(cycles)));
}

function survivalTo({ deaths, live, total }: Ages, to: number): number {
  let atRisk = total;
  let survival = 1;
  for (let column = 0; column < to && atRisk > 1; column++) {
    survival *= 1 - Math.min(1, deaths[column]! / Math.max(1, atRisk - live[column]! / 2));
    atRisk -= deaths[column]! + live[column]!;
  }
  return survival;
}
