import { Compaction, type Cursor } from './compaction.js';
import type { Rewrite } from './engine.js';
import type { FlatMemtable } from './flat.js';
import type { FlatTable } from './flat-table.js';
import type { Shelf } from './shelf.js';

/** Writes a memtable as a table, sorting one range of keys at a time. */
export class FlatFlush<S extends Shelf> implements Rewrite<FlatTable<S>> {
  readonly output: FlatTable<S>;
  left: number;
  readonly #memtable: FlatMemtable<S>;
  #range = 0;
  #sorted: number[] = [];
  #at = 0;

  constructor(memtable: FlatMemtable<S>, output: FlatTable<S>) {
    this.#memtable = memtable;
    this.output = output;
    this.left = memtable.shelf.rows + memtable.latest;
  }

  step(units: number): number {
    const before = this.left;
    while (this.left > 0 && before - this.left < units) {
      if (this.#at === this.#sorted.length) this.#sortRange();
      else this.#takeRow();
    }
    return before - this.left;
  }

  #sortRange(): void {
    const { shelf, ranges } = this.#memtable;
    this.#sorted = [...ranges.rowsOf(this.#range++)].sort((a, b) => shelf.token(a) - shelf.token(b));
    this.#at = 0;
  }

  #takeRow(): void {
    const { shelf } = this.#memtable;
    const row = this.#sorted[this.#at++]!;
    this.output.append(shelf.token(row));
    this.output.fill(shelf, row);
    this.left -= 1 + shelf.count(row);
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
