import type { Address, RegionIndex } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';
import type { Placement } from './placement.js';

/** Dead bytes inside the entries' regions that are put up with, as a share of all. */
const WASTE_SHARE = 0.1;

export interface CompactionEvents {
  /** The entry has moved within its queue. */
  moved(from: Address, to: Address): void;
  /** The entry is stale: it is to go instead of being moved. */
  expired(address: Address): void;
  /** There is no room to move the entry to: it is to go. Absent: then nothing more is moved. */
  readonly stuck?: (address: Address) => void;
}

/**
 * Deleted entries, and those written anew at another length, leave holes in regions that eviction will not reach
 * for long. When room is needed and the holes are many, the region with most dead is evacuated within its queue
 * instead of anything being evicted. The survivors become the queue's youngest, so regions that eviction is in the
 * middle of are left to it. Done entry by entry rather than by the heap's evacuation, which would keep a second
 * region open in each generation.
 *
 * @returns whether a region was freed. Cost: a look at each region of the cache, and the copying of one.
 */
export function compact(store: EntryStore, placement: Placement, events: CompactionEvents): boolean {
  const region = mostDead(store, placement);
  return region !== -1 && moveOut(store, placement, region, events);
}

/**
 * Moves all entries out of a filled region, within their queue. @returns false if there was no room, nor an end to those
 * that found none (`CompactionEvents.stuck`).
 */
export function moveOut(
  store: EntryStore,
  placement: Placement,
  region: RegionIndex,
  events: CompactionEvents,
): boolean {
  const { heap } = store;
  const { regions } = heap;
  const { queue } = placement.table.lane(region);
  const epoch = heap.regionEpoch(region);
  let at = regions.nextLive(region, regions.start(region));
  while (at !== -1) {
    const next = regions.after(at);
    if (store.isStale(at)) events.expired(at);
    else {
      const to = placement.move(at, queue);
      if (to !== -1) events.moved(at, to);
      else if (events.stuck === undefined) return false;
      else events.stuck(store.tracked as Address);
    }
    // The region is free once the last has left, and may be in use again.
    const gone = heap.regionEpoch(region) !== epoch || regions.liveBytes(region) === 0;
    at = gone ? -1 : regions.nextLive(region, next);
  }
  return true;
}

/** The region with most dead bytes if there are many of them altogether, else -1. */
function mostDead(store: EntryStore, placement: Placement): RegionIndex | -1 {
  const { heap } = store;
  const { regions } = heap;
  let best: RegionIndex | -1 = -1;
  let bestDead = heap.regionBytes * WASTE_SHARE;
  let dead = 0;
  for (const lane of placement.lanes) {
    if (lane.bytes === 0) continue;
    for (let r = regions.first(lane.generation); r !== -1; r = regions.next(r)) {
      if (!regions.isRetired(r) || placement.isCurrent(r)) continue;
      const bytes = regions.deadBytes(r);
      dead += bytes;
      if (bytes <= bestDead) continue;
      best = r;
      bestDead = bytes;
    }
  }
  // Only what is dead counts: the end of a region where no block fitted comes back however often it is moved.
  return dead < (dead + store.liveBytes) * WASTE_SHARE ? -1 : best;
}
