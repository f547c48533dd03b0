import type { Address } from '../heap/index.js';
import type { CacheEngine } from './engine.js';
import type { CacheKey } from './key.js';
import { idOf, type Overtaking, PendingFetch } from './pending-fetch.js';
import { describeTtl } from './status.js';
import type { Fetcher, FetcherFetchOptions, FetchOptions, GetOptions, SetOptions, Status } from './types.js';

/** The options of a fetch that a cache has defaults for, which its user may change at any time. */
export interface FetchDefaults {
  readonly ttl: number;
  readonly allowStale: boolean;
  readonly updateAgeOnGet: boolean;
  readonly noDeleteOnStaleGet: boolean;
  readonly noDisposeOnSet: boolean;
  readonly noUpdateTTL: boolean;
  readonly noDeleteOnFetchRejection: boolean;
  readonly allowStaleOnFetchRejection: boolean;
  readonly allowStaleOnFetchAbort: boolean;
  readonly ignoreFetchAbort: boolean;
}

/** What fetching needs of its cache. */
export interface FetchHost<K extends CacheKey, V> {
  readonly engine: CacheEngine<K, V>;
  readonly defaults: FetchDefaults;
  read(key: K, options: GetOptions<K, V>, status: Status<K, V> | undefined): V | undefined;
  write(key: K, value: V | undefined, options: SetOptions<K, V>, status: Status<K, V> | undefined): boolean;
  /** Takes the entry out, with reason 'fetch'. */
  remove(key: K): void;
  missed(): void;
  /** From now on, or no longer, `Fetches.evicted` must be called. */
  watchEvictions(watch: boolean): void;
}

/** Whether the caller's promise ends when the fetch is aborted. */
function heedsAbort(options: { ignoreFetchAbort?: boolean; allowStaleOnFetchAbort?: boolean }): boolean {
  return options.ignoreFetchAbort !== true || options.allowStaleOnFetchAbort === true;
}

/** As in lru-cache, what an ignored abort was is told when the result comes, and not at all if the call fails. */
function tellAborted<K, V>(status: Status<K, V>, reason: Error): void {
  status.fetchAborted = true;
  status.fetchError = reason;
}

/**
 * `fetch`: one call of fetchMethod a key at a time, whatever the number of callers, and what becomes of its result.
 * Fetches under way lie here, on V8's heap, up to a bound; a cache whose `fetch` is never called has none of this.
 * The options of the first caller hold for all, as in lru-cache.
 */
export class Fetches<K extends CacheKey, V, FC> {
  /** Calls of fetchMethod. */
  dispatched: number = 0;
  readonly #host: FetchHost<K, V>;
  readonly #method: Fetcher<K, V, FC>;
  readonly #max: number;
  /** By `idOf` their keys, oldest first. */
  readonly #pending: Map<unknown, PendingFetch<K, V>> = new Map();
  /** Those of keys that have an entry, by the key's hash. Of two keys with one hash, the later. */
  readonly #refreshing: Map<number, PendingFetch<K, V>> = new Map();

  constructor(host: FetchHost<K, V>, method: Fetcher<K, V, FC>, max: number) {
    this.#host = host;
    this.#method = method;
    this.#max = max;
  }

  /** Fetches under way whose result is waited for. */
  get size(): number {
    return this.#pending.size;
  }

  pendingFor(key: K): PendingFetch<K, V> | undefined {
    return this.#pending.size === 0 ? undefined : this.#pending.get(idOf(key));
  }

  // ---- a call of fetch ----

  async fetch(
    key: K,
    given: FetchOptions<K, V, FC>,
    status: Status<K, V> | undefined,
  ): Promise<V | undefined> {
    const { engine } = this.#host;
    const address = engine.find(key);
    const allowStale = given.allowStale ?? this.#host.defaults.allowStale;
    const known = this.pendingFor(key);
    if (known !== undefined) return this.#join(known, allowStale, status);
    const isStale = address !== -1 && engine.expiry.isStale(address);
    if (address !== -1 && !isStale && given.forceRefresh !== true) return this.#hit(key, given, status);
    if (status !== undefined) status.fetch = address === -1 ? 'miss' : isStale ? 'stale' : 'refresh';
    if (address === -1 || isStale) this.#host.missed();
    const pending = this.#begin(key, address, given, status);
    if (!allowStale || pending.staleValue === undefined) return pending.promise;
    if (status !== undefined && isStale) status.returnedStale = true;
    return pending.staleValue;
  }

