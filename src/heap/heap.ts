import { AsyncLocalStorage } from 'node:async_hooks';
import { inspect } from 'node:util';
import { checkBoolean, checkFunction, checkInteger, checkNames, checkNumber } from '../base/index.js';
import { channels } from './channels.js';
import { describeRegions } from './describe.js';
import { NEVER_MOVES } from './generation-table.js';
import { CURRENT } from './hot-words.js';
import { HEADER_BYTES } from './layout.js';
import type { HeapOptions } from './options.js';
import { RegionHeap } from './region-heap.js';
import { type HeapBytes, type HeapStats, heapBytes, heapStats } from './stats.js';
import {
  type Generation,
  PERMANENT_GENERATION,
  type PlacementPolicy,
  type RegionIndex,
  type SiteId,
} from './types.js';
import { verifyHeap } from './verify.js';

/** What `newGeneration` and `configureGeneration` take. */
export interface GenerationOptions {
  /**
   * Whether its blocks never move: they are placed by `heap.place`, which returns their address, and die only with the
   * generation, which then has nothing to sweep. Nothing else can be asked of it. Default false.
   */
  readonly fixed?: boolean;
  /** The generation that survivors of fragmented regions move to. Default 15, and that again if it ends. */
  readonly evacuateTo?: number;
  /** Live share under which a region is fragmented, 0 to 0.95; 0: never evacuated by the heap itself. Default the heap's. */
  readonly liveThreshold?: number;
  /**
   * Heap cycles from a region's opening for which it is not evacuated while there is room, 0 to 2^30: for blocks that will
   * have died by then. Default 0.
   */
  readonly waitCycles?: number;
  /**
   * For owners who evacuate by themselves (liveThreshold 0): asked to empty a region, by `moveOwned` or `freeOwned`, when
   * the heap wants it for a block of several regions, or for tables. If it is not emptied, the heap looks elsewhere.
   */
  readonly vacate?: (region: RegionIndex) => void;
}

const GENERATION_OPTIONS: readonly string[] = Object.keys({
  fixed: true,
  evacuateTo: true,
  liveThreshold: true,
  waitCycles: true,
  vacate: true,
} satisfies Record<keyof GenerationOptions, true>);
const RELEASE_OPTIONS: readonly string[] = ['keep', 'tellOwners'];
const SITE_OPTIONS: readonly string[] = ['generation'];

/**
 * The generational heap: memory that V8 neither copies nor marks, in N generations of regions (NG2C,
 * ISMM'17). docs/heap.md explains it; the calls here say what they cost.
 *
 * Any call that may allocate or step may move blocks: refs stay valid, views and addresses do not.
 * A heap belongs to the thread that made it.
 */
export class GenerationalHeap extends RegionHeap {
  #current: Generation = 1 as Generation;
  #scope: AsyncLocalStorage<Generation> | null = null;
  /**
   * A hash of what the next block's key starts with, 0 if unknown: for placement policies, which see no keys. Owners
   * that know keys set it before they ask for a generation, or allocate without one, while `wantsPlacementKey`. It is 0
   * again once the policy was asked.
   */
  placementKey: number = 0;
  /** What placement keys stand for, for people: owners add theirs, a few hundred at most. */
  readonly placementKeyNames: Map<number, string> = new Map();
  /** Set by a placement policy that would use `placementKey`: while false, owners need not work it out. */
  wantsPlacementKey: boolean = false;
  /** Whether blocks without a generation all go to the current one: a plain word then decides. */
  #static: boolean = true;

  /** @throws TypeError, RangeError naming the option. */
  constructor(options: HeapOptions = {}) {
    super(options);
    this.#setCurrent(this.#current);
    // console.log(heap) shows the map, not a dump of every slab.
    Object.defineProperty(this, inspect.custom, { value: () => this.describe() });
    if (channels.create.hasSubscribers) channels.create.publish({ heap: this });
  }

  protected override chooseGeneration(site: number, byteLength: number, ttlMs: number): number {
    const given = this.siteGeneration(site);
    if (given !== 0) return this.#settle(site, given);
    // What was made current by hand is a hand-given generation.
    const isByHand = this.#current !== 1 || this.#scope?.getStore() !== undefined;
    if (isByHand) return this.getGeneration();
    const steady = this.#steadyGeneration(site);
    // While there are scopes each block may be in another.
    if (steady !== 0) return this.#scope === null ? this.#settle(site, steady) : steady;
    return this.advisedGeneration(site, byteLength, ttlMs) || this.getGeneration();
  }

