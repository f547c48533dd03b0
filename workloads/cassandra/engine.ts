import {
  type Engine,
  mixFloat,
  mixString,
  type OffHeapBytes,
  type StopWorkLog,
  withOwnBytes,
} from '../common/index.js';
import { FIELDS, type Requests } from './requests.js';

/** A whole row as it is answered: its fields' newest values and when the last of them was written. */
export interface Row {
  readonly values: readonly string[];
  readonly writeTime: number;
}

export interface MemtableInfo {
  /** Cells written, those overwritten included. */
  cells: number;
}

/** A sorted table, immutable once its rewrite is done. */
export interface TableInfo {
  readonly rows: number;
  readonly cells: number;
  /** 0 for a flushed memtable; one more than its inputs' for a compaction. */
  readonly tier: number;
}

/** A flush or compaction under way. Its work is counted in units: one for each row read, one for each of its cells. */
export interface Rewrite<T> {
  readonly output: T;
  /** Units still to do; 0 once all is done. */
  readonly left: number;
  /**
   * Reads rows until `units` or more are done, or all.
   * @returns units done: fewer than `units` and what a row has in all inputs.
   */
  step(units: number): number;
}

/**
 * What a read looks at: each list oldest first, all tables older than all memtables. While a compaction is under way,
 * its output stands behind its inputs (Cassandra opens it early too): keys that it has passed are found there, and
 * inputs may let go of them.
 */
export interface StoreView<M, T> {
  readonly memtables: readonly M[];
  readonly tables: readonly T[];
}

/** Where memtables and tables live: the part of the store in which the variants differ. */
export interface TableStore<M extends MemtableInfo, T extends TableInfo> {
  openMemtable(): M;
  write(memtable: M, key: string, field: number, value: string, time: number): void;
  read(key: string, view: StoreView<M, T>): Row | undefined;
  startFlush(memtable: M): Rewrite<T>;
  /** @param inputs oldest first */
  startCompaction(inputs: readonly T[], tier: number): Rewrite<T>;
  /** No read will look at them again. */
  dropMemtable(memtable: M): void;
  dropTables(tables: readonly T[]): void;
  close(): void;
  offHeap?(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
}

/** Least recently used rows. */
export interface RowCache {
  get(key: string): Row | undefined;
  set(key: string, row: Row): void;
  delete(key: string): void;
  clear(): void;
  /** Bytes outside V8's heap. */
  readonly offHeapBytes: number;
}

export interface CassandraPolicy {
  /** Cells after which a memtable is sealed and flushed. */
  readonly memtableCells: number;
  /** Tables of one tier after which they are compacted (Cassandra's min_threshold). */
  readonly compactionFanIn: number;
  /**
   * All tables are compacted when the rows of the newer ones are this many times the oldest's (RocksDB's
   * max_size_amplification of universal compaction): it bounds what overwritten cells take.
   */
  readonly maxAmplification: number;
  /**
   * Units of flushing and compaction done with each cell written while there is something to do. Little more than what
   * writes cause on average, so that there nearly always is, and one write costs what another does.
   */
  readonly unitsPerCell: number;
  /** Rows in the row cache. */
  readonly cachedRows: number;
}

export function policyFor(rows: number): CassandraPolicy {
  return {
    memtableCells: Math.max(1000, Math.round((rows * FIELDS) / 40)),
    compactionFanIn: 4,
    maxAmplification: 1.5,
    unitsPerCell: 12,
    cachedRows: Math.max(100, Math.round(rows / 10)),
  };
}

/**
 * A column store's write path after Cassandra's: writes go to a memtable, which is sealed when full and flushed
 * into an immutable sorted table; tables of like size are compacted; reads merge what they find, newest
 * first, past bloom filters, into a row cache. Tables stay in memory: there is no disk to wait for. Flushes
 * and compactions, other threads' work there, advance by a bounded share with each write here.
 */
export class CassandraEngine<M extends MemtableInfo, T extends TableInfo> implements Engine, StoreView<M, T> {
  readonly memtables: M[];
  readonly tables: T[] = [];
  readonly #requests: Requests;
  readonly #store: TableStore<M, T>;
  readonly #cache: RowCache;
  readonly #policy: CassandraPolicy;
  #flush: { rewrite: Rewrite<T>; total: number } | undefined;
  #compaction: { rewrite: Rewrite<T>; inputs: readonly T[] } | undefined;
  /** Whether there may be tables to compact: not until another is there. */
  #tablesChanged = false;
  /** The most units that came with one write. */
  #largestShare = 0;
  #unitsDone = 0;
  /** Units of compaction due; negative when more were done. */
  #owed = 0;
  #time = 0;
  #cacheHits = 0;
  #reads = 0;

  constructor(requests: Requests, store: TableStore<M, T>, cache: RowCache, policy: CassandraPolicy) {
    this.#requests = requests;
    this.#store = store;
    this.#cache = cache;
    this.#policy = policy;
    this.memtables = [store.openMemtable()];
  }

