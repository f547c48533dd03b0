import type { Address, Generation, RegionIndex } from '../heap/index.js';
import type { EntryStore } from './entry-store.js';
import type { RegionTable } from './region-table.js';

/** What a lane is for. */
export interface LanePlace {
  /** The policy's queue, or BY_HAND. */
  readonly queue: number;
  /** The ttl bucket, or -1: entries without a ttl. */
  readonly bucket: number;
  /** Which part of the queue: placement policies split queues by site. */
  readonly split: number;
}

/** The queue of entries whose generation was given by hand. */
export const BY_HAND = -1;

/**
 * A generation seen as a FIFO queue: its regions in the order of opening, their entries in the order of placing.
 * Eviction goes along it; as everything it has passed is dead or has moved away, each region it leaves is free.
 */
export class Lane implements LanePlace {
  readonly generation: Generation;
  readonly queue: number;
  readonly bucket: number;
  readonly split: number;
  /** Its number in the region table. */
  id: number = 0;
  /** Bytes of the live entries in it. */
  bytes: number = 0;
  /** The region that was opened last, humongous ones apart, or -1. */
  openRegion: RegionIndex | -1 = -1;
  readonly #store: EntryStore;
  readonly #table: RegionTable;
  #region: RegionIndex | -1 = -1;
  #epoch: number = 0;
  #at: number = 0;

  constructor(store: EntryStore, table: RegionTable, generation: Generation, place: LanePlace) {
    this.#store = store;
    this.#table = table;
    this.generation = generation;
    this.queue = place.queue;
    this.bucket = place.bucket;
    this.split = place.split;
  }

  /** The oldest live entry, or -1. Cost: O(dead blocks, and regions without entries, passed since the last call). */
  oldest(): Address | -1 {
    const { heap } = this.#store;
    const { regions } = heap;
    for (let r = this.#firstRegion(); r !== -1; r = regions.next(r)) {
      if (regions.liveBytes(r) === 0 || !this.#mayHaveEntries(r)) continue;
      const epoch = heap.regionEpoch(r);
      if (this.#region !== r || this.#epoch !== epoch) {
        this.#region = r;
        this.#epoch = epoch;
        this.#at = regions.start(r);
      }
      const found = this.#nextEntry(r, this.#at);
      if (found !== -1) {
        this.#at = found;
        return found;
      }
      if (this.queue === BY_HAND) this.#table.forget(r);
    }
    return -1;
  }

  /** A region has got its first entry: what lies before the region that was come to may have entries again. */
  restart(): void {
    if (this.queue === BY_HAND) this.#region = -1;
  }

  /**
   * Where to look from. In a generation that was given by hand, where the regions of others stay, those before the one
   * that was come to have no entries.
   */
  #firstRegion(): RegionIndex | -1 {
    const { heap } = this.#store;
    const { regions } = heap;
    const region = this.#region;
    if (this.queue === BY_HAND && region !== -1) {
      if (heap.regionEpoch(region) === this.#epoch && regions.isRetired(region)) return region;
    }
    return regions.first(this.generation);
  }

  #mayHaveEntries(region: RegionIndex): boolean {
    return this.queue !== BY_HAND || this.#table.isCurrent(region);
  }

  /** Others' blocks lie among the entries in generations that were given by hand. */
  #nextEntry(region: RegionIndex, from: number): Address | -1 {
    const { regions } = this.#store.heap;
    let at = regions.nextLive(region, from);
    if (this.queue !== BY_HAND) return at;
    while (at !== -1 && !this.#store.isEntry(at)) at = regions.nextLive(region, regions.after(at));
    return at;
  }
}
