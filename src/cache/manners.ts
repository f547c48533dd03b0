import { checkInteger } from '../base/index.js';
import type { Address } from '../heap/index.js';
import { Announcements } from './announcements.js';
import { Autopurge } from './autopurge.js';
import { metrics } from './channels.js';
import type { CacheEngine } from './engine.js';
import { TTL_MASK } from './entry.js';
import { type FetchDefaults, Fetches, type FetchHost } from './fetch.js';
import type { CacheKey } from './key.js';
import { StaleSweep } from './stale-sweep.js';
import { describeSet, describeTtl, insertReason, publishStatus } from './status.js';
import type {
  CacheIdentity,
  CacheOptions,
  DisposeReason,
  Fetcher,
  FetchOptions,
  GetOptions,
  SetOptions,
  Status,
} from './types.js';
import { keyAt } from './walks.js';
import { PutRequest, REFUSED, REPLACED } from './writes.js';

/** What the face has for calls that do not say otherwise. Its user may change any of it at any time. */
export interface CallDefaults extends FetchDefaults, CacheIdentity {
  readonly ttlAutopurge: boolean;
}

/**
 * What lru-cache's calls do to entries, beyond what the engine does: stale values, callbacks, fetches, counters.
 * The face (arena-cache.ts) has the calls themselves, with what is told of them.
 */
export class Manners<K extends CacheKey, V, FC> {
  readonly engine: CacheEngine<K, V>;
  readonly told: Announcements<K, V>;
  /** Made by the first fetch. */
  fetches: Fetches<K, V, FC> | undefined;
  /** Made by the first entry with a ttl if `ttlAutopurge`. */
  autopurge: Autopurge | undefined;
  hits: number = 0;
  misses: number = 0;
  sets: number = 0;
  readonly #cache: CallDefaults;
  readonly #fetchMethod: Fetcher<K, V, FC> | undefined;
  readonly #request: PutRequest = new PutRequest();
  #watchesEvictions: boolean = false;

  constructor(engine: CacheEngine<K, V>, cache: CallDefaults, options: CacheOptions<K, V, FC>) {
    this.engine = engine;
    this.#cache = cache;
    this.#fetchMethod = options.fetchMethod;
    this.told = new Announcements(options.dispose, options.disposeAfter, options.onInsert);
    this.#watch(false);
    engine.onDrivenOut = () => this.tell();
  }

  /** Sum of the entries' sizes; without maxSize, maxEntrySize or sizeCalculation, of their true bytes. */
  get calculatedSize(): number {
    return this.engine.sizes.isCounted ? this.engine.sizes.total : this.engine.store.liveBytes;
  }

  /** Calls the user's callbacks, unless a set is placing its entry, at whose end they are called. */
  tell(): void {
    if (!this.engine.isWriting) this.told.flush();
  }

  // ---- reading ----

