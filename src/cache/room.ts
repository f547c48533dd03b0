import { channels } from './channels.js';
import { compact } from './compactor.js';
import type { EntryStore } from './entry-store.js';
import type { Policy } from './policies/policy.js';

/** Regions kept free, so that moving what is spared and growing the index find room. */
const SPARE_REGIONS = 3;

export interface RoomLimits {
  readonly ownsHeap: boolean;
  readonly maxBytes: number;
  readonly name: string;
}

/** Makes room in the heap before a set asks for it: compacts, evicts, and records how long that took. */
export class Room {
  /** Set while entries are being moved or evicted: the heap's calls for room are not for us then. */
  busy: boolean = false;
  readonly #store: EntryStore;
  readonly #policy: Policy;
  readonly #limits: RoomLimits;
  readonly #evictOne: () => boolean;

  constructor(store: EntryStore, policy: Policy, limits: RoomLimits, evictOne: () => boolean) {
    this.#store = store;
    this.#policy = policy;
    this.#limits = limits;
    this.#evictOne = evictOne;
  }

  /** Bytes of the regions, tables included, that the cache holds now. On its own heap: all the heap holds. */
  get heldBytes(): number {
    const { heap, index } = this.#store;
    if (this.#limits.ownsHeap) return heap.committedBytes;
    let bytes = index.bytes;
    for (const generation of this.#policy.generations) bytes += heap.regions.generationBytes(generation);
    for (const generation of this.#policy.extraGenerations) {
      bytes += heap.regions.generationBytes(generation);
    }
    return bytes;
  }

  /** Whether what is free suffices for a block of `bytes` that needs a region of its own. */
  #suffices(bytes: number): boolean {
    const { heap } = this.#store;
    const { ownsHeap, maxBytes } = this.#limits;
    const regions = Math.ceil(bytes / heap.regionBytes);
    if (heap.regions.freeRegions < SPARE_REGIONS + regions) return false;
    return ownsHeap || this.heldBytes + (regions + SPARE_REGIONS - 1) * heap.regionBytes <= maxBytes;
  }

  /** Compacts, or evicts until there is room for `bytes`. @returns whether anything was done. */
  make(bytes: number): boolean {
    if (this.#suffices(bytes)) return false;
    const store = this.#store;
    const startMs = store.heap.pauses.start();
    const bytesBefore = store.liveBytes;
    const entriesBefore = store.index.count;
    this.busy = true;
    let worked = false;
    try {
      while (!this.#suffices(bytes)) {
        if (!compact(store, this.#policy) && !this.evictRegion()) break;
        worked = true;
      }
    } finally {
      this.busy = false;
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

  /** Evicts until a region has come free, or one's bytes have gone. @returns false if nothing is left. */
  evictRegion(): boolean {
    const { heap } = this.#store;
    const free = heap.regions.freeRegions;
    const enough = this.#store.liveBytes - heap.regionBytes;
    if (!this.#evictOne()) return false;
    while (heap.regions.freeRegions <= free && this.#store.liveBytes > enough && this.#evictOne());
    return true;
  }
}
