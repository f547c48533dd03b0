import { invertibleHash, type OffHeapBytes } from '../common/index.js';
import type { Numbers, Shelf, ShelfHome, TokenIndex } from './flat.js';
import { FIELD_LENGTH, FIELDS } from './requests.js';

/**
 * The variant `typed`: each memtable and table a handful of plain typed arrays, allocated when it is begun and
 * left to the collector when it is replaced. A cell is a number: its value lies at that many FIELD_LENGTHs.
 */
export class TypedTables implements ShelfHome<TypedShelf> {
  readonly #live = new Set<TypedShelf>();

  openMemtable(cells: number): { shelf: TypedShelf; index: TokenIndex } {
    const index = new TypedIndex(cells);
    return { shelf: this.#opened(new TypedShelf(cells, cells, index)), index };
  }

  openTable(rows: number, cells: number): TypedShelf {
    return this.#opened(new TypedShelf(rows, cells, undefined));
  }

  close(shelf: TypedShelf): void {
    this.#live.delete(shelf);
  }

  offHeap(): OffHeapBytes {
    let committed = 0;
    let used = 0;
    for (const shelf of this.#live) {
      committed += shelf.bytes;
      used += shelf.usedBytes;
    }
    return { committed, used };
  }

  #opened(shelf: TypedShelf): TypedShelf {
    this.#live.add(shelf);
    return shelf;
  }
}

class TypedNumbers implements Numbers {
  length = 0;
  readonly #numbers: Uint32Array;

  constructor(most: number) {
    this.#numbers = new Uint32Array(most);
  }

  get bytes(): number {
    return this.#numbers.byteLength;
  }

  get(index: number): number {
    return this.#numbers[index]!;
  }

  set(index: number, value: number): void {
    this.#numbers[index] = value;
  }

  push(value: number): void {
    this.#numbers[this.length++] = value;
  }
}

/** Values longer than FIELD_LENGTH would not fit; the workload has none. */
class TypedShelf implements Shelf {
  readonly tokens: TypedNumbers;
  readonly cells: TypedNumbers;
  readonly #index: TypedIndex | undefined;
  /** Cell 0 is none. */
  #count = 1;
  readonly #times: Float64Array;
  readonly #lengths: Uint8Array;
  readonly #values: Buffer;

  constructor(rows: number, cells: number, index: TypedIndex | undefined) {
    this.tokens = new TypedNumbers(rows);
    this.cells = new TypedNumbers(FIELDS * rows);
    this.#index = index;
    this.#times = new Float64Array(cells + 1);
    this.#lengths = new Uint8Array(cells + 1);
    this.#values = Buffer.from(new ArrayBuffer((cells + 1) * FIELD_LENGTH));
  }

  get bytes(): number {
    const cells = this.#times.byteLength + this.#lengths.byteLength + this.#values.byteLength;
    return cells + this.tokens.bytes + this.cells.bytes + (this.#index?.bytes ?? 0);
  }

  get usedBytes(): number {
    const rows = 4 * (FIELDS + 1) * this.tokens.length;
    return rows + this.#count * (FIELD_LENGTH + 9) + (this.#index?.bytes ?? 0);
  }

  addCell(value: string, time: number): number {
    if (value.length > FIELD_LENGTH)
      throw new RangeError(`value of ${value.length}, fields take ${FIELD_LENGTH}`);
    const cell = this.#count++;
    this.#times[cell] = time;
    this.#lengths[cell] = value.length;
    this.#values.write(value, cell * FIELD_LENGTH, 'latin1');
    return cell;
  }

  copyCell(other: TypedShelf, from: number): number {
    const cell = this.#count++;
    this.#times[cell] = other.#times[from]!;
    this.#lengths[cell] = other.#lengths[from]!;
    const start = from * FIELD_LENGTH;
    other.#values.copy(this.#values, cell * FIELD_LENGTH, start, start + other.#lengths[from]!);
    return cell;
  }

  /** Its place is not used again before the memtable ends. */
  dropCell(): void {}

  value(cell: number): string {
    const start = cell * FIELD_LENGTH;
    return this.#values.toString('latin1', start, start + this.#lengths[cell]!);
  }

  time(cell: number): number {
    return this.#times[cell]!;
  }
}

/** Open addressing, at most half full. */
class TypedIndex implements TokenIndex {
  readonly #tokens: Uint32Array;
  /** Row + 1; 0 where empty. */
  readonly #rows: Uint32Array;

  constructor(most: number) {
    const slots = 2 ** Math.ceil(Math.log2(2 * most));
    this.#tokens = new Uint32Array(slots);
    this.#rows = new Uint32Array(slots);
  }

  get bytes(): number {
    return this.#tokens.byteLength + this.#rows.byteLength;
  }

  get(token: number): number | undefined {
    const row = this.#rows[this.#place(token)]!;
    return row === 0 ? undefined : row - 1;
  }

  set(token: number, row: number): void {
    const place = this.#place(token);
    this.#tokens[place] = token;
    this.#rows[place] = row + 1;
  }

  /** Where the token is, or would go. */
  #place(token: number): number {
    const mask = this.#rows.length - 1;
    let place = invertibleHash(token) & mask;
    while (this.#rows[place] !== 0 && this.#tokens[place] !== token) place = (place + 1) & mask;
    return place;
  }
}
