/** A purge that took long is followed by a rest of so many times its length: autopurge takes at most 5 % of the time. */
const REST = 20;
/** setTimeout's bound. */
const LONGEST_MS = 2 ** 31 - 1;

/** Removes what is stale. @returns when the next entry will be, by the cache's clock; Infinity if none will. */
export type Purge = () => number;

/**
 * `ttlAutopurge`: entries go when they expire, not when someone comes across them. One timer for the earliest
 * expiry, where lru-cache has one a key. It neither keeps the process up nor a forgotten cache in memory.
 */
export class Autopurge {
  readonly #now: () => number;
  readonly #purge: Purge;
  readonly #tell: () => void;
  #timer: NodeJS.Timeout | undefined;
  #atMs: number = Number.POSITIVE_INFINITY;

  /** @param tell called after each purge; it may throw, as the callbacks of the cache's user may. */
  constructor(now: () => number, purge: Purge, tell: () => void) {
    this.#now = now;
    this.#purge = purge;
    this.#tell = tell;
  }

  /** Tells of an entry that will be stale after `expiryMs`, by the cache's clock. */
  expect(expiryMs: number): void {
    if (expiryMs < this.#atMs) this.#arm(expiryMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  #arm(atMs: number): void {
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    // Stale is what is older than its ttl, not what is as old.
    const inMs = Math.min(LONGEST_MS, Math.max(1, Math.ceil(atMs - this.#now()) + 1));
    const weak = new WeakRef(this);
    this.#timer = setTimeout(() => weak.deref()?.fire(), inMs).unref();
  }

  /** The timer has gone off. */
  fire(): void {
    this.cancel();
    const startMs = performance.now();
    const nextMs = this.#purge();
    const tookMs = performance.now() - startMs;
    if (nextMs !== Number.POSITIVE_INFINITY) this.#arm(Math.max(nextMs, this.#now() + REST * tookMs));
    this.#tell();
  }
}
