import {
  createMap,
  defineRecord,
  type Generation,
  type GenerationalHeap,
  NumberList,
  type NumberMap,
  Pool,
  type Ref,
} from 'rolp/heap';
import { type ArenaHeap, ArenaHome, type EndedGroup } from '../common/index.js';
import { FIELDS } from './requests.js';
import type { RowBuilder } from './row-builder.js';
import type { Shelf, ShelfHome, TokenIndex } from './shelf.js';

/**
 * The variants whose blocks may be moved, and so have refs: cells are records of a pool, tokens and rows are lists, the
 * memtable's index is a map; one group a memtable and one a slice of a table.
 */
export class RefTables extends ArenaHome implements ShelfHome<RefShelf> {
  readonly #memtableCells: CellPool;
  readonly #tableCells: CellPool;

  constructor(arena: ArenaHeap) {
    super(arena);
    this.#memtableCells = openPool(arena.heap, 'cell of a memtable');
    this.#tableCells = openPool(arena.heap, 'cell of a table');
  }

  openMemtable(): { shelf: RefShelf; index: TokenIndex } {
    const index = createMap(this.arena.heap, { keys: 'number', values: 'u32' });
    return { shelf: new RefShelf(this.arena, this.#memtableCells, index), index };
  }

  openSlice(): RefShelf {
    return new RefShelf(this.arena, this.#tableCells, undefined);
  }

  close(shelf: RefShelf): void {
    shelf.end();
  }
}

const Cell = defineRecord({ time: 'f64', value: 'string' }, 'Cell');
type CellPool = ReturnType<typeof openPool>;

function openPool(heap: GenerationalHeap, site: string) {
  return new Pool(Cell, { heap, site });
}

class RefShelf implements Shelf, EndedGroup {
  readonly #tokens: NumberList;
  readonly #cells: NumberList;
  readonly #arena: ArenaHeap;
  readonly #pool: CellPool;
  readonly #index: NumberMap | undefined;
  readonly #generation: Generation | undefined;
  /** Filled in for each cell: the pool copies what it is given. */
  readonly #cell = { time: 0, value: '' };

  constructor(arena: ArenaHeap, pool: CellPool, index: NumberMap | undefined) {
    const { heap } = arena;
    this.#arena = arena;
    this.#pool = pool;
    this.#index = index;
    this.#generation = arena.placement.open(heap);
    const generation = this.#generation === undefined ? {} : { generation: this.#generation };
    this.#tokens = new NumberList(heap, { values: 'u32', site: 'tokens', ...generation });
    this.#cells = new NumberList(heap, { values: 'ref', site: 'rows', ...generation });
  }

  get rows(): number {
    return this.#tokens.length;
  }

  append(token: number): number {
    this.#tokens.push(token);
    for (let field = 0; field < FIELDS; field++) this.#cells.push(0);
    return this.#tokens.length - 1;
  }

  token(row: number): number {
    return this.#tokens.get(row);
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
    return this.#cells.get(FIELDS * row + field);
  }

  count(row: number): number {
    let count = 0;
    for (let field = 0; field < FIELDS; field++) if (this.cell(row, field) !== 0) count++;
    return count;
  }

  write(row: number, field: number, value: string, time: number): void {
    this.#cell.value = value;
    this.#cell.time = time;
    const before = this.cell(row, field);
    this.#prepare();
    this.#cells.set(FIELDS * row + field, this.#pool.create(this.#cell));
    // What does not go with its group must be freed by itself: nobody would find it again.
    if (before !== 0 && !this.#arena.placement.releasesGroups) this.#pool.free(before as Ref);
  }

  fill(from: RefShelf, row: number): number {
    const last = FIELDS * (this.rows - 1);
    let filled = 0;
    for (let field = 0; field < FIELDS; field++) {
      const cell = from.cell(row, field);
      if (cell === 0 || this.#cells.get(last + field) !== 0) continue;
      this.#prepare();
      this.#cells.set(last + field, this.#pool.copy(cell as Ref, from.#pool));
      filled++;
    }
    return filled;
  }

  read(row: number, into: RowBuilder): void {
    for (let field = 0; field < FIELDS; field++) {
      const cell = into.lacks(field) ? this.cell(row, field) : 0;
      if (cell === 0) continue;
      const { value, time } = this.#pool.at(cell as Ref);
      into.add(field, value, time);
    }
  }

  end(): void {
    this.#index?.[Symbol.dispose]();
    this.#arena.end(this.#generation, this);
  }

  freeOne(): boolean {
    const cell = this.#cells.pop();
    if (cell !== undefined) {
      if (cell !== 0) this.#pool.free(cell as Ref);
      return true;
    }
    this.#cells.clear();
    this.#tokens.clear();
    return false;
  }

  #prepare(): void {
    this.#arena.freeSome();
    // NG2C's way: what is allocated from here on belongs to this generation.
    if (this.#generation !== undefined) this.#arena.heap.setGeneration(this.#generation);
  }
}
