import type { Rewrite } from './engine.js';

/**
 * Writes a memtable as a table, sorting one range of keys at a time. One piece of code for all variants, so that a flush takes
 * the same steps in each.
 */
export abstract class Flush<Table, SortedRow> implements Rewrite<Table> {
  readonly output: Table;
  left: number;
  #range = 0;
  #sorted: readonly SortedRow[] = [];
  #at = 0;

  /** @param units rows and cells of the memtable */
  constructor(output: Table, units: number) {
    this.output = output;
    this.left = units;
  }

  step(units: number): number {
    const before = this.left;
    while (this.left > 0 && before - this.left < units) {
      if (this.#at === this.#sorted.length) {
        this.#sorted = this.sortedRange(this.#range++);
        this.#at = 0;
      } else this.left -= 1 + this.take(this.#sorted[this.#at++]!);
    }
    return before - this.left;
  }

  /** The rows of a range of keys, in the keys' order. */
  protected abstract sortedRange(range: number): readonly SortedRow[];
  /** Appends a row to the output. @returns how many cells it has. */
  protected abstract take(row: SortedRow): number;
}
