import { type Address, type Generation, type GenerationalHeap, HeapFullError } from '../heap/index.js';
import { channels } from './channels.js';
import { ALTERNATIVE, FREQUENCY_MASK, HAS_TTL } from './entry.js';
import { EntryStore } from './entry-store.js';
import { Expiry } from './expiry.js';
import { GenerationChoice } from './generation-choice.js';
import type { CacheKey } from './key.js';
import type { CacheConfig } from './options.js';
import { Placement } from './placement.js';
import { LruPolicy } from './policies/lru.js';
import type { Policy } from './policies/policy.js';
import { S3FifoPolicy } from './policies/s3-fifo.js';
import { SievePolicy } from './policies/sieve.js';
import { Reaper } from './reaper.js';
import { RegionTable } from './region-table.js';
import { Room } from './room.js';
import type { DisposeReason, PolicyName } from './types.js';
import { Values } from './values.js';

/** An entry may take at most this share of maxBytes: a larger one would empty the cache for itself. */
const LARGEST_SHARE = 1 / 4;

export const REFUSED = 0;
export const ADDED = 1;
export const UPDATED = 2;
export const REPLACED = 3;

/** What `put` is told. One object that is used again, since a set must leave no garbage. */
export class PutRequest {
  /** 0: none. */
  ttlMs: number = 0;
  startMs: number = 0;
  keepTtl: boolean = false;
  /** The entry's size; 0: its true bytes. */
  size: number = 0;
  noDispose: boolean = false;
  /** Whether somebody will be told if the value is the one that was there. */
  compares: boolean = false;
  /** By hand; 0: the cache's. */
  generation: number = 0;
  /** 0: the cache's. */
  site: number = 0;

  /** Whether it says no more than that there is a value. */
  get isPlain(): boolean {
    return this.ttlMs === 0 && !this.compares && (this.generation | this.site) === 0;
  }
}

const POLICIES = {
  's3-fifo': S3FifoPolicy,
  sieve: SievePolicy,
  lru: LruPolicy,
} as const satisfies Readonly<
  Record<PolicyName, { readonly queues: number; new (store: EntryStore, placement: Placement): Policy }>
>;
const LINK_WORDS: Readonly<Record<PolicyName, number>> = { 's3-fifo': 0, sieve: 0, lru: 2 };

/** The cache without its manners: entries, limits, eviction, expiry. The face (arena-cache.ts) calls it. */
export class CacheEngine<K extends CacheKey, V> {
  readonly config: CacheConfig<K, V>;
  readonly heap: GenerationalHeap;
  readonly store: EntryStore;
  readonly policy: Policy;
  readonly expiry: Expiry;
  readonly placement: Placement;
  readonly reaper: Reaper;
  readonly room: Room;
  /** Told of each entry that goes, before its bytes do; undefined while nobody wants to know. */
  onGone: ((address: Address, reason: DisposeReason) => void) | undefined;
  calculatedSize: number = 0;
  evictions: number = 0;
  expirations: number = 0;
  refusals: number = 0;
  /** The size of the entry that `put` was last called with. */
  lastSize: number = 0;
  readonly #values: Values<K, V>;
  readonly #choice: GenerationChoice;
  readonly #sizeWord: number;
  readonly #largestBytes: number;
  readonly #offPressure: () => void;

  constructor(config: CacheConfig<K, V>, seed: number) {
    this.config = config;
    this.heap = config.heap;
    const linkWords = LINK_WORDS[config.policy];
    this.#sizeWord = config.maxEntrySize > 0 || config.sizeCalculation !== undefined ? linkWords : -1;
    const fixedWords = linkWords + (this.#sizeWord === -1 ? 0 : 1);
    this.store = new EntryStore(config.heap, fixedWords, config.codec.bind === undefined ? 0 : 1, seed);
    this.#values = new Values(this.store, config, this.isSized);
    const Policy = POLICIES[config.policy];
    const table = new RegionTable(config.heap);
    this.expiry = new Expiry(this.store, table, config.now, config.ttlResolution);
    this.placement = new Placement(this.store, table, this.expiry, Policy.queues, config.maxBytes);
    this.policy = new Policy(this.store, this.placement);
    this.#choice = new GenerationChoice(this.store, this.placement, this.policy, this.expiry, config);
    const expire = (address: Address): void => this.remove(address, 'expire');
    this.reaper = new Reaper(this.store, this.placement, this.expiry, expire, config.keepsStale);
    const compaction = {
      moved: (from: Address, to: Address): void => this.policy.moved(from, to),
      expired: expire,
    };
    this.room = new Room(this.store, this.placement, this.policy, this.reaper, config, compaction, () =>
      this.evictOne(),
    );
    this.#connect();
    this.#largestBytes = Math.floor(config.maxBytes * LARGEST_SHARE);
    // On a heap of its own the cache makes room before it asks for it; on a shared one others may ask.
    this.#offPressure = config.ownsHeap ? () => {} : this.heap.onPressure((asked) => this.#relieve(asked));
  }

  #connect(): void {
    this.store.isStale = (address) => this.expiry.isStale(address);
    this.store.listener = {
      moved: (from, to) => {
        this.placement.moved(from, to);
        this.policy.moved(from, to);
      },
      // Its generation was released by whoever gave it by hand.
      removed: (address) => {
        this.evictions++;
        this.onGone?.(address, 'evict');
        this.#forget(address);
      },
    };
    this.placement.sweep = (region) => this.reaper.sweep(region);
    this.expiry.onRestart = {
      before: (address) => this.placement.renewing(address),
      after: (address) => this.placement.renewed(address),
    };
  }

