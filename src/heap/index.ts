/**
 * heap: the generational heap (NG2C, ISMM'17): N generations of regions on ArrayBuffers that V8
 * neither copies nor marks. Slabs and regions, blocks and refs, generations, evacuation, the heap's own clock
 * and pauses live here; the records, pools and collections that stand on them too.
 *
 * What may not live here: anything that knows of profiles, V8's samples or caches. What is learnt about
 * lifetimes comes in through `PlacementPolicy`, evictions through `onPressure` and `BlockOwner`.
 */
export type { Pin } from './block-heap.js';
export * from './collections/index.js';
export { HeapFullError, HeapInvariantError, StaleRefError, StaleViewError } from './errors.js';
export type { GenerationCounters } from './generation-table.js';
export { GenerationalHeap, type GenerationOptions } from './heap.js';
export { AGE_COLUMNS, ageColumn, HEADER_BYTES } from './layout.js';
export type { SlabMemory } from './memory.js';
export type { HeapOptions } from './options.js';
export type { OwnedRegions } from './owned-regions.js';
export type { PauseKind, PauseLog, PauseSummary } from './pauses.js';
export * from './records/index.js';
export type { GenerationStats, HeapBytes, HeapStats, SiteStats } from './stats.js';
export {
  type Address,
  type BlockOwner,
  type Generation,
  NULL_REF,
  type OwnerId,
  PERMANENT_GENERATION,
  type PlacementPolicy,
  type Ref,
  type RegionIndex,
  type SiteId,
  V8_GENERATION,
} from './types.js';
