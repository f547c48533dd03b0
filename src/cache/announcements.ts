import type { DisposeReason, Disposer, Inserter, InsertReason } from './types.js';

interface Gone<K, V> {
  readonly value: V;
  readonly key: K;
  readonly reason: DisposeReason;
}

/** An entry has gone whose value could not be decoded. */
interface Lost {
  readonly error: unknown;
}

interface Inserted<K, V> {
  readonly value: V;
  readonly key: K;
  readonly reason: InsertReason;
}

/** Taken items at the front that are put up with before the rest is moved. */
const MOST_TAKEN = 1024;

/** First in, first out. Array's `shift` moves all that is left: for the million entries of a `clear`, each time 8 MB. */
class Fifo<T> {
  readonly #items: (T | undefined)[] = [];
  #taken: number = 0;

  put(item: T): void {
    this.#items.push(item);
  }

  /** The oldest item; undefined if there is none. */
  take(): T | undefined {
    const items = this.#items;
    if (items.length === 0) return undefined;
    const item = items[this.#taken];
    items[this.#taken++] = undefined;
    if (this.#taken === items.length) {
      items.length = 0;
      this.#taken = 0;
    } else if (this.#taken >= MOST_TAKEN && 2 * this.#taken >= items.length) {
      items.splice(0, this.#taken);
      this.#taken = 0;
    }
    return item;
  }
}

/**
 * Calls the user's callbacks when the call that caused them is done with the cache's structures, so that a callback
 * may use the cache in any way. What a callback causes is told after it, in turn.
 */
export class Announcements<K, V> {
  readonly #dispose: Disposer<K, V> | undefined;
  readonly #disposeAfter: Disposer<K, V> | undefined;
  readonly #onInsert: Inserter<K, V> | undefined;
  readonly #gone: Fifo<Gone<K, V> | Lost> = new Fifo();
  readonly #inserted: Fifo<Inserted<K, V>> = new Fifo();
  readonly #after: Fifo<Gone<K, V>> = new Fifo();
  /** In all three. */
  #waiting: number = 0;

  constructor(
    dispose: Disposer<K, V> | undefined,
    disposeAfter: Disposer<K, V> | undefined,
    onInsert: Inserter<K, V> | undefined,
  ) {
    this.#dispose = dispose;
    this.#disposeAfter = disposeAfter;
    this.#onInsert = onInsert;
  }

  get wantsGone(): boolean {
    return this.#dispose !== undefined || this.#disposeAfter !== undefined;
  }

  get wantsInserted(): boolean {
    return this.#onInsert !== undefined;
  }

  gone(value: V, key: K, reason: DisposeReason): void {
    this.#waiting++;
    this.#gone.put({ value, key, reason });
  }

  /** An entry has gone whose value could not be decoded: `flush` throws the error, and nobody is told. */
  lost(error: unknown): void {
    this.#waiting++;
    this.#gone.put({ error });
  }

  inserted(value: V, key: K, reason: InsertReason): void {
    if (this.#onInsert === undefined) return;
    this.#waiting++;
    this.#inserted.put({ value, key, reason });
  }

  /** Calls back. If a callback throws, the others still are told, by this call's end or by the next. */
  flush(): void {
    if (this.#waiting === 0) return;
    for (let gone = this.#gone.take(); gone !== undefined; gone = this.#gone.take()) this.#tellGone(gone);
    for (let one = this.#inserted.take(); one !== undefined; one = this.#inserted.take()) {
      this.#waiting--;
      this.#onInsert!(one.value, one.key, one.reason);
    }
    for (let gone = this.#after.take(); gone !== undefined; gone = this.#after.take()) {
      this.#waiting--;
      this.#disposeAfter!(gone.value, gone.key, gone.reason);
    }
  }

  #tellGone(gone: Gone<K, V> | Lost): void {
    if (this.#disposeAfter === undefined || 'error' in gone) this.#waiting--;
    else this.#after.put(gone);
    if ('error' in gone) throw gone.error;
    this.#dispose?.(gone.value, gone.key, gone.reason);
  }
}