  load(): void {
    for (let record = 0; record < this.#requests.rows; record++) {
      for (let field = 0; field < FIELDS; field++) {
        this.write(this.#requests.recordKey(record), field, this.#requests.firstValue(record, field));
      }
    }
  }

  apply(op: number): number {
    const field = this.#requests.field(op);
    const key = this.#requests.key(op);
    if (field < FIELDS) {
      this.write(key, field, this.#requests.value(op));
      return field;
    }
    return checksumOf(this.read(key));
  }

  write(key: string, field: number, value: string): void {
    const memtable = this.memtables.at(-1)!;
    this.#store.write(memtable, key, field, value, ++this.#time);
    this.#cache.delete(key);
    if (memtable.cells >= this.#policy.memtableCells) this.memtables.push(this.#store.openMemtable());
    this.#maintain();
  }

  read(key: string): Row | undefined {
    this.#reads++;
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.#cacheHits++;
      return cached;
    }
    const row = this.#store.read(key, this);
    if (row !== undefined) this.#cache.set(key, row);
    return row;
  }

  close(): void {
    this.#flush = undefined;
    this.#compaction = undefined;
    this.memtables.length = 0;
    this.tables.length = 0;
    this.#cache.clear();
    this.#store.close();
  }

  offHeap(): OffHeapBytes {
    const store = this.#store.offHeap?.() ?? { committed: 0, used: 0 };
    return withOwnBytes(store, this.#cache.offHeapBytes);
  }

  takeStopWork(): StopWorkLog | undefined {
    return this.#store.takeStopWork?.();
  }

  stats(): Record<string, number> {
    return {
      memtables: this.memtables.length,
      tables: this.tables.length,
      tableRows: this.tables.reduce((sum, table) => sum + table.rows, 0),
      cacheHitRatio: this.#cacheHits / Math.max(1, this.#reads),
      writes: this.#time,
      largestShare: this.#largestShare,
      unitsPerWrite: this.#unitsDone / Math.max(1, this.#time),
      ...this.#store.stats?.(),
    };
  }

  /**
   * A write's share. Rows are not cut, so what one took beyond its share is taken off the next ones': work goes on
   * evenly.
   */
  #maintain(): void {
    const flushed = this.#flushSome();
    if (this.#compaction === undefined && this.#tablesChanged) this.#startCompaction();
    const units = flushed + (this.#compaction === undefined ? 0 : this.#compactSome(flushed));
    this.#unitsDone += units;
    if (units > this.#largestShare) this.#largestShare = units;
  }

  /** Is done by the time that the next memtable is full. @returns units done */
  #flushSome(): number {
    if (this.memtables.length === 1) return 0;
    this.#flush ??= this.#openFlush();
    const { rewrite, total } = this.#flush;
    const { memtableCells } = this.#policy;
    const due = Math.floor(total * Math.max(0, 1 - this.memtables.at(-1)!.cells / memtableCells));
    const units = rewrite.left > due ? rewrite.step(rewrite.left - due) : 0;
    if (rewrite.left === 0) this.#finishFlush(rewrite.output);
    return units;
  }

  #openFlush(): { rewrite: Rewrite<T>; total: number } {
    const rewrite = this.#store.startFlush(this.memtables[0]!);
    return { rewrite, total: rewrite.left };
  }

  /** @returns units done */
  #compactSome(flushed: number): number {
    const { rewrite } = this.#compaction!;
    this.#owed += this.#policy.unitsPerCell - flushed;
    if (this.#owed <= 0) return 0;
    const units = rewrite.step(this.#owed);
    this.#owed -= units;
    if (rewrite.left === 0) this.#finishCompaction();
    return units;
  }

  #finishFlush(table: T): void {
    this.#flush = undefined;
    this.tables.push(table);
    this.#tablesChanged = true;
    this.#store.dropMemtable(this.memtables.shift()!);
  }

  #startCompaction(): void {
    this.#tablesChanged = false;
    this.#compaction = this.#chooseCompaction();
    if (this.#compaction === undefined) return;
    const { rewrite, inputs } = this.#compaction;
    this.tables.splice(this.tables.indexOf(inputs.at(-1)!) + 1, 0, rewrite.output);
  }

  #finishCompaction(): void {
    const { inputs } = this.#compaction!;
    this.#compaction = undefined;
    this.#owed = 0;
    this.#tablesChanged = true;
    this.tables.splice(this.tables.indexOf(inputs[0]!), inputs.length);
    this.#store.dropTables(inputs);
  }

  /** Size-tiered: the newest run of neighbours of one tier, so that tables stay in order of age. */
  #chooseCompaction(): { rewrite: Rewrite<T>; inputs: readonly T[] } | undefined {
    const { compactionFanIn, maxAmplification } = this.#policy;
    const [oldest, ...newer] = this.tables;
    if (oldest === undefined || newer.length === 0) return undefined;
    const newerRows = newer.reduce((sum, table) => sum + table.rows, 0);
    if (newer.length >= compactionFanIn && newerRows > maxAmplification * oldest.rows) {
      return this.#compact([...this.tables], Math.max(1, oldest.tier));
    }
    for (let first = this.tables.length - compactionFanIn; first >= 0; first--) {
      const inputs = this.tables.slice(first, first + compactionFanIn);
      const { tier } = inputs[0]!;
      if (inputs.some((table) => table.tier !== tier)) continue;
      return this.#compact(inputs, tier + 1);
    }
    return undefined;
  }

  #compact(inputs: readonly T[], tier: number): { rewrite: Rewrite<T>; inputs: readonly T[] } {
    return { rewrite: this.#store.startCompaction(inputs, tier), inputs };
  }
}

function checksumOf(row: Row | undefined): number {
  if (row === undefined) return -1;
  let checksum = mixFloat(0, row.writeTime);
  for (const value of row.values) checksum = mixString(checksum, value);
  return checksum;
}
