import type { DisposeReason, Disposer, Inserter, InsertReason } from './types.js';

interface Gone<K, V> {
  readonly value: V;
  readonly key: K;
  readonly reason: DisposeReason;
}

/**
 * Calls the user's callbacks when the call that caused them is done with the cache's structures, so that a callback
 * may use the cache in any way. What a callback causes is told after it, in turn.
 */
export class Announcements<K, V> {
  readonly #dispose: Disposer<K, V> | undefined;
  readonly #disposeAfter: Disposer<K, V> | undefined;
  readonly #onInsert: Inserter<K, V> | undefined;
  #gone: Gone<K, V>[] = [];
  #after: Gone<K, V>[] = [];
  #inserted: { readonly value: V; readonly key: K; readonly reason: InsertReason } | undefined;

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
    this.#gone.push({ value, key, reason });
  }

  inserted(value: V, key: K, reason: InsertReason): void {
    if (this.#onInsert !== undefined) this.#inserted = { value, key, reason };
  }

  /** Calls back. If a callback throws, the others still are told, by this call's end or by the next. */
  flush(): void {
    if (this.#gone.length === 0 && this.#inserted === undefined && this.#after.length === 0) return;
    while (this.#gone.length > 0) {
      const gone = this.#gone.shift()!;
      this.#after.push(gone);
      this.#dispose?.(gone.value, gone.key, gone.reason);
    }
    const inserted = this.#inserted;
    this.#inserted = undefined;
    if (inserted !== undefined) this.#onInsert!(inserted.value, inserted.key, inserted.reason);
    while (this.#after.length > 0) {
      const gone = this.#after.shift()!;
      this.#disposeAfter?.(gone.value, gone.key, gone.reason);
    }
  }
}
