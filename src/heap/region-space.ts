import { loadAddon } from '../base/index.js';
import type { Budget } from './budget.js';
import { CAREFUL, CLOSED, CONDEMNED_COUNT, type HotWords, PUT_END } from './hot-words.js';
import { SlabMemory } from './memory.js';
import { SlabBuffers, type SlabBytes } from './slab-buffers.js';
import type { RegionIndex } from './types.js';

/** No memory behind it: not yet grown, or given back. */
export const ABSENT = 0;
export const FREE = 1;
/** A generation's allocation region. */
export const OPEN = 2;
/** Where evacuation copies to; kept apart from OPEN so that allocation cannot eat the evacuator's room. */
export const DESTINATION = 3;
export const RETIRED = 4;
/** Retired, and live below its generation's threshold. */
export const FRAGMENTED = 5;
/** Being evacuated. */
export const SOURCE = 6;
/** Released; its blocks' slots are still to be swept. */
export const CONDEMNED = 7;
export const HUMONGOUS = 8;
export const HUMONGOUS_REST = 9;
/** Of a fixed generation, whether full, its allocation region, or one of several under a long block. Never walked. */
export const FIXED = 10;

/** `trip` of a region that is not retired: no count of freed units reaches it. */
export const NEVER = 0x7fffffff;
export const NONE = -1;

/** `lookedLive` of a fragmented region whose blocks have stopped dying. */
export const SETTLED: number = -1;

/** Set in a region's `pins` when blocks of owners lie in it; the bits below count its pins. */
export const HAS_OWNED: number = 1 << 30;
/** Set if a block died under a pin, so that debug mode could not poison it. */
export const UNPOISONED: number = 1 << 29;
/** Set if the humongous block of the region is sampled. */
export const SAMPLED: number = 1 << 28;
/** Set in a released region if owners are not to be told of its blocks. */
export const UNTOLD: number = 1 << 27;
export const PIN_MASK: number = UNTOLD - 1;

const TABLE_BYTES_PER_REGION = 1 + 4 * 11;

/** What the addon can do for slabs: give their pages back, and ask for huge ones. */
interface MemoryCalls {
  readonly decommit?: (buffer: ArrayBufferLike, byteOffset: number, byteLength: number) => void;
  readonly useHugePages?: (buffer: ArrayBufferLike) => boolean;
}

function memoryCalls(): MemoryCalls {
  return loadAddon() as MemoryCalls;
}

export interface SpaceShape {
  readonly regionBytes: number;
  readonly slabBytes: number;
  readonly unitShift: number;
  readonly shared: boolean;
  /** Whether the addon may give pages back in place; false drops buffers instead. */
  readonly decommit: boolean;
  /** Whether the addon may ask for huge pages. */
  readonly hugePages: boolean;
  /** Whether the addresses of all slabs are taken at once. */
  readonly upFront: boolean;
}

/** A run of slabs' worth of addresses backed by bytes that lie together. Usually one slab; more for the humongous. */
export interface Slab {
  readonly first: number;
  readonly span: number;
  readonly regions: number;
  bytes: SlabBytes | undefined;
  committed: boolean;
  usedRegions: number;
  emptySinceCycle: number;
}

/**
 * Equal regions carved from large slabs. Slabs are allocated once, kept and recycled, since ArrayBuffer churn
 * makes V8 collect. Knows of memory and of what is free, not of blocks.
 */
export class RegionSpace {
  readonly memory: SlabMemory;
  readonly regionBytes: number;
  readonly regionUnits: number;
  /** log2 of `regionUnits`: `address >>> regionShift` is the region. */
  readonly regionShift: number;
  readonly slabBytes: number;
  readonly capacity: number;
  /** Bytes of the region tables. */
  readonly tableBytes: number;

