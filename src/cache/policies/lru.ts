import type { Address, Generation } from '../../heap/index.js';
import type { EntryStore } from '../entry-store.js';
import type { Policy } from './policy.js';

const OLDER = 0;
const NEWER = 1;

interface Cursor {
  next: number;
  readonly side: number;
}

/**
 * Least recently used, exactly: a list through two words of each entry. Its victims lie anywhere, so regions do
 * not die whole: compaction (compactor.ts) makes room instead. Links are addresses + 1; 0 is the end.
 */
export class LruPolicy implements Policy {
  static readonly queues: number = 1;
  readonly linkWords: number = 2;
  readonly scatters: boolean = true;
  readonly wantsRegion: boolean = false;
  readonly saturated: number = -1;
  readonly #store: EntryStore;
  #oldest: number = 0;
  #newest: number = 0;
  /** Walks under way. Weak, since a generator that is dropped halfway says nothing. */
  readonly #cursors: Set<WeakRef<Cursor>> = new Set();

  constructor(store: EntryStore) {
    this.#store = store;
  }

  get extraGenerations(): readonly Generation[] {
    return [];
  }

  queueFor(): number {
    return 0;
  }

  #link(entry: number, side: number): number {
    return this.#store.fixedOf((entry - 1) as Address, side);
  }

  #setLink(entry: number, side: number, to: number): void {
    this.#store.setFixed((entry - 1) as Address, side, to);
  }

  added(address: Address): void {
    const entry = address + 1;
    this.#setLink(entry, OLDER, this.#newest);
    this.#setLink(entry, NEWER, 0);
    if (this.#newest === 0) this.#oldest = entry;
    else this.#setLink(this.#newest, NEWER, entry);
    this.#newest = entry;
  }

  removed(address: Address): void {
    if (this.#cursors.size > 0) {
      this.#eachCursorAt(address + 1, (cursor) => {
        cursor.next = this.#link(address + 1, cursor.side);
      });
    }
    const older = this.#link(address + 1, OLDER);
    const newer = this.#link(address + 1, NEWER);
    if (older === 0) this.#oldest = newer;
    else this.#setLink(older, NEWER, newer);
    if (newer === 0) this.#newest = older;
    else this.#setLink(newer, OLDER, older);
  }

  hit(address: Address): void {
    if (this.#newest === address + 1) return;
    this.removed(address);
    this.added(address);
  }

  moved(from: Address, to: Address): void {
    if (this.#cursors.size > 0) {
      this.#eachCursorAt(from + 1, (cursor) => {
        cursor.next = to + 1;
      });
    }
    const older = this.#link(to + 1, OLDER);
    const newer = this.#link(to + 1, NEWER);
    if (older === 0) this.#oldest = to + 1;
    else this.#setLink(older, NEWER, to + 1);
    if (newer === 0) this.#newest = to + 1;
    else this.#setLink(newer, OLDER, to + 1);
  }

  rewritten(from: Address, to: Address): void {
    this.removed(from);
    this.added(to);
  }

  victim(): Address | -1 {
    return (this.#oldest - 1) as Address | -1;
  }

  evicted(): void {}

  /** Follows the list as it is at each step, as lru-cache does. */
  *walk(newestFirst: boolean): Generator<Address> {
    const cursor: Cursor = {
      next: newestFirst ? this.#newest : this.#oldest,
      side: newestFirst ? OLDER : NEWER,
    };
    const registered = new WeakRef(cursor);
    this.#cursors.add(registered);
    try {
      while (cursor.next !== 0) {
        const entry = cursor.next;
        cursor.next = this.#link(entry, cursor.side);
        yield (entry - 1) as Address;
      }
    } finally {
      this.#cursors.delete(registered);
    }
  }

  #eachCursorAt(entry: number, change: (cursor: Cursor) => void): void {
    for (const registered of this.#cursors) {
      const cursor = registered.deref();
      // A walk that was broken off without a word, and collected.
      if (cursor === undefined) this.#cursors.delete(registered);
      else if (cursor.next === entry) change(cursor);
    }
  }

  cleared(): void {
    this.#oldest = 0;
    this.#newest = 0;
    for (const registered of this.#cursors) {
      const cursor = registered.deref();
      if (cursor !== undefined) cursor.next = 0;
    }
    this.#cursors.clear();
  }

  dispose(): void {}
}
