import { channels } from './channels.js';
import type { HeapCore } from './core.js';
import { HeapFullError } from './errors.js';
import { fixedBytes } from './options.js';
import { NONE, PIN_MASK } from './region-space.js';
import { RESERVE_REGIONS, RunClearer } from './run-clearer.js';

/** Tables are given what is there: more slabs would leave them less. */
const cannotGrow = (): boolean => false;

/** Finds room in the budget, for regions, runs of regions, refs and owners' tables; or says that the heap is full. */
export class Room {
  readonly #core: HeapCore;
  /** Called with the bytes asked for when the budget is used up: see `onPressure`. */
  readonly hooks: ((askedBytes: number) => unknown)[] = [];
  readonly #clearer: RunClearer;
  /** All that blocks and owners' tables can ever have. */
  readonly #mostBytes: number;
  #inHook: boolean = false;
  /** The heap cycle in which allocation regions were last looked through for dead ones. */
  #lookedCycle: number = 0;

  constructor(core: HeapCore) {
    this.#core = core;
    this.#clearer = new RunClearer(core);
    this.#mostBytes = core.config.maxBytes - fixedBytes(core.config);
  }

  // ---- growing and shrinking ----

  /** Bytes of the budget that growth must leave for handles, judged by the blocks so far. */
  #keepForHandles(): number {
    const { handles, space } = this.#core;
    if (handles.liveCount === 0) return handles.bytes === 0 ? handles.chunkBytes : 0;
    const usedRegions = Math.max(1, space.committedCount - space.freeCount);
    const perRegion = handles.liveCount / usedRegions;
    const wanted = perRegion * (space.freeCount + space.slabBytes / space.regionBytes) - handles.spareCount;
    return wanted <= 0 ? 0 : Math.ceil((wanted * 4) / handles.chunkBytes) * handles.chunkBytes;
  }

  /** Bytes of the budget that growth must leave for tables. */
  #keepForTables(): number {
    return this.#keepForHandles() + this.#core.budget.kept;
  }

  /** Regions that can be had without evicting or evacuating. */
  availableRegions(): number {
    const { space } = this.#core;
    return space.freeCount + space.condemnedCount + space.growableRegions(this.#keepForTables());
  }

  /** Grows by the region that evacuation copies to, of all that is left if need be. @returns whether it could. */
  growReserve(): boolean {
    const { budget, space } = this.#core;
    if (budget.left < space.regionBytes) return false;
    return this.#grow(1) || this.#grow(1, budget.left - space.regionBytes);
  }

  #grow(regions: number, keepBytes: number = regions > 1 ? 0 : this.#keepForTables()): boolean {
    const { space, config, budget, cycle } = this.#core;
    const bytes = space.grow(regions, keepBytes, cycle);
    if (bytes === 0) return false;
    if (channels.grow.hasSubscribers) {
      channels.grow.publish({ heap: config.name, bytes, committed: budget.committed });
    }
    return true;
  }

  /** Gives back slabs that are empty since `cycle`. @returns the bytes given back. */
  shrink(cycle: number, leastFree: number = 0): number {
    const { space, config, budget } = this.#core;
    const bytes = space.shrink(cycle, leastFree);
    if (bytes > 0 && channels.shrink.hasSubscribers) {
      channels.shrink.publish({ heap: config.name, bytes, committed: budget.committed });
    }
    return bytes;
  }

  // ---- regions ----

  /** Takes a free region. @throws HeapFullError */
  takeRegion(askedBytes: number): number {
    const { space } = this.#core;
    // Apart, since a function that makes closures leaves a context on the JS heap even when it needs none.
    if (space.freeCount <= RESERVE_REGIONS) this.#makeRoomForRegion(askedBytes);
    return space.takeRegion();
  }

  /**
   * Once a heap cycle, frees allocation regions and destinations in which all blocks have died. A generation that nothing is
   * placed in any more would keep them for good: deaths are weighed in retired regions only. To be called where a region
   * is opened, not at the turn of a cycle, when a block may be about to be placed in one of them.
   *
   * Those of owners who evacuate by themselves are left alone: they count on room that they have seen. Cost: O(generations).
   */
  giveDeadBack(): void {
    const core = this.#core;
    const { generations, evacuator } = core;
    if (core.cycle === this.#lookedCycle || evacuator.isCopying) return;
    this.#lookedCycle = core.cycle;
    for (let g = 1; g < generations.count; g++) {
      if (generations.liveLimit[g]! <= 0) continue;
      if (this.#isDead(generations.top(g), generations.end(g))) core.retire(g);
      if (this.#isDead(generations.destinationTop[g]!, generations.destinationEnd[g]!))
        core.retireDestination(g);
    }
  }

  /** Whether all blocks between the start of the region that ends at `end` (0: there is none) and `top` are dead. */
  #isDead(top: number, end: number): boolean {
    const { space } = this.#core;
    if (end === 0) return false;
    const start = end - space.regionUnits;
    const region = start >>> space.regionShift;
    return space.freed[region] === top - start && (space.pins[region]! & PIN_MASK) === 0;
  }

  #makeRoomForRegion(askedBytes: number): void {
    const enough = (): boolean => this.#core.space.freeCount > RESERVE_REGIONS;
    // Twice: the slab of a small heap is one region, and one region is kept back.
    const grow = (): boolean => this.#grow(1) && (enough() || this.#grow(1));
    const evacuate = (): void => this.#evacuateUntil(enough);
    if (this.#makeRoom(enough, grow, evacuate, askedBytes)) return;
    // Nothing is left but what is kept for owners' tables.
    this.#core.budget.keepNothing();
    if (!grow()) throw this.full(askedBytes, 'a block');
  }

  /** Takes `count` adjacent free regions. @throws HeapFullError */
  takeRun(count: number, askedBytes: number): number {
    const { space } = this.#core;
    // Nobody is to evict, nor anything to be moved, for what cannot be.
    if ((count + RESERVE_REGIONS) * space.regionBytes > this.#mostBytes) {
      throw this.full(askedBytes, 'a humongous block');
    }
    let first = NONE;
    const enough = (): boolean => {
      if (first === NONE && space.freeCount >= count + RESERVE_REGIONS) first = space.takeRun(count);
      return first !== NONE;
    };
    // The reserve may lie in another slab, but there must be one.
    const grow = (): boolean => {
      if (space.freeCount < RESERVE_REGIONS) this.#grow(1);
      return this.#grow(count) || (this.shrink(this.#core.cycle) > 0 && this.#grow(count));
    };
    const evacuate = (): void => {
      const run = this.#clearer.clear(() => this.#clearer.cheapestRun(count));
      first = run === undefined ? NONE : run.first;
      // Longer than a slab: those with least in them go back, until the budget has room for one that is long enough.
      if (first === NONE) this.#emptySlabs(() => enough() || (grow() && enough()), count * space.regionBytes);
      if (first === NONE) this.#evacuateUntil(enough);
    };
    if (!this.#makeRoom(enough, grow, evacuate, askedBytes)) {
      if (!grow() || !enough()) throw this.full(askedBytes, 'a humongous block');
    }
    return first;
  }

  /**
   * Tries, cheapest first, to make `enough()` true: sweep what was released, grow, drop spare arrays, let the pressure
   * hooks evict, retire other generations' stale allocation regions, evacuate.
   */
  #makeRoom(enough: () => boolean, grow: () => boolean, evacuate: () => void, askedBytes: number): boolean {
    if (enough()) return true;
    const { pauses, spareArrays, evacuator, sweeper } = this.#core;
    // An owner asks who is told of its blocks, maybe in the midst of a call that has made sure of room for its own:
    // neither what is half moved or swept may change for that, nor an allocation region.
    if (evacuator.isCopying || sweeper.isTelling) return spareArrays.drop() > 0 && enough();
    if (this.#sweepTill(enough)) return true;
    if (grow() && enough()) return true;
    if (spareArrays.drop() > 0 && (enough() || (grow() && enough()))) return true;
    if (this.#runHooks(askedBytes) && this.#sweepTill(enough)) return true;
    this.#retireIdle();
    if (enough()) return true;
    const startMs = pauses.start();
    evacuate();
    pauses.record('evacuate', startMs);
    return enough();
  }

  #evacuateUntil(enough: () => boolean): void {
    const { evacuator } = this.#core;
    let tries = evacuator.candidates;
    while (tries-- > 0 && !enough() && evacuator.evacuateBest()) {
      // each turn merges one fragmented region into the destinations
    }
  }

  #runHooks(askedBytes: number): boolean {
    if (this.#inHook || this.hooks.length === 0) return false;
    this.#inHook = true;
    try {
      // A copy: a hook may take itself off.
      for (const hook of [...this.hooks]) hook(askedBytes);
    } finally {
      this.#inHook = false;
    }
    return true;
  }

  /** Sweeps released regions, as many as it takes. @returns whether there is enough. */
  #sweepTill(enough: () => boolean): boolean {
    const { space, pauses, sweeper } = this.#core;
    if (enough()) return true;
    if (space.condemnedCount === 0) return false;
    const startMs = pauses.start();
    let done = false;
    while (!done && sweeper.sweepRegion()) done = enough();
    pauses.record('release', startMs);
    return done;
  }

  /** Retires allocation regions and destinations that are dead or thinly used, so that they can be merged. */
  #retireIdle(): void {
    const { generations, space, config } = this.#core;
    for (let g = 1; g < generations.count; g++) {
      const top = generations.top(g);
      if (generations.end(g) !== 0) {
        const start = generations.end(g) - space.regionUnits;
        const live = top - start - space.freed[start >>> space.regionShift]!;
        if (live <= generations.liveLimit[g]!) this.#core.retire(g);
      }
      if (generations.destinationEnd[g] !== 0) {
        const start = generations.destinationEnd[g]! - space.regionUnits;
        const used = generations.destinationTop[g]! - start;
        if (space.freed[start >>> space.regionShift]! > used * (1 - config.liveThreshold)) {
          this.#core.retireDestination(g);
        }
      }
    }
  }

  // ---- refs and reservations ----

  /** Makes the handle table ready. @throws HeapFullError */
  makeSlot(): void {
    const { handles } = this.#core;
    const { chunkBytes } = handles;
    const ready = (): boolean => handles.ready || handles.makeReady();
    if (ready()) return;
    this.#shrinkForTables();
    const evacuate = (): void => {
      if (!handles.exhausted) this.#emptySlabs(ready, chunkBytes);
    };
    if (this.#makeRoom(ready, cannotGrow, evacuate, chunkBytes)) return;
    if (handles.exhausted) {
      throw this.full(chunkBytes, `another ref (all ${handles.slotMask} of maxRefs are live)`);
    }
    throw this.full(chunkBytes, 'the handle table');
  }

  /** Takes `bytes` for tables of an owner, see `RegionHeap.reserve`. Like an allocation it may move blocks. @throws HeapFullError */
  reserve(bytes: number, heldBytes: number): void {
    const { budget } = this.#core;
    if (bytes > this.#mostBytes) throw this.full(bytes, 'a reservation');
    const enough = (): boolean =>
      this.#affords(bytes) || (this.#shrinkForTables() > 0 && this.#affords(bytes));
    const evacuate = (): void => this.#emptySlabs(enough, bytes);
    if (!this.#makeRoom(enough, cannotGrow, evacuate, bytes)) throw this.full(bytes, 'a reservation');
    budget.reserve(bytes, heldBytes);
  }

  /** Whether `bytes` are left, and after that a region to which evacuation can begin to copy. */
  #affords(bytes: number): boolean {
    const { budget, space } = this.#core;
    if (budget.left < bytes) return false;
    const canEvacuate = space.freeCount >= RESERVE_REGIONS || space.committedCount === 0;
    return canEvacuate || budget.left - bytes >= space.regionBytes;
  }

  /** Gives all empty slabs back, but for the region to which evacuation copies, if there is anything to evacuate. */
  #shrinkForTables(): number {
    const { cycle, space } = this.#core;
    return this.shrink(cycle, space.freeCount === space.committedCount ? 0 : RESERVE_REGIONS);
  }

  /**
   * Empties slabs and gives them back, until `enough()`: a region by itself does not go back to the budget. What is
   * over is kept for the tables that grow next, or else regions would take it and the next table empty another slab.
   */
  #emptySlabs(enough: () => boolean, bytes: number): void {
    const { budget, space, cycle } = this.#core;
    while (!enough()) {
      const missing = bytes - budget.left;
      if (this.#clearer.clearableBytes() < missing) return;
      const run = this.#clearer.clear(() => this.#clearer.cheapestSlab(missing));
      if (run === undefined) return;
      for (let r = run.first; r < run.first + run.count; r++) space.giveRegion(r, cycle);
      if (this.#shrinkForTables() === 0) return;
    }
    budget.keep(budget.left);
  }

  full(asked: number, what: string): HeapFullError {
    const { used, max } = this.#core.budget;
    if (channels.full.hasSubscribers) {
      channels.full.publish({ heap: this.#core.config.name, asked, used, max });
    }
    return new HeapFullError(used, asked, max, what);
  }
}
