import { ArenaCache } from './arena-cache.js';
import type { CacheKey } from './key.js';
import type { CacheOptions } from './types.js';

/** An entry as Keyv gives it to `setMany`. */
export interface KeyvArenaEntry {
  readonly key: string;
  readonly value: unknown;
  /** Milliseconds. */
  readonly ttl?: number | undefined;
}

/** A cache that Keyv can use: its keys are strings, its codec takes `{value, expires}` objects. */
// biome-ignore lint/suspicious/noExplicitAny: whatever values it is made for, Keyv stores objects of its own.
export type KeyvArenaCache = ArenaCache<string, any, any>;
// biome-ignore lint/suspicious/noExplicitAny: as above.
type Options = CacheOptions<string, any, any>;

/**
 * Storage adapter for Keyv 5 and 6 on an ArenaCache: entries lie off V8's heap, and Keyv's ttl is the entry's. Use
 * `keyvOptions`, which turns Keyv's own serialization off, or hand it to `new Keyv({ store })`, which then stores
 * JSON text. Give each Keyv an adapter of its own; several may share one cache and differ in their namespaces.
 *
 * It has no `namespace` until Keyv 5 sets it, which puts the namespace in front of the keys itself; Keyv 6 takes that
 * for a store that leaves namespaces to Keyv, and wraps it. The methods must be `async` for Keyv 6 to see what it is.
 */
export class KeyvArena {
  declare namespace?: string | undefined;
  /** Keyv 5 lets only stores iterate whose dialect is on a list of its own. It uses it for nothing else. */
  readonly opts: { dialect: string; url: string; [name: string]: unknown } = {
    dialect: 'redis',
    url: 'arena:',
  };
  readonly cache: KeyvArenaCache;

  /** @param given a cache, or the options for a new one. */
  constructor(given: KeyvArenaCache | Options = {}) {
    this.cache = given instanceof ArenaCache ? given : new ArenaCache(given);
  }

  async get(key: string): Promise<unknown> {
    return this.cache.get(key);
  }

  async getMany(keys: readonly string[]): Promise<unknown[]> {
    return keys.map((key) => this.cache.get(key));
  }

  async has(key: string): Promise<boolean> {
    return this.cache.has(key);
  }

  async hasMany(keys: readonly string[]): Promise<boolean[]> {
    return keys.map((key) => this.cache.has(key));
  }

  /** @param ttl ms; without it, the cache's own. @returns false if the value is too large to be stored. */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    return this.#set(key, value, ttl);
  }

  async setMany(entries: readonly KeyvArenaEntry[]): Promise<boolean[]> {
    return entries.map(({ key, value, ttl }) => this.#set(key, value, ttl));
  }

  #set(key: string, value: unknown, ttl: number | undefined): boolean {
    if (ttl === undefined || ttl === 0) return this.cache.trySet(key, value);
    if (ttl > 0) return this.cache.trySet(key, value, { ttl: Math.ceil(ttl) });
    // It is over before it has begun.
    this.cache.delete(key);
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return this.cache.delete(key);
  }

  /** @returns whether all of them were there. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    let all = true;
    for (const key of keys) all = this.cache.delete(key) && all;
    return all;
  }

  /** Drops the entries of the namespace, at the price of a look at every key; without one, all at once. */
  async clear(): Promise<void> {
    const { namespace } = this;
    if (namespace === undefined || namespace === '') {
      this.cache.clear();
      return;
    }
    for (const key of this.cache.keys()) if (isIn(namespace, key)) this.cache.delete(key);
  }

  /** Keys with their namespace, and values as they are stored. */
  async *iterator(namespace?: string): AsyncGenerator<[string, unknown], void> {
    for (const [key, value] of this.cache.entries()) if (isIn(namespace, key)) yield [key, value];
  }

  /** There is nothing to disconnect from: the cache is its owner's. */
  async disconnect(): Promise<void> {}
}

/** Keys may be no strings: the cache may have other users. */
function isIn(namespace: string | undefined, key: CacheKey): boolean {
  if (typeof key !== 'string') return false;
  return namespace === undefined || namespace === '' || key.startsWith(`${namespace}:`);
}

/** Options for `new Keyv()`, of version 5 or 6. */
export interface KeyvArenaOptions {
  readonly store: KeyvArena;
  /** Keyv 5: no serialization. */
  readonly serialize: undefined;
  readonly deserialize: undefined;
  /** Keyv 6: no serialization. */
  readonly serialization: false;
}

/**
 * The options with which Keyv keeps its data in an ArenaCache as they are: the cache's codec takes more than JSON
 * does, and once is enough. `new Keyv({ ...keyvOptions(cache), namespace: 'users' })`.
 */
export function keyvOptions(given?: KeyvArenaCache | Options): KeyvArenaOptions {
  return {
    store: new KeyvArena(given),
    serialize: undefined,
    deserialize: undefined,
    serialization: false,
  };
}
