import { checkInteger, mathRandom } from '../base/index.js';
import type { Address, GenerationalHeap } from '../heap/index.js';
import { Announcements } from './announcements.js';
import { ADDED, CacheEngine, PutRequest, REFUSED, UPDATED } from './engine.js';
import type { CacheKey } from './key.js';
import { resolveCacheOptions } from './options.js';
import { type CacheStats, cacheStats } from './stats.js';
import type {
  CacheOptions,
  EntryInfo,
  GetOptions,
  HasOptions,
  PeekOptions,
  SetOptions,
  Status,
} from './types.js';

/** What calls without options share: a fresh object each would be garbage. */
const NONE: object = Object.freeze({});

/**
 * A cache with lru-cache's names and meanings, whose entries lie as bytes on a generational heap: V8 neither copies
 * nor marks them, and `maxBytes` bounds what they truly take. A value that is read is a copy of what was set.
 * docs/cache.md tells point by point where it differs from lru-cache, and why.
 *
 * Cost: a get encodes the key (about 1 ns a character), finds it (one or two cache misses) and decodes the value; a
 * set encodes the value. A set that needs room passes about one region of entries; see `heap.pauses`, kind 'evict'.
 */
export class ArenaCache<K extends CacheKey = string, V = unknown> {
  ttl: number;
  updateAgeOnGet: boolean;
  updateAgeOnHas: boolean;
  allowStale: boolean;
  noUpdateTTL: boolean;
  noDeleteOnStaleGet: boolean;
  noDisposeOnSet: boolean;
  readonly #engine: CacheEngine<K, V>;
  readonly #told: Announcements<K, V>;
  readonly #request: PutRequest = new PutRequest();
  #hits: number = 0;
  #misses: number = 0;
  #sets: number = 0;

