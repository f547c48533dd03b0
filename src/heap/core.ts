import type { Clock } from '../base/index.js';
import { warnOnce } from '../base/index.js';
import { Budget } from './budget.js';
import { channels } from './channels.js';
import { HeapFullError } from './errors.js';
import { Evacuator } from './evacuator.js';
import { GenerationTable } from './generation-table.js';
import { HandleTable } from './handle-table.js';
import { HotWords } from './hot-words.js';
import {
  AGE_COLUMNS,
  ageColumn,
  HEADER_BYTES,
  NUMBERED_GENERATIONS,
  POISON,
  rawBytes,
  SITE_SHIFT,
} from './layout.js';
import type { SlabMemory } from './memory.js';
import { fixedBytes, type HeapConfig } from './options.js';
import { PauseLog } from './pauses.js';
import {
  CONDEMNED,
  DESTINATION,
  FRAGMENTED,
  HUMONGOUS,
  HUMONGOUS_REST,
  NONE,
  OPEN,
  PIN_MASK,
  RETIRED,
  RegionSpace,
  SOURCE,
  UNPOISONED,
} from './region-space.js';
import { SiteTable } from './site-table.js';
import { Sweeper } from './sweeper.js';
import type { Address, BlockOwner, Generation, PlacementPolicy, SiteId } from './types.js';

/** Regions that allocation never takes, so that evacuation always finds room to start. */
const RESERVE_REGIONS = 1;
const MAX_SAMPLE_GAP = 0x3fffffff;

/**
 * The parts of a heap and the life of its regions: opened, retired, fragmented, dead. What one call of the
 * face (heap.ts) needs beyond the fast path is here.
 */
export class HeapCore {
  readonly config: HeapConfig;
  readonly clock: Clock;
  readonly budget: Budget;
  readonly hot: HotWords;
  readonly space: RegionSpace;
  readonly memory: SlabMemory;
  readonly generations: GenerationTable;
  readonly handles: HandleTable;
  readonly sites: SiteTable;
  readonly pauses: PauseLog;
  readonly evacuator: Evacuator;
  readonly sweeper: Sweeper;
  readonly owners: (BlockOwner | undefined)[] = [undefined];
  readonly pressureHooks: ((askedBytes: number) => unknown)[] = [];
  /** Ages at death by generation, AGE_COLUMNS each; anonymous generations, also ended ones, share row 16. */
  readonly ages: Uint32Array = new Uint32Array((NUMBERED_GENERATIONS + 1) * AGE_COLUMNS);
  /** Units of a heap cycle. */
  readonly cycleUnits: number;
  policy: PlacementPolicy | null = null;
  cycle: number = 0;
  #inHook: boolean = false;
  #sampleState: number;

  constructor(config: HeapConfig) {
    this.config = config;
    this.clock = config.clock;
    this.#sampleState = Math.floor(config.random() * 2 ** 31) | 1;
    this.budget = new Budget(config.maxBytes);
    this.budget.take(fixedBytes(config));
    this.hot = new HotWords(RegionSpace.capacityFor(config.maxBytes, config.shape), NUMBERED_GENERATIONS);
    this.space = new RegionSpace(this.budget, config.shape, this.hot);
    this.memory = this.space.memory;
    const { generations, liveLimit } = config;
    this.generations = new GenerationTable(this.budget, this.hot, generations, liveLimit, () =>
      this.space.bindHot(),
    );
    this.handles = new HandleTable(this.budget, this.hot, config.slotBits, config.handleChunkShift);
    this.sites = new SiteTable(this.budget);
    this.cycleUnits = Math.ceil(config.cycleBytes / this.memory.unitBytes);
    this.pauses = new PauseLog(config.clock);
    this.evacuator = new Evacuator(this);
    this.sweeper = new Sweeper(this);
  }

  unitsOf(bytes: number): number {
    return (bytes + this.memory.unitBytes - 1) >>> this.memory.unitShift;
  }

  /** Units of the (not humongous) block whose word 1 is given. */
  blockUnits(word1: number): number {
    return this.unitsOf(rawBytes(word1));
  }

  // ---- the life of a region ----

