import type { Address, RegionIndex } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';
import type { Placement } from './placement.js';

/** Dead bytes inside the entries' regions that are put up with, as a share of all. */
export const WASTE_SHARE = 0.1;
const NONE = -1;

export interface MoveEvents {
  /** The entry has moved within its queue. */
  moved(from: Address, to: Address): void;
  /** The entry is stale: it is to go instead of being moved. */
  expired(address: Address): void;
  /** There is no room to move the entry to: it is to go. Absent: then nothing more is moved. */
  readonly stuck?: (address: Address) => void;
}

/** Moves the entries of a filled region one by one to the end of their queue. Used again, since sets leave no garbage. */
class RegionMove {
  readonly #store: EntryStore;
  readonly #placement: Placement;
  readonly #events: MoveEvents;
  #region: RegionIndex | -1 = NONE;
  #epoch: number = 0;
  #at: number = 0;

  constructor(store: EntryStore, placement: Placement, events: MoveEvents) {
    this.#store = store;
    this.#placement = placement;
    this.#events = events;
  }

  /** @param region -1: none */
  begin(region: RegionIndex | -1): void {
    const { heap } = this.#store;
    this.#region = region;
    if (region === NONE) return;
    this.#epoch = heap.regionEpoch(region as RegionIndex);
    this.#at = heap.regions.start(region as RegionIndex);
  }

  /** The entry to be moved next, or -1: the region is free once the last has left, and may be in use again. */
  next(): Address | -1 {
    const { heap } = this.#store;
    const region = this.#region;
    if (region === NONE) return NONE;
    if (heap.regionEpoch(region) !== this.#epoch || !this.#placement.table.isCurrent(region)) return NONE;
    if (heap.regions.liveBytes(region) === 0) return NONE;
    const address = heap.regions.nextLive(region, this.#at);
    if (address !== -1) this.#at = address;
    return address;
  }

  /** Moves that one. @returns false if there is no room for it, nor an end (`MoveEvents.stuck`). */
  move(address: Address): boolean {
    const store = this.#store;
    this.#at = store.heap.regions.after(address);
    if (store.isStale(address)) this.#events.expired(address);
    else {
      const to = this.#placement.move(address, this.#placement.table.lane(this.#region).queue);
      if (to !== -1) this.#events.moved(address, to);
      else if (this.#events.stuck === undefined) return false;
      else this.#events.stuck(store.tracked as Address);
    }
    return true;
  }
}

/** Moves all entries out of a filled region, within their queue; see `MoveEvents.stuck` for those without room. */
export function moveOut(
  store: EntryStore,
  placement: Placement,
  region: RegionIndex,
  events: MoveEvents,
): void {
  const move = new RegionMove(store, placement, events);
  move.begin(region);
  for (let at = move.next(); at !== -1; at = move.next()) if (!move.move(at)) return;
}

/**
 * Deleted entries, and those written anew at another length, leave holes in regions that eviction will not reach
 * for long. When room is needed and the holes are many, the region with most dead is evacuated within its queue
 * instead of anything being evicted. The survivors become the queue's youngest, so regions that eviction is in the
 * middle of are left to it. Done entry by entry rather than by the heap's evacuation, which would keep a second
 * region open in each generation, and so that one call may leave off where a later one goes on.
 */
export class Compactor {
  readonly #store: EntryStore;
  readonly #placement: Placement;
  readonly #move: RegionMove;

  constructor(store: EntryStore, placement: Placement, events: MoveEvents) {
    this.#store = store;
    this.#placement = placement;
    this.#move = new RegionMove(store, placement, events);
  }

  /** Whether there is an entry to be moved out of the region in hand. */
  get isBusy(): boolean {
    return this.#move.next() !== NONE;
  }

  /**
   * Takes up the region with most dead bytes if there are many of them altogether. Cost: where regions hold much beside
   * entries, a look at each of them.
   */
  begin(): void {
    this.#move.begin(this.#hasWaste() ? this.#mostDead() : NONE);
  }

  /** Moves one entry out of the region in hand, while `isBusy`. @returns bytes of it; 0: there was no room. */
  step(): number {
    const address = this.#move.next() as Address;
    const bytes = this.#store.heap.regions.blockBytes(address);
    if (this.#move.move(address)) return bytes;
    this.#move.begin(NONE);
    return 0;
  }

  /** Whether there may be dead bytes enough: an upper bound that asks no region. */
  #hasWaste(): boolean {
    const { regions } = this.#store.heap;
    let held = 0;
    let live = 0;
    for (const lane of this.#placement.lanes) {
      if (lane.bytes === 0) continue;
      held += regions.generationBytes(lane.generation);
      live += lane.bytes;
    }
    return held - live >= held * WASTE_SHARE;
  }

  /** The region with most dead bytes if there are many of them altogether, else -1. */
  #mostDead(): RegionIndex | -1 {
    const { heap } = this.#store;
    const { regions } = heap;
    let best: RegionIndex | -1 = NONE;
    let bestDead = heap.regionBytes * WASTE_SHARE;
    let dead = 0;
    for (const lane of this.#placement.lanes) {
      if (lane.bytes === 0) continue;
      for (let r = regions.first(lane.generation); r !== -1; r = regions.next(r)) {
        if (!regions.isRetired(r) || this.#placement.isCurrent(r)) continue;
        const bytes = regions.deadBytes(r);
        dead += bytes;
        if (bytes <= bestDead) continue;
        best = r;
        bestDead = bytes;
      }
    }
    // Only what is dead counts: the end of a region where no block fitted comes back however often it is moved.
    return dead < (dead + this.#store.liveBytes) * WASTE_SHARE ? NONE : best;
  }
}
