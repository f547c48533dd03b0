import {
  ArenaHeap,
  type BlockGroup,
  invertibleHash,
  type OffHeapBytes,
  type Placement,
  type StopWork,
} from '../common/index.js';
import { BloomFilter } from './bloom.js';
import type { MemtableInfo, Rewrite, Row, StoreView, TableInfo, TableStore } from './engine.js';
import { FIELDS, tokenOf } from './requests.js';

/**
 * The variants `single` and `arena`: rows and cells are blocks of rolp's heap, one group a memtable and one a
 * table. A row's block is its cells' refs, 0 for none; a cell's is its time and its value. The order of rows
 * is two numbers a row in typed arrays.
 */

/** Doubles of a cell before its value. */
const TIME_BYTES = 8;

/** Rows by token: what memtables and tables have in common. */
class RowTable {
  rows = 0;
  tokens: Uint32Array;
  refs: Int32Array;
  readonly group: BlockGroup;

  constructor(group: BlockGroup, rows: number) {
    this.group = group;
    this.tokens = new Uint32Array(rows);
    this.refs = new Int32Array(rows);
  }

  add(token: number, ref: number): number {
    const row = this.rows++;
    this.tokens[row] = token;
    this.refs[row] = ref;
    return row;
  }
}

class ArenaMemtable extends RowTable implements MemtableInfo {
  cells = 0;
  readonly #slots: Int32Array;

  constructor(group: BlockGroup, cells: number) {
    super(group, cells);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(2 * cells)));
  }

  /** @returns the row's number, or -1. */
  find(token: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = invertibleHash(token) & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      if (row === -1 || this.tokens[row] === token) return row;
    }
  }

  override add(token: number, ref: number): number {
    const row = super.add(token, ref);
    const mask = this.#slots.length - 1;
    let slot = invertibleHash(token) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
    return row;
  }
}

class ArenaTable extends RowTable implements TableInfo {
  readonly tier: number;
  readonly bloom: BloomFilter;

  constructor(group: BlockGroup, tier: number, maxRows: number) {
    super(group, maxRows);
    this.tier = tier;
    this.bloom = new BloomFilter(maxRows);
  }

  find(token: number): number {
    let low = 0;
    let high = this.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.tokens[middle]! < token) low = middle + 1;
      else high = middle;
    }
    return low < this.rows && this.tokens[low] === token ? low : -1;
  }
}

export class ArenaTables implements TableStore<ArenaMemtable, ArenaTable> {
  readonly #arena: ArenaHeap;
  readonly #memtableCells: number;
  #values: string[] = [];
  #found = 0;
  #writeTime = 0;

  constructor(placement: Placement, memtableCells: number, maxBytes: number) {
    this.#arena = new ArenaHeap(placement, maxBytes);
    this.#memtableCells = memtableCells;
  }