  readonly state: Uint8Array;
  /** Index of the region's generation. */
  readonly generation: Int32Array;
  /** Units handed out in the region, known once it is retired; for humongous ones the block's units. */
  readonly used: Int32Array;
  /** Of them, units of blocks that have died or moved away. */
  readonly freed: Int32Array;
  /** The count of freed units at which `free` must look closer. */
  readonly trip: Int32Array;
  /** How often the region was taken; what NG2C calls its epoch. */
  readonly epoch: Int32Array;
  /** Neighbours in the list of the generation's regions, or of the condemned. */
  readonly next: Int32Array;
  readonly prev: Int32Array;
  /** The heap cycle in which the region was opened. */
  readonly bornCycle: Int32Array;
  /** Of a fragmented region, the heap cycle in which it was last looked at. */
  readonly fragmentedCycle: Int32Array;
  /** Live units of a fragmented region at that look, or SETTLED. */
  readonly lookedLive: Int32Array;
  /** Pins that keep the region where it is, beside HAS_OWNED, UNPOISONED, SAMPLED and UNTOLD. */
  readonly pins: Int32Array;
  /** Of a humongous region, the bytes behind its block (word 1 has no room for the size), and the block's cookie. */
  readonly pad: Int32Array;
  readonly cookie: Int32Array;

  freeCount: number = 0;
  /** Regions with memory behind them. */
  committedCount: number = 0;
  /** One past the highest region that ever had memory. */
  top: number = 0;
  slabsGrown: number = 0;
  slabsGivenBack: number = 0;

  readonly #budget: Budget;
  readonly #buffers: SlabBuffers;
  readonly #decommit: MemoryCalls['decommit'];
  readonly #regionsPerSlab: number;
  readonly #slabLimit: number;
  /** By slab index; a slab of several spans stands at each. */
  readonly #slabs: (Slab | undefined)[] = [];

  readonly #hot: HotWords;

  constructor(budget: Budget, shape: SpaceShape, hot: HotWords) {
    const unitBytes = 1 << shape.unitShift;
    this.regionBytes = shape.regionBytes;
    this.regionUnits = shape.regionBytes / unitBytes;
    this.regionShift = Math.log2(this.regionUnits);
    this.slabBytes = shape.slabBytes;
    this.memory = new SlabMemory(shape.unitShift, Math.log2(shape.slabBytes / unitBytes));
    this.#budget = budget;
    const calls = memoryCalls();
    this.#decommit = shape.decommit ? calls.decommit : undefined;
    const useHugePages = shape.hugePages ? calls.useHugePages : undefined;
    this.#buffers = new SlabBuffers(shape, budget.max, this.#decommit !== undefined, useHugePages);
    this.#regionsPerSlab = shape.slabBytes / shape.regionBytes;
    this.#slabLimit = RegionSpace.slabLimit(budget.max, shape);
    const regions = RegionSpace.capacityFor(budget.max, shape);
    this.capacity = regions;
    this.#hot = hot;
    this.freed = hot.freed;
    this.trip = hot.trip.fill(NEVER);
    this.tableBytes = regions * TABLE_BYTES_PER_REGION;
    this.state = new Uint8Array(regions);
    this.generation = new Int32Array(regions);
    this.used = new Int32Array(regions);
    this.epoch = new Int32Array(regions);
    this.next = new Int32Array(regions).fill(NONE);
    this.prev = new Int32Array(regions).fill(NONE);
    this.bornCycle = new Int32Array(regions);
    this.fragmentedCycle = new Int32Array(regions);
    this.lookedLive = new Int32Array(regions);
    this.pins = new Int32Array(regions);
    // Columns that humongous regions, which are never fragmented, do not need otherwise.
    this.pad = this.fragmentedCycle;
    this.cookie = this.lookedLive;
  }

  /** Twice what fits, since a slab made for a humongous block may leave part of its last span without memory. */
  static slabLimit(maxBytes: number, shape: SpaceShape): number {
    // One slab less, so that the end of the last region is still below 2^31.
    const addressable = 2 ** 31 / (shape.slabBytes / 2 ** shape.unitShift) - 1;
    return Math.min(addressable, 2 * Math.ceil(maxBytes / shape.slabBytes) + 1);
  }

  /** Regions that the tables have room for. */
  static capacityFor(maxBytes: number, shape: SpaceShape): number {
    return RegionSpace.slabLimit(maxBytes, shape) * (shape.slabBytes / shape.regionBytes);
  }

  static tableBytesFor(maxBytes: number, shape: SpaceShape): number {
    return RegionSpace.capacityFor(maxBytes, shape) * TABLE_BYTES_PER_REGION;
  }

  /** Released regions that are not yet swept. */
  get condemnedCount(): number {
    return this.#hot.words[CONDEMNED_COUNT]! & ~CAREFUL;
  }

  set condemnedCount(count: number) {
    const { words } = this.#hot;
    this.memory.epoch[1] = count;
    words[CONDEMNED_COUNT] = (words[CONDEMNED_COUNT]! & CAREFUL) | count;
    // A ref into a condemned region is stale, which only the slow path of `free` sees.
    if (count !== 0) words[PUT_END] = CLOSED;
  }