  // ---- reading ----

  /** The address of the entry with this key, or -1; stale ones too. @throws TypeError for what is no key. */
  find(key: K): Address | -1 {
    this.#refuseReentry();
    const { store } = this;
    store.keys.load(key);
    if (store.front !== undefined) {
      const hot = store.front.find();
      if (hot !== -1) return hot;
    }
    return store.index.find();
  }

  #refuseReentry(): void {
    if (this.#values.isEncoding)
      throw new Error('a codec, getter or toJSON must not use the cache that is encoding');
  }

  /** Counts a use of the entry, unless that changes nothing any more. */
  hit(address: Address): void {
    if ((this.store.markOf(address) & FREQUENCY_MASK) !== this.policy.saturated) this.policy.hit(address);
  }

  /** Whether `read` gives record views, which the next change of the cache ends. */
  get givesViews(): boolean {
    return this.#values.givesViews;
  }

  /** The value of the entry that `find` has just found: a copy, a view, or, with a front, what others get too. */
  read(address: Address): V {
    return this.#values.read(address);
  }

  /** The entry's value: a copy. */
  valueOf(address: Address): V {
    return this.#values.copy(address);
  }

  sizeOf(address: Address): number {
    if (this.#sizeWord === -1) return this.heap.regions.blockBytes(address);
    return this.store.fixedOf(address, this.#sizeWord);
  }

  get isSized(): boolean {
    return this.#sizeWord !== -1;
  }

  // ---- writing ----

  /**
   * Stores an entry. If the codec throws, nothing has changed.
   *
   * @returns ADDED, UPDATED (to the same bytes), REPLACED, or REFUSED, and then an older value is gone too.
   */
  put(key: K, value: V, request: PutRequest): number {
    this.#refuseReentry();
    if (request.generation !== 0) this.heap.configureGeneration(request.generation, {});
    if (this.reaper.isDue()) this.reaper.step();
    const { store } = this;
    store.keys.load(key);
    const alternative = this.#values.encode(value, key);
    const existing = store.index.find();
    if (existing !== -1 && alternative === 0 && request.isPlain && this.#overwrite(existing)) return REPLACED;
    const keepsTtl = request.keepTtl && existing !== -1;
    const hasTtl = keepsTtl ? (store.markOf(existing) & HAS_TTL) !== 0 : request.ttlMs > 0;
    if (keepsTtl && hasTtl) {
      // Making room may evict the entry whose ttl is to be kept.
      request.ttlMs = this.expiry.ttlMsOf(existing);
      request.startMs = this.expiry.nowMs() - this.expiry.ageMsOf(existing);
    }
    const flags = alternative | (hasTtl ? HAS_TTL : 0);
    const payload = store.payloadBytes(hasTtl, this.#values.writer.length);
    const size = request.size > 0 ? request.size : Math.ceil((payload + 8) / 8) * 8;
    this.lastSize = size;
    const result = this.#fits(key, payload, size)
      ? this.#store(existing, flags, payload, size, request)
      : REFUSED;
    if (result === REFUSED) this.#afterRefusal(alternative);
    return result;
  }

  /**
   * What most sets of a key that is there come to: the value fits where the old one lies, there is no ttl, and nobody
   * wants to be told.
   *
   * @returns false, with nothing done, if it is not so.
   */
  #overwrite(at: Address): boolean {
    if (!this.#values.hasSlack || this.onGone !== undefined) return false;
    if ((this.store.markOf(at) & (HAS_TTL | ALTERNATIVE)) !== 0 || !this.#values.overwrite(at)) return false;
    this.hit(at);
    return true;
  }

  #fits(key: K, payload: number, size: number): boolean {
    const { maxEntrySize, name } = this.config;
    const overSize = maxEntrySize > 0 && size > maxEntrySize;
    if (!overSize && payload <= this.#largestBytes) return true;
    if (channels.refuse.hasSubscribers) {
      channels.refuse.publish({
        cache: name,
        key,
        bytes: payload,
        size,
        why: overSize ? 'maxEntrySize' : 'maxBytes',
      });
    }
    return false;
  }

  #afterRefusal(alternative: number): void {
    this.refusals++;
    this.#values.discard(alternative);
    // As in lru-cache: what was to be replaced is out of date.
    const existing = this.store.index.find();
    if (existing !== -1) this.remove(existing, 'set');
  }

  #store(existing: Address | -1, flags: number, payload: number, size: number, request: PutRequest): number {
    if (existing === -1) return this.#add(flags, size, request);
    const { store } = this;
    const kept = (flags | store.markOf(existing)) & ALTERNATIVE;
    const compares = kept === 0 && (request.compares || this.onGone !== undefined);
    const same = compares && store.sameValue(existing, this.#values.writer, this.#values.hasSlack);
    return this.#rewrite(existing, flags, payload, size, request, same ? UPDATED : REPLACED);
  }

  #add(flags: number, size: number, request: PutRequest): number {
    const { store, config } = this;
    while (config.max > 0 && store.index.count >= config.max && this.evictOne());
    this.#makeSizeFor(size);
    const hash = store.keys.hash;
    if (!this.#prepare(hash)) return REFUSED;
    const generation = this.#choice.forNew(request, (flags & HAS_TTL) !== 0, this.#values.writer.length);
    const address = this.#allocate(generation, flags, this.#choice.siteOf(request));
    if (address === -1) return REFUSED;
    this.#fill(address, flags, size, request, -1);
    this.#publish(hash, address, size);
    return ADDED;
  }

  #makeSizeFor(size: number): void {
    const { maxSize } = this.config;
    while (maxSize > 0 && this.calculatedSize + size > maxSize && this.evictOne());
  }

  /** Gives an entry a new value: in its place if it fits there, else in a new block of the same queue. */
  #rewrite(
    at: Address,
    flags: number,
    payload: number,
    size: number,
    request: PutRequest,
    result: number,
  ): number {
    const { store, heap } = this;
    const tells = result === REPLACED && !request.noDispose && this.onGone !== undefined;
    const oldPayload = heap.byteLengthAt(at);
    if (
      !this.#choice.mayStay(at, request, (flags & HAS_TTL) !== 0) ||
      !this.#fitsInPlace(at, oldPayload, payload)
    ) {
      return this.#rewriteElsewhere(at, flags, size, request, result, tells);
    }
    if (tells) {
      // The old value ends where its block does.
      heap.regions.resize(at, oldPayload);
      this.onGone!(at, 'set');
      heap.regions.resize(at, payload);
    }
    this.#values.replacing(store.keys.hash, at);
    if (this.#sizeWord !== -1) this.calculatedSize += size - this.sizeOf(at);
    store.setAlternative(at, flags);
    this.#fill(at, flags, size, request, at);
    this.hit(at);
    this.#afterGrowth();
    return result;
  }

  #fitsInPlace(at: Address, oldPayload: number, payload: number): boolean {
    return this.#values.fitsInto(oldPayload, payload) || this.heap.regions.resize(at, payload);
  }

  #rewriteElsewhere(
    at: Address,
    flags: number,
    size: number,
    request: PutRequest,
    result: number,
    tells: boolean,
  ): number {
    const { store } = this;
    const { hash } = store.keys;
    store.held = at;
    const generation = this.#choice.forRewritten(
      at,
      request,
      (flags & HAS_TTL) !== 0,
      this.#values.writer.length,
    );
    const to = this.#allocate(generation, flags, this.#choice.siteOf(request) || this.heap.siteAt(at));
    const from = store.held;
    if (to === -1) return REFUSED;
    if (from === -1) {
      // Making room has evicted the old entry: this one is new, and has the other's place in the index.
      this.#fill(to, flags, size, request, -1);
      this.#publish(hash, to, size);
      return ADDED;
    }
    if (tells) this.onGone!(from, 'set');
    this.#values.replacing(hash, from);
    if (this.#sizeWord !== -1) this.calculatedSize += size - this.sizeOf(from);
    this.#fill(to, flags, size, request, from);
    this.placement.left(from);
    this.placement.entered(to);
    this.policy.rewritten(from, to);
    store.reindex(hash, from, to);
    store.abandon(from);
    store.held = -1;
    this.#afterGrowth();
    return result;
  }

  #afterGrowth(): void {
    const { maxSize } = this.config;
    while (maxSize > 0 && this.calculatedSize > maxSize && this.evictOne());
    this.#trimHeapValues();
  }

