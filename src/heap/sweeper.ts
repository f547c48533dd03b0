import { channels } from './channels.js';
import type { HeapCore } from './core.js';
import { isHumongous, OWNER_SHIFT } from './layout.js';
import { CONDEMNED, FRAGMENTED, HAS_OWNED, HUMONGOUS, NONE, PIN_MASK, UNTOLD } from './region-space.js';
import type { Address, Ref } from './types.js';

/** Blocks swept between two looks at the clock: some tens of microseconds, where a region's take a millisecond. */
const BLOCKS_PER_LOOK = 256;

/**
 * Releases generations and regions. A release costs O(regions): it marks the regions condemned, which makes
 * every ref into them stale at once; the slots of their blocks are swept later, slice by slice, in steps
 * or when room is needed.
 */
export class Sweeper {
  readonly #core: HeapCore;
  /** Ends of the list of condemned regions, as lists in `space.next` want them. */
  readonly #head: Int32Array = new Int32Array([NONE]);
  readonly #tail: Int32Array = new Int32Array([NONE]);
  /** Where the sweep of region `#cursorRegion` goes on. Its `freed` counts what was swept. */
  #cursor: number = 0;
  #cursorRegion: number = NONE;
  /** Refs of a slice that are to be given back. */
  readonly #refs: Int32Array = new Int32Array(BLOCKS_PER_LOOK);
  /** An owner that asks for room while it is told must not have what is half swept swept, and freed, a second time. */
  isTelling: boolean = false;

  constructor(core: HeapCore) {
    this.#core = core;
  }

  /**
   * Releases all regions of generation `g`; those of a fixed one, into which no ref leads, are free at once.
   *
   * @param ends the generation ends with it: its condemned regions must not be counted to its successor.
   * @param tell whether owners hear of their blocks.
   * @returns the bytes in the blocks that were still live.
   */
  release(g: number, ends: boolean, tell: boolean): number {
    const core = this.#core;
    const { generations } = core;
    const isFixed = generations.isFixed(g);
    if (!isFixed) this.#checkUnpinned(g);
    core.retire(g);
    core.retireDestination(g);
    const before = generations.regionsReleased[g]!;
    const bytes = isFixed ? core.freeFixed(g) : this.#condemnAll(g, ends, tell);
    generations.epoch[g]!++;
    if (channels.release.hasSubscribers) {
      const regions = generations.regionsReleased[g]! - before;
      channels.release.publish({ heap: core.config.name, generation: generations.id(g), regions, bytes });
    }
    return bytes;
  }

