import type { Address, GenerationalHeap } from '../heap/index.js';
import { moveOut } from './compactor.js';
import { FREQUENCY_MASK } from './entry.js';
import { EntryStore } from './entry-store.js';
import { Expiry } from './expiry.js';
import { GenerationChoice } from './generation-choice.js';
import type { CacheKey } from './key.js';
import type { CacheConfig } from './options.js';
import { Patience } from './patience.js';
import { Placement } from './placement.js';
import { LruPolicy } from './policies/lru.js';
import { LATER, type Policy } from './policies/policy.js';
import { S3FifoPolicy } from './policies/s3-fifo.js';
import { SievePolicy } from './policies/sieve.js';
import { Reaper } from './reaper.js';
import { RegionTable } from './region-table.js';
import { Room } from './room.js';
import { Sizes, sizeWords } from './sizes.js';
import type { DisposeReason, PolicyName } from './types.js';
import { Values } from './values.js';
import { Writes } from './writes.js';

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
  /** Called when others have made entries go, by a microtask: they are in the midst of something. */
  onDrivenOut: () => void = () => {};
  /** A set is placing its entry: the loaded key and the value in hand are its own. */
  isWriting: boolean = false;
  evictions: number = 0;
  expirations: number = 0;
  readonly sizes: Sizes;
  readonly writes: Writes<K, V>;
  readonly #patience: Patience;
  readonly #values: Values<K, V>;
  readonly #offPressure: () => void;
  #tellsSoon: boolean = false;

  constructor(config: CacheConfig<K, V>, seed: number) {
    this.config = config;
    this.heap = config.heap;
    const linkWords = LINK_WORDS[config.policy];
    const words = sizeWords(config);
    const valueAlign = config.codec.bind === undefined ? 0 : 1;
    this.store = new EntryStore(config.heap, linkWords + words, valueAlign, seed);
    this.sizes = new Sizes(this.store, linkWords, words);
    this.#values = new Values(this.store, config, this.sizes.isCounted);
    const Policy = POLICIES[config.policy];
    const table = new RegionTable(config.heap);
    this.expiry = new Expiry(this.store, table, config.now, config.ttlResolution);
    this.placement = new Placement(this.store, table, this.expiry, Policy.queues, config.maxBytes);
    this.policy = new Policy(this.store, this.placement);
    this.#patience = new Patience(config.heap.regionBytes);
    const choice = new GenerationChoice(this.store, this.placement, this.policy, this.expiry, config);
    const expire = (address: Address): void => this.remove(address, 'expire');
    this.reaper = new Reaper(this.store, this.placement, this.expiry, expire, config.keepsStale);
    const moves = {
      moved: (from: Address, to: Address): void => this.policy.moved(from, to),
      expired: expire,
    };
    this.room = new Room(
      this.store,
      this.placement,
      this.policy,
      this.reaper,
      config,
      moves,
      this.#patience,
      () => this.evictOne(),
    );
    const clearing = { ...moves, stuck: (address: Address): void => this.evict(address) };
    this.placement.vacate = (region) => {
      // What has no room is evicted, and may have to be decoded for that.
      if (this.#values.isEncoding) return;
      this.room.whileBusy(() => moveOut(this.store, this.placement, region, clearing));
    };
    this.#connect();
    this.writes = new Writes(this, this.#values, choice);
    // On a heap of its own the cache makes room before it asks for it; on a shared one others may ask.
    this.#offPressure = config.ownsHeap ? () => {} : this.heap.onPressure((asked) => this.#relieve(asked));
  }

  #connect(): void {
    this.store.isStale = (address) => this.expiry.isStale(address);
    this.store.openableRegions = () => this.room.openableRegions;
    this.store.spareRegions = () => this.room.spareRegions;
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
        if (this.onGone !== undefined) this.#tellSoon();
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
    this.refuseReentry();
    const { store } = this;
    store.keys.load(key);
    if (store.front !== undefined) {
      const hot = store.front.find();
      if (hot !== -1) return hot;
    }
    return store.index.find();
  }

  /** @throws Error while a value is being encoded, or an entry placed. */
  refuseReentry(): void {
    if (this.#values.isEncoding)
      throw new Error('a codec, getter or toJSON must not use the cache that is encoding');
    if (this.isWriting)
      throw new Error('a hook, policy or listener of the heap must not use the cache that places an entry');
  }

  /** Counts a use of the entry, which has this mark, unless that changes nothing any more. */
  hit(address: Address, mark: number = this.store.markOf(address)): void {
    if ((mark & FREQUENCY_MASK) !== this.policy.saturated) this.policy.hit(address);
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

  // ---- room ----

  /** Others on the heap ask for room, or the heap does for what this cache itself is placing. */
  #relieve(askedBytes: number): void {
    if (this.room.busy || this.#values.isEncoding) return;
    this.beginCall(askedBytes);
    if (this.room.make(Math.ceil(askedBytes / this.heap.regionBytes), 0)) this.#tellSoon();
  }

  /** What went must not wait for the cache's next call: it may be long in coming, and values that were decoded pile up. */
  #tellSoon(): void {
    if (this.#tellsSoon) return;
    this.#tellsSoon = true;
    queueMicrotask(() => {
      this.#tellsSoon = false;
      this.room.tell();
      this.onDrivenOut();
    });
  }

  /** Evicts one entry, an expired one if one is known; in a step ahead, or leaves off. @returns false if there is none. */
  evictOne(): boolean {
    if (this.reaper.expireOne()) {
      this.#patience.cleared(0);
      return true;
    }
    const address = this.#victim();
    if (address === -1) return false;
    if (address === LATER) return true;
    this.#patience.evicted(this.heap.regions.blockBytes(address));
    this.evict(address);
    return true;
  }

  /** A call of the cache begins that may make room for so much: what it may do for that is counted from here. */
  beginCall(askedBytes: number): void {
    this.#patience.begin(askedBytes);
    this.store.call++;
  }

  /** The entry that goes next, for a call that takes out no more than that, or -1. */
  next(): Address | -1 {
    this.beginCall(0);
    // Only a step ahead rests.
    return this.#victim() as Address | -1;
  }

  #victim(): Address | -1 | typeof LATER {
    // Moving what is spared asks the heap for room, and the heap would ask us.
    const wasBusy = this.room.busy;
    this.room.busy = true;
    try {
      return this.policy.victim(this.#patience);
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
    this.remove(address, 'evict', hash);
    this.policy.evicted(hash);
  }

  /** Takes an entry out. `hash`: of its key, where that is known. */
  remove(address: Address, reason: DisposeReason, hash: number = this.store.keys.hashAt(address)): void {
    if (reason === 'evict') this.evictions++;
    else if (reason === 'expire') this.expirations++;
    this.onGone?.(address, reason);
    this.#forget(address);
    this.store.remove(address, hash);
  }

  /** What is kept of an entry beside its block. */
  #forget(address: Address): void {
    this.#values.forget(address);
    this.policy.removed(address);
    this.placement.left(address);
    this.sizes.remove(address);
    if (this.store.held === address) this.store.held = -1;
  }

  /** Evicts the oldest of the values on V8's heap while they are too many. */
  trimHeapValues(): void {
    for (let over = this.#values.overflow(); over !== undefined; over = this.#values.overflow()) {
      this.store.keys.load(over.key);
      const address = this.store.index.find();
      if (address !== -1) this.evict(address);
      // A set that threw once its value was encoded has left it behind.
      else this.#values.drop(over.id);
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
    this.sizes.total = 0;
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
