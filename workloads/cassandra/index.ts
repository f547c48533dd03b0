/**
 * cassandra: a column store's write path after Apache Cassandra's, under YCSB's mixes.
 *
 * What may not live here: how time is taken, and what another workload needs.
 */
import type { GenerationalHeap } from 'rolp/heap';
import {
  ArenaHeap,
  type Engine,
  PLACEMENTS,
  type Placement,
  type Prepared,
  type Workload,
  type WorkloadOptions,
} from '../common/index.js';
import { CassandraEngine, type CassandraPolicy, policyFor } from './engine.js';
import { FlatTables } from './flat.js';
import { CassandraFloor } from './floor.js';
import { HeapTables } from './heap.js';
import { RefTables } from './ref-shelf.js';
import { MIX_NAMES, Requests } from './requests.js';
import { ArenaRowCache, BufferRowCache, LibraryRowCache, MapRowCache, TypedRowCache } from './row-caches.js';
import { TypedTables } from './typed.js';

export { BloomFilter } from './bloom.js';
export { CassandraEngine, type CassandraPolicy, type Row, type RowCache } from './engine.js';
export { FIELD_LENGTH, FIELDS, Requests, tokenOf } from './requests.js';
export { ArenaRowCache, BufferRowCache, LibraryRowCache, MapRowCache, TypedRowCache } from './row-caches.js';

/** What a row costs in the variant `heap`, measured, overwritten cells that wait for compaction included. */
const HEAP_BYTES_PER_ROW = 2000;

export const CASSANDRA_VARIANTS = [
  'heap',
  'lru-cache',
  'map-of-buffers',
  'typed',
  'single',
  'auto',
  'arena-refs',
  'arena',
  'floor',
] as const;

/**
 * Bytes that a row takes at the worst moment, measured: a compaction of nearly all, its inputs still there, and
 * the overwritten cells among them.
 */
const PEAK_BYTES_PER_ROW = 3400;
/** What the cache of a row takes: its values, its key, its share of the index. */
const CACHED_ROW_BYTES = 1200;

/** The row cache's part: at least the regions that a cache needs. */
function cacheBytes(heap: GenerationalHeap, rows: number): number {
  return Math.max(32 * heap.regionBytes, Math.ceil(1.25 * rows * CACHED_ROW_BYTES));
}

/** What an operator would give the store: a quarter over what lives in it. The same for all placements. */
function arenaBytes(rows: number, cachedRows: number): number {
  const bytes = 1.25 * (rows * PEAK_BYTES_PER_ROW + cachedRows * CACHED_ROW_BYTES);
  return Math.max(64 * 2 ** 20, Math.ceil(bytes));
}

/** The variants on rolp's heap: they differ in where blocks are placed. */
function openArena(placement: Placement, requests: Requests, policy: CassandraPolicy): Engine {
  const { cachedRows, memtableCells } = policy;
  const arena = new ArenaHeap(placement, arenaBytes(requests.rows, cachedRows));
  const cache = new ArenaRowCache(arena.heap, cachedRows, cacheBytes(arena.heap, cachedRows));
  const tables = new FlatTables(new RefTables(arena), memtableCells);
  return new CassandraEngine(requests, tables, cache, policy);
}

/** @throws RangeError for an unknown variant. */
export function openCassandra(
  variant: string,
  requests: Requests,
  policy: CassandraPolicy = policyFor(requests.rows),
): Engine {
  const { cachedRows, memtableCells } = policy;
  switch (variant) {
    case 'heap':
      return new CassandraEngine(requests, new HeapTables(), new MapRowCache(cachedRows), policy);
    case 'lru-cache':
      return new CassandraEngine(requests, new HeapTables(), new LibraryRowCache(cachedRows), policy);
    case 'map-of-buffers':
      return new CassandraEngine(requests, new HeapTables(), new BufferRowCache(cachedRows), policy);
    case 'typed': {
      const tables = new FlatTables(new TypedTables(), memtableCells);
      return new CassandraEngine(requests, tables, new TypedRowCache(cachedRows), policy);
    }
    case 'single':
    case 'auto':
    case 'arena-refs':
    case 'arena':
      return openArena(PLACEMENTS[variant === 'arena' ? 'arena-refs' : variant], requests, policy);
    case 'floor':
      return new CassandraFloor(requests);
    default:
      throw new RangeError(`cassandra has no variant '${variant}', it has ${CASSANDRA_VARIANTS.join(', ')}`);
  }
}

/** The stream of requests for a store of that size. */
export function openRequests({ heapMb, streamOps, seed, mix }: WorkloadOptions): Requests {
  const rows = Math.max(1000, Math.round((heapMb * 1e6) / HEAP_BYTES_PER_ROW));
  return new Requests(rows, streamOps, seed, mix);
}

export const cassandra: Workload = {
  name: 'cassandra',
  mixes: MIX_NAMES,
  variants: CASSANDRA_VARIANTS,
  incomparable: ['floor'],
  prepare(options: WorkloadOptions): Prepared {
    const requests = openRequests(options);
    const { rows } = requests;
    return {
      open: (variant) => openCassandra(variant, requests),
      facts: { rows, streamMb: Math.round(requests.bytes / 1e6), ...policyFor(rows) },
    };
  },
};
