import { checkFunction, checkInteger } from '../base/index.js';
import { HeapCore } from './core.js';
import { StaleRefError } from './errors.js';
import type { HandleTable } from './handle-table.js';
import { CAREFUL, CONDEMNED_COUNT, FUSE } from './hot-words.js';
import {
  HEADER_BYTES,
  HUMONGOUS_SIZE,
  MARK_MASK,
  MAX_OWNERS,
  rawBytes,
  SITE_SHIFT,
  SIZE_MASK,
  STAMP_BYTES,
  STAMPED,
} from './layout.js';
import type { SlabMemory } from './memory.js';
import { type HeapOptions, resolveOptions } from './options.js';
import { OwnedRegions } from './owned-regions.js';
import type { PauseLog } from './pauses.js';
import { CONDEMNED, FRAGMENTED, HUMONGOUS, PIN_MASK, SOURCE } from './region-space.js';
import type { Address, BlockOwner, Generation, OwnerId, Ref, RegionIndex, SiteId } from './types.js';

/** A hold on a region, given by `pin`, ended by `unpin`. */
export type Pin = RegionIndex;

const LARGEST_FUSE = 0x3fffffff;

/**
 * What the fast paths read beside the hot words: one plain object, loaded once a call. As private fields of the heap,
 * each a keyed load of its own, they cost a pair a tenth of its time.
 */
interface FastPath {
  words: Int32Array;
  idsAt: number;
  topAt: number;
  endAt: number;
  siteCount: number;
  readonly freedAt: number;
  readonly tripAt: number;
  readonly slabs: Int32Array[];
  readonly chunks: Int32Array[];
  readonly ring: Int32Array;
  readonly ringMask: number;
  readonly chunkShift: number;
  readonly chunkMask: number;
  readonly slotMask: number;
  readonly slabShift: number;
  readonly slabMask: number;
  readonly wordShift: number;
  readonly unitShift: number;
  readonly regionShift: number;
  /** Added to a payload's bytes before the shift to units: header and rounding. */
  readonly roundUp: number;
  /** The longest block that is not humongous, payload only. */
  readonly maxSmall: number;
  /** The longest block that the fast paths place: none in a careful heap. */
  readonly maxFast: number;
  readonly careful: boolean;
}

function fastPath(core: HeapCore): FastPath {
  const { config, handles, hot, memory } = core;
  const maxSmall = config.regionBytes / 2 - HEADER_BYTES - STAMP_BYTES;
  const careful = config.debug || config.zeroFill;
  return {
    words: hot.words,
    idsAt: hot.idsAt,
    topAt: hot.topAt,
    endAt: hot.endAt,
    siteCount: core.sites.count,
    freedAt: hot.freedAt,
    tripAt: hot.tripAt,
    slabs: memory.i32,
    chunks: handles.chunks,
    ring: handles.ring,
    ringMask: handles.ringMask,
    chunkShift: handles.chunkShift,
    chunkMask: handles.chunkMask,
    slotMask: handles.slotMask,
    slabShift: memory.slabShift,
    slabMask: memory.slabMask,
    wordShift: memory.wordShift,
    unitShift: memory.unitShift,
    regionShift: core.space.regionShift,
    roundUp: HEADER_BYTES + memory.unitBytes - 1,
    maxSmall,
    maxFast: careful ? -1 : maxSmall,
    careful,
  };
}

/**
 * The blocks' half of the heap's face: placing, finding and ending them, by ref and by address.
 *
 * `allocate`, `allocateOwned` and `free` are written out rather than composed: they read the hot words and two
 * typed arrays, call nothing, and leave every rare case to a slow path. Numbers stand in for the names of
 * hot-words.ts and layout.ts there, since V8 loads an imported constant each time (a third of the pair's time).
 * They stay under the 460 bytes of bytecode up to which V8 inlines a call, which halves it: test/heap/hot-path
 * holds that. Words: 0 FUSE, 1 RING_HEAD, 2 RING_COUNT, 3 RING_LOW, 4 CONDEMNED_COUNT.
 */