  openMemtable(): ArenaMemtable {
    return new ArenaMemtable(this.#arena.openGroup(), this.#memtableCells);
  }

  write(memtable: ArenaMemtable, key: string, field: number, value: string, time: number): void {
    const token = tokenOf(key);
    let row = memtable.find(token);
    if (row === -1) row = memtable.add(token, emptyRow(this.#arena, memtable.group));
    const cell = this.#arena.allocate(memtable.group, TIME_BYTES + value.length);
    const address = this.#arena.addressOf(cell);
    const at = this.#arena.byteAt(address);
    this.#arena.memory.f64[address >>> this.#arena.memory.slabShift]![at >>> 3] = time;
    this.#arena.bufferAt(address).write(value, at + TIME_BYTES, 'latin1');
    setCell(this.#arena, memtable.refs[row]!, field, cell);
    memtable.cells++;
  }

  read(key: string, view: StoreView<ArenaMemtable, ArenaTable>): Row | undefined {
    const token = tokenOf(key);
    this.#values = new Array(FIELDS).fill('');
    this.#found = 0;
    this.#writeTime = 0;
    const all = (1 << FIELDS) - 1;
    for (let at = view.memtables.length - 1; at >= 0 && this.#found !== all; at--) {
      const memtable = view.memtables[at]!;
      const row = memtable.find(token);
      if (row !== -1) this.#take(memtable.refs[row]!);
    }
    for (let at = view.tables.length - 1; at >= 0 && this.#found !== all; at--) {
      const table = view.tables[at]!;
      if (!table.bloom.mayHave(token)) continue;
      const row = table.find(token);
      if (row !== -1) this.#take(table.refs[row]!);
    }
    return this.#found === 0 ? undefined : { values: this.#values, writeTime: this.#writeTime };
  }

  startFlush(memtable: ArenaMemtable): Rewrite<ArenaTable> {
    return new ArenaFlush(this.#arena, memtable);
  }

  startCompaction(inputs: readonly ArenaTable[], tier: number): Rewrite<ArenaTable> {
    return new ArenaCompaction(this.#arena, inputs, tier);
  }

  dropMemtable(memtable: ArenaMemtable): void {
    this.#arena.endGroup(memtable.group);
  }

  dropTables(tables: readonly ArenaTable[]): void {
    for (const table of tables) this.#arena.endGroup(table.group);
  }

  close(): void {}

  offHeap(): OffHeapBytes {
    return this.#arena.offHeap();
  }

  takeStopWork(): StopWork[] {
    return this.#arena.takeStopWork();
  }

  stats(): Record<string, number> {
    return this.#arena.stats();
  }

  verify(): void {
    this.#arena.verify();
  }

  #take(rowRef: number): void {
    const arena = this.#arena;
    const rowAddress = arena.addressOf(rowRef);
    const cells = arena.memory.i32[rowAddress >>> arena.memory.slabShift]!;
    const first = arena.wordAt(rowAddress);
    for (let field = 0; field < FIELDS; field++) {
      const cell = cells[first + field]!;
      if (cell === 0 || (this.#found & (1 << field)) !== 0) continue;
      this.#found |= 1 << field;
      const address = arena.addressOf(cell);
      const at = arena.byteAt(address);
      const end = at + arena.byteLength(cell);
      this.#values[field] = arena.bufferAt(address).toString('latin1', at + TIME_BYTES, end);
      const time = arena.memory.f64[address >>> arena.memory.slabShift]![at >>> 3]!;
      this.#writeTime = Math.max(this.#writeTime, time);
    }
  }
}

function emptyRow(arena: ArenaHeap, group: BlockGroup): number {
  const ref = arena.allocate(group, 4 * FIELDS);
  const address = arena.addressOf(ref);
  const words = arena.memory.i32[address >>> arena.memory.slabShift]!;
  const first = arena.wordAt(address);
  for (let field = 0; field < FIELDS; field++) words[first + field] = 0;
  return ref;
}

function setCell(arena: ArenaHeap, row: number, field: number, cell: number): void {
  const address = arena.addressOf(row);
  arena.memory.i32[address >>> arena.memory.slabShift]![arena.wordAt(address) + field] = cell;
}

function cellOf(arena: ArenaHeap, row: number, field: number): number {
  const address = arena.addressOf(row);
  return arena.memory.i32[address >>> arena.memory.slabShift]![arena.wordAt(address) + field]!;
}

/** Copies the cells that `to` lacks from `from` into the table's group. Refs hold while blocks move. */
function fillFrom(arena: ArenaHeap, group: BlockGroup, to: number, from: number): void {
  for (let field = 0; field < FIELDS; field++) {
    const cell = cellOf(arena, from, field);
    if (cell === 0 || cellOf(arena, to, field) !== 0) continue;
    setCell(arena, to, field, copyOf(arena, group, cell));
  }
}

function copyOf(arena: ArenaHeap, group: BlockGroup, cell: number): number {
  const bytes = arena.byteLength(cell);
  const copy = arena.allocate(group, bytes);
  const source = arena.addressOf(cell);
  const target = arena.addressOf(copy);
  const from = arena.byteAt(source);
  arena.bufferAt(source).copy(arena.bufferAt(target), arena.byteAt(target), from, from + bytes);
  return copy;
}

class ArenaFlush implements Rewrite<ArenaTable> {
  readonly output: ArenaTable;
  readonly #arena: ArenaHeap;
  readonly #memtable: ArenaMemtable;
  readonly #order: Uint32Array;
  #at = 0;

  constructor(arena: ArenaHeap, memtable: ArenaMemtable) {
    this.#arena = arena;
    this.#memtable = memtable;
    this.#order = memtable.tokens.slice(0, memtable.rows).sort();
    this.output = new ArenaTable(arena.openGroup(), 0, memtable.rows);
  }

  step(units: number): boolean {
    for (let left = units; left > 0 && this.#at < this.#order.length; left -= 1 + FIELDS) {
      const token = this.#order[this.#at++]!;
      const from = this.#memtable.refs[this.#memtable.find(token)]!;
      appendRow(this.#arena, this.output, token);
      fillFrom(this.#arena, this.output.group, this.output.refs[this.output.rows - 1]!, from);
    }
    return this.#at === this.#order.length;
  }
}

function appendRow(arena: ArenaHeap, table: ArenaTable, token: number): void {
  table.add(token, emptyRow(arena, table.group));
  table.bloom.add(token);
}

class ArenaCompaction implements Rewrite<ArenaTable> {
  readonly output: ArenaTable;
  readonly #arena: ArenaHeap;
  readonly #inputs: readonly ArenaTable[];
  readonly #cursors: Int32Array;

  constructor(arena: ArenaHeap, inputs: readonly ArenaTable[], tier: number) {
    this.#arena = arena;
    this.#inputs = inputs;
    this.#cursors = new Int32Array(inputs.length);
    const rows = inputs.reduce((sum, input) => sum + input.rows, 0);
    this.output = new ArenaTable(arena.openGroup(), tier, rows);
  }

  step(units: number): boolean {
    for (let left = units; left > 0; left -= 1 + FIELDS) {
      const token = this.#lowestToken();
      if (token === -1) return true;
      this.#mergeRow(token);
    }
    return this.#lowestToken() === -1;
  }

  #lowestToken(): number {
    let lowest = -1;
    for (let at = 0; at < this.#inputs.length; at++) {
      const input = this.#inputs[at]!;
      if (this.#cursors[at]! >= input.rows) continue;
      const token = input.tokens[this.#cursors[at]!]!;
      if (lowest === -1 || token < lowest) lowest = token;
    }
    return lowest;
  }

  #mergeRow(token: number): void {
    appendRow(this.#arena, this.output, token);
    const row = this.output.refs[this.output.rows - 1]!;
    for (let at = this.#inputs.length - 1; at >= 0; at--) {
      const input = this.#inputs[at]!;
      const cursor = this.#cursors[at]!;
      if (cursor >= input.rows || input.tokens[cursor] !== token) continue;
      fillFrom(this.#arena, this.output.group, row, input.refs[cursor]!);
      this.#cursors[at]!++;
    }
  }
}
