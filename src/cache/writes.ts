import { type Address, type Generation, type GenerationalHeap, HeapFullError } from '../heap/index.js';
import { channels } from './channels.js';
import type { CacheEngine } from './engine.js';
import { ALTERNATIVE, TTL_MASK } from './entry.js';
import type { EntryStore } from './entry-store.js';
import type { GenerationChoice } from './generation-choice.js';
import type { CacheKey } from './key.js';
import type { CacheConfig } from './options.js';
import type { Sizes } from './sizes.js';
import type { Values } from './values.js';

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

/** What a set does to entries: how one comes, is given another value where it lies, or is written anew elsewhere. */
export class Writes<K extends CacheKey, V> {
  refusals: number = 0;
  /** The size of the entry that `put` was last called with. */
  lastSize: number = 0;
  readonly #engine: CacheEngine<K, V>;
  readonly #config: CacheConfig<K, V>;
  readonly #heap: GenerationalHeap;
  readonly #store: EntryStore;
  readonly #values: Values<K, V>;
  readonly #choice: GenerationChoice;
  readonly #sizes: Sizes;
  readonly #largestBytes: number;

  constructor(engine: CacheEngine<K, V>, values: Values<K, V>, choice: GenerationChoice) {
    const { config } = engine;
    this.#engine = engine;
    this.#config = config;
    this.#heap = config.heap;
    this.#store = engine.store;
    this.#values = values;
    this.#choice = choice;
    this.#sizes = engine.sizes;
    this.#largestBytes = Math.floor(config.maxBytes * LARGEST_SHARE);
  }

