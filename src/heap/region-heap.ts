import { checkFunction, checkInteger } from '../base/index.js';
import { BlockHeap } from './block-heap.js';
import { FRAGMENTED, PIN_MASK, RETIRED, SOURCE } from './region-space.js';
import type { Address, RegionIndex } from './types.js';

/**
 * The owners' part of the heap's face: for who keeps blocks by address and evicts whole regions itself, as caches do, or
 * has tables of its own beside the heap. Region by region here; in which order regions and blocks lie, and how much room
 * there is, tell `regions` (owned-regions.ts).
 */
export abstract class RegionHeap extends BlockHeap {
  // ---- regions ----

  /** The region of an address. Like the others here that say nothing of it, it costs a load or two. */
  regionAt(address: Address): RegionIndex {
    return (address >>> this.core.space.regionShift) as RegionIndex;
  }

  /** Bytes of a region. */
  get regionBytes(): number {
    return this.core.space.regionBytes;
  }

  /** How often the region was taken into use: an address kept beside it tells whether it still means the same. */
  regionEpoch(region: RegionIndex): number {
    return this.core.space.epoch[region]!;
  }

  /**
   * The oldest region of `generation` that is retired and not being evacuated, or -1. Cost: O(older ones that are not).
   *
   * @throws RangeError if there is no such generation.
   */
  oldestRegion(generation: number): RegionIndex | -1 {
    const space = this.core.space;
    let region = this.core.generations.head[this.core.generationIndex(generation)]!;
    while (region !== -1 && !(space.state[region] === RETIRED || space.state[region] === FRAGMENTED)) {
      region = space.next[region]!;
    }
    return region as RegionIndex | -1;
  }

  /** Live bytes, headers included, of a retired region. */
  regionLiveBytes(region: RegionIndex): number {
    return (this.core.space.used[region]! - this.core.space.freed[region]!) * this.memory.unitBytes;
  }

  /**
   * Evacuates a retired region now, `relocate` of its owners deciding block by block. Recorded as a pause, which is as long
   * as it takes to copy what lives in the region.
   *
   * @returns false if it is pinned or no region is free to copy into.
   * @throws RangeError if it is not retired.
   */
  evacuateRegion(region: RegionIndex): boolean {
    this.#checkRetired(region);
    const startMs = this.pauses.start();
    const done = this.core.evacuator.evacuateRegion(region);
    this.pauses.record('evacuate', startMs);
    return done;
  }

  /**
   * Releases one retired region, as `releaseGeneration` all of them: what lived in it is stale at once, and swept in steps.
   * Owners with `released` are told of each live block.
   *
   * @throws RangeError if it is not retired; Error if blocks in it are pinned.
   */
  releaseRegion(region: RegionIndex): void {
    this.#checkRetired(region);
    if ((this.core.space.pins[region]! & PIN_MASK) !== 0)
      throw new Error(`region ${region} has pinned blocks`);
    this.releases++;
    const startMs = this.pauses.start();
    this.core.sweeper.condemn(region, true);
    this.core.sweepAfterRelease(startMs);
    this.pauses.record('release', startMs);
  }

  #checkRetired(region: RegionIndex): void {
    const state = this.core.space.state[region];
    if (state !== RETIRED && state !== FRAGMENTED && state !== SOURCE) {
      throw new RangeError(`region ${region} is not retired`);
    }
  }

  // ---- the budget that owners share ----

  /**
   * Counts `bytes` of an owner's own tables in `maxBytes`. Like an allocation it may move blocks, if room must be made:
   * a slab is emptied, at the price of copying what lives in it.
   *
   * @param heldBytes of these, what the owner has memory for now: the rest is kept for its tables to grow into, and counts
   *   as memory held once `hold` says so. Default all.
   * @throws HeapFullError; TypeError or RangeError for what is no number of bytes.
   */
  reserve(bytes: number, heldBytes: number = bytes): void {
    checkInteger('bytes', bytes, 0);
    this.core.room.reserve(bytes, checkInteger('heldBytes', heldBytes, 0, bytes));
  }

  /**
   * Of what was reserved and not held, `bytes` are held from now on. Moves nothing, and cannot fail for want of room.
   * @throws RangeError if there is not so much.
   */
  hold(bytes: number): void {
    this.core.budget.hold(checkInteger('bytes', bytes, 0, this.core.budget.unheld));
  }

  /** Ends a reservation, or part of one, that is held. @throws RangeError if that much is not. */
  release(bytes: number): void {
    const { budget } = this.core;
    budget.unreserve(checkInteger('bytes', bytes, 0, budget.reserved - budget.unheld));
  }

  /**
   * Registers a hook that is called when the budget is used up, before regions are evacuated for want of room
   * and before `HeapFullError`: it frees or releases what it can spare, of the `askedBytes` of the call that needs room. It
   * may call the heap; calls from within hooks call no hook. An error it throws goes through that call. Not called for what
   * even an empty heap could not give, nor for what an owner reserves while it is told of its blocks.
   *
   * @returns a function that takes the hook off.
   */
  onPressure(hook: (askedBytes: number) => unknown): () => void {
    const { hooks } = this.core.room;
    checkFunction('onPressure', hook);
    // One of its own for each call: the same hook may be given twice.
    const entry = (askedBytes: number): unknown => hook(askedBytes);
    hooks.push(entry);
    return () => {
      const at = hooks.indexOf(entry);
      if (at >= 0) hooks.splice(at, 1);
    };
  }
}
