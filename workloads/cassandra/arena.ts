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
import type { Shelf, ShelfHome, TokenIndex } from './flat.js';

/**
 * The variants on rolp's heap: cells are records of a pool, tokens and rows are lists, the memtable's index is
 * a map; one group a memtable and one a table.
 */
export class ArenaTables extends ArenaHome implements ShelfHome<ArenaShelf> {
  readonly #memtableCells: CellPool;
  readonly #tableCells: CellPool;

  constructor(arena: ArenaHeap) {
    super(arena);
    this.#memtableCells = openPool(arena.heap, 'cell of a memtable');
    this.#tableCells = openPool(arena.heap, 'cell of a table');
  }

  openMemtable(): { shelf: ArenaShelf; index: TokenIndex } {
    const index = createMap(this.arena.heap, { keys: 'number', values: 'u32' });
    return { shelf: new ArenaShelf(this.arena, this.#memtableCells, index), index };
  }

  openTable(): ArenaShelf {
    return new ArenaShelf(this.arena, this.#tableCells, undefined);
  }

  close(shelf: ArenaShelf): void {
    shelf.end();
  }
}

const Cell = defineRecord({ time: 'f64', value: 'string' }, 'Cell');
type CellPool = ReturnType<typeof openPool>;

function openPool(heap: GenerationalHeap, site: string) {
  return new Pool(Cell, { heap, site });
}

class ArenaShelf implements Shelf, EndedGroup {
  readonly tokens: NumberList;
  readonly cells: NumberList;
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
    this.tokens = new NumberList(heap, { values: 'u32', site: 'tokens', ...generation });
    this.cells = new NumberList(heap, { values: 'ref', site: 'rows', ...generation });
  }

  addCell(value: string, time: number): number {
    this.#cell.value = value;
    this.#cell.time = time;
    this.#prepare();
    return this.#pool.create(this.#cell);
  }

  copyCell(from: ArenaShelf, cell: number): number {
    this.#prepare();
    return this.#pool.copy(cell as Ref, from.#pool);
  }

  /** What does not go with its group must be freed by itself: nobody would find it again. */
  dropCell(cell: number): void {
    if (!this.#arena.placement.releasesGroups) this.#pool.free(cell as Ref);
  }

  value(cell: number): string {
    return this.#pool.at(cell as Ref).value;
  }

  time(cell: number): number {
    return this.#pool.at(cell as Ref).time;
  }

  end(): void {
    this.#index?.[Symbol.dispose]();
    this.#arena.end(this.#generation, this);
  }

  freeOne(): boolean {
    const cell = this.cells.pop();
    if (cell !== undefined) {
      if (cell !== 0) this.#pool.free(cell as Ref);
      return true;
    }
    this.cells.clear();
    this.tokens.clear();
    return false;
  }

  #prepare(): void {
    this.#arena.freeSome();
    // NG2C's way: what is allocated from here on belongs to this generation.
    if (this.#generation !== undefined) this.#arena.heap.setGeneration(this.#generation);
  }
}
