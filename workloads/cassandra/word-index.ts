import { invertibleHash, type WordStore } from '../common/index.js';
import type { TokenIndex } from './shelf.js';

/** Words of a slot: the token, its row + 1 or 0 where empty. */
const SLOT_WORDS = 2;
/** log2 of the slots that lie in one run. */
const PAGE_SHIFT = 10;
const PAGE_SLOTS = 2 ** PAGE_SHIFT;

/** Open addressing in runs of words, at most half full: as large from the start as it will be. */
export class WordIndex implements TokenIndex {
  readonly #store: WordStore;
  readonly #pages: number[] = [];
  readonly #mask: number;

  /** @param most tokens that there will be at most */
  constructor(store: WordStore, most: number) {
    this.#store = store;
    const slots = Math.max(PAGE_SLOTS, 2 ** Math.ceil(Math.log2(2 * most)));
    this.#mask = slots - 1;
    for (let slot = 0; slot < slots; slot += PAGE_SLOTS) {
      const page = store.allocate(PAGE_SLOTS * SLOT_WORDS);
      const at = store.locate(page);
      store.words.fill(0, at, at + PAGE_SLOTS * SLOT_WORDS);
      this.#pages.push(page);
    }
  }

  get(token: number): number | undefined {
    const at = this.#find(token);
    const row = this.#store.words[at + 1]!;
    return row === 0 ? undefined : row - 1;
  }

  set(token: number, row: number): void {
    const at = this.#find(token);
    const { words } = this.#store;
    words[at] = token;
    words[at + 1] = row + 1;
  }

  /** Where the token is in the store's words, or would go. */
  #find(token: number): number {
    let slot = invertibleHash(token) & this.#mask;
    for (;;) {
      const at = this.#slotAt(slot);
      const { words } = this.#store;
      if (words[at + 1] === 0 || words[at] === (token | 0)) return at;
      slot = (slot + 1) & this.#mask;
    }
  }

  #slotAt(slot: number): number {
    return this.#store.locate(this.#pages[slot >>> PAGE_SHIFT]!) + SLOT_WORDS * (slot & (PAGE_SLOTS - 1));
  }
}
