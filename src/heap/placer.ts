import { checkInteger } from '../base/index.js';
import type { HeapCore } from './core.js';
import { CAREFUL, CLOSED, CONDEMNED_COUNT, FUSE, PUT_END } from './hot-words.js';
import { HEADER_BYTES, HUMONGOUS_SIZE, isHumongous, SITE_SHIFT, STAMPED } from './layout.js';
import { HAS_OWNED } from './region-space.js';
import type { Address, SiteId } from './types.js';

const LARGEST_FUSE = 0x3fffffff;
/** Blocks longer than this are copied by the platform's memmove; below, its call costs more than a loop. */
const LONG_WORDS = 256;

/**
 * Places and ends blocks by address: everything that the fast calls (fast-calls.ts) leave to a slow one. Checks that
 * throw, new regions, humongous blocks, samples, the heap's clock.
 */
export class Placer {
  readonly #core: HeapCore;
  /** The longest block that is not humongous, payload only. */
  readonly maxSmall: number;
  /** The longest placed block that goes into a region with others: as with allocated ones, about half a region. */
  readonly maxPlaced: number;
  /** Whether the heap poisons or zeroes, so that every block comes through here. */
  readonly isCareful: boolean;
  /** Units to the end of the heap cycle, and to the next sample, as of when the fuse was set. */
  #untilCycle: number;
  #untilSample: number;
  /** Units to the next step of the heap's own work, if there is any: four to a region, to keep steps short. */
  #untilStep: number;
  readonly #stepUnits: number;
  #fuseSet: number = 0;

  constructor(core: HeapCore) {
    const { config, hot } = core;
    this.#core = core;
    this.maxSmall = core.maxSmall;
    this.maxPlaced = config.regionBytes / 2;
    this.isCareful = config.debug || config.zeroFill;
    if (this.isCareful) {
      hot.words[CONDEMNED_COUNT] = CAREFUL;
      hot.words[PUT_END] = CLOSED;
    }
    this.#untilCycle = core.cycleUnits;
    this.#untilSample = core.lives.sampleGap();
    this.#stepUnits = core.space.regionUnits >> 2;
    this.#untilStep = this.#stepUnits;
    this.#setFuse();
  }

  /**
   * Places a block, its word 0 still to be written.
   *
   * @param slot whether it is to have a ref: then the handle table is ready afterwards.
   */
  placeMoving(byteLength: number, gen: number, site: number, slot: boolean): Address {
    const core = this.#core;
    const g = core.generations.movingIndexOf(gen);
    if (g === 0) throw core.noMovingGeneration(gen);
    if (!(Number.isInteger(site) && site >= 0 && site < core.sites.count)) {
      throw new RangeError(`there is no site ${site}: name sites by heap.site(name)`);
    }
    checkInteger('byteLength', byteLength, 0, 2 ** 38);
    if (byteLength > this.maxSmall) return this.#placeHumongous(byteLength, g, site, slot);
    let word1 = byteLength | (site << SITE_SHIFT);
    let units = core.blockUnits(word1);
    this.#ensureRoom(units, g, slot);
    // A region's last block goes without a stamp that does not fit: whoever asked for the room left shall get it.
    const roomForStamp = core.generations.end(g) - core.generations.top(g);
    const sampled = this.#burn(units) && core.blockUnits(word1 | STAMPED) <= roomForStamp;
    if (sampled) {
      word1 |= STAMPED;
      units = core.blockUnits(word1);
    }
    const address = core.generations.top(g) as Address;
    core.generations.setTop(g, address + units);
    const at = this.#headerWord(address);
    core.memory.i32[address >>> core.memory.slabShift]![at + 1] = word1;
    if (sampled) core.lives.stamp(address, units, site as SiteId, g, byteLength);
    if (this.isCareful) this.#prepare(at, address, byteLength);
    return address;
  }

