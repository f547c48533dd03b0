import type { Generation, GenerationalHeap, SiteId } from '../heap/index.js';
import type { Codec, CustomCodec } from './codecs/codec.js';
import type { CacheKey } from './key.js';
import type { CacheStats } from './stats.js';

/** Why an entry went: as in lru-cache. */
export type DisposeReason = 'evict' | 'set' | 'delete' | 'expire' | 'fetch';
export type InsertReason = 'add' | 'update' | 'replace';
export type PolicyName = 's3-fifo' | 'sieve' | 'lru';
export type CodecName = 'structured' | 'string' | 'bytes' | 'json';

/** What a status object says of the cache: enough to tell caches apart and to look at their counters. */
export interface CacheIdentity {
  readonly name: string;
  readonly size: number;
  readonly bytes: number;
  readonly maxBytes: number;
  stats(): CacheStats;
}

/** Filled in by a call that is given one, with lru-cache's fields and meanings. */
export interface Status<K, V> {
  op?: 'get' | 'set' | 'has' | 'peek' | 'delete' | 'memo' | 'fetch';
  key?: K;
  value?: V;
  oldValue?: V;
  cache?: CacheIdentity;
  set?: 'add' | 'update' | 'replace' | 'miss' | 'deleted';
  get?: 'hit' | 'stale' | 'miss' | 'fetching' | 'stale-fetching';
  has?: 'hit' | 'stale' | 'miss';
  peek?: 'hit' | 'stale' | 'miss';
  delete?: DisposeReason;
  memo?: 'hit' | 'miss';
  /** 'get': there is no fetchMethod; 'inflight': another fetch of the key was joined. */
  fetch?: 'get' | 'inflight' | 'miss' | 'hit' | 'stale' | 'refresh';
  forceRefresh?: boolean;
  context?: unknown;
  /** fetchMethod was called. */
  fetchDispatched?: true;
  /** What it gave was stored. */
  fetchUpdated?: true;
  fetchResolved?: true;
  fetchRejected?: true;
  /** What fetchMethod threw, or why it was aborted. */
  fetchError?: unknown;
  fetchAborted?: true;
  fetchAbortIgnored?: true;
  /** The operation is traced on `tracing:rolp:cache:*`. */
  trace?: boolean;
  ttl?: number;
  start?: number;
  now?: number;
  remainingTTL?: number;
  entrySize?: number;
  totalCalculatedSize?: number;
  /** The entry was refused: over maxEntrySize, or over what maxBytes can hold. */
  maxEntrySizeExceeded?: true;
  returnedStale?: true;
}

export interface GetOptions<K, V> {
  readonly allowStale?: boolean;
  readonly updateAgeOnGet?: boolean;
  readonly noDeleteOnStaleGet?: boolean;
  readonly status?: Status<K, V>;
}

export interface PeekOptions<K, V> {
  readonly allowStale?: boolean;
  readonly status?: Status<K, V>;
}

export interface HasOptions<K, V> {
  readonly updateAgeOnHas?: boolean;
  readonly status?: Status<K, V>;
}

export interface SetOptions<K, V> {
  /** Milliseconds; 0 for none. */
  readonly ttl?: number;
  /** When the ttl began, by the cache's clock. */
  readonly start?: number;
  /** The entry's size for maxSize. Given, it goes before `sizeCalculation`. */
  readonly size?: number;
  readonly sizeCalculation?: (value: V, key: K) => number;
  readonly noDisposeOnSet?: boolean;
  readonly noUpdateTTL?: boolean;
  /** The heap's generation for the entry, by hand: released, it takes its entries along. See docs/cache.md. */
  readonly generation?: Generation;
  /** The allocation site of the entry, as `cache.heap.site(name)` gave it. */
  readonly site?: SiteId;
  readonly status?: Status<K, V>;
}

/** Of a call that looks a value up, and sets it where there is none. */
interface GetThenSetOptions<K, V> {
  allowStale?: boolean;
  updateAgeOnGet?: boolean;
  noDeleteOnStaleGet?: boolean;
  ttl?: number;
  size?: number;
  sizeCalculation?: (value: V, key: K) => number;
  noDisposeOnSet?: boolean;
  noUpdateTTL?: boolean;
  /** Of the set, as in SetOptions. */
  generation?: Generation;
  site?: SiteId;
  status?: Status<K, V>;
}

/**
 * The options of a fetch as fetchMethod gets them. It may change them: they hold for the set of what it returns, and
 * for what is done if it fails.
 */
export interface FetcherFetchOptions<K, V> extends GetThenSetOptions<K, V> {
  /** Keep the stale value if fetchMethod rejects. */
  noDeleteOnFetchRejection?: boolean;
  /** Keep it and answer with it if fetchMethod rejects. */
  allowStaleOnFetchRejection?: boolean;
  /** Answer with the stale value if the fetch is aborted. */
  allowStaleOnFetchAbort?: boolean;
  /** Store what fetchMethod gives though the fetch was aborted. */
  ignoreFetchAbort?: boolean;
}

export interface FetchOptions<K, V, FC = unknown> extends Readonly<FetcherFetchOptions<K, V>> {
  /** Fetch although the value is not stale. */
  readonly forceRefresh?: boolean;
  /** Handed on to fetchMethod. */
  readonly context?: FC;
  /** Aborts the fetch. */
  readonly signal?: AbortSignal;
}

export interface FetcherOptions<K, V, FC = unknown> {
  readonly signal: AbortSignal;
  readonly options: FetcherFetchOptions<K, V>;
  readonly context: FC;
}