  #hit(key: K, given: FetchOptions<K, V, FC>, status: Status<K, V> | undefined): V | undefined {
    const value = this.#host.read(key, given, undefined);
    if (status === undefined) return value;
    status.fetch = 'hit';
    const address = this.#host.engine.find(key);
    if (address !== -1) describeTtl(status, this.#host.engine, address);
    return value;
  }

  #join(
    pending: PendingFetch<K, V>,
    allowStale: boolean,
    status: Status<K, V> | undefined,
  ): Promise<V | undefined> | V {
    const stale = allowStale ? pending.staleValue : undefined;
    if (status !== undefined) {
      status.fetch = 'inflight';
      if (stale !== undefined) status.returnedStale = true;
    }
    this.#host.missed();
    return stale !== undefined ? stale : pending.promise;
  }

  #begin(
    key: K,
    address: Address | -1,
    given: FetchOptions<K, V, FC>,
    status: Status<K, V> | undefined,
  ): PendingFetch<K, V> {
    const { engine } = this.#host;
    const { hash } = engine.store.keys;
    const staleValue = address === -1 ? undefined : engine.valueOf(address);
    const pending = new PendingFetch<K, V>(key, hash, staleValue);
    while (this.#pending.size >= this.#max) this.#giveUpOldest();
    this.#pending.set(pending.id, pending);
    if (address !== -1) this.#watch(pending);
    const options = this.#optionsOf(given, status);
    const { signal } = pending.controller;
    signal.addEventListener('abort', () => this.#aborted(pending, options), { once: true });
    if (given.signal !== undefined) pending.follow(given.signal);
    if (!signal.aborted || options.ignoreFetchAbort) void this.#run(pending, options, given.context as FC);
    return pending;
  }

  /** What fetchMethod gets as options: all that was given for get and set, with the cache's defaults. */
  #optionsOf(given: FetchOptions<K, V, FC>, status: Status<K, V> | undefined): FetcherFetchOptions<K, V> {
    const { defaults, engine } = this.#host;
    const { forceRefresh: _1, context: _2, signal: _3, ...rest } = given;
    return {
      ...rest,
      allowStale: given.allowStale ?? defaults.allowStale,
      updateAgeOnGet: given.updateAgeOnGet ?? defaults.updateAgeOnGet,
      noDeleteOnStaleGet: given.noDeleteOnStaleGet ?? defaults.noDeleteOnStaleGet,
      ttl: given.ttl ?? defaults.ttl,
      size: given.size ?? 0,
      sizeCalculation: given.sizeCalculation ?? engine.config.sizeCalculation,
      noDisposeOnSet: given.noDisposeOnSet ?? defaults.noDisposeOnSet,
      noUpdateTTL: given.noUpdateTTL ?? defaults.noUpdateTTL,
      noDeleteOnFetchRejection: given.noDeleteOnFetchRejection ?? defaults.noDeleteOnFetchRejection,
      allowStaleOnFetchRejection: given.allowStaleOnFetchRejection ?? defaults.allowStaleOnFetchRejection,
      allowStaleOnFetchAbort: given.allowStaleOnFetchAbort ?? defaults.allowStaleOnFetchAbort,
      ignoreFetchAbort: given.ignoreFetchAbort ?? defaults.ignoreFetchAbort,
      status,
    };
  }

  /** Calls fetchMethod, at once, and sees to what comes of it. */
  async #run(pending: PendingFetch<K, V>, options: FetcherFetchOptions<K, V>, context: FC): Promise<void> {
    this.dispatched++;
    if (options.status !== undefined) options.status.fetchDispatched = true;
    const { signal } = pending.controller;
    let value: V | undefined;
    try {
      value = (await this.#method(pending.key, pending.staleValue, { signal, options, context })) as
        | V
        | undefined;
    } catch (error) {
      pending.unfollow();
      this.#rejected(pending, error, options);
      return;
    }
    pending.unfollow();
    this.#resolved(pending, value, options);
  }

  // ---- what becomes of it ----

  /** The signal that fetchMethod has was aborted: by the caller's signal or by the cache. */
  #aborted(pending: PendingFetch<K, V>, options: FetcherFetchOptions<K, V>): void {
    if (!heedsAbort(options)) return;
    const { reason } = pending.controller.signal;
    if (options.status !== undefined) tellAborted(options.status, reason);
    if (!options.ignoreFetchAbort) {
      pending.unfollow();
      this.#fail(pending, reason, options);
    } else {
      // The caller gets the old value now; the new one is stored when it comes.
      this.#answerWithStale(pending, options);
    }
  }

  #rejected(pending: PendingFetch<K, V>, error: unknown, options: FetcherFetchOptions<K, V>): void {
    // An abort that was heeded has ended it before.
    if (options.status !== undefined && !(pending.controller.signal.aborted && heedsAbort(options))) {
      options.status.fetchRejected = true;
      options.status.fetchError = error;
    }
    this.#fail(pending, error, options);
  }

  #resolved(pending: PendingFetch<K, V>, value: V | undefined, options: FetcherFetchOptions<K, V>): void {
    const { signal } = pending.controller;
    const { status } = options;
    if (signal.aborted && status !== undefined) tellAborted(status, signal.reason);
    if (signal.aborted && (!options.ignoreFetchAbort || value === undefined)) {
      this.#fail(pending, signal.reason, options);
      return;
    }
    if (status !== undefined) {
      if (signal.aborted) status.fetchAbortIgnored = true;
      else status.fetchResolved = true;
    }
    const stores = value !== undefined && this.#mayStore(pending);
    this.#detach(pending);
    try {
      if (stores && this.#host.write(pending.key, value!, options, status) && status !== undefined) {
        status.fetchUpdated = true;
      }
    } catch (error) {
      // The value cannot be encoded, or a callback has thrown. The old value is as it was.
      pending.reject(error);
      return;
    }
    pending.resolve(value);
  }

  #mayStore(pending: PendingFetch<K, V>): boolean {
    if (pending.fate !== 'evicted') return pending.fate === 'open';
    return this.pendingFor(pending.key) === undefined && this.#host.engine.find(pending.key) === -1;
  }

  /** Ends a fetch that has no result: with the stale value if that is allowed, else with the error. */
  #fail(pending: PendingFetch<K, V>, error: unknown, options: FetcherFetchOptions<K, V>): void {
    const { aborted } = pending.controller.signal;
    const answers = options.allowStaleOnFetchRejection || (aborted && options.allowStaleOnFetchAbort);
    this.#detach(pending);
    if (pending.isSettled) return;
    if (answers) {
      this.#answerWithStale(pending, options);
      return;
    }
    let rejection = error;
    const drops = pending.fate === 'open' && pending.staleValue !== undefined;
    try {
      if (drops && !options.noDeleteOnFetchRejection) this.#host.remove(pending.key);
    } catch (callbackError) {
      // From dispose: this may be called by an event, where a throw would end the process.
      rejection = callbackError;
    }
    pending.reject(rejection);
  }

  #answerWithStale(pending: PendingFetch<K, V>, options: FetcherFetchOptions<K, V>): void {
    if (options.status !== undefined && pending.staleValue !== undefined) options.status.returnedStale = true;
    pending.resolve(pending.staleValue);
  }

  // ---- what happens to its key meanwhile ----

  /** The key was set, or deleted. @returns whether a fetch of it was under way. */
  overtake(key: K, why: Overtaking): boolean {
    const pending = this.pendingFor(key);
    if (pending === undefined) return false;
    pending.fate = 'overtaken';
    this.#detach(pending);
    pending.controller.abort(new Error(why));
    return true;
  }

  /** Gives all fetches up. */
  clear(): void {
    for (const { key } of [...this.#pending.values()]) this.overtake(key, 'deleted');
  }

  /** An entry is being evicted; called in the midst of the engine's work. `keyOf` decodes its key. */
  evicted(hash: number, keyOf: () => K): void {
    const pending = this.#refreshing.get(hash);
    if (pending !== undefined && idOf(keyOf()) === pending.id) this.#giveUp(pending);
  }

  #giveUpOldest(): void {
    for (const pending of this.#pending.values()) {
      this.#giveUp(pending);
      return;
    }
  }

  #giveUp(pending: PendingFetch<K, V>): void {
    pending.fate = 'evicted';
    this.#detach(pending);
    // Listeners may use the cache, which is busy now.
    queueMicrotask(() => pending.controller.abort(new Error('evicted')));
  }

  #watch(pending: PendingFetch<K, V>): void {
    this.#refreshing.set(pending.hash, pending);
    if (this.#refreshing.size === 1) this.#host.watchEvictions(true);
  }

  /** From here on a fetch of the key begins anew. */
  #detach(pending: PendingFetch<K, V>): void {
    if (this.#pending.get(pending.id) === pending) this.#pending.delete(pending.id);
    if (this.#refreshing.get(pending.hash) !== pending) return;
    this.#refreshing.delete(pending.hash);
    if (this.#refreshing.size === 0) this.#host.watchEvictions(false);
  }
}
