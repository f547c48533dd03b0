import type { HeapCore } from './core.js';
import type { GenerationCounters } from './generation-table.js';
import { AGE_COLUMNS, NUMBERED_GENERATIONS } from './layout.js';
import {
  ABSENT,
  CONDEMNED,
  DESTINATION,
  FIXED,
  FRAGMENTED,
  FREE,
  HUMONGOUS,
  HUMONGOUS_REST,
  OPEN,
} from './region-space.js';
import type { Generation } from './types.js';

/** See `GenerationalHeap.bytes`. */
export interface HeapBytes {
  readonly committed: number;
  readonly used: number;
  readonly peakUsed: number;
  readonly live: number;
  readonly free: number;
  readonly max: number;
}

/** A generation now, and its counters since it was made. */
export interface GenerationStats extends GenerationCounters {
  readonly generation: Generation;
  /** Of a fixed generation, itself. */
  readonly evacuateTo: Generation;
  /** Whether its blocks never move. */
  readonly fixed: boolean;
  /** How often it was collected or released. */
  readonly epoch: number;
  /** Regions that it holds, those of long blocks counted one by one; released ones have left it. */
  readonly regions: number;
  /** Of them, those in which too little lives: see `HeapOptions.liveThreshold`. */
  readonly fragmentedRegions: number;
  /** Bytes of live blocks, headers and padding included. */
  readonly liveBytes: number;
  /** Sampled ages at death in heap cycles: columns 0 to 15 one cycle each, then one a doubling. */
  readonly ages: readonly number[];
}

/** An allocation site, since it was named. */
export interface SiteStats {
  readonly site: number;
  readonly name: string;
  /** Bytes of the site found live in fragmented regions, and so moved. */
  readonly fragmentedBytes: number;
  /** Sampled ages at death, as in GenerationStats. */
  readonly ages: readonly number[];
}

/** See `GenerationalHeap.stats`. */
export interface HeapStats {
  /** Heap cycles so far. */
  readonly cycle: number;
  readonly bytes: HeapBytes;
  /** Totals over all generations, ended ones included. */
  readonly totals: GenerationCounters;
  readonly generations: readonly GenerationStats[];
  readonly sites: readonly SiteStats[];
  /** Refs that are live, how many there can be, and for how many reuses of its slot a stale one is found out. */
  readonly refs: { readonly live: number; readonly max: number; readonly reusesDetected: number };
  readonly regions: {
    /** Of one region. */
    readonly bytes: number;
    readonly free: number;
    readonly inUse: number;
    readonly fragmented: number;
    /** Released, and not yet swept. */
    readonly condemned: number;
  };
  /** Bytes of an ordinary slab, and how often one was taken into use and given back. */
  readonly slabs: { readonly bytes: number; readonly grown: number; readonly givenBack: number };
  /** Ages at death of blocks in anonymous generations. */
  readonly anonymousAges: readonly number[];
}

/** Units handed out in `region` so far, whatever its state. */
export function usedUnits(core: HeapCore, region: number): number {
  const { space, generations } = core;
  const g = space.generation[region]!;
  const start = region << space.regionShift;
  const state = space.state[region];
  if (state === OPEN) return generations.top(g) - start;
  if (state === FIXED && generations.end(g) === start + space.regionUnits) return generations.top(g) - start;
  if (state === DESTINATION) return generations.destinationTop[g]! - start;
  return space.used[region]!;
}

function holdsBlocks(state: number): boolean {
  return state !== ABSENT && state !== FREE && state !== CONDEMNED && state !== HUMONGOUS_REST;
}

export function heapBytes(core: HeapCore): HeapBytes {
  const { space, budget } = core;
  const { used, peakUsed, unheld, max } = budget;
  const committed = budget.committed - unheld;
  let live = 0;
  for (let r = 0; r < space.top; r++) {
    if (holdsBlocks(space.state[r]!)) live += usedUnits(core, r) - space.freed[r]!;
  }
  return { committed, used, peakUsed, live: live * core.memory.unitBytes, free: max - used - unheld, max };
}

function generationStats(core: HeapCore, g: number): GenerationStats {
  const { space, generations } = core;
  let regions = 0;
  let fragmentedRegions = 0;
  let liveUnits = 0;
  for (let r = generations.head[g]!; r !== -1; r = space.next[r]!) {
    regions += space.state[r] === HUMONGOUS ? core.humongousRegions(r) : 1;
    if (space.state[r] === FRAGMENTED) fragmentedRegions++;
    liveUnits += usedUnits(core, r) - space.freed[r]!;
  }
  const inOpen = generations.end(g) === 0 ? 0 : generations.top(g) - (generations.end(g) - space.regionUnits);
  return {
    generation: generations.id(g),
    evacuateTo: generations.id(generations.evacuateTo[g]!),
    fixed: generations.isFixed(g),
    epoch: generations.epoch[g]!,
    regions,
    fragmentedRegions,
    liveBytes: liveUnits * core.memory.unitBytes,
    bytesAllocated: generations.bytesAllocated[g]! + inOpen * core.memory.unitBytes,
    bytesEvacuated: generations.bytesEvacuated[g]!,
    regionsFreedWhole: generations.regionsFreedWhole[g]!,
    regionsEvacuated: generations.regionsEvacuated[g]!,
    regionsReleased: generations.regionsReleased[g]!,
    ages: g < NUMBERED_GENERATIONS ? agesRow(core.lives.ages, g) : [],
  };
}

function agesRow(table: Uint32Array, row: number): number[] {
  return Array.from(table.subarray(row * AGE_COLUMNS, (row + 1) * AGE_COLUMNS));
}

export function heapStats(core: HeapCore): HeapStats {
  const { space, generations, sites, handles } = core;
  const byGeneration: GenerationStats[] = [];
  const totals: GenerationCounters = { ...generations.ended };
  for (let g = 1; g < generations.count; g++) {
    if (generations.id(g) <= 0) continue;
    const stats = generationStats(core, g);
    byGeneration.push(stats);
    totals.bytesAllocated += stats.bytesAllocated;
    totals.bytesEvacuated += stats.bytesEvacuated;
    totals.regionsFreedWhole += stats.regionsFreedWhole;
    totals.regionsEvacuated += stats.regionsEvacuated;
    totals.regionsReleased += stats.regionsReleased;
  }
  return {
    cycle: core.cycle,
    bytes: heapBytes(core),
    totals,
    generations: byGeneration,
    sites: sites.names.map((name, site) => ({
      site,
      name,
      fragmentedBytes: sites.fragmentedBytes[site]!,
      ages: agesRow(sites.ages, site),
    })),
    refs: { live: handles.liveCount, max: handles.slotMask, reusesDetected: handles.tagMask },
    regions: {
      bytes: space.regionBytes,
      free: space.freeCount,
      inUse: space.committedCount - space.freeCount,
      fragmented: core.evacuator.candidates,
      condemned: space.condemnedCount,
    },
    slabs: { bytes: space.slabBytes, grown: space.slabsGrown, givenBack: space.slabsGivenBack },
    anonymousAges: agesRow(core.lives.ages, NUMBERED_GENERATIONS),
  };
}