  /** Gives generation `g` a fresh allocation region. @throws HeapFullError */
  openRegion(g: number, askedBytes: number): void {
    if (this.#reopen(g)) return;
    const region = this.#obtainRegion(askedBytes);
    this.retire(g);
    this.#enter(region, g, OPEN);
    this.generations.top[g] = region << this.space.regionShift;
    this.generations.end[g] = (region << this.space.regionShift) + this.space.regionUnits;
  }

  /** Starts an allocation region in which all have died over again, without a way through the free list. */
  #reopen(g: number): boolean {
    const { generations, space } = this;
    if (generations.end[g] === 0) return false;
    const start = generations.end[g]! - space.regionUnits;
    const region = start >>> space.regionShift;
    const used = generations.top[g]! - start;
    if (space.freed[region] !== used || (space.pins[region]! & PIN_MASK) !== 0) return false;
    generations.bytesAllocated[g]! += used * this.memory.unitBytes;
    generations.regionsFreedWhole[g]!++;
    generations.top[g] = start;
    space.freed[region] = 0;
    space.epoch[region]!++;
    space.bornCycle[region] = this.cycle;
    if (this.config.debug) this.#poisonRegion(region);
    return true;
  }

  /** Gives generation `g` a fresh evacuation destination; there must be a free region. */
  openDestination(g: number): void {
    const region = this.space.takeRegion();
    this.#enter(region, g, DESTINATION);
    this.generations.destinationTop[g] = region << this.space.regionShift;
    this.generations.destinationEnd[g] = (region << this.space.regionShift) + this.space.regionUnits;
  }

