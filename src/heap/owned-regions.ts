import type { HeapCore } from './core.js';
import { HEADER_BYTES, HUMONGOUS_SIZE, isHumongous, rawBytes, SIZE_MASK, STAMP_BYTES } from './layout.js';
import { CONDEMNED, FIXED, FRAGMENTED, HUMONGOUS, RETIRED } from './region-space.js';
import { usedUnits } from './stats.js';
import type { Address, RegionIndex } from './types.js';

/**
 * What an owner of blocks without handles needs to treat its generations as queues: regions in the order in
 * which they were opened, blocks in the order in which they were placed, and how much room there is. Nothing
 * here moves or frees a block, and nothing allocates. Every call is O(1) unless it says otherwise.
 */
export class OwnedRegions {
  readonly #core: HeapCore;

  constructor(core: HeapCore) {
    this.#core = core;
  }

  /** One past the highest address a block of this heap can ever have: how many bits an index must keep. */
  get addressLimit(): number {
    return this.#core.space.capacity * this.#core.space.regionUnits;
  }

  /**
   * Regions that can still be had without evicting or evacuating, released ones that are not yet swept among them;
   * allocation leaves the last one alone.
   */
  get freeRegions(): number {
    return this.#core.room.availableRegions();
  }

  /** Bytes that a block of `generation` may have, payload and header, without a new region being opened. */
  roomIn(generation: number): number {
    const { generations, memory } = this.#core;
    const g = generations.indexOf(generation);
    return (generations.end(g) - generations.top(g)) * memory.unitBytes;
  }

  /** Regions that placing a block of `byteLength` bytes in `generation` opens: 0 if it fits in the one that is open. */
  opens(generation: number, byteLength: number): number {
    const core = this.#core;
    const { generations } = core;
    const units = Math.ceil((byteLength + HEADER_BYTES) / core.memory.unitBytes);
    if (byteLength > core.maxSmall) return Math.ceil(units / core.space.regionUnits);
    const g = generations.indexOf(generation);
    return generations.top(g) + units <= generations.end(g) ? 0 : 1;
  }

  /** Most bytes that a block of `byteLength` bytes takes, header, stamp and padding included. */
  mostBytes(byteLength: number): number {
    const core = this.#core;
    const stampBytes = byteLength > core.maxSmall ? 0 : STAMP_BYTES;
    const { unitBytes } = core.memory;
    return Math.ceil((byteLength + HEADER_BYTES + stampBytes) / unitBytes) * unitBytes;
  }

  /** The region of `generation` that was opened first, in whatever state, or -1. */
  first(generation: number): RegionIndex | -1 {
    const { generations } = this.#core;
    return generations.head[generations.indexOf(generation)] as RegionIndex | -1;
  }

  /** The region of the same generation that was opened next, or -1. */
  next(region: RegionIndex): RegionIndex | -1 {
    return this.#core.space.next[region] as RegionIndex | -1;
  }

  /** The one opened before, or -1. */
  previous(region: RegionIndex): RegionIndex | -1 {
    return this.#core.space.prev[region] as RegionIndex | -1;
  }

  /** The region of `generation` that was opened last, or -1. */
  last(generation: number): RegionIndex | -1 {
    const { generations } = this.#core;
    return generations.tail[generations.indexOf(generation)] as RegionIndex | -1;
  }

  /** Whether a region has been filled and is in nobody's hands: what `evacuateRegion` takes. */
  isRetired(region: RegionIndex): boolean {
    const state = this.#core.space.state[region];
    return state === RETIRED || state === FRAGMENTED;
  }

  /** Address of the first block of a region. */
  start(region: RegionIndex): Address {
    return (region << this.#core.space.regionShift) as Address;
  }

  /** One past the last unit handed out in a region so far. */
  end(region: RegionIndex): number {
    return this.start(region) + usedUnits(this.#core, region);
  }

  /** Live bytes, headers included, of a region in any state. */
  liveBytes(region: RegionIndex): number {
    const { space, memory } = this.#core;
    return (this.end(region) - this.start(region) - space.freed[region]!) * memory.unitBytes;
  }

  /** Bytes of dead blocks in a region: what evacuating it would gain. */
  deadBytes(region: RegionIndex): number {
    return this.#core.space.freed[region]! * this.#core.memory.unitBytes;
  }

  /** Whether a live block lies at `address`, which must have been a block's in its region's present epoch. */
  isLive(address: Address): boolean {
    const { memory } = this.#core;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    // A slab that went back to the system has no words: undefined | 0 is 0.
    return (i32[(address & memory.slabMask) << memory.wordShift]! | 0) !== 0;
  }

  /** Whether the block at `address` has been released, and its owner is still to be told. */
  isReleased(address: Address): boolean {
    const { memory, space } = this.#core;
    return memory.epoch[1] !== 0 && space.state[address >>> space.regionShift] === CONDEMNED;
  }

  /** Tells owners now of all blocks that were released. Cost: O(those blocks); a pause if there were any. */
  finishReleases(): void {
    const { space, sweeper, pauses } = this.#core;
    if (space.condemnedCount === 0) return;
    const startMs = pauses.start();
    while (sweeper.sweepRegion());
    pauses.record('release', startMs);
  }

  /** The first live block of `region` at or after `address`, or -1; fixed ones are not walked. Cost: O(dead blocks between). */
  nextLive(region: RegionIndex, address: number): Address | -1 {
    const core = this.#core;
    const { memory, space } = core;
    if (space.state[region] === FIXED) return -1;
    const end = this.end(region);
    if (space.state[region] === HUMONGOUS) {
      const start = this.start(region);
      return address <= start && this.isLive(start) ? start : -1;
    }
    const i32 = memory.i32[(region << space.regionShift) >>> memory.slabShift]!;
    for (let a = address; a < end; ) {
      const at = (a & memory.slabMask) << memory.wordShift;
      if (i32[at] !== 0) return a as Address;
      a += core.blockUnits(i32[at + 1]!);
    }
    return -1;
  }

  /** The address behind the block at `address`, which may be dead: where the walk of its region goes on. */
  after(address: Address): number {
    const core = this.#core;
    const { memory, space } = core;
    const region = address >>> space.regionShift;
    if (space.state[region] === HUMONGOUS) return address + space.used[region]!;
    const at = (address & memory.slabMask) << memory.wordShift;
    return address + core.blockUnits(memory.i32[address >>> memory.slabShift]![at + 1]!);
  }

  /** Bytes that the block at `address` takes, header and padding included. */
  blockBytes(address: Address): number {
    return (this.after(address) - address) * this.#core.memory.unitBytes;
  }

  /**
   * Gives an owned block another length if it stays within the units it has, so that what lies behind it need
   * not move. @returns whether it did.
   */
  resize(address: Address, byteLength: number): boolean {
    const core = this.#core;
    const { memory } = core;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = ((address & memory.slabMask) << memory.wordShift) + 1;
    const word1 = i32[at]!;
    if (isHumongous(word1) || byteLength >= HUMONGOUS_SIZE) return false;
    const resized = (word1 & ~SIZE_MASK) | byteLength;
    if (core.unitsOf(rawBytes(resized)) !== core.blockUnits(word1)) return false;
    i32[at] = resized;
    return true;
  }

  /** Bytes of the regions that `generation` holds now, whether live or not. */
  generationBytes(generation: number): number {
    const { generations, space } = this.#core;
    return generations.regions[generations.indexOf(generation)]! * space.regionBytes;
  }
}
