import { BloomFilter } from './bloom.js';
import { Compaction, type Cursor } from './compaction.js';
import type { MemtableInfo, Rewrite, Row, StoreView, TableInfo, TableStore } from './engine.js';
import { Flush } from './flush.js';
import { RANGES, rangeOf } from './ranges.js';
import { FIELDS, tokenOf } from './requests.js';

/**
 * The variant `heap`: maps of rows of cells, sorted arrays of them; strings as they came.
 */

interface Cell {
  readonly value: string;
  readonly time: number;
}

type Cells = (Cell | undefined)[];

class HeapMemtable implements MemtableInfo {
  cells = 0;
  /** Cells that no newer one has overwritten. */
  latest = 0;
  readonly ranges: Map<string, Cells>[] = Array.from({ length: RANGES }, () => new Map());

  rangeOf(key: string): Map<string, Cells> {
    return this.ranges[rangeOf(tokenOf(key))]!;
  }
}

class HeapTable implements TableInfo {
  readonly tier: number;
  cells = 0;
  readonly keys: string[] = [];
  readonly rowCells: Cells[] = [];
  readonly bloom: BloomFilter;

  constructor(tier: number, maxRows: number) {
    this.tier = tier;
    this.bloom = new BloomFilter(maxRows);
  }

  get rows(): number {
    return this.keys.length;
  }

  append(key: string, cells: Cells): void {
    this.keys.push(key);
    this.rowCells.push(cells);
    this.bloom.add(tokenOf(key));
  }

  find(key: string): Cells | undefined {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return this.keys[low] === key ? this.rowCells[low] : undefined;
  }
}

export class HeapTables implements TableStore<HeapMemtable, HeapTable> {
  openMemtable(): HeapMemtable {
    return new HeapMemtable();
  }

  write(memtable: HeapMemtable, key: string, field: number, value: string, time: number): void {
    const range = memtable.rangeOf(key);
    let cells = range.get(key);
    if (cells === undefined) {
      cells = new Array(FIELDS).fill(undefined);
      range.set(key, cells);
    }
    if (cells[field] === undefined) memtable.latest++;
    cells[field] = { value, time };
    memtable.cells++;
  }

  read(key: string, view: StoreView<HeapMemtable, HeapTable>): Row | undefined {
    const newest: Cells = new Array(FIELDS).fill(undefined);
    let missing = FIELDS;
    for (let at = view.memtables.length - 1; at >= 0 && missing > 0; at--) {
      missing -= fillFrom(newest, view.memtables[at]!.rangeOf(key).get(key));
    }
    const token = tokenOf(key);
    for (let at = view.tables.length - 1; at >= 0 && missing > 0; at--) {
      const table = view.tables[at]!;
      if (table.bloom.mayHave(token)) missing -= fillFrom(newest, table.find(key));
    }
    if (missing === FIELDS) return undefined;
    return {
      values: newest.map((cell) => cell?.value ?? ''),
      writeTime: newest.reduce((time, cell) => Math.max(time, cell?.time ?? 0), 0),
    };
  }

  startFlush(memtable: HeapMemtable): Rewrite<HeapTable> {
    return new HeapFlush(memtable);
  }

  startCompaction(inputs: readonly HeapTable[], tier: number): Rewrite<HeapTable> {
    const rows = inputs.reduce((sum, input) => sum + input.rows, 0);
    return new HeapCompaction(inputs, new HeapTable(tier, rows));
  }

  dropMemtable(): void {
    // Nothing refers to it any more: the collector finds out.
  }

  dropTables(): void {}

  close(): void {}
}

/** Takes over the cells that are still missing. @returns how many. */
function fillFrom(newest: Cells, older: Cells | undefined): number {
  if (older === undefined) return 0;
  let filled = 0;
  for (let field = 0; field < FIELDS; field++) {
    if (newest[field] !== undefined || older[field] === undefined) continue;
    newest[field] = older[field];
    filled++;
  }
  return filled;
}

function countOf(cells: Cells): number {
  let count = 0;
  for (const cell of cells) if (cell !== undefined) count++;
  return count;
}

class HeapFlush extends Flush<HeapTable, [string, Cells]> {
  readonly #ranges: HeapMemtable['ranges'];

  constructor({ ranges, latest }: HeapMemtable) {
    const rows = ranges.reduce((sum, range) => sum + range.size, 0);
    super(new HeapTable(0, rows), rows + latest);
    this.#ranges = ranges;
  }

  protected sortedRange(range: number): [string, Cells][] {
    return [...this.#ranges[range]!].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  protected take([key, cells]: [string, Cells]): number {
    this.output.append(key, cells);
    const count = countOf(cells);
    this.output.cells += count;
    return count;
  }
}

class HeapCursor implements Cursor<string> {
  readonly #table: HeapTable;
  #row = 0;
  key: string | undefined;

  constructor(table: HeapTable) {
    this.#table = table;
    this.key = table.keys[0];
  }

  get cells(): Cells {
    return this.#table.rowCells[this.#row]!;
  }

  next(): void {
    this.key = this.#table.keys[++this.#row];
  }
}

class HeapCompaction extends Compaction<HeapTable, string, HeapCursor> {
  constructor(inputs: readonly HeapTable[], output: HeapTable) {
    super(inputs, output, (input) => new HeapCursor(input));
  }

  protected append(key: string): void {
    this.output.append(key, new Array(FIELDS).fill(undefined));
  }

  protected fill({ cells }: HeapCursor): number {
    const { output } = this;
    output.cells += fillFrom(output.rowCells.at(-1)!, cells);
    return countOf(cells);
  }
}
