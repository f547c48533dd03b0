import { Compaction, type Cursor } from './compaction.js';
import type { FlatMemtable } from './flat.js';
import type { FlatTable } from './flat-table.js';
import { Flush } from './flush.js';
import type { Shelf } from './shelf.js';

export class FlatFlush<S extends Shelf> extends Flush<FlatTable<S>, number> {
  readonly #memtable: FlatMemtable<S>;

  constructor(memtable: FlatMemtable<S>, output: FlatTable<S>) {
    super(output, memtable.shelf.rows + memtable.latest);
    this.#memtable = memtable;
  }

  protected sortedRange(range: number): number[] {
    const { shelf, ranges } = this.#memtable;
    return [...ranges.rowsOf(range)].sort((a, b) => shelf.token(a) - shelf.token(b));
  }

  protected take(row: number): number {
    const { shelf } = this.#memtable;
    this.output.append(shelf.token(row));
    this.output.fill(shelf, row);
    return shelf.count(row);
  }
}

/** Lets go of each slice that it has passed. */
class FlatCursor<S extends Shelf> implements Cursor<number> {
  readonly #table: FlatTable<S>;
  #at = 0;
  shelf: S | undefined;
  row = 0;
  key: number | undefined;

  constructor(table: FlatTable<S>) {
    this.#table = table;
    this.shelf = table.slice(0);
    this.key = this.shelf?.token(0);
  }

  next(): void {
    const { shelf } = this;
    if (++this.row < shelf!.rows) this.key = shelf!.token(this.row);
    else this.#nextSlice();
  }

  #nextSlice(): void {
    this.#table.release(this.#at);
    this.shelf = this.#table.slice(++this.#at);
    this.row = 0;
    this.key = this.shelf?.token(0);
  }
}

export class FlatCompaction<S extends Shelf> extends Compaction<FlatTable<S>, number, FlatCursor<S>> {
  constructor(inputs: readonly FlatTable<S>[], output: FlatTable<S>) {
    super(inputs, output, (input) => new FlatCursor(input));
  }

  protected append(token: number): void {
    this.output.append(token);
  }

  protected fill({ shelf, row }: FlatCursor<S>): number {
    this.output.fill(shelf!, row);
    return shelf!.count(row);
  }
}