  /** The allocation path does not ask again for `site`, until the choices are emptied. */
  #settle(site: number, generation: Generation): Generation {
    const { chosen } = this.core.sites;
    if (site >>> 0 < chosen.length) chosen[site] = generation;
    return generation;
  }

  #steadyGeneration(site: number): Generation | 0 {
    const { generations, lives } = this.core;
    try {
      const steady = lives.policy?.steadyGeneration?.(site as SiteId) ?? 0;
      return generations.movingIndexOf(steady) !== 0 ? (steady as Generation) : 0;
    } catch (error) {
      lives.dropPolicy(error);
      return 0;
    }
  }

  /** For placement policies whose `steadyGeneration` has another answer than before: `site` is asked for again. */
  reconsider(site: number): void {
    this.core.sites.chosen[site] = 0;
  }

  /** The generation that was given to `site` by hand, or 0. For owners that choose the generation themselves. */
  siteGeneration(site: number): Generation | 0 {
    if (this.#static) return 0;
    const given = this.core.sites.generations[site];
    return given !== undefined && this.core.generations.indexOf(given) !== 0 ? (given as Generation) : 0;
  }

  /** What the placement policy would choose, or 0 if there is none or it has no opinion. */
  advisedGeneration(site: number, byteLength: number, ttlMs: number): Generation | 0 {
    const { generations, lives } = this.core;
    if (this.#static || lives.policy === null) return 0;
    try {
      const chosen = lives.policy.generationFor(site as SiteId, byteLength, ttlMs);
      this.placementKey = 0;
      if (generations.movingIndexOf(chosen) !== 0) return chosen as Generation;
    } catch (error) {
      lives.dropPolicy(error);
    }
    return 0;
  }

  // ---- generations ----

  /**
   * Makes an anonymous generation: for data that dies together, to be released in one go. Unlike NG2C's, the
   * call does not make it current. Its row of 92 bytes in a table is used again once it has ended.
   *
   * @throws HeapFullError; RangeError for a target or threshold that cannot be, or beyond 65520 generations at once;
   *   TypeError for options that a fixed generation cannot have.
   */
  newGeneration(options: GenerationOptions = {}): Generation {
    checkNames('newGeneration', options, GENERATION_OPTIONS);
    if (checkBoolean('newGeneration.fixed', options.fixed ?? false)) return this.#newFixed(options);
    const { config } = this.core;
    const evacuateTo = this.#movingIndexOf(options.evacuateTo ?? PERMANENT_GENERATION);
    const limit = this.#liveLimit('newGeneration', options.liveThreshold ?? config.liveThreshold);
    const waitCycles = this.#waitCycles('newGeneration', options.waitCycles ?? 0);
    if (options.vacate !== undefined) checkFunction('newGeneration.vacate', options.vacate);
    const generation = this.#addGeneration(evacuateTo, limit);
    const g = this.core.generations.indexOf(generation);
    this.core.generations.waitCycles[g] = waitCycles;
    if (options.vacate !== undefined) this.core.vacators.set(g, options.vacate);
    return generation;
  }

  #newFixed(options: GenerationOptions): Generation {
    for (const name of ['evacuateTo', 'liveThreshold', 'waitCycles', 'vacate'] as const) {
      if (options[name] !== undefined) {
        throw new TypeError(`newGeneration.${name}: blocks of a fixed generation never move`);
      }
    }
    const generation = this.#addGeneration(PERMANENT_GENERATION, NEVER_MOVES);
    const g = this.core.generations.indexOf(generation);
    this.core.generations.evacuateTo[g] = g;
    return generation;
  }

  /** @throws HeapFullError */
  #addGeneration(evacuateTo: number, liveLimit: number): Generation {
    const { generations, room } = this.core;
    const generation = generations.add(evacuateTo, liveLimit);
    if (generation === 0) throw room.full(generations.bytes, 'the generation table');
    this.refresh();
    return generation;
  }

  /** Most live units of a fragmented region under the threshold `share`. */
  #liveLimit(call: string, share: number): number {
    return Math.floor(checkNumber(`${call}.liveThreshold`, share, 0, 0.95) * this.core.space.regionUnits);
  }

  #waitCycles(call: string, cycles: number): number {
    return checkInteger(`${call}.waitCycles`, cycles, 0, 2 ** 30);
  }

  /**
   * Changes where a generation evacuates to, or when.
   *
   * @throws RangeError, or TypeError for a fixed generation, before anything is changed.
   */
  configureGeneration(generation: number, options: GenerationOptions): void {
    checkNames('configureGeneration', options, GENERATION_OPTIONS);
    const g = this.#movingIndexOf(generation);
    if (options.fixed !== undefined) {
      throw new TypeError(
        'configureGeneration.fixed: newGeneration makes fixed generations, and they stay so',
      );
    }
    const { evacuateTo, liveLimit, waitCycles } = this.core.generations;
    const to = options.evacuateTo === undefined ? evacuateTo[g]! : this.#movingIndexOf(options.evacuateTo);
    const limit =
      options.liveThreshold === undefined
        ? liveLimit[g]!
        : this.#liveLimit('configureGeneration', options.liveThreshold);
    const wait = this.#waitCycles('configureGeneration', options.waitCycles ?? waitCycles[g]!);
    if (options.vacate !== undefined) {
      this.core.vacators.set(g, checkFunction('configureGeneration.vacate', options.vacate));
    }
    evacuateTo[g] = to;
    waitCycles[g] = wait;
    liveLimit[g] = limit;
  }

  /** The generation that blocks go to when neither caller, site nor policy says: 1 at first. */
  getGeneration(): Generation {
    const scoped = this.#scope?.getStore();
    return scoped !== undefined && this.core.generations.indexOf(scoped) !== 0 ? scoped : this.#current;
  }

  /**
   * Makes `generation` current: within `runInGeneration` for the rest of that scope, else for the heap.
   *
   * @throws RangeError if there is no such generation; TypeError if it is fixed.
   */
  setGeneration(generation: number): void {
    this.#movingIndexOf(generation);
    if (this.#scope?.getStore() !== undefined) this.#scope.enterWith(generation as Generation);
    else this.#setCurrent(generation as Generation);
  }

  #setCurrent(generation: Generation): void {
    // What is current by hand comes before what a policy says, and the other way round.
    if ((generation === 1) !== (this.#current === 1)) this.core.sites.reconsiderAll();
    this.#current = generation;
    if (this.#static) this.core.hot.words[CURRENT] = generation;
  }

  /** From now on the generation is chosen anew for each block whose caller names none. */
  #choosePerBlock(): void {
    this.#static = false;
    this.core.hot.words[CURRENT] = 0;
  }

  /**
   * Calls `fn` with `generation` current for it and for all it awaits. The first call turns on an
   * AsyncLocalStorage, which makes promise code about 2.5 times slower on Node 20 and 22 (not on 24); from then on each
   * allocation that names no generation asks it.
   *
   * @returns what `fn` returns.
   * @throws RangeError if there is no such generation; TypeError if it is fixed; what `fn` throws.
   */
  runInGeneration<T>(generation: number, fn: () => T): T {
    this.#movingIndexOf(generation);
    if (this.#scope === null) {
      this.#scope = new AsyncLocalStorage<Generation>();
      this.core.sites.reconsiderAll();
      this.#choosePerBlock();
    }
    return this.#scope.run(generation as Generation, fn);
  }

  /**
   * Retires the generation's allocation region and evacuates its fragmented regions now, whatever it takes: a pause as long
   * as copying what lives in them. Of a fixed generation, in which nothing is dead, there is nothing to collect.
   *
   * @throws RangeError if there is no such generation.
   */
  collectGeneration(generation: number): void {
    const g = this.#indexOf(generation);
    if (this.core.generations.isFixed(g)) return;
    this.core.generations.epoch[g]!++;
    const startMs = this.pauses.start();
    this.core.retire(g);
    this.core.evacuator.evacuateGeneration(g);
    this.pauses.record('evacuate', startMs);
  }

  /**
   * Frees everything in the generation: every ref into it is stale at once. An anonymous generation ends with
   * it, unless `keep`. Cost: O(regions), plus O(blocks) where owners are told; the refs' slots are swept later, in
   * steps. Of a fixed generation the memory is free at once: no address in it may be used any more (debug mode has
   * poisoned what lies there).
   *
   * @param options.tellOwners false if those who own blocks in it have let go of them by themselves. Default true.
   * @throws Error if blocks in it are pinned.
   */
  releaseGeneration(
    generation: number,
    options: { readonly keep?: boolean; readonly tellOwners?: boolean } = {},
  ): void {
    checkNames('releaseGeneration', options, RELEASE_OPTIONS);
    const keep = checkBoolean('releaseGeneration.keep', options.keep ?? false);
    const tellOwners = checkBoolean('releaseGeneration.tellOwners', options.tellOwners ?? true);
    const g = this.#indexOf(generation);
    const core = this.core;
    const startMs = this.pauses.start();
    this.releases++;
    const ends = g > PERMANENT_GENERATION && !keep;
    core.sweeper.release(g, ends, tellOwners);
    if (ends) {
      this.core.generations.close(g);
      this.core.vacators.delete(g);
      this.core.sites.reconsiderAll();
      if (this.#current === generation) this.#setCurrent(1 as Generation);
    }
    core.sweepAfterRelease(startMs);
    this.pauses.record('release', startMs);
  }

  #indexOf(generation: number): number {
    return this.core.generationIndex(generation);
  }

  /** The index of a generation for blocks that may move. */
  #movingIndexOf(generation: number): number {
    const g = this.core.generations.movingIndexOf(generation);
    if (g === 0) throw this.core.noMovingGeneration(generation);
    return g;
  }

  // ---- the heap's clock and its own work ----

  /** Heap cycles so far: one per `cycleBytes` allocated. */
  get cycle(): number {
    return this.core.cycle;
  }

  /** Bytes allocated per heap cycle. */
  get cycleBytes(): number {
    return this.core.config.cycleBytes;
  }

  /** The heap's name in events and messages. */
  get name(): string {
    return this.core.config.name;
  }

  /**
   * Does up to `budgetMs` of the heap's own work: sweeps released regions, evacuates fragmented ones.
   * Allocation calls it by itself; call it when idle to take the work out of later allocations. Like an allocation it may
   * move blocks.
   *
   * @returns whether there is more to do.
   * @throws TypeError, RangeError if `budgetMs` is no number from 0 on.
   */
  step(budgetMs: number = this.core.config.stepBudgetMs): boolean {
    return this.core.step(checkNumber('budgetMs', budgetMs, 0));
  }

  /**
   * Gives empty slabs back to the system now. What was released is swept before, all of it, as a pause.
   *
   * @returns the bytes given back.
   */
  shrink(): number {
    this.regions.finishReleases();
    return this.core.room.shrink(this.core.cycle);
  }

  // ---- the budget ----

  /**
   * What the heap holds, in bytes. `committed`: memory held now, tables and reservations included; `used`: of
   * it, all but free regions; `peakUsed`: the most of that since the heap was made, or `resetPeakUsed()`, however short the
   * moment; `live`: in live blocks, headers included; `free`: `max` less `used`, and less what is reserved and not held yet.
   * Cost: O(regions).
   */
  get bytes(): HeapBytes {
    return heapBytes(this.core);
  }

  /** Counts `bytes.peakUsed` anew, from what is used now. */
  resetPeakUsed(): void {
    this.core.budget.resetPeak();
  }

  /** `bytes.committed`, at no cost. Never above `maxBytes`. */
  get committedBytes(): number {
    return this.core.budget.committed - this.core.budget.unheld;
  }

  /** The option `maxBytes`. */
  get maxBytes(): number {
    return this.core.budget.max;
  }

  // ---- sites and placement ----

  /**
   * Interns an allocation site: the same name gives the same number. Past 4096 names, or past the budget, all further ones
   * are site 0, with a warning: what they have in common with all unnamed blocks.
   *
   * @param options.generation fixes the generation of blocks allocated with this site and none by hand; not of a name that
   *   found no place.
   * @throws TypeError for what is no name, or a fixed generation; RangeError if there is no such generation.
   */
  site(name: string, options: { readonly generation?: number } = {}): SiteId {
    checkNames('heap.site', options, SITE_OPTIONS);
    const id = this.core.sites.intern(name);
    this.refresh();
    if (options.generation !== undefined) {
      this.#movingIndexOf(options.generation);
      // Else all unnamed blocks of the heap would go there, and with it.
      if (id === 0 && name !== '') return id;
      this.core.sites.generations[id] = options.generation;
      this.core.sites.chosen[id] = 0;
      this.#choosePerBlock();
    }
    return id;
  }

  /** The name of a site. */
  siteName(site: number): string {
    return this.core.sites.names[site] ?? `site ${site}`;
  }

  /**
   * Installs a placement policy, or with null goes back to the static one. Blocks that lie already stay where they are.
   *
   * @throws TypeError naming the method that is missing.
   */
  setPlacementPolicy(policy: PlacementPolicy | null): void {
    if (policy !== null) {
      for (const method of ['generationFor', 'born', 'died', 'fragmented'] as const) {
        checkFunction(`PlacementPolicy.${method}`, policy[method]);
      }
    }
    this.core.lives.policy = policy;
    this.core.sites.reconsiderAll();
    if (policy !== null) this.#choosePerBlock();
  }

  /** The policy installed, if any. */
  get placementPolicy(): PlacementPolicy | null {
    return this.core.lives.policy;
  }

  /** How many blocks of `byteLength` bytes a sampled one stands for: see the option `sampleBytes`. */
  sampleWeight(byteLength: number): number {
    const { sampleBytes } = this.core.config;
    return sampleBytes === 0 ? 0 : 1 / -Math.expm1(-(byteLength + HEADER_BYTES) / sampleBytes);
  }

  // ---- looking at it ----

  /** Counters of the heap, by generation and by site. Cost: O(regions + sites). */
  stats(): HeapStats {
    return heapStats(this.core);
  }

  /** Walks everything: O(blocks + refs + regions). @throws HeapInvariantError with the place of the first broken invariant. */
  verify(): void {
    verifyHeap(this.core);
  }

  /** A map of the regions for a person, one character each, with a legend. Cost: O(regions). */
  describe(): string {
    return describeRegions(this.core);
  }
}