  /** Writes all of an entry but its header and key. `former`: where its ttl is to come from if it is kept. */
  #fill(at: Address, flags: number, size: number, request: PutRequest, former: Address | -1): void {
    const { store } = this;
    if (this.#sizeWord !== -1) store.setFixed(at, this.#sizeWord, size);
    if ((flags & HAS_TTL) !== 0) {
      if (request.keepTtl && former !== -1) {
        store.setTtlWord(at, 0, store.ttlWordOf(former, 0));
        store.setTtlWord(at, 1, store.ttlWordOf(former, 1));
      } else {
        this.expiry.begin(at, request.ttlMs, request.startMs);
        if (former === at) this.placement.renewed(at);
      }
    }
    store.writeValue(at, this.#values.writer);
  }

  /** Enters a new entry into the index, which `#prepare` has made ready. */
  #publish(hash: number, address: Address, size: number): void {
    this.store.index.insert(hash, address);
    this.placement.entered(address);
    this.policy.added(address);
    if (this.#sizeWord !== -1) this.calculatedSize += size;
    this.#trimHeapValues();
  }

  /** Makes the index ready for one more entry, evicting if it must grow and has no room. */
  #prepare(hash: number): boolean {
    for (;;) {
      try {
        this.store.index.prepare(hash);
        return true;
      } catch (error) {
        if (!(error instanceof HeapFullError)) throw error;
        if (!this.room.make(this.heap.regionBytes) && !this.room.evictRegion()) return false;
      }
    }
  }

