import type { Rewrite, TableInfo } from './engine.js';
import { FIELDS } from './requests.js';

/**
 * Merges sorted tables row by row, the lowest key first; of a row's cells the newest table's count. What a key
 * is and where cells lie is the variant's.
 */
export abstract class Compaction<T extends TableInfo, K extends string | number> implements Rewrite<T> {
  readonly output: T;
  /** Oldest first. */
  readonly #inputs: readonly T[];
  readonly #cursors: number[];

  constructor(inputs: readonly T[], output: T) {
    this.#inputs = inputs;
    this.#cursors = inputs.map(() => 0);
    this.output = output;
  }

  step(units: number): boolean {
    for (let left = units; left > 0; left -= 1 + FIELDS) {
      const key = this.#lowestKey();
      if (key === undefined) return true;
      this.#mergeRow(key);
    }
    return this.#lowestKey() === undefined;
  }

  #lowestKey(): K | undefined {
    let lowest: K | undefined;
    for (let at = 0; at < this.#inputs.length; at++) {
      const input = this.#inputs[at]!;
      if (this.#cursors[at]! === input.rows) continue;
      const key = this.keyOf(input, this.#cursors[at]!);
      if (lowest === undefined || key < lowest) lowest = key;
    }
    return lowest;
  }

  #mergeRow(key: K): void {
    this.append(key);
    for (let at = this.#inputs.length - 1; at >= 0; at--) {
      const input = this.#inputs[at]!;
      const row = this.#cursors[at]!;
      if (row === input.rows || this.keyOf(input, row) !== key) continue;
      this.fill(input, row);
      this.#cursors[at] = row + 1;
    }
  }

  protected abstract keyOf(table: T, row: number): K;
  /** Begins a row of the output, without cells. */
  protected abstract append(key: K): void;
  /** Takes over the cells that the row begun last lacks. */
  protected abstract fill(input: T, row: number): void;
}