  #checkUnpinned(g: number): void {
    const { space, generations } = this.#core;
    for (let r = generations.head[g]!; r !== NONE; r = space.next[r]!) {
      if ((space.pins[r]! & PIN_MASK) !== 0) {
        throw new Error(`generation ${generations.id(g)} has pinned blocks; unpin them before its release`);
      }
    }
  }

  #condemnAll(g: number, ends: boolean, tell: boolean): number {
    const { space, generations } = this.#core;
    let bytes = 0;
    for (let r = generations.head[g]!; r !== NONE; ) {
      const next = space.next[r]!;
      bytes += this.condemn(r, tell);
      r = next;
    }
    if (ends) this.#disown(g);
    return bytes;
  }

  /** Generation `g` ends: what was released of it, now or before, and is not yet swept, is no generation's. */
  #disown(g: number): void {
    const { space } = this.#core;
    for (let r = this.#head[0]!; r !== NONE; r = space.next[r]!) {
      if (space.generation[r] === g) space.generation[r] = 0;
    }
  }

  /** Releases one retired region, not of a fixed generation; see `release`. @returns the bytes of blocks that were live in it. */
  condemn(region: number, tell: boolean): number {
    const core = this.#core;
    const { space, generations } = core;
    const g = space.generation[region]!;
    const bytes = (space.used[region]! - space.freed[region]!) * core.memory.unitBytes;
    generations.regionsReleased[g]!++;
    if (!tell) space.pins[region]! |= UNTOLD;
    if (space.state[region] === HUMONGOUS) {
      this.#endHumongous((region << space.regionShift) as Address);
      core.freeRegion(region, false);
      return bytes;
    }
    if (space.state[region] === FRAGMENTED) core.evacuator.candidates--;
    core.delist(region, g, 1);
    space.state[region] = CONDEMNED;
    space.link(region, 0, this.#head, this.#tail);
    space.condemnedCount++;
    space.memory.epoch[0]!++;
    if (tell && (space.pins[region]! & HAS_OWNED) !== 0 && this.#mustTellNow())
      this.#sweep(region, Number.POSITIVE_INFINITY);
    return bytes;
  }

  /** Whether there are owners that trust their addresses until they are told. */
  #mustTellNow(): boolean {
    return this.#core.owners.some((owner) => owner?.released !== undefined && owner.asksForReleases !== true);
  }

  #endHumongous(address: Address): void {
    const { memory } = this.#core;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = (address & memory.slabMask) << memory.wordShift;
    if (i32[at] === 0) return;
    const wasTelling = this.isTelling;
    this.isTelling = true;
    try {
      this.#endBlock(address, i32, at);
    } finally {
      this.isTelling = wasTelling;
    }
  }

  unlink(region: number): void {
    // An owner that is still to be told may have freed the last of its blocks itself.
    if (this.#cursorRegion === region) this.#cursorRegion = NONE;
    this.#core.space.unlink(region, 0, this.#head, this.#tail);
    this.#core.space.condemnedCount--;
  }

  /** Sweeps the oldest condemned region to its end. @returns false if there was none, or an owner asks who is being told. */
  sweepRegion(): boolean {
    const region = this.#head[0]!;
    if (region === NONE || this.isTelling) return false;
    this.#sweep(region, Number.POSITIVE_INFINITY);
    return true;
  }

  /** Sweeps until `deadlineMs`, or until about `units` are swept; at least one slice. */
  sweepUntil(deadlineMs: number, units: number): void {
    if (this.isTelling) return;
    for (let left = units; left > 0 && this.#head[0] !== NONE; ) {
      left -= this.#sweep(this.#head[0]!, BLOCKS_PER_LOOK);
      if (this.#core.clock.nowMs() >= deadlineMs) return;
    }
  }

  /** Sweeps the regions of whose blocks owners are still to be told: before one of them goes, and its number to another. */
  tellOwners(): void {
    const { space } = this.#core;
    for (let r = this.#head[0]!; r !== NONE && !this.isTelling; ) {
      const next = space.next[r]!;
      if ((space.pins[r]! & (HAS_OWNED | UNTOLD)) === HAS_OWNED) this.#sweep(r, Number.POSITIVE_INFINITY);
      r = next;
    }
  }

  /**
   * Sweeps up to `blocks` more blocks, dead ones included, of a condemned region; frees it at its end.
   *
   * @returns the units gone over.
   */
  #sweep(region: number, blocks: number): number {
    const wasTelling = this.isTelling;
    this.isTelling = true;
    try {
      return this.#sweepOn(region, blocks);
    } finally {
      this.isTelling = wasTelling;
    }
  }

  #sweepOn(region: number, blocks: number): number {
    const core = this.#core;
    const { space } = core;
    const start = region << space.regionShift;
    const end = start + space.used[region]!;
    const from = this.#cursorRegion === region ? this.#cursor : start;
    let address = from;
    let live = space.used[region]! - space.freed[region]!;
    for (let left = blocks; left > 0 && live > 0 && address < end; left -= BLOCKS_PER_LOOK) {
      live -= this.#sweepSlice(address, Math.min(left, BLOCKS_PER_LOOK), live, end);
      address = this.#cursor;
    }
    if (live > 0 && address < end) {
      space.freed[region] = space.used[region]! - live;
      this.#cursorRegion = region;
      return address - from;
    }
    this.#cursorRegion = NONE;
    space.freed[region] = space.used[region]!;
    core.freeRegion(region, false);
    return address - from;
  }

  /**
   * Ends up to `blocks` blocks from `from` on, until none of `live` units is left; `#cursor` is then behind them.
   * The refs of ordinary ones are given back together: one by one, that took most of the time.
   *
   * @returns the units that were live.
   */
  #sweepSlice(from: number, blocks: number, live: number, end: number): number {
    const core = this.#core;
    const { memory, handles } = core;
    const { slabMask, wordShift } = memory;
    const i32 = memory.i32[from >>> memory.slabShift]!;
    const refs = this.#refs;
    let count = 0;
    let swept = 0;
    let address = from;
    for (let left = blocks; left > 0 && swept < live && address < end; left--) {
      const at = (address & slabMask) << wordShift;
      const word0 = i32[at]!;
      const word1 = i32[at + 1]!;
      const units = core.blockUnits(word1);
      if (word0 > 0 && word1 >= 0) {
        i32[at] = 0;
        refs[count++] = word0;
        swept += units;
      } else if (word0 !== 0) {
        handles.releaseAll(refs, count);
        count = 0;
        this.#endBlock(address as Address, i32, at);
        swept += units;
      }
      address += units;
    }
    handles.releaseAll(refs, count);
    this.#cursor = address;
    return swept;
  }

  /** Ends one live block, of whatever kind. */
  #endBlock(address: Address, i32: Int32Array, at: number): void {
    const core = this.#core;
    const { space } = core;
    const region = address >>> space.regionShift;
    const word0 = i32[at]!;
    const word1 = i32[at + 1]!;
    const g = space.generation[region]!;
    if (word0 > 0) core.handles.release(word0 as Ref);
    else if ((space.pins[region]! & UNTOLD) === 0) {
      core.owners[(word0 >>> OWNER_SHIFT) & 0x7fff]?.released?.(address);
    }
    if (isHumongous(word1)) core.lives.noteHumongousDeath(region, word1, g);
    else if (word1 < 0) core.lives.noteDeath(address, core.blockUnits(word1), word1, g);
    i32[at] = 0;
  }
}
