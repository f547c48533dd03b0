import type { Address, RegionIndex } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';

/**
 * Addresses of the entries in `regions`, oldest region first, in the order of placing or the reverse. The blocks of
 * one region are looked up when the walk gets there; the caller checks that each still is what it was, since anything
 * may happen between two steps.
 */
export function* walkRegions(
  store: EntryStore,
  oldestFirst: readonly RegionIndex[],
  newestFirst: boolean,
): Generator<Address> {
  const { heap } = store;
  const { regions } = heap;
  const order = oldestFirst.map((region) => ({ region, epoch: heap.regionEpoch(region) }));
  if (newestFirst) order.reverse();
  for (const { region, epoch } of order) {
    if (heap.regionEpoch(region) !== epoch || regions.liveBytes(region) === 0) continue;
    const blocks: Address[] = [];
    let at = regions.nextLive(region, regions.start(region));
    for (; at !== -1; at = regions.nextLive(region, regions.after(at))) {
      if (store.isEntry(at)) blocks.push(at);
    }
    if (newestFirst) blocks.reverse();
    for (const address of blocks) {
      if (heap.regionEpoch(region) === epoch && store.isEntry(address)) yield address;
    }
  }
}
