import { channels } from './channels.js';
import { Compactor, type MoveEvents, WASTE_SHARE } from './compactor.js';
import type { EntryStore } from './entry-store.js';
import { ENTRY_BYTES, type Patience } from './patience.js';
import type { Placement } from './placement.js';
import type { Policy } from './policies/policy.js';
import type { Reaper } from './reaper.js';

/** Regions that stay free when room was made, so that moving what is spared finds room. */
const SPARE_REGIONS = 2;
/** Regions that the heap keeps for its own evacuation. */
const HEAP_RESERVE = 1;
/** Regions for which room is made ahead, one where a cache has fewer than ROOMY_REGIONS. */
const AHEAD_REGIONS = 2;
const ROOMY_REGIONS = 128;
/**
 * What a step ahead does, in bytes moved and evicted for each byte placed: little while there is room for the next
 * region, and where there is none as much as frees a region before the open one is full, were all the others full to
 * nine tenths.
 */
const EASY = 4;
const HASTY = 16;
/** Of that, while holes are made for a policy whose victims lie anywhere. */
const MAKING_HOLES = 2;
/** Share of a region that is taken to be lost at its end, at most. */
const MOST_TAIL = 1 / 8;
/** Steps wait until so many bytes were placed, those for handling an entry with them: each has to be timed. */
const STEP_BYTES = 4096;

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
  readonly #compactor: Compactor;
  readonly #patience: Patience;
  readonly #evictOne: () => boolean;
  readonly #aheadRegions: number;
  readonly #stepBytes: number;
  /** Free regions, and bytes by hand, when there last was room enough ahead. */
  #freeSeen: number = -1;
  #byHandSeen: number = 0;
  /** Bytes placed since the last step ahead. */
  #owed: number = 0;
  /** A regionful that is being evicted: until so many regions are free, or so few bytes live; then holes are looked for. */
  #freeWanted: number = 0;
  #liveWanted: number = 0;
  #isOver: boolean = true;
  /** Whether it is one whose entries have expired. */
  #expires: boolean = false;
  /** Evicted, and not yet told of. */
  #evictedEntries: number = 0;
  #evictedBytes: number = 0;

  constructor(
    store: EntryStore,
    placement: Placement,
    policy: Policy,
    reaper: Reaper,
    limits: RoomLimits,
    moves: MoveEvents,
    patience: Patience,
    evictOne: () => boolean,
  ) {
    this.#store = store;
    this.#placement = placement;
    this.#policy = policy;
    this.#reaper = reaper;
    this.#limits = limits;
    this.#compactor = new Compactor(store, placement, moves);
    this.#patience = patience;
    this.#evictOne = evictOne;
    const { regionBytes } = store.heap;
    this.#aheadRegions = limits.maxBytes < ROOMY_REGIONS * regionBytes ? 1 : AHEAD_REGIONS;
    this.#stepBytes = Math.min(STEP_BYTES, (this.#aheadRegions * regionBytes) / 2);
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
    return this.#recorded(() => {
      let worked = false;
      while (!this.#suffices(regions, bytes) && this.#work(true)) worked = true;
      return worked;
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

  /** Evicts a regionful, whatever is free: for want of regions that lie together. @returns false if nothing is left. */
  evictRegion(): boolean {
    return this.#recorded(() => {
      this.#beginRegionful();
      if (!this.#evictOne()) return false;
      while (!this.#isRegionfulOver() && this.#evictOne());
      return true;
    });
  }

  /** Records what `evict` takes as a pause, and notes what went. */
  #recorded(evict: () => boolean): boolean {
    const { heap, index, liveBytes } = this.#store;
    const startMs = heap.pauses.start();
    const entries = index.count;
    const worked = this.whileBusy(evict);
    heap.pauses.record('evict', startMs);
    if (index.count < entries) this.#note(entries, liveBytes);
    return worked;
  }

  #note(entriesBefore: number, bytesBefore: number): void {
    if (!channels.evict.hasSubscribers) return;
    const { index, liveBytes } = this.#store;
    this.#evictedEntries += entriesBefore - index.count;
    this.#evictedBytes += bytesBefore - liveBytes;
  }

  /** Tells those who listen of what was evicted since. For a call's end: they may use the cache, which is busy before. */
  tell(): void {
    const entries = this.#evictedEntries;
    if (entries === 0) return;
    const bytes = this.#evictedBytes;
    this.#evictedEntries = 0;
    this.#evictedBytes = 0;
    channels.evict.publish({ cache: this.#limits.name, entries, bytes });
  }

  /**
   * The least that makes room: takes out an entry that has expired, moves one out of a region that is being compacted, or
   * evicts one. Which of these is decided anew when a region has come free. @returns false if nothing is left.
   */
  #work(compacts: boolean): boolean {
    if (this.#isRegionfulOver() && !this.#compactor.isBusy) {
      this.#beginRegionful();
      this.#expires = this.#reaper.takeUp();
      if (compacts && !this.#expires) this.#compactor.begin();
    }
    if (this.#expires) {
      if (this.#expireOne()) return true;
      // That region has nothing more, another may have.
      this.#endRegionful();
      return this.#work(compacts);
    }
    if (this.#compactor.isBusy) {
      const bytes = this.#compactor.step();
      this.#patience.cleared(bytes);
      // Whatever comes of it, holes are looked for again afterwards.
      this.#endRegionful();
      if (bytes > 0) return true;
    }
    return this.#evictOne();
  }

  #expireOne(): boolean {
    this.#expires = this.#reaper.expireOne();
    if (this.#expires) this.#patience.cleared(0);
    return this.#expires;
  }

  #beginRegionful(): void {
    const { heap, liveBytes } = this.#store;
    this.#freeWanted = heap.regions.freeRegions + 1;
    this.#liveWanted = liveBytes - heap.regionBytes;
    this.#isOver = false;
  }

  #endRegionful(): void {
    this.#isOver = true;
  }

  #isRegionfulOver(): boolean {
    const { heap, liveBytes } = this.#store;
    return this.#isOver || liveBytes <= this.#liveWanted || heap.regions.freeRegions >= this.#freeWanted;
  }

  // ---- ahead of need ----

  /**
   * To be called before a block of `bytes` is placed. Does a part of the work that the next regions will ask for, so that
   * none is left to be done at once when they are opened; how much is bounded by `bytes`, see Patience.
   */
  workAhead(bytes: number): void {
    const free = this.#store.heap.regions.freeRegions;
    const byHand = this.#placement.byHand.bytes;
    if (free === this.#freeSeen && byHand === this.#byHandSeen) return;
    this.#owed += bytes + ENTRY_BYTES;
    if (this.#owed < this.#stepBytes) return;
    const lack = this.#lackAhead();
    if (lack > 0) this.#step(this.spareRegions <= -this.#aheadRegions ? HASTY : EASY);
    else if (this.#wantsHoles()) this.#step(MAKING_HOLES);
    else {
      this.#freeSeen = free;
      this.#byHandSeen = byHand;
    }
    this.#owed = 0;
  }

  /** Regions that are free beyond those that are to be ahead; negative: those that are missing. */
  get spareRegions(): number {
    const { heap } = this.#store;
    const { ownsHeap, maxBytes } = this.#limits;
    const wanted = SPARE_REGIONS + this.#aheadRegions;
    const spare = heap.regions.freeRegions - HEAP_RESERVE - wanted;
    if (ownsHeap) return spare;
    return Math.min(spare, Math.floor((maxBytes - this.heldBytes) / heap.regionBytes) - wanted);
  }

  /** Regions that are missing to those, and to what the policy wants besides. */
  #lackAhead(): number {
    return (this.#policy.wantsRegion ? 1 : 0) - this.spareRegions;
  }

  #step(times: number): void {
    const { heap, index, liveBytes } = this.#store;
    const startMs = heap.pauses.start();
    const entries = index.count;
    const wasBusy = this.busy;
    this.busy = true;
    this.#patience.beginStep(this.#owed, times);
    try {
      this.#workUntilRest();
    } finally {
      this.#patience.endStep();
      this.busy = wasBusy;
    }
    heap.pauses.record('evict', startMs);
    if (index.count < entries) this.#note(entries, liveBytes);
  }

  #workUntilRest(): void {
    const { regions } = this.#store.heap;
    const makesHoles = this.#lackAhead() <= 0;
    let free = regions.freeRegions;
    while (!this.#patience.rests && this.#work(!makesHoles)) {
      if (regions.freeRegions === free) continue;
      free = regions.freeRegions;
      if (makesHoles ? !this.#wantsHoles() : this.#lackAhead() <= 0) return;
    }
  }

  /**
   * Whether a policy whose victims lie anywhere would find the cache full and without holes enough to compact: it would
   * then have to make all of them at once. So they are made while it fills up.
   */
  #wantsHoles(): boolean {
    if (!this.#policy.scatters) return false;
    const { heap } = this.#store;
    let held = Math.max(0, this.openableRegions) * heap.regionBytes;
    let live = 0;
    for (const lane of this.#placement.lanes) {
      if (lane.bytes === 0) continue;
      held += heap.regions.generationBytes(lane.generation);
      live += lane.bytes;
    }
    // The end of a region where no entry fits is nothing that compaction could gain.
    const tail = Math.min(MOST_TAIL, live / this.#store.index.count / heap.regionBytes);
    return live > held * (1 - WASTE_SHARE) * (1 - tail);
  }
}