  /** Places a block in a fixed generation; see `AddressedBlocks.place`. */
  placeFixed(byteLength: number, gen: number): Address {
    const core = this.#core;
    const { generations, memory } = core;
    const g = generations.indexOf(gen);
    if (g === 0) throw core.noGeneration(gen);
    if (!generations.isFixed(g)) {
      throw new TypeError(
        `generation ${gen} is not fixed: heap.place needs one made by newGeneration({ fixed: true })`,
      );
    }
    checkInteger('byteLength', byteLength, 0, 2 ** 38);
    // No two blocks have the same address.
    const units = Math.max(1, Math.ceil(byteLength / memory.unitBytes));
    const address = byteLength > this.maxPlaced ? this.#placeRun(units, g) : this.#bump(units, g);
    if (core.config.zeroFill) {
      const start = (address & memory.slabMask) << memory.unitShift;
      memory.u8[address >>> memory.slabShift]!.fill(0, start, start + byteLength);
    }
    return address;
  }

  #bump(units: number, g: number): Address {
    const { generations } = this.#core;
    this.#ensureRoom(units, g, false);
    // A sampled block is as any other here: it has no site, and dies with all others.
    this.#burn(units);
    const address = generations.top(g) as Address;
    generations.setTop(g, address + units);
    return address;
  }

  #placeRun(units: number, g: number): Address {
    this.#core.stepIfWanted();
    const address = this.#core.openFixedRun(g, units);
    this.#burn(units);
    return address;
  }

  /** Ends the block at `address`, whose handle is gone already. */
  end(address: Address): void {
    const core = this.#core;
    const { space, memory } = core;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = this.#headerWord(address);
    const word1 = i32[at + 1]!;
    const region = address >>> space.regionShift;
    const g = space.generation[region]!;
    i32[at] = 0;
    if (isHumongous(word1)) {
      core.lives.noteHumongousDeath(region, word1, g);
      core.addFreed(region, space.used[region]!);
      return;
    }
    const units = core.blockUnits(word1);
    if (word1 < 0) core.lives.noteDeath(address, units, word1, g);
    if (this.isCareful) core.poison(region, i32, at, units);
    core.addFreed(region, units);
  }

  /** Sees to it that `move` finds room for a block of `byteLength` bytes, with its stamp if it has one. */
  makeRoom(gen: number, byteLength: number): void {
    const core = this.#core;
    const g = core.generations.movingIndexOf(gen);
    if (g === 0) throw core.noMovingGeneration(gen);
    if (byteLength <= this.maxSmall) this.#ensureRoom(core.blockUnits(byteLength | STAMPED), g, false);
  }

  /** Moves an owned block, its birth with it; see `AddressedBlocks.moveOwned`. */
  move(address: Address, gen: number): Address {
    const core = this.#core;
    const { space, generations, memory } = core;
    const g = generations.movingIndexOf(gen);
    if (g === 0) throw core.noMovingGeneration(gen);
    const region = address >>> space.regionShift;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = this.#headerWord(address);
    if (isHumongous(i32[at + 1]!)) {
      core.rehomeHumongous(region, g);
      return address;
    }
    const units = core.blockUnits(i32[at + 1]!);
    const to = generations.top(g) as Address;
    if (to + units > generations.end(g)) {
      throw new RangeError(`generation ${gen} has no room for the block: call makeRoomIn first`);
    }
    generations.setTop(g, to + units);
    const words = units << memory.wordShift;
    const target = memory.i32[to >>> memory.slabShift]!;
    const targetAt = this.#headerWord(to);
    if (words > LONG_WORDS) target.set(i32.subarray(at, at + words), targetAt);
    else for (let i = 0; i < words; i++) target[targetAt + i] = i32[at + i]!;
    space.pins[to >>> space.regionShift]! |= HAS_OWNED;
    generations.bytesEvacuated[space.generation[region]!]! += units * memory.unitBytes;
    i32[at] = 0;
    if (this.isCareful) core.poison(region, i32, at, units);
    core.addFreed(region, units);
    return to;
  }

  #headerWord(address: Address): number {
    const { memory } = this.#core;
    return (address & memory.slabMask) << memory.wordShift;
  }

  /** Sees to it that `g` has an allocation region with room for `units`, and that a ref can be had. */
  #ensureRoom(units: number, g: number, slot: boolean): void {
    const core = this.#core;
    const { generations } = core;
    if (slot && !core.handles.ready) this.#makeSlot(g);
    if (generations.top(g) + units <= generations.end(g)) return;
    core.stepIfWanted();
    do {
      core.openRegion(g, units * core.memory.unitBytes);
      // A pressure hook may have taken slots.
      if (slot && !core.handles.ready) this.#makeSlot(g);
    } while (generations.top(g) + units > generations.end(g));
  }

  /** Sees to it that a block of `g` can have a ref. @throws HeapFullError; RangeError if a pressure hook released `g`. */
  #makeSlot(g: number): void {
    const core = this.#core;
    const generation = core.generations.id(g);
    core.room.makeSlot();
    core.checkOutlived(generation, g);
  }

  #placeHumongous(byteLength: number, g: number, site: number, slot: boolean): Address {
    const core = this.#core;
    if (slot && !core.handles.ready) this.#makeSlot(g);
    core.stepIfWanted();
    let address = core.openHumongous(g, byteLength);
    while (slot && !core.handles.ready) {
      // A pressure hook has taken the slots. The next one may release the generation, and would find no header here.
      core.closeHumongous(address);
      this.#makeSlot(g);
      address = core.openHumongous(g, byteLength);
    }
    const region = address >>> core.space.regionShift;
    const at = this.#headerWord(address);
    core.memory.i32[address >>> core.memory.slabShift]![at + 1] =
      STAMPED | (site << SITE_SHIFT) | HUMONGOUS_SIZE;
    if (this.#burnFor(address, byteLength)) core.lives.stampHumongous(region, site as SiteId, g, byteLength);
    if (this.isCareful) this.#prepare(at, address, byteLength);
    return address;
  }

  /** Lets the clock run for the humongous block at `address`, which has no header yet, and goes if an owner throws. */
  #burnFor(address: Address, byteLength: number): boolean {
    const core = this.#core;
    try {
      return this.#burn(Math.ceil((byteLength + HEADER_BYTES) / core.memory.unitBytes));
    } catch (error) {
      core.closeHumongous(address);
      throw error;
    }
  }

  /** Lets the clock run by `units`. @returns whether a sample fell into them. */
  #burn(units: number): boolean {
    const core = this.#core;
    const { words } = core.hot;
    const left = words[FUSE]! - units;
    if (left >= 0) {
      words[FUSE] = left;
      return false;
    }
    const burnt = this.#fuseSet - left;
    this.#untilCycle -= burnt;
    this.#untilSample -= burnt;
    this.#untilStep -= burnt;
    if (this.#untilCycle < 0) {
      const cycles = Math.ceil(-this.#untilCycle / core.cycleUnits) | 0;
      this.#untilCycle += cycles * core.cycleUnits;
      core.tick(cycles);
    }
    const wantsStep = this.#untilStep < 0;
    if (wantsStep) this.#untilStep = this.#stepUnits;
    const sampled = this.#untilSample < 0 && core.config.sampleBytes !== 0;
    if (this.#untilSample < 0) this.#untilSample = core.lives.sampleGap();
    this.#setFuse();
    // Last: an owner may throw, and the same units would burn again.
    if (wantsStep) core.stepIfWanted();
    return sampled;
  }

  #setFuse(): void {
    this.#fuseSet = Math.min(this.#untilCycle, this.#untilSample, this.#untilStep, LARGEST_FUSE);
    this.#core.hot.words[FUSE] = this.#fuseSet;
  }

  /** Clears a new block where the options ask for it. */
  #prepare(at: number, address: number, byteLength: number): void {
    if (!this.#core.config.zeroFill) return;
    const start = (at << 2) + HEADER_BYTES;
    const { memory } = this.#core;
    memory.u8[address >>> memory.slabShift]!.fill(0, start, start + byteLength);
  }
}
