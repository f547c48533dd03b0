/**
 * cache: a cache with lru-cache's manners on the generational heap. Its entries' layout, the index of keys, the
 * codecs of values, and the policies whose queues are generations live here.
 *
 * What may not live here: anything that knows of profiles or V8's samples; and nothing here changes the heap but
 * through the heap's face, as owner of its blocks.
 */
export { ArenaCache } from './arena-cache.js';
export { type Codec, type CustomCodec, UnencodableError } from './codecs/codec.js';
export { recordCodec } from './codecs/record.js';
export { ByteWriter } from './codecs/writer.js';
export type { CacheKey } from './key.js';
export { ArenaMap, asMap } from './map-face.js';
export type { CacheStats } from './stats.js';
export type {
  CacheIdentity,
  CacheOptions,
  CodecName,
  ContextArguments,
  DisposeReason,
  Disposer,
  EntryInfo,
  Fetcher,
  FetcherFetchOptions,
  FetcherOptions,
  FetchOptions,
  FrontOptions,
  GetOptions,
  HasOptions,
  Inserter,
  InsertReason,
  Memoizer,
  MemoizerMemoOptions,
  MemoizerOptions,
  MemoOptions,
  PeekOptions,
  PolicyName,
  SetOptions,
  Status,
} from './types.js';
