import type { Address, GenerationalHeap, RegionIndex } from '../heap/index.js';
import type { Lane } from './lane.js';
import type { RegionTable } from './region-table.js';

/**
 * A policy's queue over all of its lanes: entries without a ttl and those of each ttl bucket lie in generations of
 * their own, and leave in the order in which they came all the same, to within a region.
 */
export class FifoQueue {
  readonly lanes: Lane[] = [];
  /** Bytes of the live entries in it. */
  bytes: number = 0;
  readonly #heap: GenerationalHeap;
  readonly #table: RegionTable;
  #lane: Lane | undefined;
  #region: RegionIndex | -1 = -1;

  constructor(heap: GenerationalHeap, table: RegionTable) {
    this.#heap = heap;
    this.#table = table;
  }

  /** The entry that is to leave next, or -1. */
  oldest(): Address | -1 {
    const lane = this.#lane;
    if (lane !== undefined && lane.bytes > 0 && this.#region !== -1) {
      // A filled region that was begun is gone through to its end, so that it comes free.
      const address = lane.oldest();
      if (address !== -1 && this.#heap.regionAt(address) === this.#region && this.#isFilled()) return address;
    }
    return this.#choose();
  }

  #isFilled(): boolean {
    return this.#heap.regions.isRetired(this.#region as RegionIndex);
  }

  #choose(): Address | -1 {
    let best: Address | -1 = -1;
    let bestLane: Lane | undefined;
    let bestAge = -1;
    for (const lane of this.lanes) {
      if (lane.bytes === 0) continue;
      const address = lane.oldest();
      if (address === -1) continue;
      if (bestLane === undefined) {
        best = address;
        bestLane = lane;
        continue;
      }
      if (bestAge === -1) bestAge = this.#table.entryAge(best as Address);
      const age = this.#table.entryAge(address);
      if (age <= bestAge) continue;
      best = address;
      bestLane = lane;
      bestAge = age;
    }
    this.#lane = bestLane;
    this.#region = best === -1 ? -1 : this.#heap.regionAt(best);
    return best;
  }

  /** The region that eviction is in the middle of, or -1. */
  get current(): RegionIndex | -1 {
    return this.#region;
  }
}
