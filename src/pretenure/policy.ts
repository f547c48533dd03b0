import type { Clock } from '../base/index.js';
import type { Generation, GenerationalHeap, PlacementPolicy, SiteId } from '../heap/index.js';
import type { LifetimeInference } from '../profiler/inference/index.js';
import type { CallerIds } from './callers.js';
import { channels } from './channels.js';
import { ConflictSearch } from './conflict-search.js';
import { type ContextTable, NONE } from './context-table.js';
import {
  CALLER,
  CALLER_DEPTH,
  FEATURES,
  type FeatureSet,
  featureName,
  framesOf,
  has,
  KEY,
  NO_FEATURES,
  SCOPE,
  SIZE,
  sizeClass,
  TTL,
  ttlBucket,
} from './features.js';
import type { Homes } from './homes.js';
import type { GenerationLadder } from './ladder.js';
import { WINDOW_CYCLES, windowOf } from './lifetime-rows.js';
import { isWide, PlaceChoice } from './place-choice.js';
import { featureValue, generationNumber } from './placed.js';
import type { Priors } from './priors.js';
import type { AsyncScopes } from './scopes.js';
import { MOST_GROUPS } from './separate.js';
import { SiteState } from './site-state.js';
import type { Steps } from './steps.js';

/** In `#bySite`: the features must be looked at. */
const ASK = -1;
/** Windows without a change after which a site's tracking rests. */
const STABLE_WINDOWS = 4;
/** Windows in which all groups of a site have one generation before they are one again. */
const ALIKE_WINDOWS = 4;
/** A site is fragmented where so much of what it allocates has to be evacuated. */
const FRAGMENTED_SHARE = 0.1;
/** Contexts with fewer sampled births of late are folded where there is no room for others. */
const COLD_BIRTHS = 4;
/** Windows after which numbers for call stacks are taken anew: code may lie at the addresses of other code by then. */
const WINDOWS_OF_CODE = 16;

export interface PolicyParts {
  readonly heap: GenerationalHeap;
  readonly table: ContextTable;
  readonly ladder: GenerationLadder;
  readonly homes: Homes;
  readonly inference: LifetimeInference;
  readonly callers: CallerIds;
  readonly scopes: AsyncScopes;
  readonly clock: Clock;
  /** Share of time that capturing callers may take. */
  readonly callerBudget: number;
  /** What an earlier run learnt. */
  readonly priors: Priors;
}

/**
 * The learning placement policy: ROLP's loop on the heap's exact births and deaths. The heap's own samples are followed
 * (one block per `sampleBytes`, unbiased); every 16 heap cycles each context's lifetime is inferred, the first window
 * being discarded; where a context mixes lifetimes, ConflictSearch looks for what tells them apart.
 *
 * A site that lives in one generation is not asked for again until that changes: the heap reads it from its own table.
 * Decisions are made within sampled births, a bounded step a birth (steps.ts): a window's end must not become one pause.
 */
export class LearningPolicy implements PlacementPolicy {
  readonly #parts: PolicyParts;
  readonly #search: ConflictSearch;
  readonly #places: PlaceChoice;
  /** By site: the generation decided, 0 for none, or ASK. */
  #bySite: Int32Array = new Int32Array(16);
  readonly sites: (SiteState | undefined)[] = [];
  #cycle: number;
  #trackFrom: number;
  /** Sites below this have been decided about in this round; the next one begins after a window's end. */
  #decided: number = 0;
  #roundIsDue: boolean = false;
  /** What is being decided, step by step, and whether that is a look at a probe: sites and probes take turns. */
  #task: Steps<void> | null = null;
  #taskIsLook: boolean = false;
  /** What the last call of generationFor was told, for the birth that may follow it. */
  #askedSite: number = NONE;
  #askedBytes: number = 0;
  #askedTtlMs: number = 0;
  #askedKey: number = 0;
  #askedRow: number = NONE;
  #foldedCycle: number = -1;
  /** Time spent in decisions, ns. */
  workNs: number = 0;
  /** Generation changes so far. */
  changes: number = 0;
  windows: number = 0;

