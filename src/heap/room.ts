import { channels } from './channels.js';
import type { HeapCore } from './core.js';
import { HeapFullError } from './errors.js';
import { FRAGMENTED, FREE, NONE, PIN_MASK, RETIRED } from './region-space.js';

/** Regions that allocation never takes, so that evacuation always finds room to start. */
const RESERVE_REGIONS = 1;

/** Finds room in the budget, for regions, runs of regions, refs and owners' tables; or says that the heap is full. */
export class Room {
  readonly #core: HeapCore;
  /** Called with the bytes asked for when the budget is used up: see `onPressure`. */
  readonly hooks: ((askedBytes: number) => unknown)[] = [];
  #inHook: boolean = false;

  constructor(core: HeapCore) {
    this.#core = core;
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

  /** Regions that can be had without evicting or evacuating. */
  availableRegions(): number {
    const { space } = this.#core;
    return space.freeCount + space.condemnedCount + space.growableRegions(this.#keepForHandles());
  }

  #grow(regions: number): boolean {
    const { space, config, budget, cycle } = this.#core;
    const bytes = space.grow(regions, regions > 1 ? 0 : this.#keepForHandles(), cycle);
    if (bytes === 0) return false;
    if (channels.grow.hasSubscribers) {
      channels.grow.publish({ heap: config.name, bytes, committed: budget.committed });
    }
    return true;
  }

  /** Gives back slabs that are empty since `cycle`. @returns the bytes given back. */
  shrink(cycle: number): number {
    const { space, config, budget } = this.#core;
    const bytes = space.shrink(cycle);
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

  #makeRoomForRegion(askedBytes: number): void {
    const enough = (): boolean => this.#core.space.freeCount > RESERVE_REGIONS;
    // Twice: the slab of a small heap is one region, and one region is kept back.
    const grow = (): boolean => this.#grow(1) && (enough() || this.#grow(1));
    const evacuate = (): void => this.#evacuateUntil(enough);
    if (!this.#makeRoom(enough, grow, evacuate, askedBytes)) throw this.full(askedBytes, 'a block');
  }

  /** Takes `count` adjacent free regions. @throws HeapFullError */
  takeRun(count: number, askedBytes: number): number {
    const { space } = this.#core;
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
      first = this.#clearRun(count);
      // Longer than a slab, or too scattered: what is left is to empty whole slabs.
      if (first === NONE) this.#evacuateUntil(enough);
    };
    if (!this.#makeRoom(enough, grow, evacuate, askedBytes)) {
      if (!grow() || !enough()) throw this.full(askedBytes, 'a humongous block');
    }
    return first;
  }

  /**
   * Tries, cheapest first, to make `enough()` true: sweep what was released, grow, let the pressure hooks
   * evict, retire other generations' stale allocation regions, evacuate.
   */
  #makeRoom(enough: () => boolean, grow: () => boolean, evacuate: () => void, askedBytes: number): boolean {
    if (enough()) return true;
    const { pauses } = this.#core;
    if (this.#sweepTill(enough)) return true;
    if (grow() && enough()) return true;
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

  /**
   * Evacuates the `count` adjacent regions that hold least, and takes them; before that, as many others as make room
   * for what lies in them. So the stop is as long as the block that is to lie there: evacuating fragmented regions
   * anywhere, until by chance enough were free side by side, may take the whole heap.
   *
   * @returns the first of them, or NONE.
   */
  #clearRun(count: number): number {
    const { space, evacuator } = this.#core;
    let first = this.#cheapestRun(count);
    for (let tries = 4 * count + 8; first !== NONE && !this.#hasRoomFor(first, count); tries--) {
      if (tries === 0 || !evacuator.evacuateBest()) return NONE;
      // What was evacuated may have become a destination.
      if (this.#unitsToClear(first, count) === NONE) first = this.#cheapestRun(count);
    }
    if (first === NONE) return NONE;
    const end = first + count;
    // What is free in the run must not become a destination.
    for (let r = first; r < end; r++) if (space.state[r] === FREE) space.takeRegionAt(r);
    let cleared = first;
    while (cleared < end && this.#clear(cleared)) cleared++;
    if (cleared === end && space.freeCount >= RESERVE_REGIONS) return first;
    for (let r = first; r < end; r++) if (this.#isTaken(r)) space.giveRegion(r, this.#core.cycle);
    return NONE;
  }

  /** Makes a region of a run taken and empty. @returns whether it could. */
  #clear(region: number): boolean {
    const { space, evacuator } = this.#core;
    if (this.#isTaken(region)) return true;
    if (!evacuator.evacuateRegion(region) || space.state[region] !== FREE) return false;
    space.takeRegionAt(region);
    return true;
  }

  /** Whether `takeRegionAt` has just taken it: no other retired region is empty. */
  #isTaken(region: number): boolean {
    const { space } = this.#core;
    return space.state[region] === RETIRED && space.used[region] === 0;
  }

  /** Whether what lives in a run fits in the free regions outside of it. */
  #hasRoomFor(first: number, count: number): boolean {
    const { space } = this.#core;
    let outside = space.freeCount - RESERVE_REGIONS;
    for (let r = first; r < first + count; r++) if (space.state[r] === FREE) outside--;
    return this.#unitsToClear(first, count) <= outside * space.regionUnits;
  }

  /** The run of `count` regions of one slab with least to copy, or NONE. Cost: O(regions). */
  #cheapestRun(count: number): number {
    const { space } = this.#core;
    let best = NONE;
    let bestUnits = Number.POSITIVE_INFINITY;
    for (const slab of space.eachSlab()) {
      if (!slab.committed) continue;
      const start = space.firstRegion(slab);
      let run = 0;
      let units = 0;
      for (let r = start; r < start + slab.regions; r++) {
        const more = this.#unitsToClear(r, 1);
        run = more === NONE ? 0 : run + 1;
        units = more === NONE ? 0 : units + more;
        if (run > count) units -= this.#unitsToClear(r - count, 1);
        if (run < count || units >= bestUnits) continue;
        best = r - count + 1;
        bestUnits = units;
      }
    }
    return best;
  }

  /** Units that must be copied to clear `count` regions, NONE if one of them cannot be cleared. */
  #unitsToClear(first: number, count: number): number {
    const { space, generations } = this.#core;
    let units = 0;
    for (let r = first; r < first + count; r++) {
      const state = space.state[r];
      if (state === FREE) continue;
      if (state !== RETIRED && state !== FRAGMENTED) return NONE;
      if ((space.pins[r]! & PIN_MASK) !== 0) return NONE;
      // A generation that evacuates nothing by itself has an owner who would not have it done.
      if (generations.liveLimit[space.generation[r]!] === 0) return NONE;
      units += space.used[r]! - space.freed[r]!;
    }
    return units;
  }

  #runHooks(askedBytes: number): boolean {
    if (this.#inHook || this.hooks.length === 0) return false;
    this.#inHook = true;
    try {
      for (const hook of this.hooks) hook(askedBytes);
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
    const ready = (): boolean => handles.ready || handles.makeReady();
    if (ready()) return;
    this.shrink(this.#core.cycle);
    if (this.#sweepTill(ready) || (this.#runHooks(handles.chunkBytes) && this.#sweepTill(ready))) return;
    if (handles.exhausted) {
      throw this.full(handles.chunkBytes, `another ref (all ${handles.slotMask} of maxRefs are live)`);
    }
    throw this.full(handles.chunkBytes, 'the handle table');
  }

  /** Takes `bytes` for tables of an owner. @throws HeapFullError */
  reserve(bytes: number): void {
    const { budget } = this.#core;
    const enough = (): boolean =>
      budget.left >= bytes || (this.shrink(this.#core.cycle) > 0 && budget.left >= bytes);
    if (!this.#sweepTill(enough) && !(this.#runHooks(bytes) && this.#sweepTill(enough))) {
      throw this.full(bytes, 'a reservation');
    }
    budget.take(bytes);
    budget.reserved += bytes;
  }

  usedBytes(): number {
    const { budget, space } = this.#core;
    return budget.committed - space.freeCount * space.regionBytes;
  }

  full(asked: number, what: string): HeapFullError {
    const used = this.usedBytes();
    const { max } = this.#core.budget;
    if (channels.full.hasSubscribers) {
      channels.full.publish({ heap: this.#core.config.name, asked, used, max });
    }
    return new HeapFullError(used, asked, max, what);
  }
}
