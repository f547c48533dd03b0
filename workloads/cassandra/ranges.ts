/**
 * A memtable is cut by ranges of keys (as Cassandra's trie memtable is sharded), so that a flush sorts some
 * hundred keys at a time and not all of them in one stop.
 */
export const RANGES = 256;

/** @returns the range of keys that a token is in. */
export function rangeOf(token: number): number {
  return Math.floor(token / (2 ** 32 / RANGES));
}

/** The rows of a memtable by range, as lists linked by row number. */
export class RangeLists {
  /** Row + 1; 0 for none. */
  readonly #first = new Uint32Array(RANGES);
  readonly #next: Uint32Array;

  /** @param rows most rows */
  constructor(rows: number) {
    this.#next = new Uint32Array(rows);
  }

  add(row: number, token: number): void {
    const range = rangeOf(token);
    this.#next[row] = this.#first[range]!;
    this.#first[range] = row + 1;
  }

  *rowsOf(range: number): Generator<number> {
    for (let row = this.#first[range]!; row !== 0; row = this.#next[row - 1]!) yield row - 1;
  }

  clear(): void {
    this.#first.fill(0);
  }
}
