import { ArenaHome, type FixedWords } from '../common/index.js';
import type { ShelfHome, TokenIndex } from './shelf.js';
import { WordIndex } from './word-index.js';
import { WordShelf } from './word-shelf.js';

/**
 * The variant `arena`: each memtable and slice of a table in a fixed generation of rolp's heap, which is released
 * when it is over. Rows, cells and the memtable's index name each other by address.
 */
export class PlacedTables extends ArenaHome implements ShelfHome<PlacedShelf> {
  openMemtable(cells: number): { shelf: PlacedShelf; index: TokenIndex } {
    const shelf = this.openSlice();
    return { shelf, index: new WordIndex(shelf.store, cells) };
  }

  openSlice(): PlacedShelf {
    return new WordShelf(this.arena.openFixedWords());
  }

  close({ store }: PlacedShelf): void {
    store.end();
  }
}

type PlacedShelf = WordShelf<FixedWords>;
