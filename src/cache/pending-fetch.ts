import type { CacheKey } from './key.js';

/** Why the cache gives a fetch up, as lru-cache words it: the message of its signal's reason. */
export type Overtaking = 'replaced' | 'deleted' | 'evicted';

/** A fetch under way: what its callers wait for, and whether its result may still be stored. */
export class PendingFetch<K extends CacheKey, V> {
  readonly key: K;
  readonly id: unknown;
  /** The key's hash in the index. */
  readonly hash: number;
  /** The value that was there when it began, stale or not. */
  readonly staleValue: V | undefined;
  readonly controller: AbortController = new AbortController();
  readonly promise: Promise<V | undefined>;
  /** 'evicted': stored only if aborts are ignored and nobody else has stored; 'overtaken': never. */
  fate: 'open' | 'evicted' | 'overtaken' = 'open';
  isSettled: boolean = false;
  #resolve!: (value: V | undefined) => void;
  #reject!: (error: unknown) => void;
  #stopListening: (() => void) | undefined;

  constructor(key: K, hash: number, staleValue: V | undefined) {
    // The caller may fill its buffer with another key meanwhile.
    this.key = typeof key === 'object' ? (Buffer.from(key) as Uint8Array as K) : key;
    this.id = idOf(key);
    this.hash = hash;
    this.staleValue = staleValue;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Each caller has a promise of its own that follows this one; a refresh in the background has none.
    this.promise.catch(() => {});
  }

  /** Aborts when the caller's signal does. */
  follow(signal: AbortSignal): void {
    if (signal.aborted) {
      this.controller.abort(signal.reason);
      return;
    }
    const abort = (): void => this.controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', abort);
  }

  /** fetchMethod is done: a signal that outlives the fetch must not keep it in memory. */
  unfollow(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
  }

  resolve(value: V | undefined): void {
    this.isSettled = true;
    this.#resolve(value);
  }

  reject(error: unknown): void {
    this.isSettled = true;
    this.#reject(error);
  }
}

/** What stands for a key in a Map: equal for keys that are equal to the cache, which compares bytes by value. */
export function idOf(key: CacheKey): unknown {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key !== 'object') return key;
  return `b${Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')}`;
}
