import type { Rewrite, TableInfo } from './engine.js';

/** Goes through a table by key. What a key is and where cells lie is the variant's. */
export interface Cursor<K> {
  /** Of the row that it is at; undefined behind the last. */
  readonly key: K | undefined;
  next(): void;
}

/** Merges sorted tables row by row, the lowest key first; of a row's cells the newest table's count. */
export abstract class Compaction<T extends TableInfo, K extends string | number, C extends Cursor<K>>
  implements Rewrite<T>
{
  readonly output: T;
  left: number;
  /** Newest first. */
  readonly #cursors: readonly C[];

  /** @param inputs oldest first */
  constructor(inputs: readonly T[], output: T, cursorOf: (input: T) => C) {
    this.#cursors = inputs.map(cursorOf).reverse();
    this.left = inputs.reduce((units, { rows, cells }) => units + rows + cells, 0);
    this.output = output;
  }

  step(units: number): number {
    const before = this.left;
    while (this.left > 0 && before - this.left < units) this.#mergeRow(this.#lowestKey()!);
    return before - this.left;
  }

  #lowestKey(): K | undefined {
    let lowest: K | undefined;
    for (const { key } of this.#cursors) {
      if (key !== undefined && (lowest === undefined || key < lowest)) lowest = key;
    }
    return lowest;
  }

  #mergeRow(key: K): void {
    this.append(key);
    for (const cursor of this.#cursors) {
      if (cursor.key !== key) continue;
      this.left -= 1 + this.fill(cursor);
      cursor.next();
    }
  }

  /** Begins a row of the output, without cells. */
  protected abstract append(key: K): void;
  /**
   * Takes over the cells that the row begun last lacks.
   * @returns how many cells the cursor's row has.
   */
  protected abstract fill(cursor: C): number;
}
