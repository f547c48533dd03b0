import { checkInteger, mathRandom } from '../base/index.js';
import type { GenerationalHeap } from '../heap/index.js';
import { tracing } from './channels.js';
import { CacheEngine } from './engine.js';
import type { CacheKey } from './key.js';
import { Manners } from './manners.js';
import { memo } from './memo.js';
import { FLAGS, resolveCacheOptions } from './options.js';
import { type CacheStats, cacheStats } from './stats.js';
import { beginStatus, describeTtl, isObserved, publishStatus } from './status.js';
import type {
  CacheOptions,
  ContextArguments,
  Disposer,
  EntryInfo,
  Fetcher,
  FetchOptions,
  GetOptions,
  HasOptions,
  Inserter,
  Memoizer,
  MemoOptions,
  PeekOptions,
  SetOptions,
  Status,
} from './types.js';
import { dumpOf, infoAt, keyAt, pairAt, picked, valueAt } from './walks.js';

const NONE: object = Object.freeze({});

/**
 * A cache with lru-cache's names and meanings, whose entries lie as bytes on a generational heap: V8 neither copies
 * nor marks them, and `maxBytes` bounds what they truly take. A value that is read is a copy of what was set.
 * docs/cache.md tells point by point where it differs from lru-cache, and why.
 *
 * Cost: a get encodes the key (about 1 ns a character), finds it (one or two cache misses) and decodes the value; a
 * set encodes the value. A set that needs room passes about one region of entries; see `heap.pauses`, kind 'evict'.
 */
export class ArenaCache<K extends CacheKey = string, V = unknown, FC = unknown> {
  ttl: number;
  updateAgeOnGet: boolean;
  updateAgeOnHas: boolean;
  allowStale: boolean;
  noUpdateTTL: boolean;
  noDeleteOnStaleGet: boolean;
  noDisposeOnSet: boolean;
  noDeleteOnFetchRejection: boolean;
  allowStaleOnFetchRejection: boolean;
  allowStaleOnFetchAbort: boolean;
  ignoreFetchAbort: boolean;
  ttlAutopurge: boolean;
  readonly #given: CacheOptions<K, V, FC>;
  readonly #engine: CacheEngine<K, V>;
  readonly #manners: Manners<K, V, FC>;

  /**
   * @param given options, or a cache, for an empty one of its kind with a heap of its own or on the one it was given.
   * @throws TypeError, RangeError naming the option.
   */
  constructor(given: CacheOptions<K, V, FC> | ArenaCache<K, V, FC> = {}) {
    const options = given instanceof ArenaCache ? given.#options() : given;
    const config = resolveCacheOptions(options);
    this.#given = options;
    this.ttl = checkInteger('ArenaCache.ttl', options.ttl ?? 0, 0);
    this.updateAgeOnGet = options.updateAgeOnGet ?? false;
    this.updateAgeOnHas = options.updateAgeOnHas ?? false;
    this.allowStale = options.allowStale ?? false;
    this.noUpdateTTL = options.noUpdateTTL ?? false;
    this.noDeleteOnStaleGet = options.noDeleteOnStaleGet ?? false;
    this.noDisposeOnSet = options.noDisposeOnSet ?? false;
    this.noDeleteOnFetchRejection = options.noDeleteOnFetchRejection ?? false;
    this.allowStaleOnFetchRejection = options.allowStaleOnFetchRejection ?? false;
    this.allowStaleOnFetchAbort = options.allowStaleOnFetchAbort ?? false;
    this.ignoreFetchAbort = options.ignoreFetchAbort ?? false;
    this.ttlAutopurge = options.ttlAutopurge ?? false;
    this.#engine = new CacheEngine(config, Math.floor(mathRandom() * 2 ** 32));
    this.#manners = new Manners(this.#engine, this, options);
  }

