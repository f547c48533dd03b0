import type { Address, Generation, GenerationalHeap, OwnedRegions, RegionIndex } from '../heap/index.js';

/**
 * A generation seen as a FIFO queue: its regions in the order of opening, their entries in the order of placing.
 * Eviction goes along it; as everything it has passed is dead or has moved away, each region it leaves is free.
 */
export class RegionQueue {
  readonly generation: Generation;
  /** Bytes of the live entries in it. */
  bytes: number = 0;
  readonly #heap: GenerationalHeap;
  readonly #regions: OwnedRegions;
  #region: RegionIndex | -1 = -1;
  #epoch: number = 0;
  #at: number = 0;

  constructor(heap: GenerationalHeap) {
    this.#heap = heap;
    this.#regions = heap.regions;
    // 0: the heap never evacuates it by itself, which would make old entries young; see compactor.ts.
    this.generation = heap.newGeneration({ liveThreshold: 0 });
    heap.configureGeneration(this.generation, { evacuateTo: this.generation });
  }

  /** The oldest live entry, or -1. Cost: O(dead blocks passed since the last call). */
  oldest(): Address | -1 {
    const regions = this.#regions;
    for (let r = regions.first(this.generation); r !== -1; r = regions.next(r)) {
      if (regions.liveBytes(r) === 0) continue;
      const epoch = this.#heap.regionEpoch(r);
      if (this.#region !== r || this.#epoch !== epoch) {
        this.#region = r;
        this.#epoch = epoch;
        this.#at = regions.start(r);
      }
      const found = regions.nextLive(r, this.#at);
      if (found !== -1) {
        this.#at = found;
        return found;
      }
    }
    return -1;
  }

  /** The region that eviction is in the middle of, or -1. */
  get current(): RegionIndex | -1 {
    return this.#region;
  }
}
