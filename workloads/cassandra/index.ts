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
import { PlacedTables } from './placed.js';
import { RefTables } from './ref-shelf.js';
import { MIX_NAMES, Requests } from './requests.js';
import { ArenaRowCache, BufferRowCache, LibraryRowCache, MapRowCache, TypedRowCache } from './row-caches.js';
import type { Shelf, ShelfHome } from './shelf.js';
import { TypedTables } from './typed.js';

export { BloomFilter } from './bloom.js';
export { CassandraEngine, type CassandraPolicy, policyFor, type Row, type RowCache } from './engine.js';
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
 * Bytes that a row takes at the worst moment, measured where it is most, in `single`: overwritten cells that wait for
 * compaction, slices that one has not passed, and those whose cells are not yet freed.
 */
const PEAK_BYTES_PER_ROW = 2300;
/**
 * What the cache of a row is given: its values, its key, its share of the index, and as much again, so that rows
 * deleted by writes need not be cleared away while most about them live.
 */
const CACHED_ROW_BYTES = 2400;
/**
 * Operations for each row that the row cache may hold, until rolp's is full and has evicted for a while: it is full after
 * 11 in WI, less where more is read. Eviction begins in code that V8 has not compiled: its first steps took up to 4 ms,
 * later ones 0.1 ms. The other variants' LRUs evict one row as another comes, by code that has deleted rows before; with 14 they are
 * two thirds full in WI.
 */
const WARM_UP_PER_CACHED_ROW = 14;
/** Room is made in the row cache, and blocks are moved, a region at a time: small ones are short stops. */
const REGION_BYTES = 2 ** 16;

/** The row cache's part: at least the regions that a cache needs. */
function cacheBytes(heap: GenerationalHeap, rows: number): number {
  return Math.max(32 * heap.regionBytes, rows * CACHED_ROW_BYTES);
}

/** What an operator would give the store: a quarter over what lives in it. The same for all placements. */
function arenaBytes(rows: number, cachedRows: number): number {
  const bytes = 1.25 * rows * PEAK_BYTES_PER_ROW + cachedRows * CACHED_ROW_BYTES;
  return Math.max(64 * 2 ** 20, Math.ceil(bytes));
}

/** The variants on rolp's heap: they differ in how memtables and tables are placed there. */
function openArena<S extends Shelf>(
  placement: Placement,
  homeOn: (arena: ArenaHeap) => ShelfHome<S>,
  requests: Requests,
  policy: CassandraPolicy,
): Engine {
  const { cachedRows, memtableCells } = policy;
  const arena = new ArenaHeap(placement, arenaBytes(requests.rows, cachedRows), REGION_BYTES);
  const cache = new ArenaRowCache(arena.heap, cachedRows, cacheBytes(arena.heap, cachedRows));
  return new CassandraEngine(requests, new FlatTables(homeOn(arena), memtableCells), cache, policy);
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
      return openArena(PLACEMENTS[variant], (arena) => new RefTables(arena), requests, policy);
    case 'arena':
      return openArena(PLACEMENTS.arena, (arena) => new PlacedTables(arena), requests, policy);
    case 'floor':
      return new CassandraFloor(requests);
    default:
      throw new RangeError(`cassandra has no variant '${variant}', it has ${CASSANDRA_VARIANTS.join(', ')}`);
  }
}

function rowsFor(heapMb: number): number {
  return Math.max(1000, Math.round((heapMb * 1e6) / HEAP_BYTES_PER_ROW));
}

/** The stream of requests for a store of that size. */
export function openRequests({ heapMb, streamOps, seed, mix }: WorkloadOptions): Requests {
  return new Requests(rowsFor(heapMb), streamOps, seed, mix);
}

export const cassandra: Workload = {
  name: 'cassandra',
  mixes: MIX_NAMES,
  variants: CASSANDRA_VARIANTS,
  incomparable: ['floor'],
  warmUpOperations: (heapMb) => WARM_UP_PER_CACHED_ROW * policyFor(rowsFor(heapMb)).cachedRows,
  prepare(options: WorkloadOptions): Prepared {
    const requests = openRequests(options);
    const { rows } = requests;
    return {
      open: (variant) => openCassandra(variant, requests),
      facts: { rows, streamMb: Math.round(requests.bytes / 1e6), ...policyFor(rows) },
    };
  },
};
