import type { WordStore } from '../common/index.js';
import { FIELD_LENGTH, FIELDS } from './requests.js';
import type { RowBuilder } from './row-builder.js';
import type { Shelf } from './shelf.js';
import { readLatin1, writeLatin1 } from './text.js';

/** Words of a cell: its time (a double), the length of its value, the value. */
const LENGTH = 2;
const VALUE = 3;
const CELL_WORDS = VALUE + FIELD_LENGTH / 4;

/** log2 of the rows that lie in one run: first their tokens, then of each row the names of its cells. */
const PAGE_SHIFT = 7;
const PAGE_ROWS = 2 ** PAGE_SHIFT;
const PAGE_WORDS = PAGE_ROWS * (1 + FIELDS);

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
    const inPage = row & (PAGE_ROWS - 1);
    if (inPage === 0) this.#pages.push(this.store.allocate(PAGE_WORDS));
    const at = this.store.locate(this.#pages[row >>> PAGE_SHIFT]!);
    const { words } = this.store;
    words[at + inPage] = token;
    const cells = at + PAGE_ROWS + FIELDS * inPage;
    for (let field = 0; field < FIELDS; field++) words[cells + field] = 0;
    return row;
  }

  token(row: number): number {
    const at = this.store.locate(this.#pages[row >>> PAGE_SHIFT]!);
    return this.store.words[at + (row & (PAGE_ROWS - 1))]! >>> 0;
  }

  find(token: number): number {
    const page = this.#pageOf(token);
    if (page === -1) return -1;
    const at = this.store.locate(this.#pages[page]!);
    const { words } = this.store;
    const first = page << PAGE_SHIFT;
    let low = at;
    let high = at + Math.min(PAGE_ROWS, this.rows - first) - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = words[middle]! >>> 0;
      if (found === token) return first + middle - at;
      if (found < token) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** @returns the last page that begins at or below the token; -1 if there is none. */
  #pageOf(token: number): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.token(middle << PAGE_SHIFT) <= token) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  cell(row: number, field: number): number {
    const at = this.#rowAt(row);
    return this.store.words[at + field]! >>> 0;
  }

  count(row: number): number {
    const at = this.#rowAt(row);
    const { words } = this.store;
    let count = 0;
    for (let field = 0; field < FIELDS; field++) if (words[at + field] !== 0) count++;
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
    store.words[rowAt + field] = cell;
  }

  read(row: number, into: RowBuilder): void {
    const { store } = this;
    const at = this.#rowAt(row);
    const { words } = store;
    for (let field = 0; field < FIELDS; field++) {
      const cell = words[at + field]! >>> 0;
      if (cell === 0 || !into.lacks(field)) continue;
      const cellAt = store.locate(cell);
      const value = readLatin1(store.bytes, 4 * (cellAt + VALUE), store.words[cellAt + LENGTH]!);
      into.add(field, value, store.doubles[cellAt >>> 1]!);
    }
  }

  fill(from: this, row: number): number {
    const at = this.#rowAt(this.rows - 1);
    const { words } = this.store;
    const fromAt = from.#rowAt(row);
    const theirs = from.store.words;
    let filled = 0;
    for (let field = 0; field < FIELDS; field++) {
      const cell = theirs[fromAt + field]! >>> 0;
      if (cell === 0 || words[at + field] !== 0) continue;
      words[at + field] = this.#copy(from, cell);
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
    const page = this.store.locate(this.#pages[row >>> PAGE_SHIFT]!);
    return page + PAGE_ROWS + FIELDS * (row & (PAGE_ROWS - 1));
  }
}