  /** Whether the addon gives pages back in place. */
  get decommitsInPlace(): boolean {
    return this.#decommit !== undefined;
  }

  *eachSlab(): Generator<Slab> {
    for (let i = 0; i < this.#slabs.length; i++) {
      const slab = this.#slabs[i];
      if (slab !== undefined && slab.first === i) yield slab;
    }
  }

  /** Takes the free region of the lowest address, so that high slabs run empty. There must be one. */
  takeRegion(): RegionIndex {
    for (let i = 0; i < this.#slabs.length; i++) {
      const slab = this.#slabs[i];
      if (slab === undefined || slab.first !== i || !slab.committed || slab.usedRegions === slab.regions)
        continue;
      const start = i * this.#regionsPerSlab;
      const region = this.state.indexOf(FREE, start);
      this.#markTaken(slab, region);
      return region as RegionIndex;
    }
    throw new Error('takeRegion() without a free region');
  }

  /** Takes `region`, which must be free. */
  takeRegionAt(region: number): void {
    this.#markTaken(this.#slabs[(region / this.#regionsPerSlab) | 0]!, region);
  }

  /** The first region of a slab. */
  firstRegion(slab: Slab): number {
    return slab.first * this.#regionsPerSlab;
  }

  /** Takes `count` adjacent free regions of one slab; NONE if there are none. */
  takeRun(count: number): number {
    if (this.freeCount < count) return NONE;
    for (const slab of this.eachSlab()) {
      if (!slab.committed || slab.regions - slab.usedRegions < count) continue;
      const start = slab.first * this.#regionsPerSlab;
      let run = 0;
      for (let region = start; region < start + slab.regions; region++) {
        run = this.state[region] === FREE ? run + 1 : 0;
        if (run < count) continue;
        const first = region - count + 1;
        for (let r = first; r <= region; r++) this.#markTaken(slab, r);
        return first;
      }
    }
    return NONE;
  }

