import type { OffHeapBytes, StopWorkLog } from '../common/index.js';
import type { RowBuilder } from './row-builder.js';

/** Rows of cells that live and die together: a memtable, or a slice of a table. Row and field say where a cell is. */
export interface Shelf {
  readonly rows: number;
  /** Begins a row without cells. @returns its number. */
  append(token: number): number;
  token(row: number): number;
  /** Where tokens ascend. @returns the token's row, or -1. */
  find(token: number): number;
  /** @returns the cell's name; 0 for none. */
  cell(row: number, field: number): number;
  /** Puts a new cell there; one that was there is dropped. */
  write(row: number, field: number, value: string, time: number): void;
  /** Gives the row the cells that it lacks. */
  read(row: number, into: RowBuilder): void;
  /**
   * Gives the last row copies of the cells that it lacks and `row` of `from` has.
   * @returns how many.
   */
  fill(from: this, row: number): number;
  /** @returns how many cells the row has. */
  count(row: number): number;
}

/** Rows by token, in a memtable. */
export interface TokenIndex {
  get(token: number): number | undefined;
  set(token: number, row: number): void;
}

/** Where shelves live: the one part in which the variants without objects differ. */
export interface ShelfHome<S extends Shelf> {
  /** @param cells how many will be written */
  openMemtable(cells: number): { readonly shelf: S; readonly index: TokenIndex };
  openSlice(): S;
  /** Nobody will look at it again. */
  close(shelf: S): void;
  offHeap(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
  verify?(): void;
}