  /** @param lasts whether the value must outlive the next change of the cache, which a record view does not. */
  read(
    key: K,
    options: GetOptions<K, V>,
    status: Status<K, V> | undefined,
    lasts: boolean = false,
  ): V | undefined {
    const engine = this.engine;
    const address = engine.find(key);
    if (address === -1) return this.#readMissing(key, options, status);
    const mark = engine.store.markOf(address);
    const hasTtl = (mark & TTL_MASK) !== 0;
    if (hasTtl && engine.expiry.isStale(address)) return this.#readStale(key, address, options, status);
    this.hits++;
    engine.hit(address, mark);
    if (status !== undefined) {
      status.get = this.fetches?.pendingFor(key) === undefined ? 'hit' : 'fetching';
      // As in lru-cache: get tells of the ttl as it finds it, `has` as it leaves it.
      describeTtl(status, engine, address);
    }
    if (hasTtl && (options.updateAgeOnGet ?? this.#cache.updateAgeOnGet)) engine.expiry.restart(address);
    return lasts && engine.givesViews ? engine.valueOf(address) : engine.read(address);
  }

  #readMissing(key: K, options: GetOptions<K, V>, status: Status<K, V> | undefined): V | undefined {
    this.misses++;
    const pending = this.fetches?.pendingFor(key);
    if (status !== undefined) status.get = pending === undefined ? 'miss' : 'fetching';
    if (pending === undefined || !(options.allowStale ?? this.#cache.allowStale)) return undefined;
    // The entry has expired and gone; the fetch that is to renew it has kept its value.
    if (status !== undefined && pending.staleValue !== undefined) {
      status.get = 'stale-fetching';
      status.returnedStale = true;
    }
    return pending.staleValue;
  }

  #readStale(
    key: K,
    address: Address,
    options: GetOptions<K, V>,
    status: Status<K, V> | undefined,
  ): V | undefined {
    const engine = this.engine;
    const answers = options.allowStale ?? this.#cache.allowStale;
    this.misses++;
    const isFetching = this.fetches?.pendingFor(key) !== undefined;
    const value = answers ? engine.valueOf(address) : undefined;
    if (status !== undefined) {
      status.get = isFetching ? 'stale-fetching' : 'stale';
      describeTtl(status, engine, address);
      if (answers) status.returnedStale = true;
    }
    if (!isFetching && !(options.noDeleteOnStaleGet ?? this.#cache.noDeleteOnStaleGet)) {
      this.remove(key, address, 'expire');
    }
    return value;
  }

  // ---- writing ----

  write(key: K, value: V | undefined, options: SetOptions<K, V>, status: Status<K, V> | undefined): boolean {
    if (value === undefined) {
      if (status !== undefined) status.set = 'deleted';
      this.delete(key);
      return true;
    }
    const result = this.#put(key, value, options, status);
    if (this.fetches !== undefined) this.fetches.overtake(key, result === REFUSED ? 'deleted' : 'replaced');
    if (result !== REFUSED) {
      this.sets++;
      this.told.inserted(value, key, insertReason(result));
    }
    this.tell();
    return result !== REFUSED;
  }

  #put(key: K, value: V, options: SetOptions<K, V>, status: Status<K, V> | undefined): number {
    const engine = this.engine;
    // First, since a sizeCalculation may use the cache, and with it the request.
    const size = engine.sizes.isCounted ? this.#sizeFor(key, value, options) : 0;
    const request = this.#request;
    request.ttlMs = options.ttl ?? this.#cache.ttl;
    if (request.ttlMs !== this.#cache.ttl) checkInteger('ttl', request.ttlMs, 0);
    request.startMs = request.ttlMs === 0 ? 0 : (options.start ?? engine.expiry.nowMs());
    request.keepTtl = options.noUpdateTTL ?? this.#cache.noUpdateTTL;
    request.compares = status !== undefined || this.told.wantsInserted;
    request.noDispose = options.noDisposeOnSet ?? this.#cache.noDisposeOnSet;
    request.size = size;
    request.generation = options.generation ?? 0;
    request.site = options.site ?? 0;
    const oldValue = status === undefined ? undefined : this.#oldValue(key);
    const { ttlMs, startMs } = request;
    const result = engine.writes.put(key, value, request);
    if (this.#cache.ttlAutopurge && ttlMs > 0) this.#expectExpiry(startMs + ttlMs);
    if (status === undefined) return result;
    if (result === REPLACED) status.oldValue = oldValue!;
    describeSet(status, engine, result, this.calculatedSize, engine.find(key));
    return result;
  }

  /** For the status. One that cannot be decoded does not keep the new one out. */
  #oldValue(key: K): V | undefined {
    const address = this.engine.find(key);
    try {
      return address === -1 ? undefined : this.engine.valueOf(address);
    } catch {
      return undefined;
    }
  }

  #expectExpiry(atMs: number): void {
    this.autopurge ??= this.#makeAutopurge();
    this.autopurge.expect(atMs);
  }

  #makeAutopurge(): Autopurge {
    const sweep = new StaleSweep(this.engine);
    return new Autopurge({
      nowMs: () => this.engine.expiry.nowMs(),
      slice: (budgetMs) => sweep.slice(budgetMs),
      tell: () => this.tell(),
    });
  }

  #sizeFor(key: K, value: V, options: SetOptions<K, V>): number {
    if (options.size !== undefined && options.size !== 0) return checkInteger('size', options.size, 1);
    const calculate = options.sizeCalculation ?? this.engine.config.sizeCalculation;
    if (calculate === undefined) return 0;
    const size = calculate(value, key);
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new TypeError(`sizeCalculation must return a positive integer, got ${String(size)}`);
    }
    return size;
  }

  delete(key: K): boolean {
    const address = this.engine.find(key);
    const wasFetching = this.fetches?.overtake(key, 'deleted') ?? false;
    // Those who heard of the abort may have used the cache.
    const still = wasFetching ? this.engine.find(key) : address;
    if (still !== -1) this.remove(key, still, 'delete');
    else if (metrics.hasSubscribers)
      publishStatus({ op: 'delete', delete: 'delete', key, cache: this.#cache });
    return address !== -1 || wasFetching;
  }

  remove(key: K, address: Address, reason: 'delete' | 'expire' | 'fetch'): void {
    this.engine.remove(address, reason);
    // Not before: who listens may use the cache, and the entry may lie elsewhere then.
    if (metrics.hasSubscribers) publishStatus({ op: 'delete', delete: reason, key, cache: this.#cache });
    this.tell();
  }

  clear(): void {
    this.engine.refuseReentry();
    this.autopurge?.cancel();
    this.fetches?.clear();
    this.engine.clear();
    this.tell();
  }

  /** Removes what is stale. @returns whether anything was. */
  purgeStale(): boolean {
    const sweep = new StaleSweep(this.engine);
    // With callbacks region by region, so that their values are not all decoded at once.
    const budgetMs = this.told.wantsGone ? 0 : Number.POSITIVE_INFINITY;
    while (sweep.slice(budgetMs) === undefined) this.tell();
    this.tell();
    return sweep.removed > 0;
  }

  // ---- fetching ----

  async fetch(
    key: K,
    options: FetchOptions<K, V, FC>,
    status: Status<K, V> | undefined,
  ): Promise<V | undefined> {
    const method = this.#fetchMethod;
    if (method === undefined) {
      if (status !== undefined) status.fetch = 'get';
      return this.read(key, options, status, true);
    }
    this.fetches ??= new Fetches(this.host(), method, this.engine.config.maxFetches);
    return this.fetches.fetch(key, options, status);
  }

  host(): FetchHost<K, V> {
    return {
      engine: this.engine,
      defaults: this.#cache,
      read: (key, options, status) => this.read(key, options, status, true),
      write: (key, value, options, status) => this.write(key, value, options, status),
      remove: (key) => {
        const address = this.engine.find(key);
        if (address !== -1) this.remove(key, address, 'fetch');
      },
      missed: () => {
        this.misses++;
      },
      watchEvictions: (watch) => this.#watch(watch),
    };
  }

  /** A value that cannot be decoded must not keep its entry, nor those that are to go after it. */
  #tellGone(address: Address, reason: DisposeReason): void {
    let value: V;
    try {
      value = this.engine.valueOf(address);
    } catch (error) {
      this.told.lost(error);
      return;
    }
    this.told.gone(value, keyAt(this.engine, address), reason);
  }

  /** Has the engine tell of entries that go, as far as anyone wants to know: it costs the decoding of each. */
  #watch(evictions: boolean): void {
    this.#watchesEvictions = evictions;
    const told = this.told.wantsGone;
    const engine = this.engine;
    if (!told && !evictions) {
      engine.onGone = undefined;
      return;
    }
    engine.onGone = (address, reason) => {
      if (told) this.#tellGone(address, reason);
      if (this.#watchesEvictions && reason === 'evict') {
        this.fetches!.evicted(engine.store.keys.hashAt(address), () => keyAt(engine, address));
      }
    };
  }
}
