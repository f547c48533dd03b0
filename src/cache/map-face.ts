/** What of a cache a Map needs. */
export interface MapSource<K, V> {
  readonly size: number;
  get(key: K): V | undefined;
  set(key: K, value: V | undefined): unknown;
  has(key: K): boolean;
  delete(key: K): boolean;
  clear(): void;
  keys(): Generator<K, undefined>;
  values(): Generator<V, undefined>;
  entries(): Generator<[K, V], undefined>;
}

/**
 * A cache as a Map: for libraries that take one, as `asMap` makes it. What a Map promises and a cache does not: an
 * entry may be gone, `undefined` is not kept, the order is the cache's, and `size` counts entries that have expired
 * and that no walk gives.
 */
export class ArenaMap<K, V> implements Map<K, V> {
  readonly #cache: MapSource<K, V>;

  constructor(cache: MapSource<K, V>) {
    this.#cache = cache;
  }

  get size(): number {
    return this.#cache.size;
  }

  /** A copy of the value; counts as use. */
  get(key: K): V | undefined {
    return this.#cache.get(key);
  }

  /** As `cache.set`, with its defaults; further arguments, as Keyv hands on, are not looked at. */
  set(key: K, value: V): this {
    this.#cache.set(key, value);
    return this;
  }

  has(key: K): boolean {
    return this.#cache.has(key);
  }

  delete(key: K): boolean {
    return this.#cache.delete(key);
  }

  clear(): void {
    this.#cache.clear();
  }

  /** The value that is there, else `value`, which is then stored. */
  getOrInsert(key: K, value: V): V {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    this.#cache.set(key, value);
    return value;
  }

  /** The value that is there, else what `compute` makes of the key, which is then stored. */
  getOrInsertComputed(key: K, compute: (key: K) => V): V {
    const known = this.#cache.get(key);
    return known !== undefined ? known : this.getOrInsert(key, compute(key));
  }

  keys(): Generator<K, undefined> {
    return this.#cache.keys();
  }

  values(): Generator<V, undefined> {
    return this.#cache.values();
  }

  entries(): Generator<[K, V], undefined> {
    return this.#cache.entries();
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.#cache.entries();
  }

  forEach(visit: (value: V, key: K, map: Map<K, V>) => void, thisArg?: unknown): void {
    for (const [key, value] of this.#cache.entries()) visit.call(thisArg, value, key, this);
  }

  get [Symbol.toStringTag](): string {
    return 'Map';
  }
}

/** The cache as a Map, for libraries that take one. Both may be used side by side. */
export function asMap<K, V>(cache: MapSource<K, V>): ArenaMap<K, V> {
  return new ArenaMap(cache);
}
