import { channels } from './channels.js';
import { NONE } from './context-table.js';
import {
  ALL_CALLERS,
  ALL_FEATURES,
  FEATURES,
  type FeatureSet,
  featureName,
  has,
  KEY,
  NO_FEATURES,
  PROBED,
} from './features.js';
import { WINDOW_CYCLES } from './lifetime-rows.js';
import type { PolicyParts } from './policy.js';
import { separate } from './separate.js';
import type { Probe, SiteState, Verdict } from './site-state.js';
import { agesOfRow, tailOf } from './spread.js';
import { DEAR_VISIT, StepMeter, type Steps } from './steps.js';

/** A probe is looked at every so many heap cycles: half a window, since it began with fresh counts. */
const LOOK_CYCLES = 8;
/**
 * How long a probe goes on: till five windows, the paper's worst case; where only the spread is suspicious, twice the
 * median lifetime, since what is longer cannot be seen before.
 */
const CONFLICT_PATIENCE: number = 4 * WINDOW_CYCLES;
const MOST_PATIENCE: number = 5 * WINDOW_CYCLES;
const MEDIANS_OF_PATIENCE = 2;
const LEAST_CYCLES: number = WINDOW_CYCLES;
/** A probe that found nothing is repeated after so many cycles, doubled each time, up to 64 times as many. */
const BACK_OFF_CYCLES: number = 2 * WINDOW_CYCLES;
const MOST_BACK_OFFS = 6;
/** Contexts of one probe. More differ by data, not by code: the feature with most values is left out. */
const MOST_CONTEXTS = 256;
/** Cycles for which the rows of a finished probe still take the deaths of their blocks. */
const RETIREMENT_CYCLES = 256;
const MOST_STRIDE = 256;
/**
 * A site's callers are taken where they seem to cost up to so many times the budget, for a probe sees few
 * allocations, maybe of a program that just loads its data; what they do cost is watched from then on.
 */
const BENEFIT_OF_DOUBT = 4;

/**
 * Resolves conflicts. ROLP switches random call sites on, window after window, until lifetimes come apart.
 * Here the sampled births of a site with a conflict are told apart by every feature at once; since groupings are sums of
 * the same counts, the smallest set of features that separates the lifetimes is found without further windows.
 *
 * What visits many contexts yields (steps.ts). One such work is under way at a time; between its steps blocks are born and
 * die, and contexts come.
 */
export class ConflictSearch {
  readonly #parts: PolicyParts;
  readonly #publish: (state: SiteState) => void;
  readonly #addRow: (site: number, features: FeatureSet, cycle: number) => number;
  readonly #probed: SiteState[] = [];
  /** Rows that only take the deaths of their blocks still, oldest first. */
  readonly #retired: { readonly rows: readonly number[]; readonly untilCycle: number }[] = [];

  /**
   * @param publish called when a state's features changed.
   * @param addRow makes the row of a context, in place of others if there is no more room; NONE if there is none at all.
   */
  constructor(
    parts: PolicyParts,
    publish: (state: SiteState) => void,
    addRow: (site: number, features: FeatureSet, cycle: number) => number,
  ) {
    this.#parts = parts;
    this.#publish = publish;
    this.#addRow = addRow;
  }

  begin(state: SiteState, cycle: number, isConflict: boolean): void {
    const { heap, clock } = this.#parts;
    state.probe = {
      startCycle: cycle,
      startMs: clock.nowMs(),
      rows: [],
      features: (ALL_FEATURES & ~state.excluded) | PROBED,
      nextLook: cycle + LOOK_CYCLES,
      adopted: false,
      steadyLooks: 0,
      stride: 1,
      turn: 0,
      crowded: false,
      over: false,
      isConflict,
      patience: this.#patienceFor(state, isConflict),
    };
    state.asks = 0;
    state.asksSinceMs = clock.nowMs();
    this.#probed.push(state);
    heap.wantsPlacementKey = true;
  }

