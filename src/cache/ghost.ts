import type { Address, Generation, GenerationalHeap, OwnerId, RegionIndex } from '../heap/index.js';

const MAX_SEGMENT_BYTES = 16384;
/** What a block takes beside its bytes: header, and the stamp if it is sampled. */
const BLOCK_BYTES = 16;
const WAYS = 4;
const FINGERPRINT_MASK = 0xfffff;
const STAMP_SHIFT = 20;
const STAMP_MASK = 0xfff;
/** Stamps that the slots make: the window is at most twice as many, half of the stamps' cycle. */
const WINDOW_STAMPS = 1024;
/** Bounds the ghost to 3 to 4 bytes an entry; at the lower end the oldest quarter may be forgotten. */
const SLOTS_PER_ENTRY = 0.75;
const GROWTH = 4 / 3;
const MIN_ENTRIES = 1000;

/**
 * S3-FIFO's ghost queue: whether a key was evicted lately, as a fingerprint of 20 bits and a stamp of 12 in four
 * bytes a key, in sets of four. Forgets the oldest of a set when it is full, and may take one key for another in
 * about one of 130,000 lookups: both cost an entry its place in a queue, nothing else. Lies on the heap.
 */
export class Ghost {
  /** Whether it lacks a segment for want of a region to spare. */
  wantsRegion: boolean = false;
  readonly #heap: GenerationalHeap;
  readonly #owner: OwnerId;
  readonly #generation: Generation;
  readonly #spareRegions: () => number;
  readonly #call: () => number;
  #openedIn: number = -1;
  readonly #segmentSlots: number;
  #segments: (Int32Array | undefined)[] = [];
  /** Where each segment lies. */
  #addresses: Address[] = [];
  #slots: number = 0;
  #shift: number = 0;
  #window: number = 0;
  #inserted: number = 0;

  /**
   * @param spareRegions how many regions are free beyond those that the cache will want next.
   * @param call the number of the cache's call that this is: a region a call is enough, or the first to evict would evict
   *   until there is room for all of the ghost.
   */
  constructor(heap: GenerationalHeap, spareRegions: () => number, call: () => number) {
    this.#heap = heap;
    this.#spareRegions = spareRegions;
    this.#call = call;
    // Moves only if the user collects the generation by hand: it is cheaper to forget then.
    this.#owner = heap.registerOwner({ moved: () => this.#reset(this.#slots) });
    this.#generation = heap.newGeneration({ liveThreshold: 0, vacate: (region) => this.#vacate(region) });
    // With their headers, segments fill regions to the last set.
    const share = Math.min(MAX_SEGMENT_BYTES, heap.regionBytes / 4);
    this.#segmentSlots = Math.floor((share - BLOCK_BYTES) / (WAYS * 4)) * WAYS;
  }

  #reset(slots: number): void {
    this.wantsRegion = false;
    this.#segments = new Array(Math.ceil(slots / this.#segmentSlots)).fill(undefined);
    this.#slots = this.#segments.length * this.#segmentSlots;
    this.#shift = Math.max(0, Math.ceil(Math.log2(this.#slots / WINDOW_STAMPS)));
    this.#inserted = 0;
  }

  /**
   * Remembers a key.
   *
   * @param entries how many entries the cache holds: so many are remembered.
   */
  insert(hash: number, entries: number): void {
    if (entries * SLOTS_PER_ENTRY > this.#slots || this.#slots === 0) this.#resize(entries);
    this.#window = Math.min(WINDOW_STAMPS * 2, Math.ceil(Math.max(entries, 1) / 2 ** this.#shift));
    const segment = this.#segmentOf(hash, true);
    if (segment === undefined) return;
    const stamp = (this.#inserted++ >>> this.#shift) & STAMP_MASK;
    const value = (stamp << STAMP_SHIFT) | fingerprint(hash);
    const base = this.#setOf(hash);
    let oldest = base;
    let oldestAge = -1;
    for (let at = base; at < base + WAYS; at++) {
      const age = segment[at] === 0 ? STAMP_MASK + 1 : (stamp - (segment[at]! >>> STAMP_SHIFT)) & STAMP_MASK;
      if (age > oldestAge) {
        oldest = at;
        oldestAge = age;
      }
    }
    segment[oldest] = value;
  }

  /** Whether the key was evicted lately; it is forgotten with the answer. */
  take(hash: number): boolean {
    if (this.#slots === 0) return false;
    const segment = this.#segmentOf(hash, false);
    if (segment === undefined) return false;
    const stamp = this.#inserted >>> this.#shift;
    const wanted = fingerprint(hash);
    const base = this.#setOf(hash);
    for (let at = base; at < base + WAYS; at++) {
      if ((segment[at]! & FINGERPRINT_MASK) !== wanted) continue;
      const age = (stamp - (segment[at]! >>> STAMP_SHIFT)) & STAMP_MASK;
      segment[at] = 0;
      return age <= this.#window;
    }
    return false;
  }

  /** Index of the first slot of the key's set in its segment. */
  #setOf(hash: number): number {
    return (Math.imul(spread(hash) & 0xffff, this.#segmentSlots / WAYS) >>> 16) * WAYS;
  }

  #segmentOf(hash: number, make: boolean): Int32Array | undefined {
    const n = Math.imul(spread(hash) >>> 16, this.#segments.length) >>> 16;
    const segment = this.#segments[n];
    return segment === undefined && make ? this.#makeSegment(n) : segment;
  }

  #makeSegment(n: number): Int32Array | undefined {
    const heap = this.#heap;
    const bytes = this.#segmentSlots * 4;
    // Without room to spare the ghost does without the segment: eviction must not need memory.
    if (heap.regions.opens(this.#generation, bytes) > 0 && !this.#mayOpen()) return undefined;
    let address: Address;
    try {
      address = heap.allocateOwned(this.#owner, bytes, this.#generation);
    } catch {
      return undefined;
    }
    const view = heap.viewAt(address);
    const segment = new Int32Array(view.buffer, view.byteOffset, this.#segmentSlots).fill(0);
    this.#segments[n] = segment;
    this.#addresses[n] = address;
    return segment;
  }

  #mayOpen(): boolean {
    const call = this.#call();
    this.wantsRegion = call === this.#openedIn || this.#spareRegions() < 1;
    if (this.wantsRegion) return false;
    this.#openedIn = call;
    return true;
  }

  /** Forgets what lies in `region`. */
  #vacate(region: RegionIndex): void {
    this.#segments.forEach((segment, n) => {
      if (segment === undefined || this.#heap.regionAt(this.#addresses[n]!) !== region) return;
      this.#segments[n] = undefined;
      this.#heap.freeOwned(this.#addresses[n]!);
    });
  }

  /** A larger ghost starts empty: the cache grows while nothing is evicted, so little is lost. */
  #resize(entries: number): void {
    this.clear();
    this.#reset(Math.max(entries, MIN_ENTRIES) * SLOTS_PER_ENTRY * GROWTH);
  }

  /** Forgets everything and gives the memory back. */
  clear(): void {
    this.#heap.releaseGeneration(this.#generation, { keep: true, tellOwners: false });
    this.#reset(0);
  }

  get generation(): Generation {
    return this.#generation;
  }

  dispose(): void {
    this.#heap.releaseGeneration(this.#generation, { tellOwners: false });
    this.#heap.unregisterOwner(this.#owner);
  }
}

function fingerprint(hash: number): number {
  return hash & FINGERPRINT_MASK || 1;
}

function spread(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  return h ^ (h >>> 15);
}
