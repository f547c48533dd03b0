import type { Address, Generation } from '../../heap/index.js';

/** Which entries go when room is needed, and in which generation each lies meanwhile. */
export interface Policy {
  /** Words that it wants in front of each entry. */
  readonly linkWords: number;
  /** The frequency of an entry (entry.ts) for which `hit` has nothing to do; -1 if there is none. */
  readonly saturated: number;
  /** Generations that it uses, in the order in which entries leave: the next to go first. */
  readonly generations: readonly Generation[];
  /** Generations with what it remembers beside entries. */
  readonly extraGenerations: readonly Generation[];
  /** The generation for a new entry. */
  place(hash: number): Generation;
  /** The entry at `address` is new. */
  added(address: Address): void;
  /** The entry was read, or written with its place kept. */
  hit(address: Address): void;
  /** The heap moved an entry within its generation. */
  moved(from: Address, to: Address): void;
  /** The entry is about to be taken out. */
  removed(address: Address): void;
  /** The entry at `from` has been written anew at `to`, of the same generation; `from` is about to be freed. */
  rewritten(from: Address, to: Address): void;
  /** The entry to evict next, or -1. May move others on the way. */
  victim(): Address | -1;
  /** An entry with this hash was evicted. */
  evicted(hash: number): void;
  /** Regions that eviction is in the middle of, which compaction leaves alone. */
  isCurrent(region: number): boolean;
  /** Addresses from the one that goes last to the one that goes next, or the other way. */
  walk(newestFirst: boolean): Iterable<Address>;
  cleared(): void;
  dispose(): void;
}

/** After so many moves in search of one victim, entries need more hits to be spared, then nothing spares them. */
export const PATIENCE = 256;
