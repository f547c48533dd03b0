import type { Brand } from '../base/index.js';

/**
 * A public reference to a block: a non-negative integer below 2^31, so that V8 passes it as a Smi and no
 * call boxes it (numbers past 31 bits box). Holds the slot in the handle table and
 * the slot's reuse tag. Stays valid for its block's life, whatever moves. 0 is no ref: `NULL_REF`.
 */
export type Ref = Brand<number, 'Ref'>;

/** The ref that names no block; `free`, `view` and the like refuse it as stale. */
export const NULL_REF: Ref = 0 as Ref;

/**
 * Where a block lies now: the position of its header in units of `memory.unitBytes`, over all slabs. Internal:
 * any call that may allocate or step may move the block. See docs/heap.md, "Addresses".
 */
export type Address = Brand<number, 'Address'>;

/** Index of a region in the region tables: its first address divided by the region's units. */
export type RegionIndex = Brand<number, 'RegionIndex'>;

/**
 * A generation: 1 to 14 dynamic, 15 permanent, 0 V8's own heap (never an answer for placed objects); larger
 * values are anonymous generations made by `newGeneration()` and are opaque.
 */
export type Generation = Brand<number, 'Generation'>;

/** V8's own heap: appears in advice only. */
export const V8_GENERATION: Generation = 0 as Generation;
/** The last numbered generation: what is meant to stay. */
export const PERMANENT_GENERATION: Generation = 15 as Generation;

/** An allocation site, interned by `heap.site(name)`: 0 (unnamed) to 4095. */
export type SiteId = Brand<number, 'SiteId'>;

/** A registered owner of blocks without handles: 1 to 32767. */
export type OwnerId = Brand<number, 'OwnerId'>;

/**
 * Someone who keeps raw addresses in its own index (the cache, a hash map) and is told when blocks move, so
 * that its blocks need no handle. Callbacks run inside `allocate`, `step`, `collectGeneration` or
 * `releaseGeneration`; they must not call the heap, but to read it, `reserve` and `release`. Nothing is moved, swept or
 * asked of a pressure hook for what they reserve: it is there, or HeapFullError is thrown. What they throw goes through
 * that call.
 */
export interface BlockOwner {
  /** The block at `from` now lies at `to`; its bytes are already there. */
  moved(from: Address, to: Address): void;
  /**
   * The block's generation or region is being released; the block's bytes may still be read. Absent: the
   * owner finds out by itself, and the region is not walked for its sake.
   */
  released?(address: Address): void;
  /**
   * Whether the owner asks `regions.isReleased` before it trusts an address. Then it is told later, in steps, each
   * block before its bytes go; an owner that does not ask has to be told of all blocks at once. Default false.
   */
  readonly asksForReleases?: boolean;
  /**
   * Asked for each live block when its region is evacuated: the generation where the block should go, or 0 to
   * let it die here (the owner then has already dropped it from its index). Absent: `evacuateTo` of the
   * region's generation.
   */
  relocate?(address: Address): number;
}

/**
 * Who chooses the generation of a block whose caller named none. The heap knows nothing of profiles: a
 * learning policy is installed from outside. All methods run inside `allocate` or `free` and must neither
 * call the heap (but `reconsider`) nor throw; one that throws is uninstalled with a warning.
 */
export interface PlacementPolicy {
  /** The generation for a block of `byteLength` from `site`; 0 for the current one. `ttlMs` is 0 if unknown. */
  generationFor(site: SiteId, byteLength: number, ttlMs: number): number;
  /**
   * The generation of all blocks of `site`, whatever their length and time to live: the heap asks no more until
   * `heap.reconsider(site)` is called. 0: `generationFor` is to be asked for each. Absent: 0.
   */
  steadyGeneration?(site: SiteId): number;
  /**
   * A sampled block was born; it stands for `heap.sampleWeight(byteLength)` blocks. The answer is a cookie (32 bits) which
   * comes back at its death.
   */
  born(site: SiteId, generation: Generation, byteLength: number): number;
  /** A sampled block died, `ageCycles` heap cycles after its birth. */
  died(site: SiteId, generation: Generation, byteLength: number, ageCycles: number, cookie: number): void;
  /** A fragmented region of `generation` was evacuated; `liveBytes` of `site` had survived in it. */
  fragmented(site: SiteId, generation: Generation, liveBytes: number): void;
}