  /**
   * Stores an entry. If the codec throws, nothing has changed.
   *
   * @returns ADDED, UPDATED (to the same bytes), REPLACED, or REFUSED, and then an older value is gone too.
   */
  put(key: K, value: V, request: PutRequest): number {
    this.#engine.refuseReentry();
    if (request.generation !== 0) this.#heap.configureGeneration(request.generation, {});
    if (this.#engine.reaper.isDue()) this.#engine.reaper.step();
    const store = this.#store;
    store.keys.load(key);
    const alternative = this.#values.encode(value, key);
    const existing = store.index.find();
    if (existing !== -1 && alternative === 0 && request.isPlain && this.#overwrite(existing)) return REPLACED;
    this.#engine.beginCall(this.#values.writer.length);
    const keepsTtl = request.keepTtl && existing !== -1;
    const { expiry } = this.#engine;
    const ttlFlags = keepsTtl ? store.markOf(existing) & TTL_MASK : expiry.flagsFor(request.ttlMs);
    if (keepsTtl && ttlFlags !== 0) {
      // Making room may evict the entry whose ttl is to be kept.
      request.ttlMs = expiry.ttlMsOf(existing);
      request.startMs = expiry.nowMs() - expiry.ageMsOf(existing);
    }
    const flags = alternative | ttlFlags;
    const payload = store.payloadBytes(flags, this.#values.writer.length);
    const size = request.size > 0 ? request.size : Math.ceil((payload + 8) / 8) * 8;
    const why = this.#whyNot(payload, size);
    let result = REFUSED;
    this.#engine.isWriting = true;
    try {
      if (why === undefined) result = this.#placed(existing, flags, payload, size, request);
      if (result === REFUSED) this.#afterRefusal(alternative);
    } finally {
      this.#engine.isWriting = false;
    }
    // Last, since who listens may use the cache.
    this.#engine.room.tell();
    if (why !== undefined) this.#tellRefusal(key, payload, size, why);
    this.lastSize = size;
    return result;
  }

  /**
   * What most sets of a key that is there come to: the value fits where the old one lies, there is no ttl, and nobody
   * wants to be told.
   *
   * @returns false, with nothing done, if it is not so.
   */
  #overwrite(at: Address): boolean {
    if (!this.#values.hasSlack || this.#engine.onGone !== undefined || !this.#values.overwrite(at))
      return false;
    this.#engine.hit(at);
    return true;
  }

  /** By which bound an entry of so many bytes and this size is too large; undefined: it is not. */
  #whyNot(payload: number, size: number): 'maxEntrySize' | 'maxBytes' | undefined {
    const { maxEntrySize } = this.#config;
    if (maxEntrySize > 0 && size > maxEntrySize) return 'maxEntrySize';
    return payload > this.#largestBytes ? 'maxBytes' : undefined;
  }

  #tellRefusal(key: K, bytes: number, size: number, why: string): void {
    if (!channels.refuse.hasSubscribers) return;
    channels.refuse.publish({ cache: this.#config.name, key, bytes, size, why });
  }

  #afterRefusal(alternative: number): void {
    this.refusals++;
    this.#values.discard(alternative);
    // As in lru-cache: what was to be replaced is out of date.
    const existing = this.#store.index.find();
    if (existing !== -1) this.#engine.remove(existing, 'set');
  }

  #placed(existing: Address | -1, flags: number, payload: number, size: number, request: PutRequest): number {
    if (existing === -1) return this.#add(flags, size, request);
    const store = this.#store;
    const kept = (flags | store.markOf(existing)) & ALTERNATIVE;
    const compares = kept === 0 && (request.compares || this.#engine.onGone !== undefined);
    const same = compares && store.sameValue(existing, this.#values.writer, this.#values.hasSlack);
    return this.#rewrite(existing, flags, payload, size, request, same ? UPDATED : REPLACED);
  }

  #add(flags: number, size: number, request: PutRequest): number {
    const config = this.#config;
    const store = this.#store;
    while (config.max > 0 && store.index.count >= config.max && this.#engine.evictOne());
    this.#makeSizeFor(size);
    const hash = store.keys.hash;
    if (!this.#prepare(hash)) return REFUSED;
    const generation = this.#choice.forNew(request, flags, this.#values.writer.length);
    const address = this.#allocate(generation, flags, this.#choice.siteOf(request));
    if (address === -1) return REFUSED;
    this.#fill(address, flags, size, request, -1);
    this.#publish(hash, address, size);
    return ADDED;
  }

  #makeSizeFor(size: number): void {
    const { maxSize } = this.#config;
    while (maxSize > 0 && this.#sizes.total + size > maxSize && this.#engine.evictOne());
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
    const store = this.#store;
    const heap = this.#heap;
    const tells = result === REPLACED && !request.noDispose && this.#engine.onGone !== undefined;
    const oldPayload = heap.byteLengthAt(at);
    if (!this.#choice.mayStay(at, request, flags) || !this.#fitsInPlace(at, oldPayload, payload)) {
      return this.#rewriteElsewhere(at, flags, size, request, result, tells);
    }
    if (tells) {
      // The old value ends where its block does.
      heap.regions.resize(at, oldPayload);
      this.#engine.onGone!(at, 'set');
      heap.regions.resize(at, payload);
    }
    this.#values.replacing(store.keys.hash, at);
    this.#sizes.changes(at, size);
    store.setFlags(at, flags);
    this.#fill(at, flags, size, request, at);
    this.#engine.hit(at);
    this.#afterGrowth();
    return result;
  }

  #fitsInPlace(at: Address, oldPayload: number, payload: number): boolean {
    return this.#values.fitsInto(oldPayload, payload) || this.#heap.regions.resize(at, payload);
  }

  #rewriteElsewhere(
    at: Address,
    flags: number,
    size: number,
    request: PutRequest,
    result: number,
    tells: boolean,
  ): number {
    const store = this.#store;
    const { hash } = store.keys;
    store.held = at;
    const generation = this.#choice.forRewritten(at, request, flags, this.#values.writer.length);
    const to = this.#allocate(generation, flags, this.#choice.siteOf(request) || this.#heap.siteAt(at));
    const from = store.held;
    if (to === -1) return REFUSED;
    if (from === -1) {
      // Making room has evicted the old entry: this one is new, and has the other's place in the index.
      this.#fill(to, flags, size, request, -1);
      this.#publish(hash, to, size);
      return ADDED;
    }
    // Nobody may want to know any more: the fetch that did may have lost its entry for the room made here.
    if (tells) this.#engine.onGone?.(from, 'set');
    this.#values.replacing(hash, from);
    this.#sizes.changes(from, size);
    this.#fill(to, flags, size, request, from);
    this.#engine.placement.left(from);
    this.#engine.placement.entered(to);
    this.#engine.policy.rewritten(from, to);
    store.reindex(hash, from, to);
    store.abandon(from);
    store.held = -1;
    this.#afterGrowth();
    return result;
  }

  #afterGrowth(): void {
    const { maxSize } = this.#config;
    while (maxSize > 0 && this.#sizes.total > maxSize && this.#engine.evictOne());
    this.#engine.trimHeapValues();
  }

  /** Writes all of an entry but its header and key. `former`: where its ttl is to come from if it is kept. */
  #fill(at: Address, flags: number, size: number, request: PutRequest, former: Address | -1): void {
    const store = this.#store;
    this.#sizes.write(at, size);
    if ((flags & TTL_MASK) !== 0) {
      if (request.keepTtl && former !== -1) {
        store.setStartWord(at, store.startWordOf(former));
        store.setTtlWord(at, store.ttlWordOf(former));
      } else {
        this.#engine.expiry.begin(at, request.ttlMs, request.startMs);
        if (former === at) this.#engine.placement.renewed(at);
      }
    }
    store.writeValue(at, this.#values.writer);
  }

  /** Enters a new entry into the index, which `#prepare` has made ready. */
  #publish(hash: number, address: Address, size: number): void {
    this.#store.index.insert(hash, address);
    this.#engine.placement.entered(address);
    this.#engine.policy.added(address);
    this.#sizes.add(size);
    this.#engine.trimHeapValues();
  }

  /** Makes the index ready for one more entry, evicting if it must grow and has no room. */
  #prepare(hash: number): boolean {
    const { index } = this.#store;
    while (index.isFull(hash)) {
      if (!index.mayGrow(hash)) return false;
      const regions = index.growthRegions;
      if (regions > 0 && !this.#engine.room.ensure(regions)) return false;
      // Room that was made may have been made in this segment.
      if (index.isFull(hash) && !this.#growIndex(hash)) return false;
    }
    return true;
  }

  /** @returns false if the heap has no room, nor anything that could be evicted. */
  #growIndex(hash: number): boolean {
    const { index } = this.#store;
    const { room } = this.#engine;
    room.promisedRegions = index.growthRegions;
    try {
      index.grow(hash);
      return true;
    } catch (error) {
      if (!(error instanceof HeapFullError)) throw error;
      return room.evictRegion();
    } finally {
      room.promisedRegions = 0;
    }
  }

  /** Places a block for the loaded key and the value in hand, evicting as needed. -1 if there is no room. */
  #allocate(generation: Generation, flags: number, site: number): Address | -1 {
    const { room, placement } = this.#engine;
    const payload = this.#store.payloadBytes(flags, this.#values.writer.length);
    room.workAhead(payload);
    const regions = this.#heap.regions.opens(generation, payload);
    if (!this.#ensureRoom(generation, payload, regions)) return -1;
    placement.prepare(generation);
    room.promisedRegions = regions;
    try {
      return this.#place(generation, flags, site);
    } finally {
      room.promisedRegions = 0;
    }
  }

  /** @returns false if the block would take the cache past its bound, and nothing is left to evict. */
  #ensureRoom(generation: Generation, payload: number, regions: number): boolean {
    const { config, placement, room } = this.#engine;
    if (!config.ownsHeap && placement.isByHand(generation)) {
      // There the cache holds what its entries take, whether a region is opened or not.
      return room.ensure(regions, this.#heap.regions.mostBytes(payload));
    }
    return regions === 0 || room.ensure(regions);
  }

  #place(generation: Generation, flags: number, site: number): Address | -1 {
    for (;;) {
      try {
        return this.#store.allocate(generation, flags, this.#values.writer.length, site);
      } catch (error) {
        if (!(error instanceof HeapFullError)) throw error;
        // Free regions that do not lie together, or a shared heap filled by others.
        if (!this.#engine.room.evictRegion()) return -1;
      }
    }
  }
}
