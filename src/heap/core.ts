import type { Clock } from '../base/index.js';
import { Budget } from './budget.js';
import { channels } from './channels.js';
import { StaleRefError } from './errors.js';
import { Evacuator } from './evacuator.js';
import { GenerationTable } from './generation-table.js';
import { HandleTable } from './handle-table.js';
import { HotWords } from './hot-words.js';
import { HEADER_BYTES, POISON, rawBytes, STAMP_BYTES } from './layout.js';
import { Lives } from './lives.js';
import type { SlabMemory } from './memory.js';
import { fixedBytes, type HeapConfig } from './options.js';
import { PauseLog } from './pauses.js';
import {
  CONDEMNED,
  DESTINATION,
  FIXED,
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
import { Room } from './room.js';
import { SiteTable } from './site-table.js';
import { SpareArrays } from './spare-arrays.js';
import { Sweeper } from './sweeper.js';
import type { Address, BlockOwner, RegionIndex } from './types.js';

/**
 * The parts of a heap and the life of its regions: opened, retired, fragmented, dead. Where room comes from is in
 * room.ts, the life of blocks in placer.ts and lives.ts.
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
  readonly spareArrays: SpareArrays;
  readonly pauses: PauseLog;
  readonly evacuator: Evacuator;
  readonly sweeper: Sweeper;
  readonly owners: (BlockOwner | undefined)[] = [undefined];
  /** By generation index: who empties a region of it when the heap asks. See `GenerationOptions.vacate`. */
  readonly vacators: Map<number, (region: RegionIndex) => void> = new Map();
  /** Units of a heap cycle. */
  readonly cycleUnits: number;
  /** The longest block that is not humongous, payload only. */
  readonly maxSmall: number;
  readonly lives: Lives;
  readonly room: Room;
  cycle: number = 0;

  constructor(config: HeapConfig) {
    this.config = config;
    this.clock = config.clock;
    this.budget = new Budget(config.maxBytes);
    this.budget.take(fixedBytes(config));
    this.hot = new HotWords(RegionSpace.capacityFor(config.maxBytes, config.shape));
    this.space = new RegionSpace(this.budget, config.shape, this.hot);
    this.memory = this.space.memory;
    const { generations, liveLimit } = config;
    this.generations = new GenerationTable(this.budget, generations, liveLimit);
    this.handles = new HandleTable(this.budget, this.hot, config.slotBits, config.handleChunkShift);
    this.sites = new SiteTable(this.budget, this.hot);
    this.spareArrays = new SpareArrays(this.budget);
    this.cycleUnits = Math.ceil(config.cycleBytes / this.memory.unitBytes);
    this.maxSmall = config.regionBytes / 2 - HEADER_BYTES - STAMP_BYTES;
    this.pauses = new PauseLog(config.clock);
    this.evacuator = new Evacuator(this);
    this.sweeper = new Sweeper(this);
    this.lives = new Lives(this);
    this.room = new Room(this);
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
    const { generations } = this;
    // Asked before: who is told of a freed region may release the generation too.
    const generation = generations.id(g);
    this.room.giveDeadBack();
    if (this.#reopen(g)) return;
    const region = this.room.takeRegion(askedBytes);
    this.checkOutlived(generation, g, region, 1);
    this.retire(g);
    const isFixed = generations.isFixed(g);
    this.#enter(region, g, isFixed ? FIXED : OPEN, 1);
    // Placed blocks have no header before them, and address 0 is to name none.
    generations.setTop(g, isFixed && region === 0 ? 1 : region << this.space.regionShift);
    generations.setEnd(g, (region << this.space.regionShift) + this.space.regionUnits);
  }

  /**
   * A pressure hook, asked for room, may have released the generation that the room is for.
   *
   * @param first the first of `count` regions that were taken for it, and go back.
   * @throws RangeError
   */
  checkOutlived(generation: number, g: number, first: number = NONE, count: number = 0): void {
    if (this.generations.id(g) === generation) return;
    for (let r = first; r < first + count; r++) this.space.giveRegion(r, this.cycle);
    throw this.noGeneration(generation);
  }

  /** Starts an allocation region in which all have died over again, without a way through the free list. */
  #reopen(g: number): boolean {
    const { generations, space } = this;
    if (generations.end(g) === 0) return false;
    const start = generations.end(g) - space.regionUnits;
    const region = start >>> space.regionShift;
    const used = generations.top(g) - start;
    if (space.freed[region] !== used || (space.pins[region]! & PIN_MASK) !== 0) return false;
    generations.bytesAllocated[g]! += used * this.memory.unitBytes;
    generations.regionsFreedWhole[g]!++;
    generations.setTop(g, start);
    space.freed[region] = 0;
    space.epoch[region]!++;
    // As if it had been freed: what is placed now lies over the headers that were in it, and may hold their refs.
    this.memory.epoch[0]!++;
    space.bornCycle[region] = this.cycle;
    if (this.config.debug) this.#poisonRegion(region);
    return true;
  }

  /** Gives generation `g` a fresh evacuation destination; there must be a free region. */
  openDestination(g: number): void {
    const region = this.space.takeRegion();
    this.#enter(region, g, DESTINATION, 1);
    this.generations.destinationTop[g] = region << this.space.regionShift;
    this.generations.destinationEnd[g] = (region << this.space.regionShift) + this.space.regionUnits;
  }

  #enter(region: number, g: number, state: number, count: number): void {
    const { space } = this;
    space.state[region] = state;
    space.generation[region] = g;
    space.bornCycle[region] = this.cycle;
    this.#enlist(region, g, count);
  }

  /** Appends `region`, of `count` adjacent ones, to the list of generation `g`. */
  #enlist(region: number, g: number, count: number): void {
    const { space, generations } = this;
    space.link(region, g, generations.head, generations.tail);
    generations.regions[g]! += count;
  }

  /** Takes `region`, of `count` adjacent ones, off the list of generation `g`. */
  delist(region: number, g: number, count: number): void {
    const { space, generations } = this;
    space.unlink(region, g, generations.head, generations.tail);
    generations.regions[g]! -= count;
  }

  /** Ends the allocation region of `g`, if it has one. */
  retire(g: number): void {
    const { generations, space } = this;
    if (generations.end(g) === 0) return;
    const region = (generations.end(g) - 1) >>> space.regionShift;
    const used = generations.top(g) - (region << space.regionShift);
    generations.setTop(g, 0);
    generations.setEnd(g, 0);
    generations.bytesAllocated[g]! += used * this.memory.unitBytes;
    if (generations.isFixed(g)) space.used[region] = used;
    else this.#settle(region, used, generations.liveLimit[g]!);
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
    const count = state === HUMONGOUS ? this.humongousRegions(region) : 1;
    if (state === CONDEMNED) this.sweeper.unlink(region);
    else this.delist(region, g, count);
    if (whole) generations.regionsFreedWhole[g]!++;
    for (let r = region; r < region + count; r++) {
      if (this.config.debug) this.#poisonRegion(r);
      space.giveRegion(r, this.cycle);
    }
    if (channels.free.hasSubscribers) {
      channels.free.publish({ heap: this.config.name, region, generation: generations.id(g), whole });
    }
  }

  /**
   * Gives all regions of the fixed generation `g` back, which has no allocation region any more. No ref leads into them,
   * so that there is nothing to sweep.
   *
   * @returns the bytes that were placed in them.
   */
  freeFixed(g: number): number {
    const { space, generations, config } = this;
    const first = generations.head[g]!;
    if (config.debug) for (let r = first; r !== NONE; r = space.next[r]!) this.#poisonRegion(r);
    // Listed before: who is told may allocate.
    const freed: number[] = [];
    if (channels.free.hasSubscribers) for (let r = first; r !== NONE; r = space.next[r]!) freed.push(r);
    generations.regionsReleased[g]! += generations.regions[g]!;
    generations.head[g] = NONE;
    generations.tail[g] = NONE;
    generations.regions[g] = 0;
    const units = space.giveList(first, this.cycle);
    for (const region of freed) {
      channels.free.publish({ heap: config.name, region, generation: generations.id(g), whole: false });
    }
    return units * this.memory.unitBytes;
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

  // ---- humongous blocks ----

  /** Takes adjacent regions for a humongous block, whose header is still to be written. @throws HeapFullError */
  openHumongous(g: number, byteLength: number): Address {
    const { space } = this;
    const askedBytes = byteLength + HEADER_BYTES;
    const units = Math.ceil(askedBytes / this.memory.unitBytes);
    if (units > 0x7fffffff) throw this.room.full(askedBytes, 'a humongous block');
    const count = Math.ceil(units / space.regionUnits);
    const generation = this.generations.id(g);
    const first = this.room.takeRun(count, askedBytes);
    this.checkOutlived(generation, g, first, count);
    this.#enter(first, g, HUMONGOUS, count);
    for (let r = first + 1; r < first + count; r++) {
      space.state[r] = HUMONGOUS_REST;
      space.generation[r] = g;
    }
    space.used[first] = units;
    space.trip[first] = units;
    space.pad[first] = units * this.memory.unitBytes - askedBytes;
    this.generations.bytesAllocated[g]! += units * this.memory.unitBytes;
    return (first << space.regionShift) as Address;
  }

  /** Undoes `openHumongous`, whose block still has no header. */
  closeHumongous(address: Address): void {
    const { space, generations, memory } = this;
    const region = address >>> space.regionShift;
    generations.bytesAllocated[space.generation[region]!]! -= space.used[region]! * memory.unitBytes;
    this.freeRegion(region, false);
  }

  /**
   * Takes adjacent regions of the fixed generation `g` for one block of `units`. Each is a region like others: they only
   * go together. @throws HeapFullError
   */
  openFixedRun(g: number, units: number): Address {
    const { space, generations, memory } = this;
    const askedBytes = units * memory.unitBytes;
    if (units > 0x7fffffff) throw this.room.full(askedBytes, 'a block');
    const generation = generations.id(g);
    const least = Math.ceil(units / space.regionUnits);
    let count = least;
    let first = this.room.takeRun(count, askedBytes);
    // Address 0 is to name no block: one unit more, where there is none to spare.
    if (first === 0 && units === count * space.regionUnits) {
      for (let r = first; r < first + count; r++) space.giveRegion(r, this.cycle);
      first = this.room.takeRun(++count, askedBytes);
    }
    this.checkOutlived(generation, g, first, count);
    const skipped = first === 0 || count > least ? 1 : 0;
    let left = units + skipped;
    for (let r = first; r < first + count; r++) {
      this.#enter(r, g, FIXED, 1);
      space.used[r] = Math.min(left, space.regionUnits);
      left -= space.regionUnits;
    }
    generations.bytesAllocated[g]! += (units + skipped) * memory.unitBytes;
    return ((first << space.regionShift) + skipped) as Address;
  }

  humongousRegions(region: number): number {
    return Math.ceil(this.space.used[region]! / this.space.regionUnits);
  }

  /** Gives a humongous region, its block with it, to generation `g`, as its youngest. */
  rehomeHumongous(region: number, g: number): void {
    const { space } = this;
    const count = this.humongousRegions(region);
    this.delist(region, space.generation[region]!, count);
    for (let r = region; r < region + count; r++) space.generation[r] = g;
    this.#enlist(region, g, count);
  }

  /** Payload bytes of the humongous block of `region`. */
  humongousBytes(region: number): number {
    const { space, memory } = this;
    return space.used[region]! * memory.unitBytes - HEADER_BYTES - space.pad[region]!;
  }

  /** The error for a ref without a live block. */
  staleRef(ref: number): StaleRefError {
    if (!Number.isInteger(ref) || ref < 1 || ref > 0x7fffffff) {
      return new StaleRefError(ref, 'no heap gives out such a ref');
    }
    if (this.handles.lookup(ref) >= 0) {
      return new StaleRefError(ref, 'its block was freed, or is of another heap; another block has its slot');
    }
    return new StaleRefError(ref, 'its block was freed or released, or is of another heap');
  }

  /** The error for a generation that takes no block which may move: it does not exist, or it is fixed. */
  noMovingGeneration(generation: number): Error {
    if (this.generations.indexOf(generation) === 0) return this.noGeneration(generation);
    return new TypeError(`generation ${generation} is fixed: only heap.place puts blocks there`);
  }

  /** @throws RangeError if the generation does not exist. */
  generationIndex(generation: number): number {
    const g = this.generations.indexOf(generation);
    if (g === 0) throw this.noGeneration(generation);
    return g;
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
    this.budget.fade(cycles);
    this.evacuator.plan();
    this.room.shrink(this.cycle - this.config.shrinkAfterCycles);
  }

  /**
   * A step, if there is something to do. It comes four times while a region is filled, and sweeps a region's worth at
   * most: so sweeping keeps ahead of allocation, but a generation of many regions does not make every step a long one.
   */
  stepIfWanted(): void {
    if (this.space.condemnedCount === 0 && !this.evacuator.wanted()) return;
    this.step(this.config.stepBudgetMs, this.space.regionUnits);
  }

  /** Begins to sweep what a release that began at `startMs` has left, as far as a step would. */
  sweepAfterRelease(startMs: number): void {
    if (this.space.condemnedCount === 0) return;
    this.sweeper.sweepUntil(startMs + this.config.stepBudgetMs, this.space.regionUnits);
  }

  /** Sweeps (`mostSwept` units) and evacuates for up to `budgetMs`. @returns whether there is more to do. */
  step(budgetMs: number, mostSwept: number = Number.POSITIVE_INFINITY): boolean {
    const startMs = this.pauses.start();
    const deadlineMs = startMs + budgetMs;
    if (this.space.condemnedCount !== 0) {
      this.sweeper.sweepUntil(deadlineMs, mostSwept);
      this.pauses.record('release', startMs);
    }
    if (this.evacuator.wanted() && this.clock.nowMs() < deadlineMs) {
      const evacuationMs = this.pauses.start();
      this.evacuator.stepUntil(deadlineMs);
      this.pauses.record('evacuate', evacuationMs);
    }
    return this.space.condemnedCount !== 0 || this.evacuator.wanted();
  }
}