  #patienceFor(state: SiteState, isConflict: boolean): number {
    let longest = isConflict ? CONFLICT_PATIENCE : LEAST_CYCLES;
    for (const decision of state.decisions.values()) {
      longest = Math.max(longest, MEDIANS_OF_PATIENCE * (decision.medianCycles.value ?? MOST_PATIENCE));
    }
    return Math.min(MOST_PATIENCE, longest);
  }

  /** The row of the context whose values are in the table's `wanted`; NONE if the probe has all that it can hold. */
  rowFor(state: SiteState, cycle: number): number {
    const { table } = this.#parts;
    const probe = state.probe!;
    const known = table.find(state.site, probe.features);
    if (known !== NONE) return known;
    // No probe may take all rows: sites must still find theirs.
    const most = Math.min(MOST_CONTEXTS, table.maxRows >> 1);
    if (probe.rows.length >= most) {
      probe.crowded = true;
      return NONE;
    }
    // Where other sites have all rows, fewer features would not help.
    const row = this.#addRow(state.site, probe.features, cycle);
    if (row === NONE) return NONE;
    probe.rows.push(row);
    if (!probe.adopted)
      table.also[row] = state.features === NO_FEATURES ? state.base : this.#existingGroup(state, row);
    return row;
  }

  /** A site whose probe is to be looked at, null if none is. */
  due(cycle: number): SiteState | null {
    return this.#probed.find(({ probe }) => probe!.nextLook <= cycle) ?? null;
  }

  /** Looks at the probe of a site that is due. */
  *look(state: SiteState): Steps<void> {
    const probe = state.probe!;
    probe.nextLook = this.#parts.heap.cycle + LOOK_CYCLES;
    this.#keepToBudget(probe);
    if (probe.crowded) yield* this.#startOver(state);
    else yield* this.#judge(state, probe);
  }

  *#judge(state: SiteState, probe: Probe): Steps<void> {
    const { table, heap } = this.#parts;
    const cycles = heap.cycle - probe.startCycle;
    const found = probe.rows.length === 0 ? null : yield* separate(table, probe.rows.slice(), heap);
    yield;
    const isNews =
      found !== null &&
      found.features !== NO_FEATURES &&
      (probe.adopted || found.features !== state.features);
    if (!isNews) {
      if (cycles >= probe.patience) yield* this.#end(state, probe.adopted);
      return;
    }
    if (this.#isTooDear(state, found.features)) {
      state.dearFeatures = found.features;
      this.#tell(state, 'dear');
      yield* this.#end(state, false);
      return;
    }
    probe.steadyLooks = found.features === state.features ? probe.steadyLooks + 1 : 0;
    probe.adopted = true;
    yield* this.#adopt(state, found.features);
    yield;
    const isLongEnough =
      cycles >= MOST_PATIENCE || (cycles >= LEAST_CYCLES && (yield* this.#isKnown(state, probe)));
    if (isLongEnough) yield* this.#end(state, true);
  }

  /** Whether the ends of most lifetimes were seen, of all groups. */
  *#isKnown(state: SiteState, probe: Probe): Steps<boolean> {
    const meter = new StepMeter();
    if (probe.steadyLooks === 0) return false;
    for (const row of state.groups) {
      if (tailOf(agesOfRow(this.#parts.table, row)) >= 0.5) return false;
      if (meter.visit()) yield;
    }
    return true;
  }

  /** Tells the site's contexts apart by `features` from now on, with what the probe has counted so far. */
  *#adopt(state: SiteState, features: FeatureSet): Steps<void> {
    const { table, heap } = this.#parts;
    const meter = new StepMeter();
    const before = state.groups;
    for (const row of state.probe!.rows) table.also[row] = NONE;
    const groups = new Set<number>();
    for (const row of state.probe!.rows.slice()) {
      const { cycle } = heap;
      const group = this.#groupOf(state, row, features, cycle);
      if (group === NONE) continue;
      if (!groups.has(group)) {
        groups.add(group);
        table.rows.reset(group, cycle);
      }
      // Merging adds slot by slot: both must have the same cycle's.
      table.rows.touch(row, cycle);
      table.rows.touch(group, cycle);
      table.rows.merge(row, group);
      if (meter.visit(DEAR_VISIT)) yield;
    }
    yield;
    state.features = features;
    state.groups = [...groups];
    const gone = before.filter((row) => !groups.has(row));
    for (const row of gone) state.decisions.delete(row);
    if (gone.length > 0) table.remove(gone);
    if (state.conflictCycle === null) state.conflictCycle = state.probe!.startCycle;
    state.resolvedCycle = heap.cycle;
    this.#tell(state, 'resolved');
    this.#publish(state);
  }

  /** The group, under `features`, to which a probe's context belongs. */
  #groupOf(state: SiteState, row: number, features: FeatureSet, cycle: number): number {
    const { table } = this.#parts;
    table.wanted.set(table.values.subarray(row * FEATURES, (row + 1) * FEATURES));
    const known = table.find(state.site, features);
    if (known !== NONE) return known;
    const group = this.#addRow(state.site, features, cycle);
    // Until it is decided, a group goes where the site went.
    if (group !== NONE) table.generation[group] = table.generation[state.base]!;
    return group;
  }

  *#end(state: SiteState, success: boolean): Steps<void> {
    const { table, heap } = this.#parts;
    const { cycle } = heap;
    const probe = state.probe!;
    state.probe = null;
    this.#probed.splice(this.#probed.indexOf(state), 1);
    if (success) state.futileProbes = 0;
    else {
      state.futileProbes = Math.min(MOST_BACK_OFFS, state.futileProbes + 1);
      if (state.verdict === 'open') this.#tell(state, 'unresolvable');
    }
    state.nextProbeCycle = cycle + (success ? WINDOW_CYCLES : BACK_OFF_CYCLES << state.futileProbes);
    heap.wantsPlacementKey = this.#probed.length > 0 || this.#usesKeys(state);
    this.#publish(state);
    const meter = new StepMeter();
    for (const row of probe.rows) {
      const group = state.features === NO_FEATURES ? state.base : this.#existingGroup(state, row);
      table.also[row] = NONE;
      table.into[row] = group;
      if (meter.visit()) yield;
    }
    this.#retire(probe.rows, cycle);
  }

  /** Rows into which no block is born any more, but whose blocks live. */
  #retire(rows: readonly number[], cycle: number): void {
    this.#parts.table.hide(rows);
    this.#retired.push({ rows, untilCycle: cycle + RETIREMENT_CYCLES });
  }

  #existingGroup(state: SiteState, row: number): number {
    const { table } = this.#parts;
    table.wanted.set(table.values.subarray(row * FEATURES, (row + 1) * FEATURES));
    const group = table.find(state.site, state.features);
    return group === NONE ? state.base : group;
  }

  /** Sees to it that keys are told where the site is told apart by them from the start. */
  watchKeys(state: SiteState): void {
    if (has(state.features, KEY)) this.#parts.heap.wantsPlacementKey = this.#usesKeys(state);
  }

  /** Whether any site is told apart by keys, `state` included. */
  #usesKeys(state: SiteState): boolean {
    if (has(state.features, KEY)) this.#keyed.add(state);
    for (const each of this.#keyed) if (!has(each.features, KEY)) this.#keyed.delete(each);
    return this.#keyed.size > 0;
  }

  readonly #keyed: Set<SiteState> = new Set();

  /** A site gave way to others: nobody need tell keys for its sake. */
  forget(state: SiteState): void {
    if (this.#keyed.delete(state))
      this.#parts.heap.wantsPlacementKey = this.#probed.length > 0 || this.#keyed.size > 0;
  }

  /** Makes one context of a site's groups again. */
  *rejoin(state: SiteState): Steps<void> {
    const { table, heap } = this.#parts;
    const meter = new StepMeter();
    const rows = state.groups;
    state.features = NO_FEATURES;
    state.groups = [];
    state.conflictCycle = null;
    table.rows.reset(state.base, heap.cycle);
    heap.wantsPlacementKey = this.#probed.length > 0 || this.#usesKeys(state);
    this.#tell(state, 'none');
    for (const row of rows) {
      // The site's own row may be given away between two steps.
      if (table.site[state.base] === state.site) {
        table.rows.touch(row, heap.cycle);
        table.rows.touch(state.base, heap.cycle);
        table.rows.merge(row, state.base);
        table.into[row] = state.base;
      }
      table.generation[row] = 0;
      state.decisions.delete(row);
      if (meter.visit(DEAR_VISIT)) yield;
    }
    this.#retire(rows, heap.cycle);
  }

  #tell(state: SiteState, verdict: Verdict): void {
    if (state.verdict === verdict && state.toldFeatures === state.features) return;
    state.verdict = verdict;
    state.toldFeatures = state.features;
    if (!channels.conflict.hasSubscribers) return;
    const names = Array.from({ length: FEATURES }, (_, feature) => feature).filter((f) =>
      has(state.features, f),
    );
    const features = names.map(featureName);
    const { heap } = this.#parts;
    channels.conflict.publish({ heap, site: state.name, verdict, features, cycle: heap.cycle });
  }

  /** Probes with too many contexts begin anew without the feature that has most values. */
  *#startOver(state: SiteState): Steps<void> {
    const { table, heap } = this.#parts;
    const probe = state.probe!;
    const busiest = yield* this.#busiestOf(probe);
    probe.over = true;
    yield* this.#uncount(state, probe);
    state.excluded |= 1 << busiest;
    this.#probed.splice(this.#probed.indexOf(state), 1);
    state.probe = null;
    table.remove(probe.rows);
    this.begin(state, heap.cycle, probe.isConflict);
  }

  /** Leaves out, for good, the feature with most values of those that tell a site's contexts apart: it turned out to be data. */
  *leaveOut(state: SiteState): Steps<void> {
    state.outgrown = false;
    if (state.groups.length === 0) return;
    state.excluded |= 1 << (yield* this.#busiestOf({ rows: state.groups, features: state.features }));
    yield* this.rejoin(state);
  }

  /** The feature with most values among contexts. */
  *#busiestOf({ rows, features }: Pick<Probe, 'rows' | 'features'>): Steps<number> {
    const { table } = this.#parts;
    let most = 0;
    let busiest = KEY;
    for (let feature = 0; feature < FEATURES; feature++) {
      if (!has(features, feature)) continue;
      const values = new Set(rows.map((row) => table.values[row * FEATURES + feature]));
      // The deepest of equals: outer callers go first.
      if (values.size >= most) {
        most = values.size;
        busiest = feature;
      }
      yield;
    }
    return busiest;
  }

  /**
   * Before a probe's rows are given up their blocks are taken out of the site's counts: no death of theirs will be known,
   * and what is never seen to die would look as if it lived for good.
   */
  *#uncount(state: SiteState, { rows, adopted }: Probe): Steps<void> {
    const { table, heap } = this.#parts;
    const meter = new StepMeter();
    for (const row of rows) {
      const counted = table.also[row]!;
      table.also[row] = NONE;
      if (counted !== NONE) {
        table.rows.touch(row, heap.cycle);
        table.rows.touch(counted, heap.cycle);
        table.rows.unmerge(row, counted);
      }
      if (meter.visit(DEAR_VISIT)) yield;
    }
    if (!adopted) return;
    // All that the groups have was merged into them from these rows.
    for (const row of state.groups) {
      table.rows.reset(row, heap.cycle);
      if (meter.visit(DEAR_VISIT)) yield;
    }
  }

  /** Captures of callers while probing must stay within half the budget. */
  #keepToBudget(probe: Probe): void {
    const { callers, clock, callerBudget } = this.#parts;
    const captures = probe.turn / probe.stride;
    probe.turn = 0;
    const nowMs = clock.nowMs();
    const share = (captures * callers.probeNs) / 1e6 / Math.max(1e-3, nowMs - probe.startMs);
    probe.startMs = nowMs;
    if (share > callerBudget / 2) probe.stride = Math.min(MOST_STRIDE, probe.stride * 2);
  }

  /** Whether capturing a caller at each of the site's allocations would take far more than the budget. */
  #isTooDear(state: SiteState, features: FeatureSet): boolean {
    return (
      (features & ALL_CALLERS) !== 0 && this.captureShare(state) > BENEFIT_OF_DOUBT * this.#parts.callerBudget
    );
  }

  /**
   * Called once a window: gives a resolved site up whose callers turn out to cost twice what they may, since the estimate
   * on which they were taken was too low.
   */
  *watchCosts(state: SiteState): Steps<void> {
    const isOver =
      (state.features & ALL_CALLERS) !== 0 && this.captureShare(state) > 2 * this.#parts.callerBudget;
    state.asks = 0;
    state.asksSinceMs = this.#parts.clock.nowMs();
    if (!isOver) return;
    state.dearFeatures = state.features;
    yield* this.rejoin(state);
    this.#tell(state, 'dear');
    state.futileProbes = Math.min(MOST_BACK_OFFS, state.futileProbes + 2);
    state.nextProbeCycle = this.#parts.heap.cycle + (BACK_OFF_CYCLES << state.futileProbes);
  }

  /** Share of time that a capture at each allocation of the site takes or would take, since last asked. */
  captureShare(state: SiteState): number {
    const { callers, clock } = this.#parts;
    return (state.asks * callers.captureNs) / 1e6 / Math.max(1e-3, clock.nowMs() - state.asksSinceMs);
  }

  /** Called once a window: ends the rows of probes whose blocks are dead or long out of sight. */
  tidy(cycle: number): void {
    while (this.#retired.length > 0 && this.#retired[0]!.untilCycle <= cycle) this.giveWay();
  }

  /** Gives up the rows that were retired first, for others. @returns whether there were any. */
  giveWay(): boolean {
    const oldest = this.#retired.shift();
    if (oldest === undefined) return false;
    this.#parts.table.remove(oldest.rows);
    return true;
  }
}
