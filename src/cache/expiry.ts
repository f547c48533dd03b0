import type { Address } from '../heap/index.js';
import { TTL_MASK } from './entry.js';
import type { EntryStore } from './entry-store.js';
import type { RegionTable } from './region-table.js';
import { ageOf, isLong, startWord, ttlOf, ttlWord } from './ttl.js';

/** When entries are over, by the cache's clock. */
export class Expiry {
  /** Whether any entry ever had a ttl. */
  hasTtls: boolean = false;
  /** Told before the ttl of an entry begins anew, and after. */
  onRestart: { before(address: Address): void; after(address: Address): void } | undefined;
  readonly #store: EntryStore;
  readonly #table: RegionTable;
  readonly #now: () => number;
  readonly #resolutionMs: number;
  #cachedNowMs: number = -1;

  constructor(store: EntryStore, table: RegionTable, now: () => number, resolutionMs: number) {
    this.#store = store;
    this.#table = table;
    this.#now = now;
    this.#resolutionMs = resolutionMs;
  }

  /** The time, read from the clock once per ttlResolution. */
  nowMs(): number {
    if (this.#resolutionMs === 0) return this.#now();
    if (this.#cachedNowMs < 0) {
      this.#cachedNowMs = this.#now();
      const timer = setTimeout(() => {
        this.#cachedNowMs = -1;
      }, this.#resolutionMs);
      // Where a program has put a browser's timers in place of Node's, they are numbers.
      timer.unref?.();
    }
    return this.#cachedNowMs;
  }

  /** By its ttl, or, where that may have wrapped around, by its region's deadline (region-table.ts). */
  isStale(address: Address): boolean {
    const store = this.#store;
    if ((store.markOf(address) & TTL_MASK) === 0) return false;
    const nowMs = this.nowMs();
    const word = store.ttlWordOf(address);
    if (ageOf(store.startWordOf(address), word, nowMs) > ttlOf(word)) return true;
    return !isLong(word) && Math.floor(nowMs) > this.#table.deadlineMs[store.heap.regionAt(address)]!;
  }

  /** The entry's ttl in ms, 0 if it has none. */
  ttlMsOf(address: Address): number {
    return (this.#store.markOf(address) & TTL_MASK) === 0 ? 0 : ttlOf(this.#store.ttlWordOf(address));
  }

  /** How long ago the entry's ttl began. Only for entries with a ttl. */
  ageMsOf(address: Address): number {
    return ageOf(this.#store.startWordOf(address), this.#store.ttlWordOf(address), this.nowMs());
  }

  /** The flags for an entry that is to have this ttl. 0: none. */
  flagsFor(ttlMs: number): number {
    return ttlMs > 0 ? this.#store.ttls.flagsFor(ttlWord(ttlMs)) : 0;
  }

  /** Writes the ttl of an entry that has the flags for it. */
  begin(address: Address, ttlMs: number, startMs: number): void {
    const word = ttlWord(ttlMs);
    this.#store.setTtlWord(address, word);
    this.#store.setStartWord(address, startWord(startMs, this.nowMs(), word));
    this.hasTtls = true;
  }

  restart(address: Address): void {
    const store = this.#store;
    if ((store.markOf(address) & TTL_MASK) === 0) return;
    const word = store.ttlWordOf(address);
    const nowMs = this.nowMs();
    this.onRestart?.before(address);
    store.setStartWord(address, startWord(nowMs, nowMs, word));
    this.onRestart?.after(address);
  }
}
