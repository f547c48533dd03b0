import { checkBoolean, checkFunction, checkInteger, checkNames, checkOneOf } from '../base/index.js';
import { GenerationalHeap } from '../heap/index.js';
import type { Codec } from './codecs/codec.js';
import { bytesCodec, customCodec, jsonCodec, stringCodec } from './codecs/simple.js';
import { structuredCodec } from './codecs/structured.js';
import type { CacheKey } from './key.js';
import { RegionTable } from './region-table.js';
import type { CacheOptions, FrontOptions, PolicyName } from './types.js';

const KiB = 1024;
const DEFAULT_BYTES = 64 * KiB * KiB;
const LEAST_BYTES = 256 * KiB;
const MOST_BYTES = 2 ** 38;
const MAX_REGION_BYTES = 128 * KiB;
const MIN_REGION_BYTES = 4 * KiB;
/** On a shared heap: a few regions are always open, and there is the table of the heap's regions. */
const LEAST_REGIONS = 32;
const LEAST_REGIONS_BESIDE_TABLE = 16;

function leastBytes(heap: GenerationalHeap | undefined): number {
  if (heap === undefined) return LEAST_BYTES;
  const besideTable = LEAST_REGIONS_BESIDE_TABLE * heap.regionBytes + RegionTable.bytesFor(heap);
  return Math.max(LEAST_REGIONS * heap.regionBytes, besideTable);
}

/** Regions stay small enough that passing one is a short pause, and that a cache has hundreds of them. */
function ownHeap(maxBytes: number, name: string): GenerationalHeap {
  const wanted = 2 ** Math.floor(Math.log2(maxBytes / 512));
  const regionBytes = Math.min(MAX_REGION_BYTES, Math.max(MIN_REGION_BYTES, wanted));
  // No handles are used: the smallest table serves.
  return new GenerationalHeap({ maxBytes, regionBytes, maxRefs: 16, name });
}

/** The options of a cache, checked, with what was left out. */
export interface CacheConfig<K extends CacheKey, V> {
  readonly heap: GenerationalHeap;
  readonly ownsHeap: boolean;
  readonly maxBytes: number;
  readonly max: number;
  readonly maxSize: number;
  readonly maxEntrySize: number;
  readonly sizeCalculation: ((value: V, key: K) => number) | undefined;
  readonly policy: PolicyName;
  readonly codec: Codec<V>;
  /** Undefined: none. */
  readonly front: { readonly entries: number; readonly freeze: boolean } | undefined;
  readonly keepOnHeap: boolean;
  readonly maxHeapValues: number;
  readonly ttlResolution: number;
  readonly maxFetches: number;
  readonly now: () => number;
  readonly name: string;
  /** By hand, for all entries whose `set` names none; 0: none. */
  readonly generation: number;
  readonly site: number;
  /** Stale entries may be asked for, so they are not sought out. */
  readonly keepsStale: boolean;
}

const CODECS = { string: stringCodec, bytes: bytesCodec, json: jsonCodec } as const;

function resolveCodec<V>(codec: CacheOptions<CacheKey, V>['codec']): Codec<V> {
  if (codec === undefined || codec === 'structured') return structuredCodec() as Codec<V>;
  if (typeof codec === 'string') {
    const name = checkOneOf('ArenaCache.codec', codec, ['structured', 'string', 'bytes', 'json']);
    return CODECS[name as keyof typeof CODECS] as unknown as Codec<V>;
  }
  checkFunction('ArenaCache.codec.encode', codec?.encode);
  checkFunction('ArenaCache.codec.decode', codec.decode);
  return 'name' in codec ? codec : customCodec(codec);
}

const FRONT_ENTRIES = 4096;

function resolveFront(
  front: CacheOptions<CacheKey, unknown>['front'],
): CacheConfig<CacheKey, unknown>['front'] {
  if (front === undefined || front === false || front === 0) return undefined;
  if (front !== true && typeof front !== 'number' && (typeof front !== 'object' || front === null)) {
    throw new TypeError(
      `ArenaCache.front must be true, false, a count or { entries, freeze }, got ${typeof front}`,
    );
  }
  const given: FrontOptions = front === true ? {} : typeof front === 'number' ? { entries: front } : front;
  checkNames('ArenaCache.front', given, ['entries', 'freeze']);
  return {
    entries: checkInteger('ArenaCache.front.entries', given.entries ?? FRONT_ENTRIES, 4, 2 ** 20),
    freeze: checkBoolean('ArenaCache.front.freeze', given.freeze ?? process.env.NODE_ENV !== 'production'),
  };
}

function positive(name: string, value: number | undefined): number {
  return value === undefined || value === 0 ? 0 : checkInteger(`ArenaCache.${name}`, value, 1);
}

