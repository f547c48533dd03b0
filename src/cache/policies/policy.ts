import type { Address, Generation } from '../../heap/index.js';
import type { Patience } from '../patience.js';

/** No entry yet: the search for one rests (see Patience). */
export const LATER = -2;

/** Which entries go when room is needed, and in which generation each lies meanwhile. */
export interface Policy {
  /** Words that it wants in front of each entry. */
  readonly linkWords: number;
  /** The frequency of an entry (entry.ts) for which `hit` has nothing to do; -1 if there is none. */
  readonly saturated: number;
  /** Whether its victims lie anywhere, so that regions do not come free by themselves. */
  readonly scatters: boolean;
  /** Whether what it remembers beside entries lacks a region. */
  readonly wantsRegion: boolean;
  /** Generations with what it remembers beside entries. */
  readonly extraGenerations: readonly Generation[];
  /** The queue (of placement.ts) for a new entry. */
  queueFor(hash: number): number;
  /** The entry at `address` is new. */
  added(address: Address): void;
  /** The entry was read, or written with its place kept. */
  hit(address: Address): void;
  /** An entry was moved within its queue. */
  moved(from: Address, to: Address): void;
  /** The entry is about to be taken out. */
  removed(address: Address): void;
  /** The entry at `from` has been written anew at `to`, in the same queue; `from` is about to be freed. */
  rewritten(from: Address, to: Address): void;
  /** The entry to evict next, -1 or LATER. May move others on the way, as far as `patience` goes. */
  victim(patience: Patience): Address | -1 | typeof LATER;
  /** An entry with this hash was evicted. */
  evicted(hash: number): void;
  /** Addresses from the one that goes last to the one that goes next, or the other way. */
  walk(newestFirst: boolean): Iterable<Address>;
  cleared(): void;
  dispose(): void;
}