export type Fetcher<K, V, FC = unknown> = (
  key: K,
  staleValue: V | undefined,
  options: FetcherOptions<K, V, FC>,
  // biome-ignore lint/suspicious/noConfusingVoidType: an async function without return is one too.
) => Promise<V | undefined | void> | V | undefined | void;

/** The options of a memo as memoMethod gets them; it may change them: they hold for the set. */
export interface MemoizerMemoOptions<K, V> extends GetThenSetOptions<K, V> {
  start?: number;
}

export interface MemoOptions<K, V, FC = unknown> extends Readonly<MemoizerMemoOptions<K, V>> {
  /** Call memoMethod although there is a value. */
  readonly forceRefresh?: boolean;
  /** Handed on to memoMethod. */
  readonly context?: FC;
}

export interface MemoizerOptions<K, V, FC = unknown> {
  readonly options: MemoizerMemoOptions<K, V>;
  readonly context: FC;
}

export type Memoizer<K, V, FC = unknown> = (
  key: K,
  staleValue: V | undefined,
  options: MemoizerOptions<K, V, FC>,
) => V;

/** The options argument of a call that takes a context: as lru-cache has it, required if the context's type is given. */
export type ContextArguments<FC, Options> = unknown extends FC
  ? [options?: Options]
  : // biome-ignore lint/suspicious/noConfusingVoidType: lru-cache's users say void for no context.
    FC extends undefined | void
    ? [options?: Options & { readonly context?: FC }]
    : [options: Options & { readonly context: FC }];

/** An entry as `info` and `dump` give it. `start` is by Date.now(), so that it means something elsewhere. */
export interface EntryInfo<V> {
  value: V;
  ttl?: number;
  start?: number;
  size?: number;
}

export type Disposer<K, V> = (value: V, key: K, reason: DisposeReason) => void;
export type Inserter<K, V> = (value: V, key: K, reason: InsertReason) => void;

export interface FrontOptions {
  /** Most values; rounded up to a power of two. Default 4096. */
  readonly entries?: number;
  /** Whether what `get` returns is frozen. Default: unless NODE_ENV is 'production'. */
  readonly freeze?: boolean;
}

export interface CacheOptions<K extends CacheKey, V, FC = unknown> {
  /** True bytes that the cache may take: entries, keys, index, everything. Default 64 MiB; at least 256 KiB. */
  readonly maxBytes?: number;
  /** A heap to share. `maxBytes` is then the cache's part of it, by default the heap's own bound. */
  readonly heap?: GenerationalHeap;
  /** Most entries. Default: as many as fit maxBytes. */
  readonly max?: number;
  /** Most that the entries' sizes may add up to. */
  readonly maxSize?: number;
  /** Largest size of one entry; larger ones are refused. Default, and at most: maxSize if given. */
  readonly maxEntrySize?: number;
  /** An entry's size for maxSize. Default: the true bytes of its block. */
  readonly sizeCalculation?: (value: V, key: K) => number;
  /** Default 's3-fifo'. */
  readonly policy?: PolicyName;
  /** Default 'structured': any plain data. See docs/cache.md. */
  readonly codec?: CodecName | CustomCodec<V> | Codec<V>;
  /**
   * Keeps the decoded values of the hottest entries, so that getting them again costs less. What `get` returns may
   * then be one object for all: change nothing in it. See docs/cache.md. true: 4096 values. Default false.
   */
  readonly front?: boolean | number | FrontOptions;
  /** What to do with what the codec cannot encode: throw, or keep it on V8's heap. Default 'throw'. */
  readonly onUnencodable?: 'throw' | 'heap';
  /** Most values kept on V8's heap; the oldest of them goes. Default 1000. */
  readonly maxHeapValues?: number;
  /** Default ttl in ms; 0 for none. */
  readonly ttl?: number;
  /** For so many ms one look at the clock serves. Default 1. */
  readonly ttlResolution?: number;
  readonly updateAgeOnGet?: boolean;
  readonly updateAgeOnHas?: boolean;
  readonly allowStale?: boolean;
  readonly noUpdateTTL?: boolean;
  readonly noDeleteOnStaleGet?: boolean;
  readonly noDisposeOnSet?: boolean;
  /** Called when an entry has gone, at the end of the call that made it go; it may use the cache. */
  readonly dispose?: Disposer<K, V>;
  /** Called after `dispose`, when the call is all but over. */
  readonly disposeAfter?: Disposer<K, V>;
  readonly onInsert?: Inserter<K, V>;
  /** Remove entries when they expire, by a timer, not when they are come across. */
  readonly ttlAutopurge?: boolean;
  /** What `fetch` calls for a value that is not there or stale. */
  readonly fetchMethod?: Fetcher<K, V, FC>;
  /** What `memo` calls for a value that is not there. */
  readonly memoMethod?: Memoizer<K, V, FC>;
  readonly noDeleteOnFetchRejection?: boolean;
  readonly allowStaleOnFetchRejection?: boolean;
  readonly allowStaleOnFetchAbort?: boolean;
  readonly ignoreFetchAbort?: boolean;
  /** Most fetches under way; the oldest is aborted as 'evicted' for one more. They are no entries. Default 10,000. */
  readonly maxFetches?: number;
  /** The heap's generation for all entries, by hand. Default: by ttl and policy. */
  readonly generation?: Generation;
  /** The allocation site of all entries, by name or as `heap.site` gave it. */
  readonly site?: SiteId | string;
  /** Shown in events. Default 'cache'. */
  readonly name?: string;
  /** The clock, in ms. Default `performance`. */
  readonly perf?: { now(): number };
}
