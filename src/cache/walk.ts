import type { Address, Generation, GenerationalHeap, RegionIndex } from '../../heap/index.js';

/**
 * Addresses of a generation's entries in the order of placing or the reverse. The blocks of one region are
 * looked up when the walk gets there; the caller checks that each still is what it was, since anything may
 * happen between two steps.
 */
export function* walkGeneration(
  heap: GenerationalHeap,
  generation: Generation,
  newestFirst: boolean,
): Generator<Address> {
  const { regions } = heap;
  const order: { region: RegionIndex; epoch: number }[] = [];
  for (let r = regions.first(generation); r !== -1; r = regions.next(r)) {
    order.push({ region: r, epoch: heap.regionEpoch(r) });
  }
  if (newestFirst) order.reverse();
  for (const { region, epoch } of order) {
    if (heap.regionEpoch(region) !== epoch || regions.liveBytes(region) === 0) continue;
    const blocks: Address[] = [];
    let at = regions.nextLive(region, regions.start(region));
    for (; at !== -1; at = regions.nextLive(region, regions.after(at))) blocks.push(at);
    if (newestFirst) blocks.reverse();
    for (const address of blocks) {
      if (heap.regionEpoch(region) === epoch && regions.isLive(address)) yield address;
    }
  }
}
