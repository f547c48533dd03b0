import type { Address, Generation, RegionIndex } from '../heap/index.js';
import { TTL_MASK } from './entry.js';
import type { EntryStore } from './entry-store.js';
import type { Expiry } from './expiry.js';
import { FifoQueue } from './fifo-queue.js';
import { BY_HAND, Lane } from './lane.js';
import type { RegionTable } from './region-table.js';
import { expiryOf, isLong, SHORT_TTL_MS } from './ttl.js';
import { TtlBuckets } from './ttl-buckets.js';
import { walkRegions } from './walk.js';

/** Regions that are open at once, the index's and the ghost's among them, take at most this share of maxBytes. */
const OPEN_SHARE = 1 / 8;
const MOST_BUCKETS = 16;
const MOST_SPLITS = 4;
/** Of its ttl: in regions older than that, entries are not renewed in place. */
const RENEWAL_SHARE = 1 / 8;
/** A region's stale entries are looked for at least so often, since the words of short ttls wrap around. */
export const SWEEP_EVERY_MS: number = 2 ** 28;
/** Prefixes of keys are code, not data: more than these are not told by name. */
const MOST_KEY_NAMES = 256;
/** Lanes of hand-given generations before those without entries are forgotten. */
const HAND_LANES = 64;

/** How many ttl buckets a queue has, and into how many parts a placement policy may split it. */
export interface LaneCounts {
  readonly buckets: number;
  readonly splits: number;
}

/** What OPEN_SHARE leaves for the lanes of each queue, one open region a lane. */
export function laneCounts(maxBytes: number, regionBytes: number, queues: number): LaneCounts {
  const open = Math.floor((maxBytes * OPEN_SHARE) / regionBytes) - 2;
  const lanes = Math.floor(open / queues);
  const splits = lanes >= 12 ? MOST_SPLITS : lanes >= 8 ? 2 : 1;
  const buckets = Math.min(MOST_BUCKETS, lanes - splits);
  return { splits, buckets: buckets < 2 ? 0 : buckets };
}

/**
 * In which generation an entry lies: the one given by hand, else that of its ttl bucket, else that of the policy's
 * queue, which the heap's placement policy may split by site. Each is a lane (lane.ts); what the policy sees are its
 * queues over them (fifo-queue.ts).
 */
export class Placement {
  readonly queues: readonly FifoQueue[];
  /** Entries whose generation was given by hand. */
  readonly byHand: FifoQueue;
  readonly buckets: TtlBuckets;
  /** The cache's own lanes, queue by queue. */
  readonly lanes: readonly Lane[];
  readonly generations: readonly Generation[];
  readonly table: RegionTable;
  /** Rids a region of its stale entries. */
  sweep: (region: RegionIndex) => void = () => {};
  /** Empties a filled region of the cache's own. */
  vacate: (region: RegionIndex) => void = () => {};
  readonly #store: EntryStore;
  readonly #expiry: Expiry;
  readonly #splits: number;
  readonly #perQueue: number;
  readonly #laneOf: Map<number, Lane> = new Map();
  /** Generations that the placement policy has named last, each a part of every queue. */
  readonly #advised: number[] = [];

  constructor(store: EntryStore, table: RegionTable, expiry: Expiry, queues: number, maxBytes: number) {
    this.#store = store;
    this.#expiry = expiry;
    this.table = table;
    const { buckets, splits } = laneCounts(maxBytes, store.heap.regionBytes, queues);
    this.#splits = splits;
    this.#perQueue = splits + buckets;
    this.queues = Array.from({ length: queues }, () => new FifoQueue(store.heap, table));
    this.byHand = new FifoQueue(store.heap, table);
    this.lanes = this.queues.flatMap((_, queue) =>
      Array.from({ length: this.#perQueue }, (_, n) => this.#newLane(queue, n)),
    );
    this.generations = this.lanes.map((lane) => lane.generation);
    this.buckets = new TtlBuckets(buckets, (bucket) =>
      this.queues.every((queue) => queue.lanes[splits + bucket]!.bytes === 0),
    );
  }

  #newLane(queue: number, n: number): Lane {
    const { heap } = this.#store;
    // 0: the heap never evacuates it by itself, which would make old entries young; see compactor.ts.
    const generation = heap.newGeneration({ liveThreshold: 0, vacate: (region) => this.vacate(region) });
    heap.configureGeneration(generation, { evacuateTo: generation });
    const bucket = n - this.#splits;
    const place = bucket < 0 ? { queue, bucket: -1, split: n } : { queue, bucket, split: 0 };
    return this.#enlist(new Lane(this.#store, this.table, generation, place), this.queues[queue]!);
  }

  #enlist(lane: Lane, queue: FifoQueue): Lane {
    lane.id = this.table.addLane(lane);
    this.#laneOf.set(lane.generation, lane);
    queue.lanes.push(lane);
    return lane;
  }