export abstract class BlockHeap {
  /** The slabs' bytes, for inner loops. */
  readonly memory: SlabMemory;
  /** rolp's own stop work on this heap. */
  readonly pauses: PauseLog;
  /** Bits of a ref that are its slot; the rest is the slot's reuse tag. */
  readonly slotMask: number;
  /** The handle table, for code written with its shifts as constants: address by slot, negative if free. */
  readonly refTable: Pick<HandleTable, 'chunks' | 'chunkShift' | 'chunkMask'>;
  /** How often a generation or region was released: who keeps refs can tell that some may have gone. */
  releases: number = 0;
  /** Regions and blocks in order of age, for owners that use generations as queues. */
  readonly regions: OwnedRegions;
  readonly #core: HeapCore;
  readonly #fast: FastPath;
  /** Units to the end of the heap cycle, and to the next sample, as of when the fuse was set. */
  #untilCycle: number;
  #untilSample: number;
  /** Units to the next step of the heap's own work, if there is any: four to a region, to keep steps short. */
  #untilStep: number;
  readonly #stepUnits: number;
  #fuseSet: number = 0;

  /** @throws TypeError, RangeError naming the option. */
  constructor(options: HeapOptions) {
    const config = resolveOptions(options);
    const core = new HeapCore(config);
    this.#core = core;
    this.memory = core.memory;
    this.pauses = core.pauses;
    this.slotMask = core.handles.slotMask;
    this.refTable = core.handles;
    this.regions = new OwnedRegions(core);
    this.#fast = fastPath(core);
    if (this.#fast.careful) core.hot.words[CONDEMNED_COUNT] = CAREFUL;
    this.#untilCycle = core.cycleUnits;
    this.#untilSample = core.sampleGap();
    this.#stepUnits = core.space.regionUnits >> 2;
    this.#untilStep = this.#stepUnits;
    this.refresh();
    this.#setFuse();
    // A function among its own properties keeps structuredClone and postMessage from making a dead copy.
    Object.defineProperty(this, 'belongsToItsThread', { value: () => true, enumerable: true });
  }

  protected get core(): HeapCore {
    return this.#core;
  }

  /** Reads anew what may have moved: after a generation or a site was added. */
  protected refresh(): void {
    const { hot, sites } = this.#core;
    this.#fast.words = hot.words;
    this.#fast.idsAt = hot.idsAt;
    this.#fast.topAt = hot.topAt;
    this.#fast.endAt = hot.endAt;
    this.#fast.siteCount = sites.count;
  }

  /** The generation of a block whose caller named none. */
  protected abstract chooseGeneration(site: number, byteLength: number, ttlMs: number): number;

  // ---- blocks ----

  /**
   * Places a block of `byteLength` bytes, 0 to maxBytes. Its contents are unspecified unless `zeroFill`.
   *
   * @param generation by hand; left out: the site's, else the placement policy's, else the current one.
   * @param ttlMs told to the placement policy if there is one.
   * @returns a ref, valid until the block is freed or its generation released. Allocates nothing on the JS heap.
   * @throws HeapFullError before anything is touched; RangeError for a wrong length, generation or site.
   */
  allocate(byteLength: number, generation?: number, site: number = 0, ttlMs: number = 0): Ref {
    const fast = this.#fast;
    const gen = generation === undefined ? this.chooseGeneration(site, byteLength, ttlMs) : generation;
    const words = fast.words;
    const g = gen & 0xffff;
    const units = (byteLength + fast.roundUp) >>> fast.unitShift;
    const top = words[fast.topAt + g]!;
    const fuse = words[0]! - units;
    const count = words[2]!;
    if (
      byteLength >>> 0 !== byteLength ||
      byteLength > fast.maxFast ||
      site >>> 0 >= fast.siteCount ||
      words[fast.idsAt + g] !== gen ||
      top + units > words[fast.endAt + g]! ||
      fuse < 0 ||
      count <= words[3]!
    ) {
      return this.#allocateSlowly(byteLength, gen, site);
    }
    words[fast.topAt + g] = top + units;
    words[0] = fuse;
    const head = words[1]!;
    const ref = fast.ring[head & fast.ringMask]!;
    words[1] = head + 1;
    words[2] = count - 1;
    const slot = ref & fast.slotMask;
    fast.chunks[slot >>> fast.chunkShift]![slot & fast.chunkMask] = top;
    const i32 = fast.slabs[top >>> fast.slabShift]!;
    const at = (top & fast.slabMask) << fast.wordShift;
    i32[at] = ref;
    i32[at + 1] = byteLength | (site << 20);
    return ref as Ref;
  }

  /**
   * Frees a block. Its region goes back to the free list with its last block, nothing copied.
   *
   * @throws StaleRefError if it was freed already.
   */
  free(ref: number): void {
    const fast = this.#fast;
    const slot = ref & fast.slotMask;
    const chunk = fast.chunks[slot >>> fast.chunkShift];
    const address = chunk === undefined ? -1 : chunk[slot & fast.chunkMask]!;
    const words = fast.words;
    const count = words[2]!;
    if (address < 0 || words[4] !== 0 || count > fast.ringMask) {
      this.#freeSlowly(ref);
      return;
    }
    const i32 = fast.slabs[address >>> fast.slabShift]!;
    const at = (address & fast.slabMask) << fast.wordShift;
    const word1 = i32[at + 1]!;
    // A size of all ones is humongous, the bit above it a stamp.
    if (i32[at] !== ref || (word1 & 0xfffff) >= 0x7ffff) {
      this.#freeSlowly(ref);
      return;
    }
    i32[at] = 0;
    chunk![slot & fast.chunkMask] = 0x80000000 | 0;
    fast.ring[(words[1]! + count) & fast.ringMask] = (ref + fast.slotMask + 1) & 0x7fffffff;
    words[2] = count + 1;
    const region = address >>> fast.regionShift;
    const freed = words[fast.freedAt + region]! + (((word1 & 0x7ffff) + fast.roundUp) >>> fast.unitShift);
    words[fast.freedAt + region] = freed;
    if (freed >= words[fast.tripAt + region]!) this.#core.tripped(region);
  }

  #freeSlowly(ref: number): void {
    const address = this.addressOf(ref);
    this.#core.handles.release(ref as Ref);
    this.#end(address);
  }

