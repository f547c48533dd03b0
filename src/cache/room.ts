import { channels } from './channels.js';
import { type CompactionEvents, compact } from './compactor.js';
import type { EntryStore } from './entry-store.js';
import type { Placement } from './placement.js';
import type { Policy } from './policies/policy.js';
import type { Reaper } from './reaper.js';

/** Regions that stay free when room was made, so that moving what is spared finds room. */
const SPARE_REGIONS = 2;
/** Regions that are rid of expired entries for one that is needed, before others are evicted. */
const MOST_EXPIRED = 8;
/** Regions that the heap keeps for its own evacuation. */
const HEAP_RESERVE = 1;

export interface RoomLimits {
  readonly ownsHeap: boolean;
  readonly maxBytes: number;
  readonly name: string;
}

/**
 * Makes room in the heap before a set asks for it: what has expired goes first, then holes are compacted, then the
 * policy evicts. Records how long that took.
 */
export class Room {
  /** Set while entries are being moved or evicted: the heap's calls for room are not for us then. */
  busy: boolean = false;
  /** Regions for which room was made, and which are about to be opened: nothing else may take them meanwhile. */
  promisedRegions: number = 0;
  readonly #store: EntryStore;
  readonly #placement: Placement;
  readonly #policy: Policy;
  readonly #reaper: Reaper;
  readonly #limits: RoomLimits;
  readonly #compaction: CompactionEvents;
  readonly #evictOne: () => boolean;

  constructor(
    store: EntryStore,
    placement: Placement,
    policy: Policy,
    reaper: Reaper,
    limits: RoomLimits,
    compaction: CompactionEvents,
    evictOne: () => boolean,
  ) {
    this.#store = store;
    this.#placement = placement;
    this.#policy = policy;
    this.#reaper = reaper;
    this.#limits = limits;
    this.#compaction = compaction;
    this.#evictOne = evictOne;
  }

  /** Bytes of the regions, tables included, that the cache holds now. On its own heap: all the heap holds. */
  get heldBytes(): number {
    const { heap, index } = this.#store;
    if (this.#limits.ownsHeap) return heap.committedBytes;
    // In generations given by hand the regions are the user's, who may have other blocks there.
    let bytes = index.bytes + this.extraBytes + this.#placement.table.bytes + this.#placement.byHand.bytes;
    for (const { generation } of this.#placement.lanes) bytes += heap.regions.generationBytes(generation);
    return bytes;
  }

  /** Bytes of the regions of what the policy remembers beside entries. */
  get extraBytes(): number {
    const { regions } = this.#store.heap;
    let bytes = 0;
    for (const generation of this.#policy.extraGenerations) bytes += regions.generationBytes(generation);
    return bytes;
  }

  /** Regions that may be opened now without making room first: what the heap has and the cache's part allows. */
  get openableRegions(): number {
    const { heap } = this.#store;
    const { ownsHeap, maxBytes } = this.#limits;
    const free = heap.regions.freeRegions - HEAP_RESERVE;
    if (ownsHeap) return free;
    const allowed = Math.floor((maxBytes - this.heldBytes) / heap.regionBytes);
    return Math.min(free, allowed - this.promisedRegions);
  }

  /** Whether `regions` can be opened, of which the cache is to hold `bytes`, and the spare ones are still there then. */
  #suffices(regions: number, bytes: number): boolean {
    const { heap } = this.#store;
    const { ownsHeap, maxBytes } = this.#limits;
    if (heap.regions.freeRegions < HEAP_RESERVE + SPARE_REGIONS + regions) return false;
    return ownsHeap || this.heldBytes + bytes + SPARE_REGIONS * heap.regionBytes <= maxBytes;
  }

  /**
   * Makes room for `regions` more, `bytes` of which the cache will hold, and for the spare ones.
   *
   * @returns whether the cache's part has room for them: false only if nothing is left to evict. The heap may still
   *   lack it, where others fill it.
   */
  ensure(regions: number, bytes: number = regions * this.#store.heap.regionBytes): boolean {
    this.make(regions, bytes);
    return this.#limits.ownsHeap || this.heldBytes + bytes <= this.#limits.maxBytes;
  }

  /** Expires, compacts or evicts until there is room: see `ensure`. @returns whether anything was done. */
  make(regions: number, bytes: number): boolean {
    if (this.#suffices(regions, bytes)) return false;
    return this.whileBusy(() => {
      const expired = this.#expire(regions, bytes);
      return this.#suffices(regions, bytes) ? expired : this.#evict(regions, bytes) || expired;
    });
  }

  /** Calls `work`, during which the heap's calls for room are not for this cache. */
  whileBusy<T>(work: () => T): T {
    const wasBusy = this.busy;
    this.busy = true;
    try {
      return work();
    } finally {
      this.busy = wasBusy;
    }
  }

  /** Frees regions all of whose entries have expired. */
  #expire(regions: number, bytes: number): boolean {
    const { pauses } = this.#store.heap;
    const startMs = pauses.start();
    let worked = false;
    // Where others' blocks lie among the entries no region comes free: then enough is enough.
    for (let tries = regions + MOST_EXPIRED; tries > 0 && !this.#suffices(regions, bytes); tries--) {
      if (!this.#reaper.expireRegion()) break;
      worked = true;
    }
    if (worked) pauses.record('expire', startMs);
    return worked;
  }

  #evict(regions: number, bytes: number): boolean {
    const store = this.#store;
    const startMs = store.heap.pauses.start();
    const bytesBefore = store.liveBytes;
    const entriesBefore = store.index.count;
    let worked = false;
    while (!this.#suffices(regions, bytes)) {
      if (!compact(store, this.#placement, this.#compaction) && !this.#evictRegion()) break;
      worked = true;
    }
    store.heap.pauses.record('evict', startMs);
    if (store.index.count < entriesBefore && channels.evict.hasSubscribers) {
      channels.evict.publish({
        cache: this.#limits.name,
        entries: entriesBefore - store.index.count,
        bytes: bytesBefore - store.liveBytes,
      });
    }
    return worked;
  }

  /** Evicts a regionful, whatever is free: for want of regions that lie together. @returns false if nothing is left. */
  evictRegion(): boolean {
    const { pauses } = this.#store.heap;
    const startMs = pauses.start();
    const evicted = this.#evictRegion();
    pauses.record('evict', startMs);
    return evicted;
  }

  /** Evicts until a region has come free, or one's bytes have gone. @returns false if nothing is left. */
  #evictRegion(): boolean {
    const { heap } = this.#store;
    const free = heap.regions.freeRegions;
    const enough = this.#store.liveBytes - heap.regionBytes;
    if (!this.#evictOne()) return false;
    while (heap.regions.freeRegions <= free && this.#store.liveBytes > enough && this.#evictOne());
    return true;
  }
}
