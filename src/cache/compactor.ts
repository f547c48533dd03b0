import type { RegionIndex } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';
import type { Policy } from './policies/policy.js';

/** Dead bytes inside the entries' regions that are put up with, as a share of all. */
const WASTE_SHARE = 0.1;

/**
 * Deleted entries, and those written anew at another length, leave holes in regions that eviction will not reach
 * for long. When room is needed and the holes are many, the region with most dead is evacuated within its
 * generation instead of anything being evicted. The survivors become the generation's youngest, so regions that
 * eviction is in the middle of are left to it.
 *
 * @returns whether a region was freed. Cost: a look at each region of the cache, and the copying of one.
 */
export function compact(store: EntryStore, policy: Policy): boolean {
  const { heap } = store;
  const { regions } = heap;
  let best: RegionIndex | -1 = -1;
  let bestDead = heap.regionBytes * WASTE_SHARE;
  let dead = 0;
  for (const generation of policy.generations) {
    for (let r = regions.first(generation); r !== -1; r = regions.next(r)) {
      if (!regions.isRetired(r) || policy.isCurrent(r)) continue;
      const bytes = regions.deadBytes(r);
      dead += bytes;
      if (bytes <= bestDead) continue;
      best = r;
      bestDead = bytes;
    }
  }
  // Only what is dead counts: the end of a region where no block fitted comes back however often it is moved.
  if (best === -1 || dead < (dead + store.liveBytes) * WASTE_SHARE) return false;
  return heap.evacuateRegion(best);
}