  /** @throws TypeError, RangeError naming the option. */
  constructor(options: CacheOptions<K, V> = {}) {
    const config = resolveCacheOptions(options);
    this.ttl = checkInteger('ArenaCache.ttl', options.ttl ?? 0, 0);
    this.updateAgeOnGet = options.updateAgeOnGet ?? false;
    this.updateAgeOnHas = options.updateAgeOnHas ?? false;
    this.allowStale = options.allowStale ?? false;
    this.noUpdateTTL = options.noUpdateTTL ?? false;
    this.noDeleteOnStaleGet = options.noDeleteOnStaleGet ?? false;
    this.noDisposeOnSet = options.noDisposeOnSet ?? false;
    this.#engine = new CacheEngine(config, Math.floor(mathRandom() * 2 ** 32));
    this.#told = new Announcements(options.dispose, options.disposeAfter, options.onInsert);
    if (this.#told.wantsGone) {
      this.#engine.onGone = (address, reason) => {
        this.#told.gone(this.#engine.valueOf(address), this.#engine.store.keyOf(address) as K, reason);
      };
    }
  }

  // ---- what it holds ----

  /** Entries, stale ones that nobody has come across included. */
  get size(): number {
    return this.#engine.store.index.count;
  }

  /** Bytes of memory that the cache holds, everything included; never above `maxBytes`. */
  get bytes(): number {
    return this.#engine.room.heldBytes;
  }

  get maxBytes(): number {
    return this.#engine.config.maxBytes;
  }

  /** 0: no bound but maxBytes. */
  get max(): number {
    return this.#engine.config.max;
  }

  get maxSize(): number {
    return this.#engine.config.maxSize;
  }

  get maxEntrySize(): number {
    return this.#engine.config.maxEntrySize;
  }

  /** Sum of the entries' sizes; without maxSize, maxEntrySize or sizeCalculation, of their true bytes. */
  get calculatedSize(): number {
    return this.#engine.isSized ? this.#engine.calculatedSize : this.#engine.store.liveBytes;
  }

  /** The heap on which the cache lies. */
  get heap(): GenerationalHeap {
    return this.#engine.heap;
  }

  /** Counters since the cache was made. */
  stats(): CacheStats {
    return cacheStats(this.#engine, this.#hits, this.#misses, this.#sets);
  }

  // ---- one entry ----

  /**
   * Stores `value` under `key`. `undefined` deletes. An entry over `maxEntrySize`, or over a quarter of maxBytes,
   * is refused: `status.set` is then 'miss', an older value is gone, and `rolp:cache:refuse` tells of it.
   *
   * @throws UnencodableError, or what the codec throws: the older value stays; TypeError for a wrong key, ttl or size.
   */
  set(key: K, value: V | undefined, options: SetOptions<K, V> = NONE): this {
    this.trySet(key, value, options);
    return this;
  }

  /** `set` that says whether the value was stored (or, for `undefined`, whether the key is gone: always true). */
  trySet(key: K, value: V | undefined, options: SetOptions<K, V> = NONE): boolean {
    const { status } = options;
    if (status !== undefined) this.#begin(status, 'set', key, value);
    if (value === undefined) {
      if (status !== undefined) status.set = 'deleted';
      this.delete(key);
      return true;
    }
    const result = this.#put(key, value, options);
    if (status !== undefined) this.#describeSet(status, result);
    if (result !== REFUSED) {
      this.#sets++;
      this.#told.inserted(value, key, result === ADDED ? 'add' : result === UPDATED ? 'update' : 'replace');
    }
    this.#told.flush();
    return result !== REFUSED;
  }

  #put(key: K, value: V, options: SetOptions<K, V>): number {
    const request = this.#request;
    const engine = this.#engine;
    request.ttlMs = options.ttl ?? this.ttl;
    if (request.ttlMs !== this.ttl) checkInteger('ttl', request.ttlMs, 0);
    request.startMs = request.ttlMs === 0 ? 0 : (options.start ?? engine.expiry.nowMs());
    request.keepTtl = options.noUpdateTTL ?? this.noUpdateTTL;
    request.compares = options.status !== undefined || this.#told.wantsInserted;
    request.noDispose = options.noDisposeOnSet ?? this.noDisposeOnSet;
    request.size = 0;
    if (engine.isSized) request.size = this.#sizeFor(key, value, options);
    if (options.status !== undefined) {
      const old = engine.find(key);
      if (old !== -1) options.status.oldValue = engine.valueOf(old);
    }
    return engine.put(key, value, request);
  }

  #sizeFor(key: K, value: V, options: SetOptions<K, V>): number {
    if (options.size !== undefined && options.size !== 0) return checkInteger('size', options.size, 1);
    const calculate = options.sizeCalculation ?? this.#engine.config.sizeCalculation;
    if (calculate === undefined) return 0;
    const size = calculate(value, key);
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new TypeError(`sizeCalculation must return a positive integer, got ${String(size)}`);
    }
    return size;
  }

  #describeSet(status: Status<K, V>, result: number): void {
    const engine = this.#engine;
    status.set =
      result === REFUSED ? 'miss' : result === ADDED ? 'add' : result === UPDATED ? 'update' : 'replace';
    if (result === REFUSED) status.maxEntrySizeExceeded = true;
    status.entrySize = engine.lastSize;
    status.totalCalculatedSize = this.calculatedSize;
    if (this.#request.ttlMs > 0 && result !== REFUSED) {
      status.ttl = this.#request.ttlMs;
      status.start = this.#request.startMs;
    }
  }

  /** The value, a copy; `undefined` if there is none or it is stale. Counts as use. */
  get(key: K, options: GetOptions<K, V> = NONE): V | undefined {
    const engine = this.#engine;
    const { status } = options;
    if (status !== undefined) this.#begin(status, 'get', key);
    const address = engine.find(key);
    if (address === -1) {
      this.#misses++;
      if (status !== undefined) status.get = 'miss';
      return undefined;
    }
    if (engine.expiry.isStale(address)) return this.#getStale(address, options);
    this.#hits++;
    engine.hit(address);
    if (options.updateAgeOnGet ?? this.updateAgeOnGet) engine.expiry.restart(address);
    const value = engine.read(address);
    if (status !== undefined) {
      status.get = 'hit';
      status.value = value;
      this.#describeTtl(status, address);
    }
    return value;
  }

  #getStale(address: Address, options: GetOptions<K, V>): V | undefined {
    const engine = this.#engine;
    const { status } = options;
    const answers = options.allowStale ?? this.allowStale;
    this.#misses++;
    const value = answers ? engine.valueOf(address) : undefined;
    if (status !== undefined) {
      status.get = 'stale';
      this.#describeTtl(status, address);
      if (answers) {
        status.returnedStale = true;
        status.value = value;
      }
    }
    if (!(options.noDeleteOnStaleGet ?? this.noDeleteOnStaleGet)) {
      engine.remove(address, 'expire');
      this.#told.flush();
    }
    return value;
  }

  /** Whether there is a value that is not stale. Does not count as use. */
  has(key: K, options: HasOptions<K, V> = NONE): boolean {
    const engine = this.#engine;
    const { status } = options;
    if (status !== undefined) this.#begin(status, 'has', key);
    const address = engine.find(key);
    const stale = address !== -1 && engine.expiry.isStale(address);
    if (status !== undefined) {
      status.has = address === -1 ? 'miss' : stale ? 'stale' : 'hit';
      if (address !== -1) this.#describeTtl(status, address);
    }
    if (address === -1 || stale) return false;
    if (options.updateAgeOnHas ?? this.updateAgeOnHas) engine.expiry.restart(address);
    return true;
  }

  /** The value without counting as use, and without deleting it if it is stale. */
  peek(key: K, options: PeekOptions<K, V> = NONE): V | undefined {
    const engine = this.#engine;
    const { status } = options;
    if (status !== undefined) this.#begin(status, 'peek', key);
    const address = engine.find(key);
    const stale = address !== -1 && engine.expiry.isStale(address);
    const answers = address !== -1 && (!stale || (options.allowStale ?? this.allowStale));
    const value = answers ? engine.valueOf(address as Address) : undefined;
    if (status !== undefined) {
      status.peek = address === -1 ? 'miss' : stale ? 'stale' : 'hit';
      if (answers) status.value = value as V;
      if (stale && answers) status.returnedStale = true;
    }
    return value;
  }

  /** Takes the key out. @returns whether it was there. */
  delete(key: K): boolean {
    const address = this.#engine.find(key);
    if (address === -1) return false;
    this.#engine.remove(address, 'delete');
    this.#told.flush();
    return true;
  }

  /** Evicts the entry that would go next, and gives its value; `undefined` if the cache is empty. */
  pop(): V | undefined {
    const address = this.#engine.victim();
    if (address === -1) return undefined;
    const value = this.#engine.valueOf(address);
    this.#engine.evict(address);
    this.#told.flush();
    return value;
  }

  /** Drops everything. Without `dispose` callbacks O(regions), else O(entries). */
  clear(): void {
    this.#engine.clear();
    this.#told.flush();
  }

  /** Ms until the key's entry is stale: Infinity without ttl, 0 if there is none, negative if stale. */
  getRemainingTTL(key: K): number {
    const address = this.#engine.find(key);
    if (address === -1) return 0;
    const ttlMs = this.#engine.expiry.ttlMsOf(address);
    return ttlMs === 0 ? Number.POSITIVE_INFINITY : ttlMs - this.#engine.expiry.ageMsOf(address);
  }

  /** Value, remaining ttl, start (by Date.now()) and size of an entry, stale or not. Does not count as use. */
  info(key: K): EntryInfo<V> | undefined {
    const address = this.#engine.find(key);
    if (address === -1) return undefined;
    const info: EntryInfo<V> = { value: this.#engine.valueOf(address) };
    const ttlMs = this.#engine.expiry.ttlMsOf(address);
    if (ttlMs > 0) {
      info.ttl = ttlMs - this.#engine.expiry.ageMsOf(address);
      info.start = Date.now();
    }
    if (this.#engine.isSized) info.size = this.#engine.sizeOf(address);
    return info;
  }

  #begin(status: Status<K, V>, op: Status<K, V>['op'] & string, key: K, value?: V): void {
    status.op = op;
    status.key = key;
    if (value !== undefined) status.value = value;
  }

  #describeTtl(status: Status<K, V>, address: Address): void {
    const ttlMs = this.#engine.expiry.ttlMsOf(address);
    if (ttlMs === 0) return;
    const now = this.#engine.expiry.nowMs();
    const age = this.#engine.expiry.ageMsOf(address);
    status.ttl = ttlMs;
    status.now = now;
    status.start = now - age;
    status.remainingTTL = ttlMs - age;
  }

  // ---- all entries ----

  /** Removes what is stale. @returns whether anything was. Cost: a look at each entry. */
  purgeStale(): boolean {
    const engine = this.#engine;
    const stale: Address[] = [];
    engine.store.index.forEach((address) => {
      if (engine.expiry.isStale(address)) stale.push(address);
    });
    for (const address of stale) engine.remove(address, 'expire');
    this.#told.flush();
    return stale.length > 0;
  }

  *#walk(newestFirst: boolean, stale: boolean): Generator<Address> {
    for (const address of this.#engine.policy.walk(newestFirst)) {
      if (stale || !this.#engine.expiry.isStale(address)) yield address;
    }
  }

  *#map<T>(newestFirst: boolean, pick: (address: Address) => T): Generator<T, undefined> {
    for (const address of this.#walk(newestFirst, this.allowStale)) yield pick(address);
    return undefined;
  }

  #keyOf(address: Address): K {
    return this.#engine.store.keyOf(address) as K;
  }

  /** Keys, from what goes last to what goes next: with 'lru' most recently used first. */
  keys(): Generator<K, undefined> {
    return this.#map(true, (address) => this.#keyOf(address));
  }

  rkeys(): Generator<K, undefined> {
    return this.#map(false, (address) => this.#keyOf(address));
  }

  values(): Generator<V, undefined> {
    return this.#map(true, (address) => this.#engine.valueOf(address));
  }

  rvalues(): Generator<V, undefined> {
    return this.#map(false, (address) => this.#engine.valueOf(address));
  }

  entries(): Generator<[K, V], undefined> {
    return this.#map(true, (address): [K, V] => [this.#keyOf(address), this.#engine.valueOf(address)]);
  }

  rentries(): Generator<[K, V], undefined> {
    return this.#map(false, (address): [K, V] => [this.#keyOf(address), this.#engine.valueOf(address)]);
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return 'ArenaCache';
  }

  forEach(visit: (value: V, key: K, cache: this) => unknown, thisArg: unknown = this): void {
    for (const [key, value] of this.entries()) visit.call(thisArg, value, key, this);
  }

  rforEach(visit: (value: V, key: K, cache: this) => unknown, thisArg: unknown = this): void {
    for (const [key, value] of this.rentries()) visit.call(thisArg, value, key, this);
  }

  /** The first value, in the order of `keys`, for which `test` is true; found, it counts as used. */
  find(test: (value: V, key: K, cache: this) => boolean, options: GetOptions<K, V> = NONE): V | undefined {
    for (const [key, value] of this.entries()) if (test(value, key, this)) return this.get(key, options);
    return undefined;
  }

  /** All entries, for `load`: what goes next first, stale ones included. */
  dump(): [K, EntryInfo<V>][] {
    const engine = this.#engine;
    const entries: [K, EntryInfo<V>][] = [];
    for (const address of this.#walk(false, true)) {
      const info: EntryInfo<V> = { value: engine.valueOf(address) };
      const ttlMs = engine.expiry.ttlMsOf(address);
      if (ttlMs > 0) {
        info.ttl = ttlMs;
        info.start = Math.floor(Date.now() - engine.expiry.ageMsOf(address));
      }
      if (engine.isSized) info.size = engine.sizeOf(address);
      entries.push([this.#keyOf(address), info]);
    }
    return entries;
  }

  /** Clears the cache and stores what `dump` gave, in the same order. */
  load(entries: readonly (readonly [K, EntryInfo<V>])[]): void {
    this.clear();
    for (const [key, { value, ttl, start, size }] of entries) {
      const options: { -readonly [N in 'ttl' | 'start' | 'size']?: number } = {};
      if (ttl !== undefined) options.ttl = ttl;
      if (size !== undefined) options.size = size;
      if (start !== undefined) options.start = this.#engine.expiry.nowMs() - (Date.now() - start);
      this.set(key, value, options);
    }
  }

  /** Gives the memory back: at once on a shared heap, with the cache itself on its own. It must not be used then. */
  [Symbol.dispose](): void {
    this.clear();
    this.#engine.dispose();
  }
}
