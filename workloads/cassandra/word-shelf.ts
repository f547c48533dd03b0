import type { WordStore } from '../common/index.js';
import { FIELD_LENGTH, FIELDS } from './requests.js';
import type { Shelf } from './shelf.js';
import { readLatin1, writeLatin1 } from './text.js';

/** Words of a cell: its time (a double), the length of its value, the value. */
const LENGTH = 2;
const VALUE = 3;
const CELL_WORDS = VALUE + FIELD_LENGTH / 4;

/** Words of a row: its token, the name of the cell of each field. */
const ROW_WORDS = 1 + FIELDS;
/** log2 of the rows that lie in one run. */
const PAGE_SHIFT = 7;
const PAGE_ROWS = 2 ** PAGE_SHIFT;

/** Runs of words that can be looked at as bytes too. */
export interface ByteStore extends WordStore {
  readonly bytes: Uint8Array;
}

/** Rows and cells as runs of words: `typed` and `arena` differ in where runs lie. */
export class WordShelf<W extends ByteStore = ByteStore> implements Shelf {
  rows = 0;
  readonly store: W;
  readonly #pages: number[] = [];

  constructor(store: W) {
    this.store = store;
  }

  append(token: number): number {
    const row = this.rows++;
    if ((row & (PAGE_ROWS - 1)) === 0) this.#pages.push(this.store.allocate(PAGE_ROWS * ROW_WORDS));
    const at = this.#rowAt(row);
    const { words } = this.store;
    words[at] = token;
    words.fill(0, at + 1, at + ROW_WORDS);
    return row;
  }

  token(row: number): number {
    const at = this.#rowAt(row);
    return this.store.words[at]! >>> 0;
  }

  find(token: number): number {
    let low = 0;
    let high = this.rows - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.token(middle);
      if (found === token) return middle;
      if (found < token) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  cell(row: number, field: number): number {
    const at = this.#rowAt(row);
    return this.store.words[at + 1 + field]! >>> 0;
  }

  count(row: number): number {
    const at = this.#rowAt(row);
    const { words } = this.store;
    let count = 0;
    for (let word = at + 1; word < at + ROW_WORDS; word++) if (words[word] !== 0) count++;
    return count;
  }

  /** The place of one that is overwritten is not used again before the memtable ends. */
  write(row: number, field: number, value: string, time: number): void {
    if (value.length > FIELD_LENGTH)
      throw new RangeError(`value of ${value.length}, fields take ${FIELD_LENGTH}`);
    const { store } = this;
    const cell = store.allocate(CELL_WORDS);
    const at = store.locate(cell);
    store.doubles[at >>> 1] = time;
    store.words[at + LENGTH] = value.length;
    writeLatin1(store.bytes, 4 * (at + VALUE), value);
    const rowAt = this.#rowAt(row);
    store.words[rowAt + 1 + field] = cell;
  }

  value(cell: number): string {
    const { store } = this;
    const at = store.locate(cell);
    return readLatin1(store.bytes, 4 * (at + VALUE), store.words[at + LENGTH]!);
  }

  time(cell: number): number {
    const at = this.store.locate(cell);
    return this.store.doubles[at >>> 1]!;
  }

  fill(from: this, row: number): number {
    const fromAt = from.#rowAt(row);
    const theirs = from.store.words;
    const at = this.#rowAt(this.rows - 1);
    const { words } = this.store;
    let filled = 0;
    for (let field = 1; field <= FIELDS; field++) {
      const cell = theirs[fromAt + field]!;
      if (cell === 0 || words[at + field] !== 0) continue;
      words[at + field] = this.#copy(from, cell >>> 0);
      filled++;
    }
    return filled;
  }

  /** A loop: for so few words a call into the platform takes longer. */
  #copy(from: this, cell: number): number {
    const fromAt = from.store.locate(cell);
    const theirs = from.store.words;
    const copy = this.store.allocate(CELL_WORDS);
    const at = this.store.locate(copy);
    const { words } = this.store;
    const length = VALUE + ((theirs[fromAt + LENGTH]! + 3) >>> 2);
    for (let word = 0; word < length; word++) words[at + word] = theirs[fromAt + word]!;
    return copy;
  }

  #rowAt(row: number): number {
    return this.store.locate(this.#pages[row >>> PAGE_SHIFT]!) + ROW_WORDS * (row & (PAGE_ROWS - 1));
  }
}