  constructor(parts: PolicyParts) {
    this.#parts = parts;
    this.#cycle = parts.heap.cycle;
    this.#trackFrom = !parts.priors.isEmpty ? 0 : (windowOf(this.#cycle) + 1) * WINDOW_CYCLES;
    this.#search = new ConflictSearch(
      parts,
      (state) => this.#publish(state),
      (site, features, rowCycle) => this.#addRow(site, features, rowCycle),
    );
    this.#places = new PlaceChoice(parts, this.sites, (state) => this.#publish(state));
  }

  generationFor(site: SiteId, byteLength: number, ttlMs: number): number {
    const known = site < this.#bySite.length ? this.#bySite[site]! : 0;
    return known >= 0 ? known : this.#ask(site, byteLength, ttlMs);
  }

  steadyGeneration(site: SiteId): number {
    const known = site < this.#bySite.length ? this.#bySite[site]! : 0;
    return Math.max(known, 0);
  }

  #ask(site: number, byteLength: number, ttlMs: number): number {
    const { table } = this.#parts;
    const state = this.sites[site]!;
    state.asks++;
    this.#askedSite = site;
    this.#askedBytes = byteLength;
    this.#askedTtlMs = ttlMs;
    // Taken here: the heap knows the key of the block being asked for only.
    this.#askedKey = this.#parts.heap.placementKey;
    this.#askedRow = NONE;
    if (state.features !== NO_FEATURES) {
      this.#look(state.features, byteLength, ttlMs);
      const row = table.find(site, state.features);
      this.#askedRow = row;
      if (row !== NONE && table.generation[row] !== 0) return table.generation[row]!;
    }
    return table.generation[state.base]!;
  }

  /** Puts the values of `features` for the block being allocated into the table's `wanted`. */
  #look(features: FeatureSet, byteLength: number, ttlMs: number): void {
    const { table, callers, scopes } = this.#parts;
    const { wanted } = table;
    wanted[TTL] = ttlBucket(ttlMs);
    wanted[SIZE] = sizeClass(byteLength);
    wanted[KEY] = this.#askedKey;
    wanted[SCOPE] = scopes.current;
    const frames = framesOf(features);
    if (frames === 0) return;
    callers.capture(frames);
    for (let depth = 0; depth < CALLER_DEPTH; depth++) wanted[CALLER + depth] = callers.chain[depth]!;
  }

  born(site: SiteId, generation: Generation, byteLength: number): number {
    const { cycle } = this.#parts.heap;
    if (cycle !== this.#cycle) this.#tick(cycle);
    const wasAsked = this.#askedSite === site && this.#askedBytes === byteLength;
    this.#askedSite = NONE;
    // In the first window too: a site's blocks lie by themselves from the first that is sampled on.
    const state = this.sites[site] ?? this.#open(site, generation, cycle);
    if (state === null || cycle < this.#trackFrom) return 0;
    const cookie = this.#count(state, cycle, byteLength, wasAsked);
    // Last: contexts may have to give way to others, this block's too.
    this.#work(cycle);
    return cookie;
  }

  /** Counts a birth. @returns its cookie, 0 where the block is not followed. */
  #count(state: SiteState, cycle: number, byteLength: number, wasAsked: boolean): number {
    const { heap, table } = this.#parts;
    const row = this.#rowOf(state, cycle, byteLength, wasAsked);
    if (row === NONE) return 0;
    const { stride } = state;
    if (state.resting && ++state.skipped % stride !== 0) return 0;
    const objects = heap.sampleWeight(byteLength) * stride;
    table.rows.born(row, cycle, byteLength, objects);
    const also = table.also[row]!;
    if (also !== NONE) table.rows.born(also, cycle, byteLength, objects);
    return table.cookieOf(row, stride);
  }

  #isProbed({ probe }: SiteState): boolean {
    return probe !== null && !probe.over;
  }

  /** The row that a birth counts to, NONE if it is not followed. */
  #rowOf(state: SiteState, cycle: number, byteLength: number, wasAsked: boolean): number {
    const { table } = this.#parts;
    if (this.#isProbed(state)) {
      const probe = state.probe!;
      // A block that was placed by hand came another way; its time to live is unknown.
      if (!wasAsked || ++probe.turn % probe.stride !== 0) return NONE;
      this.#look(probe.features, byteLength, this.#askedTtlMs);
      return this.#search.rowFor(state, cycle);
    }
    if (state.features === NO_FEATURES) return state.base;
    if (!wasAsked) return NONE;
    if (this.#askedRow !== NONE) return this.#askedRow;
    if (state.groups.length >= MOST_GROUPS) {
      state.outgrown = true;
      return NONE;
    }
    this.#look(state.features, byteLength, this.#askedTtlMs);
    const row = this.#add(state.site, state.features, cycle);
    if (row !== NONE) {
      state.groups.push(row);
      if (!this.#parts.priors.isEmpty) table.generation[row] = this.#priorOf(state, row);
    }
    return row;
  }

  #priorOf(state: SiteState, row: number): number {
    const features: Record<string, string> = {};
    for (let feature = 0; feature < FEATURES; feature++) {
      if (has(state.features, feature))
        features[featureName(feature)] = featureValue(this.#parts, row, feature);
    }
    return this.#parts.priors.generationOf(state.name, features);
  }

  died(site: SiteId, _generation: Generation, byteLength: number, ageCycles: number, cookie: number): void {
    if (cookie === 0) return;
    const { heap, table } = this.#parts;
    const row = table.rowOf(cookie);
    const state = this.sites[site];
    const { cycle } = heap;
    // The block may be older than the policy, or its row another site's by now.
    if (row === NONE || state === undefined || table.site[row] !== site) return;
    if (cycle - ageCycles < state.openedCycle) return;
    const objects = heap.sampleWeight(byteLength) * table.strideOf(cookie);
    table.rows.died(row, cycle, ageCycles, byteLength, objects);
    const also = table.also[row]!;
    if (also !== NONE) table.rows.died(also, cycle, ageCycles, byteLength, objects);
  }

  fragmented(site: SiteId, generation: Generation, liveBytes: number): void {
    const state = this.sites[site];
    if (state === undefined) return;
    const { table } = this.#parts;
    if (state.placing.some((row) => table.generation[row] === generation)) state.fragmentedBytes += liveBytes;
  }

  /** A new row, in place of the coldest if there is no more room; NONE if all are warm. */
  #add(site: number, features: FeatureSet, cycle: number): number {
    const row = this.#addRow(site, features, cycle);
    if (row === NONE) this.#parts.table.folded++;
    return row;
  }

  /** The same, not counted as folded: for a probe, which can do with fewer. */
  #addRow(site: number, features: FeatureSet, cycle: number): number {
    const { table } = this.#parts;
    let row = table.add(site, features, cycle);
    while (row === NONE && this.#search.giveWay()) row = table.add(site, features, cycle);
    if (row !== NONE || this.#foldedCycle === cycle) return row;
    this.#foldedCycle = cycle;
    this.#foldColdest(cycle, site);
    return table.add(site, features, cycle);
  }

  /**
   * Frees the row in which least is born, if that is next to nothing. Cost: O(rows); once a heap cycle at most.
   *
   * @param forSite the site that wants a row: for the sake of one of its contexts it must not go itself.
   */
  #foldColdest(cycle: number, forSite: number): void {
    const { table } = this.#parts;
    let coldest: { readonly state: SiteState; readonly row: number } | undefined;
    let least = COLD_BIRTHS;
    for (const state of this.sites) {
      if (state === undefined || state.probe !== null) continue;
      for (const row of state.placing) {
        const births = table.rows.birthsAt(row, cycle) * state.stride;
        if (births >= least || (row === state.base && state.site === forSite)) continue;
        least = births;
        coldest = { state, row };
      }
    }
    if (coldest === undefined) return;
    const { state, row } = coldest;
    if (row === state.base) {
      this.sites[state.site] = undefined;
      this.#bySite[state.site] = 0;
      this.#parts.heap.reconsider(state.site);
      this.#search.forget(state);
    } else {
      state.groups.splice(state.groups.indexOf(row), 1);
      state.decisions.delete(row);
    }
    table.remove([row]);
    table.folded++;
  }

  /** The state of a new site; null if there is no row for it. @param placedIn where its first block lies. */
  #open(site: number, placedIn: number, cycle: number): SiteState | null {
    const { table, heap, priors } = this.#parts;
    const base = this.#add(site, NO_FEATURES, cycle);
    if (base === NONE) return null;
    const state = new SiteState(site, heap.siteName(site), base, cycle);
    this.sites[site] = state;
    if (site >= this.#bySite.length) {
      const grown = new Int32Array(2 ** Math.ceil(Math.log2(site + 1)));
      grown.set(this.#bySite);
      this.#bySite = grown;
    }
    table.generation[base] = priors.generationOf(state.name, {}) || this.#places.first(placedIn);
    state.features = priors.featuresOf(state.name);
    if (state.features !== NO_FEATURES) state.verdict = 'resolved';
    this.#search.watchKeys(state);
    this.#publish(state);
    return state;
  }

  /** Tells the allocation path what was decided about a site. */
  #publish(state: SiteState): void {
    if (this.sites[state.site] !== state) return;
    const { table, heap } = this.#parts;
    const asks = state.probe !== null || state.features !== NO_FEATURES;
    this.#bySite[state.site] = asks ? ASK : table.generation[state.base]!;
    heap.reconsider(state.site);
  }

  #tick(cycle: number): void {
    if (windowOf(cycle) !== windowOf(this.#cycle)) {
      this.#roundIsDue = true;
      if (cycle > this.#trackFrom) this.windows++;
      if (this.windows % WINDOWS_OF_CODE === 0) this.#parts.callers.refresh();
    }
    this.#cycle = cycle;
  }

  /** A step of a window's decisions, or of a look at a probe that is due. */
  #work(cycle: number): void {
    this.#task ??= this.#nextTask(cycle);
    if (this.#task === null) return;
    const { pauses } = this.#parts.heap;
    const startMs = pauses.start();
    if (this.#task.next().done === true) this.#task = null;
    this.workNs += (pauses.start() - startMs) * 1e6;
    pauses.record('decide', startMs);
  }

  #nextTask(cycle: number): Steps<void> | null {
    // Where births are too few for a round a window, the sites at the end must have their turn too.
    if (this.#roundIsDue && this.#decided >= this.sites.length) {
      this.#roundIsDue = false;
      this.#decided = 0;
      this.#search.tidy(cycle);
    }
    const due = this.#search.due(cycle);
    this.#taskIsLook = due !== null && (!this.#taskIsLook || this.#decided >= this.sites.length);
    if (due !== null && this.#taskIsLook) return this.#lookAt(due);
    while (this.#decided < this.sites.length) {
      const state = this.sites[this.#decided++];
      if (state !== undefined) return this.#decideSite(state);
    }
    return null;
  }

  *#lookAt(state: SiteState): Steps<void> {
    yield* this.#search.look(state);
    for (const row of [...state.groups]) {
      yield;
      yield* this.#decideRow(state, row);
    }
    this.#publish(state);
  }

  *#decideSite(state: SiteState): Steps<void> {
    // Groups of a probe are decided about at its looks.
    if (state.probe?.adopted) return;
    this.#weighFragments(state);
    let changed = false;
    const { table } = this.#parts;
    let suspect = false;
    let conflict = false;
    for (const row of [...state.placing]) {
      yield;
      changed = (yield* this.#decideRow(state, row)) || changed;
      yield;
      if (!this.#isPlacing(state, row)) continue;
      const found = state.decisions.get(row)?.conflict != null;
      conflict ||= found;
      suspect ||= found || isWide(table, row);
    }
    // It may have had to give way between two steps, and its row be another site's.
    if (this.sites[state.site] !== state) return;
    state.stableWindows = changed || state.isFragmented ? 0 : state.stableWindows + 1;
    state.resting = state.probe === null && state.stableWindows >= STABLE_WINDOWS;
    if (conflict && state.verdict === 'none') {
      state.verdict = 'open';
      state.conflictCycle = this.#cycle;
    } else if (!conflict && (state.verdict === 'open' || state.verdict === 'unresolvable')) {
      state.verdict = 'none';
    } else if (!suspect && state.verdict === 'dear') state.verdict = 'none';
    if (state.probe !== null) return;
    if (state.outgrown) yield* this.#search.leaveOut(state);
    if (state.features !== NO_FEATURES) {
      yield* this.#rejoinIfAlike(state);
      yield* this.#search.watchCosts(state);
    }
    if (suspect && this.#cycle >= state.nextProbeCycle && this.sites[state.site] === state) {
      this.#search.begin(state, this.#cycle, conflict);
      state.resting = false;
    }
    this.#publish(state);
  }

  /** Whether a row is one of the site's still: between two steps contexts may have had to give way. */
  #isPlacing(state: SiteState, row: number): boolean {
    return this.sites[state.site] === state && state.placing.includes(row);
  }

  /** Whether much of what the site allocated in this window had to be evacuated. */
  #weighFragments(state: SiteState): void {
    const { rows } = this.#parts.table;
    let bytes = 0;
    for (const row of state.placing) bytes += rows.bytes[row]!;
    // Rows that began anew have less than there was before.
    const born = bytes < state.bytesBefore ? bytes : bytes - state.bytesBefore;
    state.isFragmented = state.fragmentedBytes > FRAGMENTED_SHARE * Math.max(1, born);
    state.bytesBefore = bytes;
    state.fragmentedBytes = 0;
  }

  /** Groups that have long gone one way are one context again: looking at features has its price. */
  *#rejoinIfAlike(state: SiteState): Steps<void> {
    const { table } = this.#parts;
    const generations = new Set(state.groups.map((row) => table.generation[row]).filter((g) => g !== 0));
    state.alikeWindows = generations.size <= 1 ? state.alikeWindows + 1 : 0;
    if (state.alikeWindows < ALIKE_WINDOWS) return;
    state.alikeWindows = 0;
    table.generation[state.base] = [...generations][0] ?? 0;
    yield* this.#search.rejoin(state);
  }

  /** @returns whether the row's generation changed. */
  *#decideRow(state: SiteState, row: number): Steps<boolean> {
    if (!this.#isPlacing(state, row)) return false;
    const { table, inference, ladder } = this.#parts;
    table.rows.touch(row, this.#cycle);
    const previous = state.decisions.get(row);
    const ages = table.rows.histogram(row);
    yield;
    let decision = yield* inference.decideInSteps(ages, previous);
    yield;
    if (!this.#isPlacing(state, row)) return false;
    const cycle = this.#cycle;
    table.rows.touch(row, cycle);
    const before = table.generation[row]!;
    let generation = this.#places.placeFor(state, row, decision, cycle);
    // Lifetimes that shrink leave holes: one generation down, without waiting until inference is sure of more.
    const median = decision.medianCycles.value;
    if (
      state.isFragmented &&
      generation === before &&
      generation > 1 &&
      generation < 16 &&
      median !== null &&
      median < generation
    ) {
      decision = { ...decision, generation: generation - 1 };
      generation = ladder.forDecision(decision, before);
    }
    state.decisions.set(row, decision);
    if (generation === before) return false;
    table.generation[row] = generation;
    this.changes++;
    if (channels.decide.hasSubscribers) {
      channels.decide.publish({
        heap: this.#parts.heap,
        site: state.name,
        generation: generationNumber(this.#parts, generation, decision) ?? 0,
        before: generationNumber(this.#parts, before, previous ?? null) ?? 0,
        cycle,
      });
    }
    return true;
  }
}