  #markTaken(slab: Slab, region: number): void {
    this.state[region] = RETIRED;
    this.used[region] = 0;
    this.freed[region] = 0;
    this.trip[region] = NEVER;
    this.pins[region] = 0;
    this.epoch[region]!++;
    slab.usedRegions++;
    this.freeCount--;
    this.#budget.use(this.regionBytes);
  }

  /** Returns a region, which must be in no list, to the free. */
  giveRegion(region: number, cycle: number): void {
    this.state[region] = FREE;
    this.trip[region] = NEVER;
    this.memory.epoch[0]!++;
    this.freeCount++;
    this.#budget.unuse(this.regionBytes);
    const slab = this.#slabs[(region / this.#regionsPerSlab) | 0]!;
    slab.usedRegions--;
    if (slab.usedRegions === 0) slab.emptySinceCycle = cycle;
  }

  /**
   * Returns all regions of a list, of which `first` is the first, to the free; whoever has the list must end it. One loop
   * that calls nothing: so many at once come seldom, in code that V8 has not compiled, and 600 regions given back by
   * a few calls each stopped the program for 1.4 to 1.9 ms; so it is 0.2.
   *
   * @returns the units that were handed out in them.
   */
  giveList(first: number, cycle: number): number {
    const { state, next, used } = this;
    const slabs = this.#slabs;
    const perSlab = this.#regionsPerSlab;
    let count = 0;
    let units = 0;
    for (let region = first; region !== NONE; region = next[region]!) {
      state[region] = FREE;
      units += used[region]!;
      const slab = slabs[(region / perSlab) | 0]!;
      slab.usedRegions--;
      if (slab.usedRegions === 0) slab.emptySinceCycle = cycle;
      count++;
    }
    this.memory.epoch[0]! += count;
    this.freeCount += count;
    this.#budget.unuse(count * this.regionBytes);
    return units;
  }

  /** Regions that the budget would still let grow, `keepBytes` of it left alone. */
  growableRegions(keepBytes: number): number {
    return Math.max(0, Math.floor((this.#budget.left - keepBytes) / this.regionBytes));
  }

  /**
   * Grows by one slab with at least `regions` adjacent regions: a decommitted one if it serves, else new.
   *
   * @returns the bytes added, 0 if the budget (less `keepBytes`) or the addresses do not allow it.
   */
  grow(regions: number, keepBytes: number, cycle: number): number {
    const allowed = this.growableRegions(keepBytes);
    if (allowed < regions) return 0;
    for (const slab of this.eachSlab()) {
      if (slab.committed || slab.regions < regions || slab.regions > allowed) continue;
      return this.#commit(slab, cycle);
    }
    const count = Math.max(regions, Math.min(allowed, this.#regionsPerSlab));
    const span = Math.ceil(count / this.#regionsPerSlab);
    const first = this.#findSpan(span);
    if (first === NONE) return 0;
    const byteLength = count * this.regionBytes;
    const bytes = this.#buffers.take(byteLength);
    if (bytes === undefined) return 0;
    const slab: Slab = {
      first,
      span,
      regions: count,
      bytes,
      committed: false,
      usedRegions: 0,
      emptySinceCycle: cycle,
    };
    for (let i = 0; i < span; i++) {
      this.#slabs[first + i] = slab;
      const from = i * this.slabBytes;
      this.memory.map(first + i, bytes.buffer, bytes.byteOffset + from, byteLength - from);
    }
    this.top = Math.max(this.top, first * this.#regionsPerSlab + count);
    return this.#commit(slab, cycle);
  }

  #commit(slab: Slab, cycle: number): number {
    const bytes = slab.regions * this.regionBytes;
    this.#budget.takeFree(bytes);
    slab.committed = true;
    slab.emptySinceCycle = cycle;
    const start = slab.first * this.#regionsPerSlab;
    this.state.fill(FREE, start, start + slab.regions);
    this.freeCount += slab.regions;
    this.committedCount += slab.regions;
    this.slabsGrown++;
    return bytes;
  }

  #findSpan(span: number): number {
    let run = 0;
    for (let i = 0; i < this.#slabLimit; i++) {
      const slab = this.#slabs[i];
      if (slab !== undefined && !slab.committed && slab.usedRegions === 0) this.#drop(slab);
      run = this.#slabs[i] === undefined ? run + 1 : 0;
      if (run === span) return i - span + 1;
    }
    return NONE;
  }

  /**
   * Gives slabs back that have been empty since before `cycle`, as long as `leastFree` regions stay free.
   *
   * @returns the bytes given back.
   */
  shrink(cycle: number, leastFree: number): number {
    let bytes = 0;
    for (let i = 0; i < this.#slabs.length; i++) {
      const slab = this.#slabs[i];
      if (slab === undefined || slab.first !== i || !slab.committed || slab.usedRegions !== 0) continue;
      if (slab.emptySinceCycle > cycle || this.freeCount - slab.regions < leastFree) continue;
      bytes += this.#uncommit(slab);
    }
    return bytes;
  }

  #uncommit(slab: Slab): number {
    const bytes = slab.regions * this.regionBytes;
    const start = slab.first * this.#regionsPerSlab;
    this.state.fill(ABSENT, start, start + slab.regions);
    this.freeCount -= slab.regions;
    this.committedCount -= slab.regions;
    slab.committed = false;
    if (this.#decommit !== undefined) this.#decommit(slab.bytes!.buffer, slab.bytes!.byteOffset, bytes);
    else this.#drop(slab);
    this.#budget.giveFree(bytes);
    this.slabsGivenBack++;
    return bytes;
  }

  #drop(slab: Slab): void {
    this.#buffers.give(slab.bytes!);
    slab.bytes = undefined;
    const nothing = new ArrayBuffer(0);
    for (let i = 0; i < slab.span; i++) {
      this.#slabs[slab.first + i] = undefined;
      this.memory.map(slab.first + i, nothing, 0, 0);
    }
  }

  /** Appends `region` to the list whose ends are at `list` in `heads` and `tails`. */
  link(region: number, list: number, heads: Int32Array, tails: Int32Array): void {
    const last = tails[list]!;
    this.prev[region] = last;
    this.next[region] = NONE;
    if (last === NONE) heads[list] = region;
    else this.next[last] = region;
    tails[list] = region;
  }

  unlink(region: number, list: number, heads: Int32Array, tails: Int32Array): void {
    const before = this.prev[region]!;
    const after = this.next[region]!;
    if (before === NONE) heads[list] = after;
    else this.next[before] = after;
    if (after === NONE) tails[list] = before;
    else this.prev[after] = before;
    this.prev[region] = NONE;
    this.next[region] = NONE;
  }
}
