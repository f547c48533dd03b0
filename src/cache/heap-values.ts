import type { CacheKey } from './key.js';

/**
 * Values that cannot be encoded and stay on V8's heap (`onUnencodable: 'heap'`), under ids that stand in their
 * entries. Each costs V8 what it costs in a Map, so there is a bound on their count.
 */
export class HeapValues<V> {
  readonly #max: number;
  readonly #values: Map<number, { readonly value: V; readonly key: CacheKey }> = new Map();
  #nextId: number = 1;

  constructor(max: number) {
    this.#max = max;
  }

  add(value: V, key: CacheKey): number {
    while (this.#values.has(this.#nextId)) this.#nextId = (this.#nextId + 1) & 0x7fffffff;
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) & 0x7fffffff;
    // The caller may fill its buffer with another key.
    const own = typeof key === 'object' ? Buffer.from(key) : key;
    this.#values.set(id, { value, key: own });
    return id;
  }

  get(id: number): V {
    return this.#values.get(id)!.value;
  }

  remove(id: number): void {
    this.#values.delete(id);
  }

  /** The oldest value's id and key while there are too many of them. */
  overflow(): { readonly id: number; readonly key: CacheKey } | undefined {
    if (this.#values.size <= this.#max) return undefined;
    for (const [id, { key }] of this.#values) return { id, key };
    return undefined;
  }

  clear(): void {
    this.#values.clear();
  }
}
