import type { HeapCore } from './core.js';
import { FRAGMENTED, FREE, PIN_MASK, RETIRED } from './region-space.js';
import type { RegionIndex } from './types.js';

/** Regions that allocation never takes, so that evacuation always finds room to start. */
export const RESERVE_REGIONS = 1;

/** Adjacent regions of one slab. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/**
 * Clears chosen adjacent regions: for a block longer than one, or to give their slab back. So the stop is as long as
 * what is asked for: evacuating fragmented regions anywhere, until by chance enough were free side by side, may
 * take the whole heap.
 */
export class RunClearer {
  readonly #core: HeapCore;
  /** Whoever is asked to vacate a region may need room in turn, and must get none of those just taken. */
  #isClearing: boolean = false;

  constructor(core: HeapCore) {
    this.#core = core;
  }

  /**
   * Evacuates the run that `choose` names, and takes its regions; before that, as many others as make room for what
   * lies in it.
   *
   * @returns undefined if there is none, or no room for what lies in it.
   */
  clear(choose: () => Run | undefined): Run | undefined {
    if (this.#core.evacuator.isCopying || this.#isClearing) return undefined;
    this.#isClearing = true;
    try {
      return this.#clear(choose);
    } finally {
      this.#isClearing = false;
    }
  }

  #clear(choose: () => Run | undefined): Run | undefined {
    const { space, evacuator } = this.#core;
    let run = choose();
    for (let tries = 4 * (run?.count ?? 0) + 8; run !== undefined && !this.#hasRoomFor(run); tries--) {
      if (tries === 0 || !evacuator.evacuateBest()) return undefined;
      // What was evacuated may have become a destination.
      if (this.#unitsToClear(run) === undefined) run = choose();
    }
    if (run === undefined) return undefined;
    const end = run.first + run.count;
    // What is free in the run must not become a destination.
    for (let r = run.first; r < end; r++) if (space.state[r] === FREE) space.takeRegionAt(r);
    let isCleared = false;
    try {
      let cleared = run.first;
      while (cleared < end && this.#clearRegion(cleared)) cleared++;
      isCleared = cleared === end && space.freeCount >= RESERVE_REGIONS;
    } finally {
      // A generation's owner may have thrown when it was asked to vacate a region.
      if (!isCleared) this.#giveTaken(run);
    }
    return isCleared ? run : undefined;
  }

  #giveTaken({ first, count }: Run): void {
    const { space, cycle } = this.#core;
    for (let r = first; r < first + count; r++) if (this.#isTaken(r)) space.giveRegion(r, cycle);
  }

  /** Makes a region of a run taken and empty. @returns whether it could. */
  #clearRegion(region: number): boolean {
    const { space, evacuator, generations, vacators } = this.#core;
    if (this.#isTaken(region)) return true;
    const state = space.state[region];
    // Clearing another may have evacuated this one, and it may be in use again.
    if (state === RETIRED || state === FRAGMENTED) {
      const g = space.generation[region]!;
      if (generations.liveLimit[g] === 0) vacators.get(g)?.(region as RegionIndex);
      else evacuator.evacuateRegion(region);
    }
    if (space.state[region] !== FREE) return false;
    space.takeRegionAt(region);
    return true;
  }

  /** Whether `takeRegionAt` has just taken it: no other retired region is empty. */
  #isTaken(region: number): boolean {
    const { space } = this.#core;
    return space.state[region] === RETIRED && space.used[region] === 0;
  }

  /** Whether what lives in a run fits in the free regions outside of it. */
  #hasRoomFor(run: Run): boolean {
    const { space } = this.#core;
    let outside = space.freeCount - RESERVE_REGIONS;
    for (let r = run.first; r < run.first + run.count; r++) if (space.state[r] === FREE) outside--;
    return (this.#unitsToClear(run) ?? 0) <= outside * space.regionUnits;
  }

  /** The run of `count` regions of one slab with least to copy. Cost: O(regions). */
  cheapestRun(count: number): Run | undefined {
    let best: Run | undefined;
    let bestUnits = Number.POSITIVE_INFINITY;
    for (const { first: start, count: regions } of this.#slabs()) {
      let run = 0;
      let units = 0;
      for (let r = start; r < start + regions; r++) {
        const more = this.#unitsIn(r);
        run = more === undefined ? 0 : run + 1;
        units = more === undefined ? 0 : units + more;
        if (run > count) units -= this.#unitsIn(r - count)!;
        if (run < count || units >= bestUnits) continue;
        best = { first: r - count + 1, count };
        bestUnits = units;
      }
    }
    return best;
  }

  /** The slab with least to copy of those of at least `bytes`; if there is none, the longest. Cost: O(regions). */
  cheapestSlab(bytes: number): Run | undefined {
    const { regionBytes } = this.#core.space;
    let best: Run | undefined;
    let bestUnits = Number.POSITIVE_INFINITY;
    for (const slab of this.#slabs()) {
      const units = this.#unitsToClear(slab);
      if (units === undefined) continue;
      const known = best?.count ?? 0;
      const suffices = slab.count * regionBytes >= bytes;
      const isBetter = known * regionBytes >= bytes ? suffices && units < bestUnits : slab.count > known;
      if (!isBetter) continue;
      best = slab;
      bestUnits = units;
    }
    return best;
  }

  /** Bytes that are free or dead where clearing reaches, so at most what it can give. Cost: O(regions). */
  clearableBytes(): number {
    const { space } = this.#core;
    let units = 0;
    for (const { first, count } of this.#slabs()) {
      for (let r = first; r < first + count; r++) {
        const live = this.#unitsIn(r);
        if (live !== undefined) units += space.regionUnits - live;
      }
    }
    return (units / space.regionUnits) * space.regionBytes;
  }

  *#slabs(): Generator<Run> {
    const { space } = this.#core;
    for (const slab of space.eachSlab()) {
      if (slab.committed) yield { first: space.firstRegion(slab), count: slab.regions };
    }
  }

  /** Units that must be copied to clear a run, undefined if one of its regions cannot be cleared. */
  #unitsToClear({ first, count }: Run): number | undefined {
    let units = 0;
    for (let r = first; r < first + count; r++) {
      const more = this.#unitsIn(r);
      if (more === undefined) return undefined;
      units += more;
    }
    return units;
  }

  #unitsIn(region: number): number | undefined {
    const { space, generations, vacators } = this.#core;
    const state = space.state[region];
    if (state === FREE) return 0;
    if (state !== RETIRED && state !== FRAGMENTED) return undefined;
    if ((space.pins[region]! & PIN_MASK) !== 0) return undefined;
    // A generation that evacuates nothing by itself has an owner, who may do it when asked.
    const g = space.generation[region]!;
    if (generations.liveLimit[g] === 0 && !vacators.has(g)) return undefined;
    return space.used[region]! - space.freed[region]!;
  }
}