  #laneOfGeneration(generation: Generation): Lane {
    const known = this.#laneOf.get(generation);
    if (known !== undefined) return known;
    if (this.byHand.lanes.length >= HAND_LANES) this.#dropIdle();
    return this.#enlist(
      new Lane(this.#store, this.table, generation, { queue: BY_HAND, bucket: -1, split: 0 }),
      this.byHand,
    );
  }

  #dropIdle(): void {
    const { lanes } = this.byHand;
    const kept = lanes.filter((lane) => lane.bytes > 0);
    for (const lane of lanes) {
      if (lane.bytes > 0) continue;
      this.table.removeLane(lane);
      this.#laneOf.delete(lane.generation);
    }
    lanes.splice(0, lanes.length, ...kept);
  }

  /** Whether the generation is none of the cache's own: others' blocks lie there too. */
  isByHand(generation: Generation): boolean {
    const lane = this.#laneOf.get(generation);
    return lane === undefined || lane.queue === BY_HAND;
  }

  laneAt(address: Address): Lane {
    return this.table.lane(this.#store.heap.regionAt(address));
  }

  #queueOf(lane: Lane): FifoQueue {
    return lane.queue === BY_HAND ? this.byHand : this.queues[lane.queue]!;
  }

  // ---- choosing ----

  /**
   * The generation for a new entry of `queue` for which none was given by hand.
   *
   * @param ttlMs 0: none.
   * @param remainingMs of it.
   */
  choose(queue: number, ttlMs: number, remainingMs: number, site: number, byteLength: number): Generation {
    const { lanes } = this.queues[queue]!;
    const n =
      ttlMs > 0 && this.buckets.count > 0
        ? this.#splits + this.#bucketFor(ttlMs > SHORT_TTL_MS, remainingMs, true)
        : this.#splitFor(site, byteLength, ttlMs);
    return lanes[n]!.generation;
  }

  /**
   * To be called before an entry is placed in `generation`, since its ttl may put off its region's deadline: what has
   * been stale for long would seem fresh once the words of its ttl have wrapped around.
   */
  prepare(generation: Generation): void {
    if (this.#expiry.hasTtls) this.#prepareLane(this.#laneOfGeneration(generation));
  }

  #prepareLane(lane: Lane): void {
    const region = lane.openRegion;
    if (region !== -1 && this.table.isCurrent(region) && this.isOverdue(region)) this.sweep(region);
  }

  /** Whether the deadline of `region`, which the table knows, must not be put off again without a sweep. */
  isOverdue(region: RegionIndex): boolean {
    const { table } = this;
    if (table.deadlineMs[region] === Number.NEGATIVE_INFINITY) return false;
    if (table.sinceSweptMs(region, this.#expiry.nowMs()) <= SWEEP_EVERY_MS) return false;
    return !this.isLongBucket(table.lane(region).bucket);
  }

  /** Whether entries are still being placed in `region`. */
  isOpen(region: RegionIndex): boolean {
    return this.table.lane(region).openRegion === region && !this.#store.heap.regions.isRetired(region);
  }

  isLongBucket(bucket: number): boolean {
    return bucket !== -1 && bucket === this.buckets.long;
  }

  #bucketFor(long: boolean, remainingMs: number, isNew: boolean): number {
    if (long && remainingMs > SHORT_TTL_MS) return this.buckets.long;
    return isNew ? this.buckets.of(remainingMs) : this.buckets.near(remainingMs);
  }

  #splitFor(site: number, byteLength: number, ttlMs: number): number {
    if (this.#splits === 1) return 0;
    const { heap } = this.#store;
    if (heap.wantsPlacementKey) this.#tellKey();
    const advised = heap.advisedGeneration(site, byteLength, ttlMs);
    if (advised === 0) return 0;
    const at = this.#advised.indexOf(advised);
    return 1 + (at === -1 ? this.#admit(advised) : at);
  }

  /** Tells the policy what the key starts with. */
  #tellKey(): void {
    const { heap, keys } = this.#store;
    const key = keys.prefixHash();
    heap.placementKey = key;
    const names = heap.placementKeyNames;
    if (key !== 0 && names.size < MOST_KEY_NAMES && !names.has(key)) names.set(key, keys.prefixText());
  }

  /** Finds a part for a generation that the policy has not named of late. */
  #admit(advised: number): number {
    if (this.#advised.length < this.#splits - 1) return this.#advised.push(advised) - 1;
    const idle = this.#advised.findIndex((_, at) =>
      this.queues.every((queue) => queue.lanes[at + 1]!.bytes === 0),
    );
    // With entries in all parts, further opinions share the last.
    if (idle === -1) return this.#advised.length - 1;
    this.#advised[idle] = advised;
    return idle;
  }

  /**
   * Whether an entry that gets a new ttl where it lies would keep its region from expiring whole for much longer, or
   * would be the only one of its kind there: then it is better written elsewhere.
   */
  outgrows(address: Address, ttlMs: number, remainingMs: number): boolean {
    const region = this.#store.heap.regionAt(address);
    const lane = this.table.lane(region);
    if (this.isOverdue(region)) return true;
    if (lane.bucket === -1) return false;
    if (ttlMs > SHORT_TTL_MS !== isLong(this.#store.ttlWordOf(address))) return true;
    // The lane's open region is where it would go.
    if (this.isOpen(region)) return false;
    return this.table.sinceSweptMs(region, this.#expiry.nowMs()) > remainingMs * RENEWAL_SHARE;
  }

  // ---- entries come, go and move ----

  /** The entry at `address`, all written, is one of the cache's now. */
  entered(address: Address): void {
    const { heap } = this.#store;
    const { table } = this;
    const region = heap.regionAt(address);
    table.tick();
    const bytes = heap.regions.blockBytes(address);
    if (!table.isCurrent(region)) {
      this.#open(region, this.#laneOfGeneration(heap.generationAt(address)));
      if (bytes <= heap.regionBytes / 2) table.lane(region).openRegion = region;
    }
    const lane = table.lane(region);
    lane.bytes += bytes;
    this.#queueOf(lane).bytes += bytes;
    if ((this.#store.markOf(address) & TTL_MASK) !== 0) this.renewed(address);
  }

  #open(region: RegionIndex, lane: Lane): void {
    this.table.open(region, lane);
    lane.restart();
    if (this.#expiry.hasTtls) this.table.setSwept(region, this.#expiry.nowMs());
  }

  /** The entry's ttl is about to begin anew in its place. */
  renewing(address: Address): void {
    const region = this.#store.heap.regionAt(address);
    if (this.isOverdue(region)) this.sweep(region);
  }

  /** The entry's ttl has been written. */
  renewed(address: Address): void {
    const { table } = this;
    const store = this.#store;
    const region = store.heap.regionAt(address);
    const lane = table.lane(region);
    const nowMs = this.#expiry.nowMs();
    const word = store.ttlWordOf(address);
    const expiry = expiryOf(store.startWordOf(address), word, nowMs);
    if (isLong(word)) {
      // The deadline must not hide that short ttls beside it are over: see Expiry.isStale.
      if (lane.bucket === -1) return;
      if (!this.isLongBucket(lane.bucket) && expiry > nowMs + 2 * SHORT_TTL_MS) return;
    }
    if (expiry <= table.deadlineMs[region]!) return;
    if (table.deadlineMs[region] === Number.NEGATIVE_INFINITY) table.setSwept(region, nowMs);
    table.deadlineMs[region] = expiry;
  }

  /** The entry is about to go. */
  left(address: Address): void {
    this.#take(this.laneAt(address), this.#store.heap.regions.blockBytes(address));
  }

  #take(lane: Lane, bytes: number): void {
    lane.bytes -= bytes;
    this.#queueOf(lane).bytes -= bytes;
  }

  /** The heap has moved the entry by itself: it does so in generations given by hand. */
  moved(from: Address, to: Address): void {
    this.#take(this.laneAt(from), this.#store.heap.regions.blockBytes(to));
    this.entered(to);
  }

  /**
   * Makes the entry the youngest of `queue`; one placed by hand, of its generation. What has a ttl goes to the bucket
   * of the time it has left: its old one while that is long.
   *
   * @returns where it lies now, or -1 if there is no room: it stays where it is (`store.tracked`).
   */
  move(address: Address, queue: number): Address | -1 {
    const store = this.#store;
    const from = this.laneAt(address);
    const lane = this.#laneFor(address, from, queue);
    if (this.#expiry.hasTtls) this.#prepareLane(lane);
    const to = store.relocate(address, lane.generation);
    if (to === -1) return -1;
    this.#take(from, store.heap.regions.blockBytes(to));
    // A humongous entry stays where it is, and only its region changes hands.
    if (to === store.tracked) {
      this.#open(store.heap.regionAt(to), this.#laneOfGeneration(store.heap.generationAt(to)));
    }
    this.entered(to);
    return to;
  }

  #laneFor(address: Address, from: Lane, queue: number): Lane {
    if (from.queue === BY_HAND) return from;
    const { lanes } = this.queues[queue]!;
    if (from.bucket === -1) return lanes[from.split]!;
    const store = this.#store;
    const nowMs = this.#expiry.nowMs();
    const word = store.ttlWordOf(address);
    const remainingMs = expiryOf(store.startWordOf(address), word, nowMs) - nowMs;
    return lanes[this.#splits + this.#bucketFor(isLong(word), remainingMs, false)]!;
  }

  /** Drops what is counted of entries; their blocks are released by the caller. */
  cleared(): void {
    for (const queue of [...this.queues, this.byHand]) {
      queue.bytes = 0;
      for (const lane of queue.lanes) {
        lane.bytes = 0;
        lane.openRegion = -1;
      }
    }
    // Released regions still hold blocks until the heap has swept them.
    this.table.clear();
  }

  // ---- looking ----

  /** The oldest entry placed by hand if it is older than `address` (or that is -1), else -1. */
  handOlderThan(address: Address | -1): Address | -1 {
    if (this.byHand.bytes === 0) return -1;
    const oldest = this.byHand.oldest();
    if (oldest === -1 || address === -1) return oldest;
    return this.table.entryAge(oldest) > this.table.entryAge(address) ? oldest : -1;
  }

  /** Whether eviction is in the middle of `region`. */
  isCurrent(region: RegionIndex): boolean {
    return this.queues.some((queue) => queue.current === region);
  }

  /** Addresses of the entries of `queue`, one region after the other in the order of opening, or the reverse. */
  *walk(queue: FifoQueue, newestFirst: boolean): Generator<Address> {
    const { heap } = this.#store;
    const order: RegionIndex[] = [];
    for (const lane of queue.lanes) {
      if (lane.bytes === 0) continue;
      for (let r = heap.regions.first(lane.generation); r !== -1; r = heap.regions.next(r)) order.push(r);
    }
    if (queue.lanes.length > 1) order.sort((a, b) => this.table.ageOf(b) - this.table.ageOf(a));
    yield* walkRegions(this.#store, order, newestFirst);
  }

  dispose(): void {
    this.table.dispose();
  }
}
