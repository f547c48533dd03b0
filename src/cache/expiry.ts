import type { Address } from '../heap/index.js';
import { HAS_TTL } from './entry.js';
import type { EntryStore } from './entry-store.js';
import { ageOf, isLong, SHORT_TTL_MS, startWord, ttlOf, ttlWord } from './ttl.js';

/** So often all entries are looked at, since the words of ttl.ts wrap around. */
const SWEEP_EVERY_MS = SHORT_TTL_MS / 2;

/** When entries are over, by the cache's clock. */
export class Expiry {
  readonly #store: EntryStore;
  readonly #now: () => number;
  readonly #resolutionMs: number;
  #cachedNowMs: number = -1;
  /** Infinity until an entry has a ttl. */
  #sweepAtMs: number = Number.POSITIVE_INFINITY;
  #lastLookMs: number = 0;

  constructor(store: EntryStore, now: () => number, resolutionMs: number) {
    this.#store = store;
    this.#now = now;
    this.#resolutionMs = resolutionMs;
  }

  /** The time, read from the clock once per ttlResolution. */
  nowMs(): number {
    if (this.#resolutionMs === 0) return this.#now();
    if (this.#cachedNowMs < 0) {
      this.#cachedNowMs = this.#now();
      setTimeout(() => {
        this.#cachedNowMs = -1;
      }, this.#resolutionMs).unref();
    }
    return this.#cachedNowMs;
  }

  isStale(address: Address): boolean {
    const store = this.#store;
    if ((store.markOf(address) & HAS_TTL) === 0) return false;
    const word = store.ttlWordOf(address, 1);
    return ageOf(store.ttlWordOf(address, 0), word, this.nowMs()) > ttlOf(word);
  }

  /** The entry's ttl in ms, 0 if it has none. */
  ttlMsOf(address: Address): number {
    return (this.#store.markOf(address) & HAS_TTL) === 0 ? 0 : ttlOf(this.#store.ttlWordOf(address, 1));
  }

  /** How long ago the entry's ttl began. Only for entries with a ttl. */
  ageMsOf(address: Address): number {
    return ageOf(this.#store.ttlWordOf(address, 0), this.#store.ttlWordOf(address, 1), this.nowMs());
  }

  /** Writes the ttl of an entry that has room for one. */
  begin(address: Address, ttlMs: number, startMs: number): void {
    const word = ttlWord(ttlMs);
    const nowMs = this.nowMs();
    this.#store.setTtlWord(address, 1, word);
    this.#store.setTtlWord(address, 0, startWord(startMs, nowMs, word));
    if (this.#sweepAtMs !== Number.POSITIVE_INFINITY) return;
    this.#sweepAtMs = nowMs + SWEEP_EVERY_MS;
    this.#lastLookMs = nowMs;
  }

  restart(address: Address): void {
    const store = this.#store;
    if ((store.markOf(address) & HAS_TTL) === 0) return;
    const word = store.ttlWordOf(address, 1);
    const nowMs = this.nowMs();
    store.setTtlWord(address, 0, startWord(nowMs, nowMs, word));
  }

  /** Whether it is time for `overdue`. Called by every use of the cache; costs a comparison until there are ttls. */
  sweepIsDue(): boolean {
    if (this.#sweepAtMs === Number.POSITIVE_INFINITY) return false;
    const nowMs = this.nowMs();
    if (nowMs >= this.#sweepAtMs) return true;
    this.#lastLookMs = nowMs;
    return false;
  }

  /** All entries that are over, for the sweep that keeps their words from wrapping around: once in six days. */
  overdue(): Address[] {
    const store = this.#store;
    const nowMs = this.nowMs();
    // After so long a silence every short ttl is over, whatever its words now seem to say.
    const silent = nowMs - this.#lastLookMs > SHORT_TTL_MS;
    const found: Address[] = [];
    store.index.forEach((address) => {
      if ((store.markOf(address) & HAS_TTL) === 0) return;
      if ((silent && !isLong(store.ttlWordOf(address, 1))) || this.isStale(address)) found.push(address);
    });
    this.#sweepAtMs = nowMs + SWEEP_EVERY_MS;
    this.#lastLookMs = nowMs;
    return found;
  }
}
