import type { Address } from '../heap/index.js';
import type { CacheEngine } from './engine.js';
import type { CacheKey } from './key.js';
import type { EntryInfo } from './types.js';

/** All entries' addresses, from what goes last to what goes next, or back. Changes on the way are allowed. */
export function* addressesOf<K extends CacheKey, V>(
  engine: CacheEngine<K, V>,
  newestFirst: boolean,
  stale: boolean,
): Generator<Address, undefined> {
  for (const address of engine.policy.walk(newestFirst)) {
    if (stale || !engine.expiry.isStale(address)) yield address;
  }
  return undefined;
}

export function* picked<K extends CacheKey, V, T>(
  engine: CacheEngine<K, V>,
  newestFirst: boolean,
  stale: boolean,
  pick: (engine: CacheEngine<K, V>, address: Address) => T,
): Generator<T, undefined> {
  for (const address of addressesOf(engine, newestFirst, stale)) yield pick(engine, address);
  return undefined;
}

export function keyAt<K extends CacheKey, V>(engine: CacheEngine<K, V>, address: Address): K {
  return engine.store.keyOf(address) as K;
}

export function valueAt<K extends CacheKey, V>(engine: CacheEngine<K, V>, address: Address): V {
  return engine.valueOf(address);
}

export function pairAt<K extends CacheKey, V>(engine: CacheEngine<K, V>, address: Address): [K, V] {
  return [keyAt(engine, address), engine.valueOf(address)];
}

/** An entry as `info` gives it: ttl is what remains of it. */
export function infoAt<K extends CacheKey, V>(engine: CacheEngine<K, V>, address: Address): EntryInfo<V> {
  const info: EntryInfo<V> = { value: engine.valueOf(address) };
  const ttlMs = engine.expiry.ttlMsOf(address);
  if (ttlMs > 0) {
    info.ttl = ttlMs - engine.expiry.ageMsOf(address);
    info.start = Date.now();
  }
  if (engine.sizes.isCounted) info.size = engine.sizes.of(address);
  return info;
}

/**
 * All entries as `dump` gives them: what goes next first, with the whole ttl and its start by Date.now().
 *
 * @param hasTtl whether the cache has a default ttl. What has none is then told to have 0, as where any entry ever had
 *   one: left out, `load` would give it the default.
 */
export function dumpOf<K extends CacheKey, V>(
  engine: CacheEngine<K, V>,
  hasTtl: boolean,
): [K, EntryInfo<V>][] {
  const tellsNone = hasTtl || engine.expiry.hasTtls;
  const entries: [K, EntryInfo<V>][] = [];
  for (const address of addressesOf(engine, false, true)) {
    const info: EntryInfo<V> = { value: engine.valueOf(address) };
    const ttlMs = engine.expiry.ttlMsOf(address);
    if (ttlMs > 0) {
      info.ttl = ttlMs;
      info.start = Math.floor(Date.now() - engine.expiry.ageMsOf(address));
    } else if (tellsNone) info.ttl = 0;
    if (engine.sizes.isCounted) info.size = engine.sizes.of(address);
    entries.push([keyAt(engine, address), info]);
  }
  return entries;
}