/** What calls do unless they are told otherwise; may be changed at any time. */
export const FLAGS = [
  'updateAgeOnGet',
  'updateAgeOnHas',
  'allowStale',
  'noUpdateTTL',
  'noDeleteOnStaleGet',
  'noDisposeOnSet',
  'noDeleteOnFetchRejection',
  'allowStaleOnFetchRejection',
  'allowStaleOnFetchAbort',
  'ignoreFetchAbort',
  'ttlAutopurge',
] as const;

const NAMES: readonly (keyof CacheOptions<CacheKey, unknown>)[] = [
  'maxBytes',
  'heap',
  'max',
  'maxSize',
  'maxEntrySize',
  'sizeCalculation',
  'policy',
  'codec',
  'front',
  'onUnencodable',
  'maxHeapValues',
  'ttl',
  'ttlResolution',
  'dispose',
  'disposeAfter',
  'onInsert',
  'fetchMethod',
  'memoMethod',
  'maxFetches',
  'name',
  'perf',
  'generation',
  'site',
  ...FLAGS,
];

function checkRest(options: CacheOptions<never, never>): void {
  checkNames('ArenaCache', options, NAMES);
  for (const name of FLAGS) {
    if (options[name] !== undefined) checkBoolean(`ArenaCache.${name}`, options[name]);
  }
  for (const name of [
    'sizeCalculation',
    'dispose',
    'disposeAfter',
    'onInsert',
    'fetchMethod',
    'memoMethod',
  ] as const) {
    if (options[name] !== undefined) checkFunction(`ArenaCache.${name}`, options[name]);
  }
}

function resolveGeneration(heap: GenerationalHeap, generation: number | undefined): number {
  if (generation === undefined) return 0;
  checkInteger('ArenaCache.generation', generation, 1);
  // Throws if there is no such generation.
  heap.configureGeneration(generation, {});
  return generation;
}

function resolveSite(heap: GenerationalHeap, site: string | number | undefined): number {
  if (site === undefined) return 0;
  if (typeof site === 'string') return heap.site(site);
  if (heap.siteName(site) === `site ${site}`) {
    throw new RangeError(`ArenaCache.site: the heap has no site ${site}: name sites by heap.site(name)`);
  }
  return site;
}

/** @throws TypeError, RangeError naming the option. */
export function resolveCacheOptions<K extends CacheKey, V>(
  options: CacheOptions<K, V, never>,
): CacheConfig<K, V> {
  checkRest(options as unknown as CacheOptions<never, never>);
  const name = options.name ?? 'cache';
  if (options.heap !== undefined && !(options.heap instanceof GenerationalHeap)) {
    throw new TypeError('ArenaCache.heap must be a GenerationalHeap');
  }
  const most = options.heap?.maxBytes ?? MOST_BYTES;
  const maxBytes = checkInteger(
    'ArenaCache.maxBytes',
    options.maxBytes ?? options.heap?.maxBytes ?? DEFAULT_BYTES,
    leastBytes(options.heap),
    most,
  );
  const maxSize = positive('maxSize', options.maxSize);
  const maxEntrySize = positive('maxEntrySize', options.maxEntrySize);
  const codec = resolveCodec(options.codec);
  const front = resolveFront(options.front);
  if (front !== undefined && codec.bind !== undefined) {
    throw new TypeError('ArenaCache.front: record views are read in place, there is nothing to keep');
  }
  if (options.perf !== undefined) checkFunction('ArenaCache.perf.now', options.perf?.now);
  const { perf = performance } = options;
  const heap = options.heap ?? ownHeap(maxBytes, name);
  return {
    heap,
    ownsHeap: options.heap === undefined,
    maxBytes,
    max: positive('max', options.max),
    maxSize,
    maxEntrySize: maxSize === 0 ? maxEntrySize : Math.min(maxSize, maxEntrySize || maxSize),
    sizeCalculation: options.sizeCalculation,
    policy: checkOneOf('ArenaCache.policy', options.policy ?? 's3-fifo', ['s3-fifo', 'sieve', 'lru']),
    codec,
    front,
    keepOnHeap:
      checkOneOf('ArenaCache.onUnencodable', options.onUnencodable ?? 'throw', ['throw', 'heap']) === 'heap',
    maxHeapValues: checkInteger('ArenaCache.maxHeapValues', options.maxHeapValues ?? 1000, 1, 1e7),
    ttlResolution: checkInteger('ArenaCache.ttlResolution', options.ttlResolution ?? 1, 0, 1e9),
    maxFetches: checkInteger('ArenaCache.maxFetches', options.maxFetches ?? 10_000, 1, 1e7),
    now: () => perf.now(),
    name,
    generation: resolveGeneration(heap, options.generation),
    site: resolveSite(heap, options.site),
    keepsStale: [
      options.allowStale,
      options.noDeleteOnStaleGet,
      options.allowStaleOnFetchRejection,
      options.allowStaleOnFetchAbort,
      // It gets the stale value, to ask whether there is a newer one.
      options.fetchMethod !== undefined,
    ].includes(true),
  };
}
