/** A slice of purging is followed by a rest of so many times its length: autopurge takes at most 5 % of the time. */
const REST = 20;
const SLICE_MS = 1;
/** setTimeout's bound. */
const LONGEST_MS = 2 ** 31 - 1;

/** What `ttlAutopurge` needs of its cache. Times are by the cache's clock. */
export interface PurgeHost {
  nowMs(): number;
  /** Removes stale entries for about `budgetMs`. @returns undefined: not all yet; else when the next will be stale. */
  slice(budgetMs: number): number | undefined;
  /** Called after each slice; it may throw, as the callbacks of the cache's user may. */
  tell(): void;
}

/**
 * `ttlAutopurge`: entries go when they expire, not when someone comes across them. One timer for the earliest
 * expiry, where lru-cache has one a key. It neither keeps the process up nor a forgotten cache in memory.
 */
export class Autopurge {
  readonly #host: PurgeHost;
  #timer: NodeJS.Timeout | undefined;
  #atMs: number = Number.POSITIVE_INFINITY;
  /** Rests until then. */
  #restMs: number = Number.NEGATIVE_INFINITY;
  /** The earliest expiry told of since the pass under way began. */
  #expectedMs: number = Number.POSITIVE_INFINITY;
  #isPassing: boolean = false;

  constructor(host: PurgeHost) {
    this.#host = host;
  }

  /** Tells of an entry that will be stale after `expiryMs`. */
  expect(expiryMs: number): void {
    if (this.#isPassing && expiryMs < this.#expectedMs) this.#expectedMs = expiryMs;
    if (expiryMs < this.#atMs) this.#arm(expiryMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
    this.#isPassing = false;
  }

  #arm(wantedMs: number): void {
    const atMs = Math.max(wantedMs, this.#restMs);
    if (atMs >= this.#atMs) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    // Stale is what is older than its ttl, not what is as old.
    const inMs = Math.min(LONGEST_MS, Math.max(1, Math.ceil(atMs - this.#host.nowMs()) + 1));
    const weak = new WeakRef(this);
    this.#timer = setTimeout(() => weak.deref()?.fire(), inMs);
    // Where a program has put a browser's timers in place of Node's, they are numbers.
    this.#timer.unref?.();
  }

  /** The timer has gone off. */
  fire(): void {
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
    if (!this.#isPassing) this.#expectedMs = Number.POSITIVE_INFINITY;
    this.#isPassing = true;
    const startMs = performance.now();
    const nextMs = this.#host.slice(SLICE_MS);
    const nowMs = this.#host.nowMs();
    this.#restMs = nowMs + REST * (performance.now() - startMs);
    if (nextMs === undefined) this.#arm(nowMs);
    else {
      // What was stored where the pass had been is known by its announcement alone.
      const earliestMs = Math.min(nextMs, this.#expectedMs);
      this.#isPassing = false;
      if (earliestMs !== Number.POSITIVE_INFINITY) this.#arm(earliestMs);
    }
    this.#host.tell();
  }
}
