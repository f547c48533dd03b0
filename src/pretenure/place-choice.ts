import type { Decision } from '../profiler/inference/index.js';
import type { ContextTable } from './context-table.js';
import { WINDOW_CYCLES } from './lifetime-rows.js';
import type { PolicyParts } from './policy.js';
import type { SiteState } from './site-state.js';
import { agesOfRow, ageWith, horizonOf, shareBeyond, spreadOf, tailOf } from './spread.js';

/** Lifetimes further apart than this, in octaves, are looked into even where inference sees one mode. */
const WIDE = 0.35;
/**
 * A context leaves its home where no larger share than this dies before half the median, nor lives on past twice the median
 * (if the median was not seen: dies at all), and goes home again only where a larger one does than the second.
 */
const NARROW_TAIL = 0.1;
const WIDE_TAIL = 0.25;
/** What was not seen to die leaves after so many windows. */
const PATIENT_WINDOWS = 4;
/** Regions of a home are waited for until so many of a context's blocks have died, and a bit longer; no longer than this. */
const WAIT_SHARE = 0.1;
const WAIT_SLACK = 1.25;
const LONGEST_WAIT = 64;
/** Who has so many times the births of another takes its home, if all are taken. */
const HEAVIER = 2;
/** Fewer blocks do not tell how far lifetimes lie apart. */
const LEAST_TOTAL = 96;

/** A context that has a home to itself. */
interface Tenant {
  readonly state: SiteState;
  readonly row: number;
  readonly births: number;
}

/** Whether a context's lifetimes lie far apart. */
export function isWide(table: ContextTable, row: number): boolean {
  const ages = agesOfRow(table, row);
  return ages.total >= LEAST_TOTAL && spreadOf(ages, horizonOf(ages)) > WIDE;
}

/**
 * Where a context's blocks go by what is decided about it: to the generation of its lifetime; while none is known, and where it
 * mixes lifetimes which nothing tells apart, to a home of its own (homes.ts).
 */
export class PlaceChoice {
  readonly #parts: PolicyParts;
  readonly #sites: readonly (SiteState | undefined)[];
  readonly #publish: (state: SiteState) => void;

  /** @param publish called when another site's home was taken. */
  constructor(
    parts: PolicyParts,
    sites: readonly (SiteState | undefined)[],
    publish: (state: SiteState) => void,
  ) {
    this.#parts = parts;
    this.#sites = sites;
    this.#publish = publish;
  }

  /** For a new site whose first block lies in `placedIn`. Who places by hand, or a cache in its own, needs no home. */
  first(placedIn: number): number {
    const { heap, homes, table } = this.#parts;
    return placedIn === heap.getGeneration() ? homes.lend(table) : 0;
  }

  placeFor(state: SiteState, row: number, decision: Decision, cycle: number): number {
    const { table, ladder, homes } = this.#parts;
    const before = table.generation[row]!;
    if (decision.generation === null) return before;
    if (homes.has(before)) {
      if (this.#tailOf(state, row, decision, cycle) <= NARROW_TAIL)
        return ladder.forDecision(decision, before);
      // Groups begin in their site's home.
      const isShared = state.groups.some((other) => other !== row && table.generation[other] === before);
      const home = (isShared ? this.#homeFor(state, row) : 0) || before;
      this.#waitAt(home, row);
      return home;
    }
    // Who had a generation leaves it only once a search has found nothing.
    const isMixed = state.futileProbes > 0 && this.#tailOf(state, row, decision, cycle) > WIDE_TAIL;
    const home = isMixed ? this.#homeFor(state, row) : 0;
    if (home === 0) return ladder.forDecision(decision, before);
    this.#waitAt(home, row);
    return home;
  }

  /** What will have died soon need not be copied. */
  #waitAt(home: number, row: number): void {
    const { heap, table } = this.#parts;
    const age = ageWith(agesOfRow(table, row), WAIT_SHARE);
    const waitCycles = age <= LONGEST_WAIT ? Math.ceil(age * WAIT_SLACK) : 0;
    heap.configureGeneration(home, { waitCycles });
  }

  /** The share of a context's blocks that would leave holes among others of its lifetime, or stay on in theirs. */
  #tailOf(state: SiteState, row: number, { conflict, medianCycles }: Decision, cycle: number): number {
    if (conflict !== null) return 1;
    const ages = agesOfRow(this.#parts.table, row);
    const median = medianCycles.value;
    if (median !== null)
      return Math.max(1 - shareBeyond(ages, median / 2), shareBeyond(ages, 2 * median + 2));
    return cycle - state.openedCycle > PATIENT_WINDOWS * WINDOW_CYCLES ? 1 - tailOf(ages) : 1;
  }

  /** A free home, or that of a context with much less born in it; 0 if there is none. */
  #homeFor(state: SiteState, row: number): number {
    const { table, homes, ladder } = this.#parts;
    const free = homes.lend(table);
    if (free !== 0) return free;
    const lightest = this.#lightestAtHome();
    if (lightest === undefined || lightest.births * HEAVIER > table.rows.births[row]! * state.stride)
      return 0;
    const home = table.generation[lightest.row]!;
    const decision = lightest.state.decisions.get(lightest.row);
    table.generation[lightest.row] = decision === undefined ? 0 : ladder.forDecision(decision, 0);
    this.#publish(lightest.state);
    return home;
  }

  /** The context with least born in it of those that have a home to themselves. */
  #lightestAtHome(): Tenant | undefined {
    const { table, homes } = this.#parts;
    let lightest: Tenant | undefined;
    // Counted once a home: a pass over all contexts for each of them would be quadratic.
    const alone = new Map<number, boolean>();
    for (const state of this.#sites) {
      for (const row of state?.placing ?? []) {
        const home = table.generation[row]!;
        if (!homes.has(home)) continue;
        if (!alone.has(home)) alone.set(home, table.countIn(home) === 1);
        if (!alone.get(home)) continue;
        const births = table.rows.births[row]! * state!.stride;
        if (lightest === undefined || births < lightest.births) lightest = { state: state!, row, births };
      }
    }
    return lightest;
  }
}
