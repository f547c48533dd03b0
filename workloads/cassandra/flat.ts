import type { OffHeapBytes, StopWorkLog } from '../common/index.js';
import type { MemtableInfo, Rewrite, Row, StoreView, TableStore } from './engine.js';
import { FlatCompaction, FlatFlush } from './flat-rewrites.js';
import { FlatTable } from './flat-table.js';
import { RangeLists } from './ranges.js';
import { tokenOf } from './requests.js';
import { RowBuilder } from './row-builder.js';
import type { Shelf, ShelfHome, TokenIndex } from './shelf.js';

export class FlatMemtable<S extends Shelf> implements MemtableInfo {
  cells = 0;
  /** Cells that no newer one has overwritten. */
  latest = 0;
  readonly shelf: S;
  readonly index: TokenIndex;
  readonly ranges: RangeLists;

  constructor(shelf: S, index: TokenIndex, ranges: RangeLists) {
    this.shelf = shelf;
    this.index = index;
    this.ranges = ranges;
  }

  /** @returns the token's row, new if it had none. */
  rowOf(token: number): number {
    const known = this.index.get(token);
    if (known !== undefined) return known;
    const row = this.shelf.append(token);
    this.index.set(token, row);
    this.ranges.add(row, token);
    return row;
  }
}

/** Memtables and tables without a JavaScript object per row or cell. */
export class FlatTables<S extends Shelf> implements TableStore<FlatMemtable<S>, FlatTable<S>> {
  readonly #home: ShelfHome<S>;
  readonly #memtableCells: number;
  /** Of memtables that are gone, for those to come. */
  readonly #spareRanges: RangeLists[] = [];
  readonly #row = new RowBuilder();

  constructor(home: ShelfHome<S>, memtableCells: number) {
    this.#home = home;
    this.#memtableCells = memtableCells;
  }

  openMemtable(): FlatMemtable<S> {
    const { shelf, index } = this.#home.openMemtable(this.#memtableCells);
    return new FlatMemtable(shelf, index, this.#spareRanges.pop() ?? new RangeLists(this.#memtableCells));
  }

  write(memtable: FlatMemtable<S>, key: string, field: number, value: string, time: number): void {
    const { shelf } = memtable;
    const row = memtable.rowOf(tokenOf(key));
    if (shelf.cell(row, field) === 0) memtable.latest++;
    shelf.write(row, field, value, time);
    memtable.cells++;
  }

  read(key: string, view: StoreView<FlatMemtable<S>, FlatTable<S>>): Row | undefined {
    const token = tokenOf(key);
    const builder = this.#row;
    builder.start();
    for (let at = view.memtables.length - 1; at >= 0 && !builder.isComplete; at--) {
      const memtable = view.memtables[at]!;
      const row = memtable.index.get(token);
      if (row !== undefined) memtable.shelf.read(row, builder);
    }
    for (let at = view.tables.length - 1; at >= 0 && !builder.isComplete; at--) {
      const table = view.tables[at]!;
      if (!table.bloom.mayHave(token)) continue;
      const row = table.find(token);
      if (row !== -1) table.found!.read(row, builder);
    }
    return builder.finish();
  }

  startFlush(memtable: FlatMemtable<S>): Rewrite<FlatTable<S>> {
    return new FlatFlush(memtable, new FlatTable(this.#home, 0, memtable.shelf.rows));
  }

  startCompaction(inputs: readonly FlatTable<S>[], tier: number): Rewrite<FlatTable<S>> {
    const rows = inputs.reduce((sum, input) => sum + input.rows, 0);
    return new FlatCompaction(inputs, new FlatTable(this.#home, tier, rows));
  }

  dropMemtable(memtable: FlatMemtable<S>): void {
    memtable.ranges.clear();
    this.#spareRanges.push(memtable.ranges);
    this.#home.close(memtable.shelf);
  }

  dropTables(tables: readonly FlatTable<S>[]): void {
    for (const table of tables) table.releaseAll();
  }

  close(): void {}

  offHeap(): OffHeapBytes {
    return this.#home.offHeap();
  }

  takeStopWork(): StopWorkLog {
    return this.#home.takeStopWork?.() ?? { pauses: [], lost: 0 };
  }

  stats(): Record<string, number> {
    return this.#home.stats?.() ?? {};
  }

  verify(): void {
    this.#home.verify?.();
  }
}
