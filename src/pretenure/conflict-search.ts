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
} from './features.js';
import { WINDOW_CYCLES } from './lifetime-rows.js';
import type { PolicyParts } from './policy.js';
import { separate } from './separate.js';
import type { Probe, SiteState, Verdict } from './site-state.js';
import { agesOfRow, tailOf } from './spread.js';

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
 * Resolves conflicts (papers.md R6). ROLP switches random call sites on, window after window, until lifetimes come apart.
 * Here the sampled births of a site with a conflict are told apart by every feature at once; since groupings are sums of
 * the same counts, the smallest set of features that separates the lifetimes is found without further windows.
 */
export class ConflictSearch {
  readonly #parts: PolicyParts;
  readonly #publish: (state: SiteState) => void;
  readonly #probed: SiteState[] = [];
  readonly #retired: {
    readonly site: number;
    readonly rows: readonly number[];
    readonly untilCycle: number;
  }[] = [];

  /** @param publish called when a state's features changed. */
  constructor(parts: PolicyParts, publish: (state: SiteState) => void) {
    this.#parts = parts;
    this.#publish = publish;
  }

  begin(state: SiteState, cycle: number, isConflict: boolean): void {
    const { heap, clock } = this.#parts;
    this.#dropRetired((retired) => retired.site === state.site);
    state.probe = {
      startCycle: cycle,
      startMs: clock.nowMs(),
      rows: [],
      features: ALL_FEATURES & ~state.excluded,
      nextLook: cycle + LOOK_CYCLES,
      adopted: false,
      steadyLooks: 0,
      stride: 1,
      turn: 0,
      crowded: false,
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
    const row = probe.rows.length < most ? table.add(state.site, probe.features, cycle) : NONE;
    if (row === NONE) {
      probe.crowded = true;
      return NONE;
    }
    probe.rows.push(row);
    if (!probe.adopted)
      table.also[row] = state.features === NO_FEATURES ? state.base : this.#existingGroup(state, row);
    return row;
  }

  isDue(cycle: number): boolean {
    for (const { probe } of this.#probed) if (probe!.nextLook <= cycle) return true;
    return false;
  }

  /** Looks at one probe that is due. @returns its site, or null if none was. */
  look(cycle: number): SiteState | null {
    const state = this.#probed.find(({ probe }) => probe!.nextLook <= cycle);
    if (state === undefined) {
      if (this.#retired.length > 0) this.#dropRetired(({ untilCycle }) => untilCycle <= cycle);
      return null;
    }
    const { table } = this.#parts;
    const probe = state.probe!;
    probe.nextLook = cycle + LOOK_CYCLES;
    this.#keepToBudget(probe);
    for (const row of probe.rows) table.rows.touch(row, cycle);
    if (probe.crowded) this.#startOver(state, cycle);
    else this.#judge(state, probe, cycle);
    return state;
  }

  #judge(state: SiteState, probe: Probe, cycle: number): void {
    const { table } = this.#parts;
    const cycles = cycle - probe.startCycle;
    const found = probe.rows.length === 0 ? null : separate(table, probe.rows);
    const isNews =
      found !== null &&
      found.features !== NO_FEATURES &&
      (probe.adopted || found.features !== state.features);
    if (!isNews) {
      if (cycles >= probe.patience) this.#end(state, cycle, probe.adopted);
      return;
    }
    if (this.#isTooDear(state, found.features)) {
      state.dearFeatures = found.features;
      this.#tell(state, 'dear', cycle);
      this.#end(state, cycle, false);
      return;
    }
    probe.steadyLooks = found.features === state.features ? probe.steadyLooks + 1 : 0;
    this.#adopt(state, found.features, cycle);
    probe.adopted = true;
    const known = probe.steadyLooks > 0 && state.groups.every((row) => tailOf(agesOfRow(table, row)) < 0.5);
    if (cycles >= MOST_PATIENCE || (cycles >= LEAST_CYCLES && known)) this.#end(state, cycle, true);
  }

  /** Tells the site's contexts apart by `features` from now on, with what the probe has counted so far. */
  #adopt(state: SiteState, features: FeatureSet, cycle: number): void {
    const { table } = this.#parts;
    const before = state.groups;
    state.features = features;
    for (const row of state.probe!.rows) table.also[row] = NONE;
    const groups = new Set<number>();
    for (const row of state.probe!.rows) {
      const group = this.#groupOf(state, row, cycle);
      if (group === NONE) continue;
      if (!groups.has(group)) {
        groups.add(group);
        table.rows.reset(group, cycle);
      }
      table.rows.merge(row, group);
    }
    state.groups = [...groups];
    const gone = before.filter((row) => !groups.has(row));
    for (const row of gone) state.decisions.delete(row);
    if (gone.length > 0) table.remove(gone);
    if (state.conflictCycle === null) state.conflictCycle = state.probe!.startCycle;
    state.resolvedCycle = cycle;
    this.#tell(state, 'resolved', cycle);
    this.#publish(state);
  }

  /** The group, under the site's features, to which a probe's context belongs. */
  #groupOf(state: SiteState, row: number, cycle: number): number {
    const { table } = this.#parts;
    table.wanted.set(table.values.subarray(row * FEATURES, (row + 1) * FEATURES));
    const known = table.find(state.site, state.features);
    if (known !== NONE) return known;
    const group = table.add(state.site, state.features, cycle);
    // Until it is decided, a group goes where the site went.
    if (group !== NONE) table.generation[group] = table.generation[state.base]!;
    return group;
  }

  #end(state: SiteState, cycle: number, success: boolean): void {
    const { table } = this.#parts;
    const probe = state.probe!;
    state.probe = null;
    this.#probed.splice(this.#probed.indexOf(state), 1);
    for (const row of probe.rows) {
      const group = state.features === NO_FEATURES ? state.base : this.#existingGroup(state, row);
      table.also[row] = NONE;
      table.into[row] = group;
    }
    this.#retired.push({ site: state.site, rows: probe.rows, untilCycle: cycle + RETIREMENT_CYCLES });
    if (success) state.futileProbes = 0;
    else {
      state.futileProbes = Math.min(MOST_BACK_OFFS, state.futileProbes + 1);
      if (state.verdict === 'open') this.#tell(state, 'unresolvable', cycle);
    }
    state.nextProbeCycle = cycle + (success ? WINDOW_CYCLES : BACK_OFF_CYCLES << state.futileProbes);
    this.#parts.heap.wantsPlacementKey = this.#probed.length > 0 || this.#usesKeys(state);
    this.#publish(state);
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

  /** Makes one context of a site's groups again. */
  rejoin(state: SiteState, cycle: number): void {
    const { table } = this.#parts;
    state.features = NO_FEATURES;
    table.rows.reset(state.base, cycle);
    for (const row of state.groups) {
      table.rows.touch(row, cycle);
      table.rows.merge(row, state.base);
      table.into[row] = state.base;
      table.generation[row] = 0;
      state.decisions.delete(row);
    }
    this.#retired.push({ site: state.site, rows: state.groups, untilCycle: cycle + RETIREMENT_CYCLES });
    state.groups = [];
    state.conflictCycle = null;
    this.#usesKeys(state);
    this.#tell(state, 'none', cycle);
  }

  #tell(state: SiteState, verdict: Verdict, cycle: number): void {
    if (state.verdict === verdict && state.toldFeatures === state.features) return;
    state.verdict = verdict;
    state.toldFeatures = state.features;
    if (!channels.conflict.hasSubscribers) return;
    const names = Array.from({ length: FEATURES }, (_, feature) => feature).filter((f) =>
      has(state.features, f),
    );
    const features = names.map(featureName);
    channels.conflict.publish({ heap: this.#parts.heap, site: state.name, verdict, features, cycle });
  }

  /** Probes with too many contexts begin anew without the feature that has most values. */
  #startOver(state: SiteState, cycle: number): void {
    const { table } = this.#parts;
    const { rows, features } = state.probe!;
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
    }
    state.excluded |= 1 << busiest;
    this.#probed.splice(this.#probed.indexOf(state), 1);
    const { isConflict } = state.probe!;
    state.probe = null;
    table.remove(rows);
    this.begin(state, cycle, isConflict);
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
  watchCosts(state: SiteState, cycle: number): void {
    const isOver =
      (state.features & ALL_CALLERS) !== 0 && this.captureShare(state) > 2 * this.#parts.callerBudget;
    state.asks = 0;
    state.asksSinceMs = this.#parts.clock.nowMs();
    if (!isOver) return;
    state.dearFeatures = state.features;
    this.rejoin(state, cycle);
    this.#tell(state, 'dear', cycle);
    state.futileProbes = Math.min(MOST_BACK_OFFS, state.futileProbes + 2);
    state.nextProbeCycle = cycle + (BACK_OFF_CYCLES << state.futileProbes);
  }

  /** Share of time that a capture at each allocation of the site takes or would take, since last asked. */
  captureShare(state: SiteState): number {
    const { callers, clock } = this.#parts;
    return (state.asks * callers.captureNs) / 1e6 / Math.max(1e-3, clock.nowMs() - state.asksSinceMs);
  }

  #dropRetired(isOver: (retired: { readonly site: number; readonly untilCycle: number }) => boolean): void {
    for (let i = this.#retired.length - 1; i >= 0; i--) {
      if (!isOver(this.#retired[i]!)) continue;
      this.#parts.table.remove(this.#retired[i]!.rows);
      this.#retired.splice(i, 1);
    }
  }
}