  #enter(region: number, g: number, state: number): void {
    const { space, generations } = this;
    space.state[region] = state;
    space.generation[region] = g;
    space.bornCycle[region] = this.cycle;
    space.link(region, g, generations.head, generations.tail);
  }

  /** Ends the allocation region of `g`, if it has one. */
  retire(g: number): void {
    const { generations, space } = this;
    if (generations.end[g] === 0) return;
    const region = (generations.end[g]! - 1) >>> space.regionShift;
    const used = generations.top[g]! - (region << space.regionShift);
    generations.top[g] = 0;
    generations.end[g] = 0;
    generations.bytesAllocated[g]! += used * this.memory.unitBytes;
    this.#settle(region, used, generations.liveLimit[g]!);
  }

  retireDestination(g: number): void {
    const { generations, space } = this;
    if (generations.destinationEnd[g] === 0) return;
    const region = (generations.destinationEnd[g]! - 1) >>> space.regionShift;
    const used = generations.destinationTop[g]! - (region << space.regionShift);
    generations.destinationTop[g] = 0;
    generations.destinationEnd[g] = 0;
    this.#settle(region, used, generations.liveLimit[g]!);
  }

  #settle(region: number, used: number, liveLimit: number): void {
    const { space } = this;
    space.state[region] = RETIRED;
    space.used[region] = used;
    space.trip[region] = Math.max(0, used - liveLimit);
    if (space.freed[region]! >= space.trip[region]!) this.tripped(region);
  }

  /** `units` of `region` have died. */
  addFreed(region: number, units: number): void {
    const freed = this.space.freed[region]! + units;
    this.space.freed[region] = freed;
    if (freed >= this.space.trip[region]!) this.tripped(region);
  }

  /** The freed units of a retired region have reached its trip: it is dead, or fragmented. */
  tripped(region: number): void {
    const { space } = this;
    if (space.freed[region] === space.used[region]) {
      if ((space.pins[region]! & PIN_MASK) === 0) this.freeRegion(region, space.state[region] !== SOURCE);
    } else if (space.state[region] === RETIRED) {
      space.state[region] = FRAGMENTED;
      // Looks come at the turn of a cycle; a trip just before one would seem to have been watched for a cycle.
      space.fragmentedCycle[region] = this.cycle + 1;
      space.lookedLive[region] = space.used[region]! - space.freed[region]!;
      space.trip[region] = space.used[region]!;
      this.evacuator.candidates++;
    }
  }

  /** Returns a region (with its rest, if humongous) to the free. `whole`: nothing was copied or swept. */
  freeRegion(region: number, whole: boolean): void {
    const { space, generations } = this;
    const state = space.state[region];
    const g = space.generation[region]!;
    if (state === FRAGMENTED) this.evacuator.candidates--;
    if (state === CONDEMNED) this.sweeper.unlink(region);
    else space.unlink(region, g, generations.head, generations.tail);
    if (whole) generations.regionsFreedWhole[g]!++;
    const count = state === HUMONGOUS ? this.humongousRegions(region) : 1;
    for (let r = region; r < region + count; r++) {
      if (this.config.debug) this.#poisonRegion(r);
      space.giveRegion(r, this.cycle);
    }
    if (channels.free.hasSubscribers) {
      channels.free.publish({ heap: this.config.name, region, generation: generations.ids[g], whole });
    }
  }

  humongousRegions(region: number): number {
    return Math.ceil(this.space.used[region]! / this.space.regionUnits);
  }

  /** In debug mode, poisons a dead block, unless a pin promises its bytes to someone. */
  poison(region: number, i32: Int32Array, at: number, units: number): void {
    if (!this.config.debug) return;
    if ((this.space.pins[region]! & PIN_MASK) !== 0) this.space.pins[region]! |= UNPOISONED;
    else i32.fill(POISON, at + 2, at + (units << this.memory.wordShift));
  }

  #poisonRegion(region: number): void {
    const { memory, space } = this;
    const address = region << space.regionShift;
    const start = (address & memory.slabMask) << memory.wordShift;
    memory.i32[address >>> memory.slabShift]!.fill(POISON, start, start + (space.regionBytes >>> 2));
  }

  // ---- finding room ----

  /** Bytes of the budget that growth must leave for handles, judged by the blocks so far. */
  #keepForHandles(): number {
    const { handles, space } = this;
    if (handles.liveCount === 0) return handles.chunks.length === 0 ? handles.chunkBytes : 0;
    const usedRegions = Math.max(1, space.committedCount - space.freeCount);
    const perRegion = handles.liveCount / usedRegions;
    const wanted = perRegion * (space.freeCount + space.slabBytes / space.regionBytes) - handles.spareCount;
    return wanted <= 0 ? 0 : Math.ceil((wanted * 4) / handles.chunkBytes) * handles.chunkBytes;
  }

  /** Regions that can be had without evicting or evacuating. */
  availableRegions(): number {
    return this.space.freeCount + this.space.growableRegions(this.#keepForHandles());
  }

  grow(regions: number): boolean {
    const bytes = this.space.grow(regions, regions > 1 ? 0 : this.#keepForHandles(), this.cycle);
    if (bytes === 0) return false;
    if (channels.grow.hasSubscribers) {
      channels.grow.publish({ heap: this.config.name, bytes, committed: this.budget.committed });
    }
    return true;
  }

  /** Gives back slabs that are empty since `cycle`. */
  shrink(cycle: number): number {
    const bytes = this.space.shrink(cycle);
    if (bytes > 0 && channels.shrink.hasSubscribers) {
      channels.shrink.publish({ heap: this.config.name, bytes, committed: this.budget.committed });
    }
    return bytes;
  }

  #obtainRegion(askedBytes: number): number {
    // Apart, since a function that makes closures leaves a context on the JS heap even when it needs none.
    if (this.space.freeCount <= RESERVE_REGIONS) this.#makeRoomForRegion(askedBytes);
    return this.space.takeRegion();
  }

  #makeRoomForRegion(askedBytes: number): void {
    const enough = (): boolean => this.space.freeCount > RESERVE_REGIONS;
    // Twice: the slab of a small heap is one region, and one region is kept back.
    const grow = (): boolean => this.grow(1) && (enough() || this.grow(1));
    if (!this.makeRoom(enough, grow, askedBytes)) throw this.full(askedBytes, 'a block');
  }

  /**
   * Tries, cheapest first, to make `enough()` true: sweep what was released, grow, let the pressure hooks
   * evict, retire other generations' stale allocation regions, evacuate.
   */
  makeRoom(enough: () => boolean, grow: () => boolean, askedBytes: number): boolean {
    if (enough()) return true;
    if (this.space.condemnedCount !== 0) {
      const sweepMs = this.pauses.start();
      while (!enough() && this.sweeper.sweepRegion());
      this.pauses.record('release', sweepMs);
      if (enough()) return true;
    }
    if (grow() && enough()) return true;
    if (this.#runHooks(askedBytes) && enough()) return true;
    this.#retireIdle();
    if (enough()) return true;
    const startMs = this.pauses.start();
    let tries = this.evacuator.candidates;
    while (tries-- > 0 && !enough() && this.evacuator.evacuateBest()) {
      // each turn merges one fragmented region into the destinations
    }
    this.pauses.record('evacuate', startMs);
    return enough();
  }

  #runHooks(askedBytes: number): boolean {
    if (this.#inHook || this.pressureHooks.length === 0) return false;
    this.#inHook = true;
    try {
      for (const hook of this.pressureHooks) hook(askedBytes);
    } finally {
      this.#inHook = false;
    }
    while (this.sweeper.sweepRegion());
    return true;
  }

  /** Retires allocation regions and destinations that are dead or thinly used, so that they can be merged. */
  #retireIdle(): void {
    const { generations, space } = this;
    for (let g = 1; g < generations.count; g++) {
      const top = generations.top[g]!;
      if (generations.end[g] !== 0) {
        const start = generations.end[g]! - space.regionUnits;
        const live = top - start - space.freed[start >>> space.regionShift]!;
        if (live <= generations.liveLimit[g]!) this.retire(g);
      }
      if (generations.destinationEnd[g] !== 0) {
        const start = generations.destinationEnd[g]! - space.regionUnits;
        const used = generations.destinationTop[g]! - start;
        if (space.freed[start >>> space.regionShift]! > used * (1 - this.config.liveThreshold)) {
          this.retireDestination(g);
        }
      }
    }
  }

  /** Takes adjacent regions for a humongous block, whose header is still to be written. @throws HeapFullError */
  openHumongous(g: number, byteLength: number): Address {
    const { space } = this;
    const askedBytes = byteLength + HEADER_BYTES;
    const units = Math.ceil(askedBytes / this.memory.unitBytes);
    if (units > 0x7fffffff) throw this.full(askedBytes, 'a humongous block');
    const count = Math.ceil(units / space.regionUnits);
    let first = NONE;
    const enough = (): boolean => {
      if (first === NONE && space.freeCount >= count + RESERVE_REGIONS) first = space.takeRun(count);
      return first !== NONE;
    };
    // The reserve may lie in another slab, but there must be one.
    const grow = (): boolean => {
      if (space.freeCount < RESERVE_REGIONS) this.grow(1);
      return this.grow(count) || (this.shrink(this.cycle) > 0 && this.grow(count));
    };
    if (!this.makeRoom(enough, grow, askedBytes)) {
      if (!grow() || !enough()) throw this.full(askedBytes, 'a humongous block');
    }
    this.#enter(first, g, HUMONGOUS);
    for (let r = first + 1; r < first + count; r++) {
      space.state[r] = HUMONGOUS_REST;
      space.generation[r] = g;
    }
    space.used[first] = units;
    space.trip[first] = units;
    // A column that humongous regions do not need otherwise: the size in word 1 has no room.
    space.fragmentedCycle[first] = units * this.memory.unitBytes - askedBytes;
    this.generations.bytesAllocated[g]! += units * this.memory.unitBytes;
    return (first << space.regionShift) as Address;
  }

  /** Payload bytes of a humongous block. */
  humongousBytes(address: Address): number {
    const region = address >>> this.space.regionShift;
    const pad = this.space.fragmentedCycle[region]!;
    return this.space.used[region]! * this.memory.unitBytes - HEADER_BYTES - pad;
  }

  /** Makes the handle table ready. @throws HeapFullError */
  makeSlot(): void {
    const { handles } = this;
    const ready = (): boolean => handles.ready || handles.makeReady();
    if (ready()) return;
    this.shrink(this.cycle);
    if (ready() || (this.#runHooks(handles.chunkBytes) && ready())) return;
    while (this.sweeper.sweepRegion()) if (ready()) return;
    if (handles.exhausted) {
      throw this.full(handles.chunkBytes, `another ref (all ${handles.slotMask} of maxRefs are live)`);
    }
    throw this.full(handles.chunkBytes, 'the handle table');
  }

  /** Takes `bytes` for tables of an owner. @throws HeapFullError */
  reserve(bytes: number): void {
    const enough = (): boolean =>
      this.budget.left >= bytes || (this.shrink(this.cycle) > 0 && this.budget.left >= bytes);
    if (!enough()) {
      while (this.sweeper.sweepRegion()) if (enough()) break;
      if (!enough()) this.#runHooks(bytes);
      if (!enough()) throw this.full(bytes, 'a reservation');
    }
    this.budget.take(bytes);
    this.budget.reserved += bytes;
  }

  full(asked: number, what: string): HeapFullError {
    const used = this.usedBytes();
    const max = this.budget.max;
    if (channels.full.hasSubscribers) channels.full.publish({ heap: this.config.name, asked, used, max });
    return new HeapFullError(used, asked, max, what);
  }

  usedBytes(): number {
    return this.budget.committed - this.space.freeCount * this.space.regionBytes;
  }

  /** The error for a generation that does not exist. */
  noGeneration(generation: number): RangeError {
    if (generation === 0) {
      return new RangeError(
        "generation 0 is V8's own heap: blocks are placed in 1 to 15 or a new generation",
      );
    }
    return new RangeError(
      `there is no generation ${generation}: it was released, or newGeneration() never made it`,
    );
  }

  // ---- the clock, and work by the clock ----

  /** A heap cycle (or several) has passed. */
  tick(cycles: number): void {
    this.cycle += cycles;
    this.evacuator.plan();
    this.shrink(this.cycle - this.config.shrinkAfterCycles);
  }

  stepIfWanted(): void {
    if (this.space.condemnedCount !== 0 || this.evacuator.wanted()) this.step(this.config.stepBudgetMs);
  }

  /** Sweeps and evacuates for up to `budgetMs`. @returns whether there is more to do. */
  step(budgetMs: number): boolean {
    const startMs = this.pauses.start();
    const deadlineMs = startMs + budgetMs;
    if (this.space.condemnedCount !== 0) {
      this.sweeper.sweepUntil(deadlineMs);
      this.pauses.record('release', startMs);
    }
    if (this.evacuator.wanted() && this.clock.nowMs() < deadlineMs) {
      const evacuationMs = this.pauses.start();
      this.evacuator.stepUntil(deadlineMs);
      this.pauses.record('evacuate', evacuationMs);
    }
    return this.space.condemnedCount !== 0 || this.evacuator.wanted();
  }

  /**
   * Units until the next sampled block: exponential, so that samples are fair whatever the program's rhythm.
   * In integers from one xorshift state, so that no double is boxed.
   */
  sampleGap(): number {
    let state = this.#sampleState;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#sampleState = state;
    const uniform = (state >>> 0) / 2 ** 32;
    return Math.min(MAX_SAMPLE_GAP, (-Math.log(uniform) * this.config.sampleBytes) >>> this.memory.unitShift);
  }

  // ---- lives and deaths ----

  /** Writes the birth stamp of a sampled block. */
  stamp(address: Address, units: number, site: SiteId, g: number, byteLength: number): void {
    const { memory } = this;
    const u32 = memory.u32[address >>> memory.slabShift]!;
    const end = ((address & memory.slabMask) + units) << memory.wordShift;
    u32[end - 2] = this.cycle;
    let cookie = 0;
    if (this.policy !== null) {
      try {
        cookie = this.policy.born(site, this.generations.ids[g] as Generation, byteLength);
      } catch (error) {
        this.dropPolicy(error);
      }
    }
    u32[end - 1] = cookie;
  }

  /** Notes the death of a sampled block. */
  noteDeath(address: Address, units: number, word1: number, g: number): void {
    const { memory } = this;
    const u32 = memory.u32[address >>> memory.slabShift]!;
    const end = ((address & memory.slabMask) + units) << memory.wordShift;
    const age = this.cycle - u32[end - 2]!;
    const column = ageColumn(age);
    const site = word1 >>> SITE_SHIFT;
    this.sites.ages[site * AGE_COLUMNS + column]!++;
    this.ages[(g === 0 ? NUMBERED_GENERATIONS : Math.min(g, NUMBERED_GENERATIONS)) * AGE_COLUMNS + column]!++;
    if (this.policy !== null) {
      try {
        const size = rawBytes(word1) - 16;
        this.policy.died(site as SiteId, this.generations.ids[g] as Generation, size, age, u32[end - 1]!);
      } catch (error) {
        this.dropPolicy(error);
      }
    }
  }

  /** A policy that throws must not take its host down: it is uninstalled. */
  dropPolicy(error: unknown): void {
    this.policy = null;
    warnOnce(
      'ROLP_HEAP_POLICY',
      `the placement policy threw and was uninstalled; blocks go to their site's or the current generation: ${error}`,
    );
  }
}
