/**
 * cassandra: a column store's write path after Apache Cassandra's, under YCSB's mixes.
 *
 * What may not live here: how time is taken, and what another workload needs.
 */
import type { Engine, Prepared, Workload, WorkloadOptions } from '../common/index.js';
import { ArenaTables } from './arena.js';
import { CassandraEngine, type CassandraPolicy, policyFor } from './engine.js';
import { CassandraFloor } from './floor.js';
import { HeapTables } from './heap.js';
import { FIELDS, MIX_NAMES, Requests } from './requests.js';
import { BufferRowCache, LibraryRowCache, MapRowCache, TypedRowCache } from './row-caches.js';
import { TypedTables } from './typed.js';

export { BloomFilter } from './bloom.js';
export { CassandraEngine, type CassandraPolicy, type Row, type RowCache } from './engine.js';
export { FIELD_LENGTH, FIELDS, Requests, tokenOf } from './requests.js';
export { BufferRowCache, LibraryRowCache, MapRowCache, TypedRowCache } from './row-caches.js';

/** What a row costs in the variant `heap`, measured, overwritten cells that wait for compaction included. */
const HEAP_BYTES_PER_ROW = 2000;

export const CASSANDRA_VARIANTS = [
  'heap',
  'lru-cache',
  'map-of-buffers',
  'typed',
  'single',
  'arena',
  'floor',
] as const;

/**
 * Room for the rows, their overwritten cells and one compaction of everything. The budget is the same for
 * `single` and `arena`; what they use of it is what they are compared by.
 */
function arenaBytes(rows: number): number {
  return Math.max(64 * 2 ** 20, rows * FIELDS * 140 * 4);
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
    case 'typed':
      return new CassandraEngine(
        requests,
        new TypedTables(memtableCells),
        new TypedRowCache(cachedRows),
        policy,
      );
    case 'single':
    case 'arena': {
      const tables = new ArenaTables(variant, memtableCells, arenaBytes(requests.rows));
      return new CassandraEngine(requests, tables, new TypedRowCache(cachedRows), policy);
    }
    case 'floor':
      return new CassandraFloor(requests);
    default:
      throw new RangeError(`cassandra has no variant '${variant}', it has ${CASSANDRA_VARIANTS.join(', ')}`);
  }
}

export const cassandra: Workload = {
  name: 'cassandra',
  mixes: MIX_NAMES,
  variants: CASSANDRA_VARIANTS,
  incomparable: ['floor'],
  prepare(options: WorkloadOptions): Prepared {
    const rows = Math.max(1000, Math.round((options.heapMb * 1e6) / HEAP_BYTES_PER_ROW));
    const requests = new Requests(rows, options.streamOps, options.seed, options.mix);
    return {
      open: (variant) => openCassandra(variant, requests),
      facts: { rows, streamMb: Math.round(requests.bytes / 1e6), ...policyFor(rows) },
    };
  },
};