  /** The options for a cache of this kind: as given, and what was changed since. */
  #options(): CacheOptions<K, V, FC> {
    const options: { -readonly [N in keyof CacheOptions<K, V, FC>]: CacheOptions<K, V, FC>[N] } = {
      ...this.#given,
      ttl: this.ttl,
    };
    for (const name of FLAGS) options[name] = this[name];
    return options;
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
    return this.#manners.calculatedSize;
  }

  get ttlResolution(): number {
    return this.#engine.config.ttlResolution;
  }

  get sizeCalculation(): ((value: V, key: K) => number) | undefined {
    return this.#engine.config.sizeCalculation;
  }

  get fetchMethod(): Fetcher<K, V, FC> | undefined {
    return this.#given.fetchMethod;
  }

  get memoMethod(): Memoizer<K, V, FC> | undefined {
    return this.#given.memoMethod;
  }

  get dispose(): Disposer<K, V> | undefined {
    return this.#given.dispose;
  }

  get disposeAfter(): Disposer<K, V> | undefined {
    return this.#given.disposeAfter;
  }

  get onInsert(): Inserter<K, V> | undefined {
    return this.#given.onInsert;
  }

  /** The clock of ttls, in ms. */
  get perf(): { now(): number } {
    return this.#given.perf ?? performance;
  }

  get name(): string {
    return this.#engine.config.name;
  }

  /** The heap on which the cache lies. */
  get heap(): GenerationalHeap {
    return this.#engine.heap;
  }

  /** Counters since the cache was made. */
  stats(): CacheStats {
    return cacheStats(this.#engine, this.#manners);
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
    if (!isObserved(options)) return this.#manners.write(key, value, options, undefined);
    const status = beginStatus(options.status, 'set', key, this);
    if (value !== undefined) status.value = value;
    const stored = this.#manners.write(key, value, options, status);
    publishStatus(status);
    return stored;
  }

  /** The value, a copy; `undefined` if there is none or it is stale. Counts as use. */
  get(key: K, options: GetOptions<K, V> = NONE): V | undefined {
    if (!isObserved(options)) return this.#manners.read(key, options, undefined);
    const status = beginStatus(options.status, 'get', key, this);
    const value = this.#manners.read(key, options, status);
    if (value !== undefined) status.value = value;
    publishStatus(status);
    return value;
  }

  /** Whether there is a value that is not stale. Does not count as use. */
  has(key: K, options: HasOptions<K, V> = NONE): boolean {
    const engine = this.#engine;
    const address = engine.find(key);
    const stale = address !== -1 && engine.expiry.isStale(address);
    const found = address !== -1 && !stale;
    if (found && (options.updateAgeOnHas ?? this.updateAgeOnHas)) engine.expiry.restart(address);
    if (isObserved(options)) {
      const status = beginStatus(options.status, 'has', key, this);
      status.has = found ? 'hit' : stale ? 'stale' : 'miss';
      if (address !== -1) describeTtl(status, engine, address);
      publishStatus(status);
    }
    return found;
  }

  /** The value without counting as use, and without deleting it if it is stale. */
  peek(key: K, options: PeekOptions<K, V> = NONE): V | undefined {
    const engine = this.#engine;
    const address = engine.find(key);
    const stale = address !== -1 && engine.expiry.isStale(address);
    const answers = address !== -1 && (!stale || (options.allowStale ?? this.allowStale));
    const value = answers ? engine.valueOf(address) : undefined;
    if (isObserved(options)) {
      const status = beginStatus(options.status, 'peek', key, this);
      status.peek = address === -1 ? 'miss' : stale ? 'stale' : 'hit';
      if (value !== undefined) status.value = value;
      if (stale && answers) status.returnedStale = true;
      publishStatus(status);
    }
    return value;
  }

  /** Takes the key out, and aborts its fetch. @returns whether it was there, or being fetched. */
  delete(key: K): boolean {
    return this.#manners.delete(key);
  }

  // ---- values that are made when they are asked for ----

  /**
   * The value; if there is none, or it is stale, what fetchMethod gives, which is then stored. Calls for one key
   * share one call of fetchMethod, with the options of the first. With `allowStale` a stale value is the answer and
   * the new one comes in the background. Without fetchMethod as `get`.
   *
   * The promise rejects with what fetchMethod throws; with the reason of `signal`, or Error 'replaced', 'deleted' or
   * 'evicted', if the fetch is aborted; with UnencodableError if the value cannot be stored.
   */
  fetch(key: K, ...[options = NONE]: ContextArguments<FC, FetchOptions<K, V, FC>>): Promise<V | undefined> {
    const given = options as FetchOptions<K, V, FC>;
    if (!isObserved(given) && !tracing.hasSubscribers) return this.#manners.fetch(key, given, undefined);
    return this.#observed(key, given, (status) => this.#manners.fetch(key, given, status));
  }

  /** `fetch` that rejects, instead of giving `undefined`. */
  forceFetch(key: K, ...[options = NONE]: ContextArguments<FC, FetchOptions<K, V, FC>>): Promise<V> {
    const given = options as FetchOptions<K, V, FC>;
    return this.#observed(key, given, async (status) => {
      const value = await this.#manners.fetch(key, given, status);
      if (value === undefined) throw new Error('fetch() returned undefined');
      return value;
    });
  }

  #observed<T>(
    key: K,
    options: FetchOptions<K, V, FC>,
    operation: (status: Status<K, V> | undefined) => Promise<T>,
  ): Promise<T> {
    const { hasSubscribers } = tracing;
    if (!isObserved(options) && !hasSubscribers) return operation(undefined);
    const status = beginStatus(options.status, 'fetch', key, this);
    if (options.forceRefresh) status.forceRefresh = true;
    if (options.context !== undefined) status.context = options.context;
    if (!hasSubscribers) return operation(status);
    status.trace = true;
    return tracing.tracePromise(() => operation(status), status);
  }

  /**
   * The value; if there is none, or it is stale, what memoMethod gives, which is then stored.
   *
   * @throws Error without memoMethod; what it throws; UnencodableError if the value cannot be stored.
   */
  memo(key: K, ...[options = NONE]: ContextArguments<FC, MemoOptions<K, V, FC>>): V {
    const given = options as MemoOptions<K, V, FC>;
    const method = this.#given.memoMethod;
    if (method === undefined) throw new Error('memo needs the option memoMethod');
    const status = isObserved(given) ? beginStatus(given.status, 'memo', key, this) : undefined;
    const value = memo(this.#manners, method, key, given, status);
    if (status === undefined) return value;
    status.value = value;
    publishStatus(status);
    return value;
  }

  // ---- all entries ----

  /** Evicts the entry that would go next, and gives its value; `undefined` if the cache is empty. */
  pop(): V | undefined {
    const address = this.#engine.next();
    if (address === -1) return undefined;
    try {
      return this.#engine.valueOf(address);
    } finally {
      // What cannot be decoded goes too: it would be next for ever.
      this.#engine.evict(address);
      this.#manners.tell();
    }
  }

  /** Drops everything. Without `dispose` callbacks O(regions), else O(entries), all of whose values are decoded first. */
  clear(): void {
    this.#manners.clear();
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
    return address === -1 ? undefined : infoAt(this.#engine, address);
  }

  /** Removes what is stale. @returns whether anything was. Cost: a look at each entry. */
  purgeStale(): boolean {
    return this.#manners.purgeStale();
  }

  /** Keys, from what goes last to what goes next: with 'lru' most recently used first. */
  keys(): Generator<K, undefined> {
    return picked(this.#engine, true, this.allowStale, keyAt);
  }

  rkeys(): Generator<K, undefined> {
    return picked(this.#engine, false, this.allowStale, keyAt);
  }

  values(): Generator<V, undefined> {
    return picked(this.#engine, true, this.allowStale, valueAt);
  }

  rvalues(): Generator<V, undefined> {
    return picked(this.#engine, false, this.allowStale, valueAt);
  }

  entries(): Generator<[K, V], undefined> {
    return picked(this.#engine, true, this.allowStale, pairAt);
  }

  rentries(): Generator<[K, V], undefined> {
    return picked(this.#engine, false, this.allowStale, pairAt);
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
  find(test: (value: V, key: K, cache: this) => boolean, options: GetOptions<K, V> = {}): V | undefined {
    for (const [key, value] of this.entries()) if (test(value, key, this)) return this.get(key, options);
    return undefined;
  }

  /** All entries, for `load`: what goes next first, stale ones included. */
  dump(): [K, EntryInfo<V>][] {
    return dumpOf(this.#engine, this.ttl > 0);
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
    // A callback may have stored something again.
    this.#manners.autopurge?.cancel();
    this.#engine.dispose();
  }
}
