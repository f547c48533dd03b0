import type { Address, GenerationalHeap, RegionIndex } from '../heap/index.js';
import type { Lane } from './lane.js';

const BYTES_PER_REGION = 8 + 4 + 4 + 4 + 2;
const NO_LANE = 0;

function regionCount(heap: GenerationalHeap): number {
  return heap.regionAt((heap.regions.addressLimit - 1) as Address) + 1;
}

/**
 * What the cache knows of the regions its entries lie in, beside what the heap knows: whose lane a region is of, when
 * it was opened, and when the last of its entries expires. Counted in the heap's budget.
 */
export class RegionTable {
  /**
   * No entry of the region with a short ttl is fresh after this; -Infinity if there is none. In ttl buckets it holds
   * for all entries, as far as they were not renewed in place by more than their bucket allows.
   */
  readonly deadlineMs: Float64Array;
  readonly bytes: number;
  /** When the region was opened, or last rid of all that is stale, since `#baseMs`: exact to a second for years. */
  readonly #sweptMs: Float32Array;
  #baseMs: number = Number.NaN;
  readonly #openedAt: Uint32Array;
  readonly #epoch: Int32Array;
  readonly #laneOf: Uint16Array;
  readonly #lanes: (Lane | undefined)[] = [undefined];
  readonly #heap: GenerationalHeap;
  /** Entries placed so far, in one slot of its own so that counting leaves no boxed number behind. */
  readonly #placed: Uint32Array = new Uint32Array(1);

  /** @throws HeapFullError */
  constructor(heap: GenerationalHeap) {
    this.#heap = heap;
    const count = regionCount(heap);
    this.bytes = RegionTable.bytesFor(heap);
    heap.reserve(this.bytes);
    this.deadlineMs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
    this.#sweptMs = new Float32Array(count);
    this.#openedAt = new Uint32Array(count);
    this.#epoch = new Int32Array(count).fill(-1);
    this.#laneOf = new Uint16Array(count);
  }

  /** What a cache's table for this heap takes. */
  static bytesFor(heap: GenerationalHeap): number {
    return regionCount(heap) * BYTES_PER_REGION;
  }

  get count(): number {
    return this.deadlineMs.length;
  }

  dispose(): void {
    this.#heap.release(this.bytes);
  }

  /** Whether what stands here of `region` is of its present use. */
  isCurrent(region: number): boolean {
    return (
      this.#laneOf[region] !== NO_LANE &&
      this.#epoch[region] === this.#heap.regionEpoch(region as RegionIndex)
    );
  }

  /** Knows no region any more. */
  clear(): void {
    this.#laneOf.fill(NO_LANE);
    this.deadlineMs.fill(Number.NEGATIVE_INFINITY);
  }

  /** Begins anew for a region that has been opened since. */
  open(region: number, lane: Lane): void {
    this.#epoch[region] = this.#heap.regionEpoch(region as RegionIndex);
    this.#laneOf[region] = lane.id;
    this.#openedAt[region] = this.#placed[0]!;
    this.deadlineMs[region] = Number.NEGATIVE_INFINITY;
  }

  /** A region of others' blocks, in which no entry is left. */
  forget(region: number): void {
    this.#laneOf[region] = NO_LANE;
    this.deadlineMs[region] = Number.NEGATIVE_INFINITY;
  }

  setSwept(region: number, nowMs: number): void {
    if (Number.isNaN(this.#baseMs)) this.#baseMs = nowMs;
    this.#sweptMs[region] = nowMs - this.#baseMs;
  }

  /** How long ago the region was opened, or last rid of all that is stale. */
  sinceSweptMs(region: number, nowMs: number): number {
    return nowMs - this.#baseMs - this.#sweptMs[region]!;
  }

  /** Lets the clock of placements run. */
  tick(): void {
    this.#placed[0]!++;
  }

  /** Of a region with entries in it. */
  lane(region: number): Lane {
    return this.#lanes[this.#laneOf[region]!]!;
  }

  addLane(lane: Lane): number {
    const free = this.#lanes.indexOf(undefined, 1);
    const id = free === -1 ? this.#lanes.length : free;
    this.#lanes[id] = lane;
    return id;
  }

  /** Forgets a lane without entries. */
  removeLane(lane: Lane): void {
    this.#lanes[lane.id] = undefined;
    for (let r = 0; r < this.count; r++) if (this.#laneOf[r] === lane.id) this.#laneOf[r] = NO_LANE;
  }

  /** Placements since the region was opened: how old it is among the regions of all lanes. */
  ageOf(region: number): number {
    return (this.#placed[0]! - this.#openedAt[region]!) >>> 0;
  }

  /**
   * About how many placements ago the entry was placed, taking it that the region was filled evenly until the lane's
   * next one was opened.
   */
  entryAge(address: Address): number {
    const { regions } = this.#heap;
    const region = this.#heap.regionAt(address);
    const opened = this.ageOf(region);
    const next = regions.next(region);
    const filled = next === -1 || !this.isCurrent(next) ? 0 : Math.min(opened, this.ageOf(next));
    const start = regions.start(region);
    const used = Math.max(1, regions.end(region) - start);
    return opened - ((opened - filled) * (address - start)) / used;
  }
}