  // ---- room ----

  /** Places a block for the loaded key and the value in hand, evicting as needed. -1 if the heap has no room. */
  #allocate(generation: Generation, flags: number, site: number): Address | -1 {
    const { store, heap } = this;
    const bytes = store.payloadBytes((flags & HAS_TTL) !== 0, this.#values.writer.length) + 24;
    if (heap.regions.roomIn(generation) < bytes) this.room.make(bytes);
    this.placement.prepare(generation);
    for (;;) {
      try {
        return store.allocate(generation, flags, this.#values.writer.length, site);
      } catch (error) {
        if (!(error instanceof HeapFullError)) throw error;
        // Free regions that do not lie together, or a shared heap filled by others.
        if (!this.room.evictRegion()) return -1;
      }
    }
  }

  #relieve(askedBytes: number): void {
    if (!this.room.busy && !this.#values.isEncoding) this.room.make(askedBytes);
  }

  /** Evicts one entry, an expired one if one is known. @returns false if there is none. */
  evictOne(): boolean {
    if (this.reaper.expireOne()) return true;
    const address = this.victim();
    if (address === -1) return false;
    this.evict(address);
    return true;
  }

  /** The entry that goes next, or -1. */
  victim(): Address | -1 {
    // Moving what is spared asks the heap for room, and the heap would ask us.
    const wasBusy = this.room.busy;
    this.room.busy = true;
    try {
      return this.policy.victim();
    } finally {
      this.room.busy = wasBusy;
    }
  }

  evict(address: Address): void {
    if (this.expiry.isStale(address)) {
      this.remove(address, 'expire');
      return;
    }
    const hash = this.store.keys.hashAt(address);
    this.remove(address, 'evict');
    this.policy.evicted(hash);
  }

  /** Takes an entry out. */
  remove(address: Address, reason: DisposeReason): void {
    if (reason === 'evict') this.evictions++;
    else if (reason === 'expire') this.expirations++;
    this.onGone?.(address, reason);
    this.#forget(address);
    this.store.remove(address);
  }

  /** What is kept of an entry beside its block. */
  #forget(address: Address): void {
    this.#values.forget(address);
    this.policy.removed(address);
    this.placement.left(address);
    if (this.#sizeWord !== -1) this.calculatedSize -= this.sizeOf(address);
    if (this.store.held === address) this.store.held = -1;
  }

  #trimHeapValues(): void {
    for (let over = this.#values.overflow(); over !== undefined; over = this.#values.overflow()) {
      this.store.keys.load(over.key);
      const address = this.store.index.find();
      if (address !== -1) this.evict(address);
    }
  }

  /** Drops everything at once; tells `onGone` of each entry first if it is set. */
  clear(): void {
    if (this.onGone !== undefined) {
      this.store.index.forEach((address) => {
        this.onGone!(address, this.expiry.isStale(address) ? 'expire' : 'delete');
      });
    }
    this.store.clear(this.placement.generations, [...this.placement.walk(this.placement.byHand, false)]);
    this.placement.cleared();
    this.policy.cleared();
    this.#values.clear();
    this.calculatedSize = 0;
    if (this.config.ownsHeap) this.heap.shrink();
  }

  dispose(): void {
    this.#offPressure();
    this.policy.dispose();
    this.store.dispose(this.placement.generations);
    this.placement.dispose();
    this.#values.clear();
  }
}
