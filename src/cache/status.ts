import type { Address } from '../heap/index.js';
import { metrics } from './channels.js';
import type { CacheEngine } from './engine.js';
import type { CacheKey } from './key.js';
import type { CacheIdentity, InsertReason, Status } from './types.js';
import { ADDED, REFUSED, UPDATED } from './writes.js';

/** Whether someone wants to know: the caller, by a status object, or a subscriber of `rolp:cache:metrics`. */
export function isObserved(options: { readonly status?: unknown }): boolean {
  return options.status !== undefined || metrics.hasSubscribers;
}

/** The caller's status object, or a new one for the subscribers, with what is known at once. */
export function beginStatus<K, V>(
  given: Status<K, V> | undefined,
  op: NonNullable<Status<K, V>['op']>,
  key: K,
  cache: CacheIdentity,
): Status<K, V> {
  const status = given ?? {};
  status.op = op;
  status.key = key;
  status.cache = cache;
  return status;
}

export function publishStatus(status: object): void {
  if (metrics.hasSubscribers) metrics.publish(status);
}

/** lru-cache's fields on ttl, for an entry that has one. Starts and `now` are by the cache's clock. */
export function describeTtl<K extends CacheKey, V>(
  status: Status<K, V>,
  engine: CacheEngine<K, V>,
  address: Address,
): void {
  const ttlMs = engine.expiry.ttlMsOf(address);
  if (ttlMs === 0) return;
  const now = engine.expiry.nowMs();
  const age = engine.expiry.ageMsOf(address);
  status.ttl = ttlMs;
  status.now = now;
  status.start = now - age;
  status.remainingTTL = ttlMs - age;
}

/** What `put` returned, in lru-cache's words. */
export function insertReason(result: number): InsertReason {
  return result === ADDED ? 'add' : result === UPDATED ? 'update' : 'replace';
}

/** @param address of the entry with the key; -1: there is none. */
export function describeSet<K extends CacheKey, V>(
  status: Status<K, V>,
  engine: CacheEngine<K, V>,
  result: number,
  totalSize: number,
  address: Address | -1,
): void {
  status.entrySize = engine.writes.lastSize;
  status.totalCalculatedSize = totalSize;
  if (result === REFUSED) {
    status.set = 'miss';
    status.maxEntrySizeExceeded = true;
    return;
  }
  status.set = insertReason(result);
  if (address !== -1) describeTtl(status, engine, address);
}