  /**
   * Gives a block another length, in its generation; its ref stays. Its bytes are kept as far as both lengths
   * reach. Always copies, so ask for room to spare.
   *
   * @throws StaleRefError; HeapFullError before anything is touched.
   */
  resize(ref: number, byteLength: number): void {
    const old = this.addressOf(ref);
    const to = this.#placeSlowly(byteLength, this.generationAt(old), this.siteAt(old), false);
    // Making room may have moved the block, or a pressure hook may have freed it.
    const from = this.#find(ref) as Address;
    this.#fast.slabs[to >>> this.#fast.slabShift]![this.#headerWord(to)] = ref;
    if (from < 0) {
      this.#end(to);
      throw this.#stale(ref);
    }
    const start = this.payloadAt(from);
    const kept = Math.min(byteLength, this.byteLengthAt(from));
    const source = this.memory.u8[from >>> this.#fast.slabShift]!.subarray(start, start + kept);
    this.memory.u8[to >>> this.#fast.slabShift]!.set(source, this.payloadAt(to));
    this.#core.handles.move(ref as Ref, to);
    this.#end(from);
  }

  /**
   * A Uint8Array over the block, not a copy. It reads other data once the block has moved or died: use it
   * before the next call that allocates or steps, or `pin` the block. Cost: one small object.
   *
   * @throws StaleRefError
   */
  view(ref: number): Uint8Array {
    return this.viewAt(this.addressOf(ref));
  }

  /** Bytes of the block. @throws StaleRefError */
  byteLength(ref: number): number {
    return this.byteLengthAt(this.addressOf(ref));
  }

  /** Whether `ref` names a live block. */
  has(ref: number): boolean {
    return this.#find(ref) >= 0;
  }

  /** The generation in which the block lies now. @throws StaleRefError */
  generationOf(ref: number): Generation {
    return this.generationAt(this.addressOf(ref));
  }

  /** The site that allocated the block. @throws StaleRefError */
  siteOf(ref: number): SiteId {
    return this.siteAt(this.addressOf(ref));
  }

  /**
   * Keeps the block, with its whole region, where it is and from being reused, even past its `free`: for
   * views handed to I/O or to other threads. `unpin` what comes back. @throws StaleRefError
   */
  pin(ref: number): Pin {
    const { space, evacuator } = this.#core;
    const region = this.addressOf(ref) >>> space.regionShift;
    if (space.state[region] === SOURCE) {
      // Half evacuated: what is left stays here, and the evacuator goes on elsewhere.
      space.state[region] = FRAGMENTED;
      evacuator.candidates++;
    }
    space.pins[region]!++;
    return region as Pin;
  }

  /** Ends a `pin`. @throws RangeError if there is none on that region. */
  unpin(pin: Pin): void {
    const { space } = this.#core;
    if (!((space.pins[pin]! & PIN_MASK) > 0)) throw new RangeError(`region ${pin} is not pinned`);
    space.pins[pin]!--;
    if ((space.pins[pin]! & PIN_MASK) === 0 && space.freed[pin]! >= space.trip[pin]!) this.#core.tripped(pin);
  }

  // ---- addresses: internal, for the cache's and the collections' inner loops ----

  /** The address of a live block. @throws StaleRefError */
  addressOf(ref: number): Address {
    const address = this.#find(ref);
    if (address < 0) throw this.#stale(ref);
    return address as Address;
  }

  /** The ref of the live block that has `slot` (`ref & slotMask`) now, or 0: for who keeps a set of slots. */
  refInSlot(slot: number): Ref {
    const address = this.#core.handles.lookup(slot);
    if (address < 0) return 0 as Ref;
    const ref = this.#fast.slabs[address >>> this.#fast.slabShift]![this.#headerWord(address as Address)]!;
    return (this.#find(ref) >= 0 ? ref : 0) as Ref;
  }

  #find(ref: number): number {
    const fast = this.#fast;
    const slot = ref & fast.slotMask;
    const chunk = fast.chunks[slot >>> fast.chunkShift];
    const address = chunk === undefined ? -1 : chunk[slot & fast.chunkMask]!;
    if (address < 0) return -1;
    const i32 = fast.slabs[address >>> fast.slabShift]!;
    if (i32[(address & fast.slabMask) << fast.wordShift] !== ref) return -1;
    if (fast.words[4] !== 0 && this.#core.space.state[address >>> fast.regionShift] === CONDEMNED) return -1;
    return address;
  }

  #stale(ref: number): StaleRefError {
    if (!Number.isInteger(ref) || ref < 1 || ref > 0x7fffffff) {
      return new StaleRefError(ref, 'no heap gives out such a ref');
    }
    if (this.#core.handles.lookup(ref) >= 0) {
      return new StaleRefError(ref, 'its block was freed, or is of another heap; another block has its slot');
    }
    return new StaleRefError(ref, 'its block was freed or released, or is of another heap');
  }

  /**
   * Registers an owner of blocks without handles.
   *
   * @throws RangeError past 32767 owners.
   */
  registerOwner(owner: BlockOwner): OwnerId {
    const owners = this.#core.owners;
    const free = owners.indexOf(undefined, 1);
    const id = free === -1 ? owners.length : free;
    if (id > MAX_OWNERS) throw new RangeError(`a heap has at most ${MAX_OWNERS} owners`);
    checkFunction('BlockOwner.moved', owner.moved);
    owners[id] = owner;
    return id as OwnerId;
  }

  /** Ends an owner, which must have freed its blocks. */
  unregisterOwner(owner: OwnerId): void {
    this.#core.owners[owner] = undefined;
  }

  /**
   * Places a block that its owner finds by address. Errors and cost as `allocate`, with no handle.
   *
   * @param mark 16 bits for the owner's use.
   */
  allocateOwned(
    owner: OwnerId,
    byteLength: number,
    generation?: number,
    site: number = 0,
    mark: number = 0,
    ttlMs: number = 0,
  ): Address {
    const fast = this.#fast;
    const gen = generation === undefined ? this.chooseGeneration(site, byteLength, ttlMs) : generation;
    const words = fast.words;
    const g = gen & 0xffff;
    const units = (byteLength + fast.roundUp) >>> fast.unitShift;
    let address = words[fast.topAt + g]!;
    const fuse = words[0]! - units;
    if (
      byteLength >>> 0 !== byteLength ||
      byteLength > fast.maxFast ||
      site >>> 0 >= fast.siteCount ||
      words[fast.idsAt + g] !== gen ||
      address + units > words[fast.endAt + g]! ||
      fuse < 0
    ) {
      address = this.#placeSlowly(byteLength, gen, site, false);
    } else {
      words[fast.topAt + g] = address + units;
      words[0] = fuse;
      const at = (address & fast.slabMask) << fast.wordShift;
      fast.slabs[address >>> fast.slabShift]![at + 1] = byteLength | (site << 20);
    }
    fast.slabs[address >>> fast.slabShift]![(address & fast.slabMask) << fast.wordShift] =
      (1 << 31) | (owner << 16) | (mark & 0xffff);
    this.#core.space.pins[address >>> fast.regionShift]! |= 0x40000000;
    return address as Address;
  }

  /** Frees an owned block. The address must be right: nothing but debug mode checks it. */
  freeOwned(address: Address): void {
    if (
      this.#fast.careful &&
      this.#fast.slabs[address >>> this.#fast.slabShift]![this.#headerWord(address)]! >= 0
    ) {
      throw new StaleRefError(address, 'no owned block lies at this address');
    }
    this.#end(address);
  }

  /** A view over the block at `address`; see `view`. */
  viewAt(address: Address): Uint8Array {
    const slab = this.memory.u8[address >>> this.#fast.slabShift]!;
    return new Uint8Array(slab.buffer, slab.byteOffset + this.payloadAt(address), this.byteLengthAt(address));
  }

  /** Index of the payload's first byte in `memory.u8[address >>> memory.slabShift]`. */
  payloadAt(address: Address): number {
    return ((address & this.#fast.slabMask) << this.#fast.unitShift) + HEADER_BYTES;
  }

  byteLengthAt(address: Address): number {
    const size = this.#word1(address) & SIZE_MASK;
    return size === HUMONGOUS_SIZE ? this.#core.humongousBytes(address) : size;
  }

  generationAt(address: Address): Generation {
    const { space, generations } = this.#core;
    return generations.ids[space.generation[address >>> this.#fast.regionShift]!] as Generation;
  }

  siteAt(address: Address): SiteId {
    return (this.#word1(address) >>> SITE_SHIFT) as SiteId;
  }

  markAt(address: Address): number {
    return this.#fast.slabs[address >>> this.#fast.slabShift]![this.#headerWord(address)]! & MARK_MASK;
  }

  setMarkAt(address: Address, mark: number): void {
    const i32 = this.#fast.slabs[address >>> this.#fast.slabShift]!;
    const at = this.#headerWord(address);
    i32[at] = (i32[at]! & ~MARK_MASK) | (mark & MARK_MASK);
  }

  #headerWord(address: Address): number {
    return (address & this.#fast.slabMask) << this.#fast.wordShift;
  }

  #word1(address: Address): number {
    return this.#fast.slabs[address >>> this.#fast.slabShift]![this.#headerWord(address) + 1]!;
  }

  // ---- slow paths ----

  #allocateSlowly(byteLength: number, gen: number, site: number): Ref {
    const address = this.#placeSlowly(byteLength, gen, site, true);
    const ref = this.#core.handles.take(address);
    this.#fast.slabs[address >>> this.#fast.slabShift]![this.#headerWord(address)] = ref;
    return ref;
  }

  /** Everything that the fast path does not do: checks that throw, new regions, samples, cycles. */
  #placeSlowly(byteLength: number, gen: number, site: number, slot: boolean): Address {
    const core = this.#core;
    const g = core.generations.indexOf(gen);
    if (g === 0) throw core.noGeneration(gen);
    if (!(Number.isInteger(site) && site >= 0 && site < this.#fast.siteCount)) {
      throw new RangeError(`there is no site ${site}: name sites by heap.site(name)`);
    }
    checkInteger('byteLength', byteLength, 0, 2 ** 38);
    if (byteLength > this.#fast.maxSmall) return this.#placeHumongous(byteLength, g, site, slot);
    let word1 = byteLength | (site << SITE_SHIFT);
    let units = core.blockUnits(word1);
    this.#ensureRoom(units, g, slot);
    // A region's last block goes without a stamp that does not fit: whoever asked for the room left shall get it.
    const roomForStamp = core.generations.end[g]! - core.generations.top[g]!;
    const sampled = this.#burn(units) && core.blockUnits(word1 | STAMPED) <= roomForStamp;
    if (sampled) {
      word1 |= STAMPED;
      units = core.blockUnits(word1);
    }
    const address = core.generations.top[g]! as Address;
    core.generations.top[g] = address + units;
    const at = this.#headerWord(address);
    this.#fast.slabs[address >>> this.#fast.slabShift]![at + 1] = word1;
    if (sampled) core.stamp(address, units, site as SiteId, g, byteLength);
    if (this.#fast.careful) this.#prepare(at, address, byteLength);
    return address;
  }

  /** Sees to it that `g` has an allocation region with room for `units`, and that a ref can be had. */
  #ensureRoom(units: number, g: number, slot: boolean): void {
    const core = this.#core;
    const { generations } = core;
    if (slot && !core.handles.ready) core.makeSlot();
    if (generations.top[g]! + units <= generations.end[g]!) return;
    core.stepIfWanted();
    do {
      core.openRegion(g, units * this.memory.unitBytes);
      // A pressure hook may have taken slots.
      if (slot && !core.handles.ready) core.makeSlot();
    } while (generations.top[g]! + units > generations.end[g]!);
  }

  #placeHumongous(byteLength: number, g: number, site: number, slot: boolean): Address {
    const core = this.#core;
    if (slot && !core.handles.ready) core.makeSlot();
    core.stepIfWanted();
    const address = core.openHumongous(g, byteLength);
    if (slot && !core.handles.ready) {
      try {
        core.makeSlot();
      } catch (error) {
        core.freeRegion(address >>> this.#fast.regionShift, true);
        throw error;
      }
    }
    const at = this.#headerWord(address);
    this.#fast.slabs[address >>> this.#fast.slabShift]![at + 1] = HUMONGOUS_SIZE | (site << SITE_SHIFT);
    this.#burn(Math.ceil((byteLength + HEADER_BYTES) / this.memory.unitBytes));
    if (this.#fast.careful) this.#prepare(at, address, byteLength);
    return address;
  }

  /** Lets the clock run by `units`. @returns whether a sample fell into them. */
  #burn(units: number): boolean {
    const core = this.#core;
    const left = this.#fast.words[FUSE]! - units;
    if (left >= 0) {
      this.#fast.words[FUSE] = left;
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
    if (this.#untilStep < 0) {
      this.#untilStep = this.#stepUnits;
      core.stepIfWanted();
    }
    const sampled = this.#untilSample < 0 && core.config.sampleBytes !== 0;
    if (this.#untilSample < 0) this.#untilSample = core.sampleGap();
    this.#setFuse();
    return sampled;
  }

  #setFuse(): void {
    this.#fuseSet = Math.min(this.#untilCycle, this.#untilSample, this.#untilStep, LARGEST_FUSE);
    this.#fast.words[FUSE] = this.#fuseSet;
  }

  /** Clears a new block where the options ask for it. */
  #prepare(at: number, address: number, byteLength: number): void {
    if (!this.#core.config.zeroFill) return;
    const start = (at << 2) + HEADER_BYTES;
    this.memory.u8[address >>> this.#fast.slabShift]!.fill(0, start, start + byteLength);
  }

  #end(address: Address): void {
    const core = this.#core;
    const { space } = core;
    const i32 = this.#fast.slabs[address >>> this.#fast.slabShift]!;
    const at = this.#headerWord(address);
    const word1 = i32[at + 1]!;
    const region = address >>> this.#fast.regionShift;
    i32[at] = 0;
    if ((word1 & SIZE_MASK) === HUMONGOUS_SIZE && space.state[region] === HUMONGOUS) {
      core.addFreed(region, space.used[region]!);
      return;
    }
    const units = (rawBytes(word1) + this.#fast.roundUp - HEADER_BYTES) >>> this.#fast.unitShift;
    if ((word1 & STAMPED) !== 0) core.noteDeath(address, units, word1, space.generation[region]!);
    if (this.#fast.careful) core.poison(region, i32, at, units);
    core.addFreed(region, units);
  }
}
