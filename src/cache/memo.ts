import type { CacheKey } from './key.js';
import type { GetOptions, Memoizer, MemoOptions, SetOptions, Status } from './types.js';

/** What memoizing needs of its cache. */
export interface MemoHost<K extends CacheKey, V> {
  read(key: K, options: GetOptions<K, V>, status: Status<K, V> | undefined): V | undefined;
  write(key: K, value: V | undefined, options: SetOptions<K, V>, status: Status<K, V> | undefined): boolean;
}

/**
 * The value, or what memoMethod makes of the key, which is then stored. What was just made is returned as it is;
 * what was found, as always, as a copy.
 */
export function memo<K extends CacheKey, V, FC>(
  host: MemoHost<K, V>,
  method: Memoizer<K, V, FC>,
  key: K,
  given: MemoOptions<K, V, FC>,
  status: Status<K, V> | undefined,
): V {
  const known = host.read(key, given, undefined);
  const isHit = known !== undefined && given.forceRefresh !== true;
  if (status !== undefined) {
    if (given.forceRefresh) status.forceRefresh = true;
    if (given.context !== undefined) status.context = given.context;
    status.memo = isHit ? 'hit' : 'miss';
  }
  if (isHit) return known;
  const { context, forceRefresh: _, ...options } = given;
  const value = method(key, known, { options, context: context as FC });
  host.write(key, value, options, status);
  return value;
}
