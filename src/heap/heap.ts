import { AsyncLocalStorage } from 'node:async_hooks';
import { checkFunction, checkInteger } from '../base/index.js';
import { HeapCore } from './core.js';
import { describeRegions } from './describe.js';
import { StaleRefError } from './errors.js';
import type { GenerationTable } from './generation-table.js';
import type { HandleTable } from './handle-table.js';
import {
  GENERATION_MASK,
  HEADER_BYTES,
  HUMONGOUS_SIZE,
  MARK_MASK,
  MAX_OWNERS,
  OWNER_SHIFT,
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
import {
  CONDEMNED,
  FRAGMENTED,
  HAS_OWNED,
  HUMONGOUS,
  PIN_MASK,
  RETIRED,
  type RegionSpace,
  SOURCE,
} from './region-space.js';
import { type HeapBytes, type HeapStats, heapBytes, heapStats } from './stats.js';
import {
  type Address,
  type BlockOwner,
  type Generation,
  type OwnerId,
  PERMANENT_GENERATION,
  type PlacementPolicy,
  type Ref,
  type RegionIndex,
  type SiteId,
} from './types.js';
import { verifyHeap } from './verify.js';

/** 2^32 divided by the golden ratio: spreads addresses evenly, so that sampling by address is fair. */
const GOLDEN = 0x9e3779b1;

export interface GenerationOptions {
  /** The generation that survivors of fragmented regions move to. */
  readonly evacuateTo?: number;
  /** Live share under which a region is fragmented; 0: never evacuated by the heap itself. */
  readonly liveThreshold?: number;
}

/** A hold on a region, given by `pin`, ended by `unpin`. */
export type Pin = RegionIndex;

/**
 * The generational heap: memory that V8 neither copies nor marks, in N generations of regions (NG2C, papers.md
 * section 2). docs/heap.md explains it; the calls here say what they cost.
 *
 * Any call that may allocate or step may move blocks: refs stay valid, views and addresses do not.
 * A heap belongs to the thread that made it.
 */
export class GenerationalHeap {
  /** The slabs' bytes, for inner loops. */
  readonly memory: SlabMemory;
  /** rolp's own stop work on this heap. */
  readonly pauses: PauseLog;
  /** Bits of a ref that are its slot; the rest is the slot's reuse tag. */
  readonly slotMask: number;
  /** How often a generation or region was released: who keeps refs can tell that some may have gone. */
  releases: number = 0;
  /** Regions and blocks in order of age, for owners that use generations as queues. */
  readonly regions: OwnedRegions;
  readonly #core: HeapCore;
  readonly #space: RegionSpace;
  readonly #handles: HandleTable;
  readonly #generations: GenerationTable;
  /** The longest block that is not humongous, payload only. */
  readonly #maxSmall: number;
  readonly #cycleUnits: number;
  /** Units that may still be allocated in this cycle. */
  #fuse: number;
  /** Of 2^24 equally likely hash values, those below are sampled. */
  readonly #sampleBelow: number;
  #salt: number = 0;
  readonly #careful: boolean;
  #current: Generation = 1 as Generation;
  #scope: AsyncLocalStorage<Generation> | null = null;

  /** @throws TypeError, RangeError naming the option. */
  constructor(options: HeapOptions = {}) {
    const config = resolveOptions(options);
    this.#core = new HeapCore(config);
    this.memory = this.#core.memory;
    this.pauses = this.#core.pauses;
    this.slotMask = this.#core.handles.slotMask;
    this.regions = new OwnedRegions(this.#core);
    this.#space = this.#core.space;
    this.#handles = this.#core.handles;
    this.#generations = this.#core.generations;
    this.#maxSmall = config.regionBytes / 2 - HEADER_BYTES - STAMP_BYTES;
    this.#cycleUnits = Math.ceil(config.cycleBytes / this.memory.unitBytes);
    this.#fuse = this.#cycleUnits;
    this.#sampleBelow = config.sampleEvery === 0 ? 0 : Math.ceil(2 ** 24 / config.sampleEvery);
    this.#careful = config.debug || config.zeroFill;
    // A function among its own properties keeps structuredClone and postMessage from making a dead copy.
    Object.defineProperty(this, 'belongsToItsThread', { value: () => true, enumerable: true });
  }

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
    const handles = this.#handles;
    if (!handles.ready) this.#core.makeSlot();
    const address = this.#place(byteLength, generation, site, ttlMs, true);
    const ref = handles.take(address);
    this.memory.i32[address >>> this.memory.slabShift]![
      (address & this.memory.slabMask) << this.memory.wordShift
    ] = ref;
    return ref;
  }

  /**
   * Frees a block. Its region goes back to the free list with its last block, nothing copied.
   *
   * @throws StaleRefError if it was freed already.
   */
  free(ref: number): void {
    const address = this.addressOf(ref);
    this.#handles.release(ref as Ref);
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
    const to = this.#place(byteLength, this.generationAt(old), this.siteAt(old), 0, false);
    const memory = this.memory;
    // Making room may have moved the block, or a pressure hook may have freed it.
    const from = this.#find(ref) as Address;
    const slab = memory.i32[to >>> memory.slabShift]!;
    slab[this.#headerWord(to)] = ref;
    if (from < 0) {
      this.#end(to);
      throw this.#stale(ref);
    }
    const start = this.payloadAt(from);
    const kept = Math.min(byteLength, this.byteLengthAt(from));
    const source = memory.u8[from >>> memory.slabShift]!.subarray(start, start + kept);
    memory.u8[to >>> memory.slabShift]!.set(source, this.payloadAt(to));
    this.#handles.move(ref as Ref, to);
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
    const space = this.#space;
    const region = this.addressOf(ref) >>> space.regionShift;
    if (space.state[region] === SOURCE) {
      // Half evacuated: what is left stays here, and the evacuator goes on elsewhere.
      space.state[region] = FRAGMENTED;
      this.#core.evacuator.candidates++;
    }
    space.pins[region]!++;
    return region as Pin;
  }

  /** Ends a `pin`. @throws RangeError if there is none on that region. */
  unpin(pin: Pin): void {
    const space = this.#space;
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
    const memory = this.memory;
    const address = this.#handles.lookup(slot);
    if (address < 0) return 0 as Ref;
    const ref = memory.i32[address >>> memory.slabShift]![this.#headerWord(address as Address)]!;
    return (this.#find(ref) >= 0 ? ref : 0) as Ref;
  }

  #find(ref: number): number {
    const memory = this.memory;
    const address = this.#handles.lookup(ref);
    if (address < 0) return -1;
    const slab = memory.i32[address >>> memory.slabShift]!;
    if (slab[(address & memory.slabMask) << memory.wordShift] !== ref) return -1;
    if (this.#space.condemnedCount !== 0) {
      if (this.#space.state[address >>> this.#space.regionShift] === CONDEMNED) return -1;
    }
    return address;
  }

  #stale(ref: number): StaleRefError {
    if (!Number.isInteger(ref) || ref < 1 || ref > 0x7fffffff) {
      return new StaleRefError(ref, 'no heap gives out such a ref');
    }
    const entry = this.#handles.lookup(ref);
    if (entry >= 0) return new StaleRefError(ref, 'its block was freed and another has its slot since');
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
    const address = this.#place(byteLength, generation, site, ttlMs, false);
    const memory = this.memory;
    memory.i32[address >>> memory.slabShift]![(address & memory.slabMask) << memory.wordShift] =
      (1 << 31) | (owner << OWNER_SHIFT) | (mark & MARK_MASK);
    this.#space.pins[address >>> this.#space.regionShift]! |= HAS_OWNED;
    return address;
  }

  /** Frees an owned block. The address must be right: nothing but debug mode checks it. */
  freeOwned(address: Address): void {
    const memory = this.memory;
    if (this.#careful && memory.i32[address >>> memory.slabShift]![this.#headerWord(address)]! >= 0) {
      throw new StaleRefError(address, 'no owned block lies at this address');
    }
    this.#end(address);
  }

  /** A view over the block at `address`; see `view`. */
  viewAt(address: Address): Uint8Array {
    const memory = this.memory;
    const slab = memory.u8[address >>> memory.slabShift]!;
    const offset = this.payloadAt(address);
    return new Uint8Array(slab.buffer, slab.byteOffset + offset, this.byteLengthAt(address));
  }

  /** Index of the payload's first byte in `memory.u8[address >>> memory.slabShift]`. */
  payloadAt(address: Address): number {
    const memory = this.memory;
    return ((address & memory.slabMask) << memory.unitShift) + HEADER_BYTES;
  }

  byteLengthAt(address: Address): number {
    const word1 = this.#word1(address);
    const size = word1 & SIZE_MASK;
    if (size !== HUMONGOUS_SIZE) return size;
    // A humongous block's word 1 has no room for its size: the region table holds it, in units and pad.
    const memory = this.memory;
    const units = this.#space.used[address >>> this.#space.regionShift]!;
    const pad = this.#space.fragmentedCycle[address >>> this.#space.regionShift]!;
    return units * memory.unitBytes - HEADER_BYTES - pad;
  }

  generationAt(address: Address): Generation {
    const region = address >>> this.#space.regionShift;
    return this.#generations.ids[this.#space.generation[region]!] as Generation;
  }

  siteAt(address: Address): SiteId {
    return (this.#word1(address) >>> SITE_SHIFT) as SiteId;
  }

  markAt(address: Address): number {
    const memory = this.memory;
    return memory.i32[address >>> memory.slabShift]![this.#headerWord(address)]! & MARK_MASK;
  }

  setMarkAt(address: Address, mark: number): void {
    const memory = this.memory;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = this.#headerWord(address);
    i32[at] = (i32[at]! & ~MARK_MASK) | (mark & MARK_MASK);
  }

  #headerWord(address: Address): number {
    return (address & this.memory.slabMask) << this.memory.wordShift;
  }

  #word1(address: Address): number {
    return this.memory.i32[address >>> this.memory.slabShift]![this.#headerWord(address) + 1]!;
  }

  // ---- regions: for owners that evict whole regions themselves ----

  /** The region of an address. */
  regionAt(address: Address): RegionIndex {
    return (address >>> this.#space.regionShift) as RegionIndex;
  }

  /** Bytes of a region. */
  get regionBytes(): number {
    return this.#space.regionBytes;
  }

  /** How often the region was taken into use: an address kept beside it tells whether it still means the same. */
  regionEpoch(region: RegionIndex): number {
    return this.#space.epoch[region]!;
  }

  /** The oldest region of `generation` that is retired, or -1. */
  oldestRegion(generation: number): RegionIndex | -1 {
    const space = this.#space;
    let region = this.#generations.head[this.#indexOf(generation)]!;
    while (region !== -1 && !(space.state[region] === RETIRED || space.state[region] === FRAGMENTED)) {
      region = space.next[region]!;
    }
    return region as RegionIndex | -1;
  }

  /** Live bytes, headers included, of a retired region. */
  regionLiveBytes(region: RegionIndex): number {
    return (this.#space.used[region]! - this.#space.freed[region]!) * this.memory.unitBytes;
  }

  /**
   * Evacuates a retired region now, `relocate` of its owners deciding block by block. Recorded as a pause.
   *
   * @returns false if it is pinned or no region is free to copy into.
   */
  evacuateRegion(region: RegionIndex): boolean {
    this.#checkRetired(region);
    const startMs = this.pauses.start();
    const done = this.#core.evacuator.evacuateRegion(region);
    this.pauses.record('evacuate', startMs);
    return done;
  }

  /** Releases one retired region. Owners with `released` are told of each live block. */
  releaseRegion(region: RegionIndex): void {
    this.#checkRetired(region);
    if ((this.#space.pins[region]! & PIN_MASK) !== 0) throw new Error(`region ${region} has pinned blocks`);
    this.releases++;
    const startMs = this.pauses.start();
    this.#core.sweeper.condemn(region);
    while (this.#core.sweeper.sweepRegion());
    this.pauses.record('release', startMs);
  }

  #checkRetired(region: RegionIndex): void {
    const state = this.#space.state[region];
    if (state !== RETIRED && state !== FRAGMENTED && state !== SOURCE) {
      throw new RangeError(`region ${region} is not retired`);
    }
  }

  // ---- placing and ending blocks ----

  #place(
    byteLength: number,
    generation: number | undefined,
    site: number,
    ttlMs: number,
    slot: boolean,
  ): Address {
    const generations = this.#generations;
    const gen = generation === undefined ? this.#choose(site, byteLength, ttlMs) : generation;
    const g = gen & GENERATION_MASK;
    if (generations.ids[g] !== gen || gen <= 0 || !(site >= 0 && site < this.#core.sites.count)) {
      throw this.#badPlace(gen, site);
    }
    if (!(byteLength >= 0 && byteLength <= this.#maxSmall) || (byteLength | 0) !== byteLength) {
      return this.#placeHumongous(byteLength, g, site, slot);
    }
    const memory = this.memory;
    let top = generations.top[g]!;
    const stamped = Math.imul(top ^ this.#salt, GOLDEN) >>> 8 < this.#sampleBelow;
    const word1 = byteLength | (stamped ? STAMPED : 0) | (site << SITE_SHIFT);
    const units = (rawBytes(word1) + memory.unitBytes - 1) >>> memory.unitShift;
    this.#fuse -= units;
    if (this.#fuse < 0) this.#tick();
    if (top + units > generations.end[g]!) {
      this.#refill(g, units, slot);
      top = generations.top[g]!;
    }
    generations.top[g] = top + units;
    const at = (top & memory.slabMask) << memory.wordShift;
    memory.i32[top >>> memory.slabShift]![at + 1] = word1;
    if (stamped) this.#core.stamp(top as Address, units, site as SiteId, g, byteLength);
    if (this.#careful) this.#prepare(at, top, byteLength);
    return top as Address;
  }

  #badPlace(gen: number, site: number): RangeError {
    if (gen === 0) {
      return new RangeError(
        "generation 0 is V8's own heap: blocks are placed in 1 to 15 or a new generation",
      );
    }
    if (this.#generations.indexOf(gen) === 0) {
      return new RangeError(
        `there is no generation ${gen}: it was released, or newGeneration() never made it`,
      );
    }
    return new RangeError(`there is no site ${site}: name sites by heap.site(name)`);
  }

  #choose(site: number, byteLength: number, ttlMs: number): Generation {
    const core = this.#core;
    const given = core.sites.generations[site];
    if (given !== 0 && given !== undefined && this.#generations.indexOf(given) !== 0)
      return given as Generation;
    if (core.policy !== null) {
      try {
        const chosen = core.policy.generationFor(site as SiteId, byteLength, ttlMs);
        if (this.#generations.indexOf(chosen) !== 0) return chosen as Generation;
      } catch (error) {
        core.dropPolicy(error);
      }
    }
    return this.#scope === null ? this.#current : this.getGeneration();
  }

  /** Opens a region with room for `units` in `g`, and does a step's worth of the heap's own work. */
  #refill(g: number, units: number, slot: boolean): void {
    const generations = this.#generations;
    if (this.#core.evacuator.wanted() || this.#space.condemnedCount !== 0) this.step();
    do {
      this.#core.openRegion(g, units * this.memory.unitBytes);
      // A pressure hook may have taken slots.
      if (slot && !this.#handles.ready) this.#core.makeSlot();
    } while (generations.top[g]! + units > generations.end[g]!);
  }

  #placeHumongous(byteLength: number, g: number, site: number, slot: boolean): Address {
    checkInteger('byteLength', byteLength, 0, 2 ** 36);
    const memory = this.memory;
    const bytes = byteLength + HEADER_BYTES;
    const units = Math.ceil(bytes / memory.unitBytes);
    if (units > 0x7fffffff) throw this.#core.full(bytes, 'a humongous block');
    if (this.#core.evacuator.wanted() || this.#space.condemnedCount !== 0) this.step();
    const region = this.#core.openHumongous(g, units, bytes);
    if (slot && !this.#handles.ready) {
      try {
        this.#core.makeSlot();
      } catch (error) {
        this.#core.freeRegion(region, true);
        throw error;
      }
    }
    this.#space.fragmentedCycle[region] = units * memory.unitBytes - bytes;
    const address = (region << this.#space.regionShift) as Address;
    const at = this.#headerWord(address);
    memory.i32[address >>> memory.slabShift]![at + 1] = HUMONGOUS_SIZE | (site << SITE_SHIFT);
    this.#fuse -= units;
    if (this.#fuse < 0) this.#tick();
    if (this.#careful) this.#prepare(at, address, byteLength);
    return address;
  }

  /** Clears a new block where the options ask for it. */
  #prepare(at: number, address: number, byteLength: number): void {
    if (!this.#core.config.zeroFill) return;
    const start = (at << 2) + HEADER_BYTES;
    this.memory.u8[address >>> this.memory.slabShift]!.fill(0, start, start + byteLength);
  }

  #end(address: Address): void {
    const memory = this.memory;
    const space = this.#space;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const at = (address & memory.slabMask) << memory.wordShift;
    const word1 = i32[at + 1]!;
    const region = address >>> space.regionShift;
    i32[at] = 0;
    if ((word1 & SIZE_MASK) === HUMONGOUS_SIZE && space.state[region] === HUMONGOUS) {
      this.#core.addFreed(region, space.used[region]!);
      return;
    }
    const units = (rawBytes(word1) + memory.unitBytes - 1) >>> memory.unitShift;
    if ((word1 & STAMPED) !== 0) this.#core.noteDeath(address, units, word1, space.generation[region]!);
    if (this.#careful) this.#core.poison(region, i32, at, units);
    const freed = space.freed[region]! + units;
    space.freed[region] = freed;
    if (freed >= space.trip[region]!) this.#core.tripped(region);
  }

  // ---- generations ----

  /**
   * Makes an anonymous generation: for data that dies together, to be released in one go. Unlike NG2C's, the
   * call does not make it current.
   */
  newGeneration(options: GenerationOptions = {}): Generation {
    const { config } = this.#core;
    const evacuateTo = this.#indexOf(options.evacuateTo ?? PERMANENT_GENERATION);
    const share = options.liveThreshold ?? config.liveThreshold;
    const generation = this.#generations.add(evacuateTo, Math.floor(share * this.#space.regionUnits));
    if (generation === 0) throw this.#core.full(this.#generations.bytes, 'the generation table');
    return generation;
  }

  /** Changes where a generation evacuates to, or when. */
  configureGeneration(generation: number, options: GenerationOptions): void {
    const g = this.#indexOf(generation);
    if (options.evacuateTo !== undefined) {
      this.#generations.evacuateTo[g] = this.#indexOf(options.evacuateTo);
    }
    if (options.liveThreshold !== undefined) {
      this.#generations.liveLimit[g] = Math.floor(options.liveThreshold * this.#space.regionUnits);
    }
  }

  /** The generation that blocks go to when neither caller, site nor policy says: 1 at first. */
  getGeneration(): Generation {
    const scoped = this.#scope?.getStore();
    return scoped !== undefined && this.#generations.indexOf(scoped) !== 0 ? scoped : this.#current;
  }

  /** Makes `generation` current: within `runInGeneration` for the rest of that scope, else for the heap. */
  setGeneration(generation: number): void {
    this.#indexOf(generation);
    if (this.#scope?.getStore() !== undefined) this.#scope.enterWith(generation as Generation);
    else this.#current = generation as Generation;
  }

  /**
   * Calls `fn` with `generation` current for it and for all it awaits. The first call turns on an
   * AsyncLocalStorage, which makes promise code about 2.5 times slower on Node 20 and 22 (not on 24).
   */
  runInGeneration<T>(generation: number, fn: () => T): T {
    this.#indexOf(generation);
    this.#scope ??= new AsyncLocalStorage<Generation>();
    return this.#scope.run(generation as Generation, fn);
  }

  /** Retires the generation's allocation region and evacuates its fragmented regions now, whatever it takes. */
  collectGeneration(generation: number): void {
    const g = this.#indexOf(generation);
    this.#generations.epoch[g]!++;
    const startMs = this.pauses.start();
    this.#core.retire(g);
    this.#core.evacuator.evacuateGeneration(g);
    this.pauses.record('evacuate', startMs);
  }

  /**
   * Frees everything in the generation: every ref into it is stale at once. An anonymous generation ends with
   * it, unless `keep`. Cost: O(regions), plus O(blocks) where owners want to be told; the refs' slots are
   * swept later, in steps.
   *
   * @throws Error if blocks in it are pinned.
   */
  releaseGeneration(generation: number, options: { readonly keep?: boolean } = {}): void {
    const g = this.#indexOf(generation);
    const core = this.#core;
    this.releases++;
    const startMs = this.pauses.start();
    const ends = g > PERMANENT_GENERATION && options.keep !== true;
    core.sweeper.release(g, ends);
    if (ends) {
      this.#generations.close(g);
      if (this.#current === generation) this.#current = 1 as Generation;
    }
    if (this.#space.condemnedCount !== 0) core.sweeper.sweepUntil(startMs + core.config.stepBudgetMs);
    this.pauses.record('release', startMs);
  }

  #indexOf(generation: number): number {
    const g = this.#generations.indexOf(generation);
    if (g === 0) throw this.#badPlace(generation, 0);
    return g;
  }

  // ---- the heap's clock and its own work ----

  /** Heap cycles so far: one per `cycleBytes` allocated. */
  get cycle(): number {
    return this.#core.cycle;
  }

  /**
   * Does up to `budgetMs` of the heap's own work: sweeps released regions, evacuates fragmented ones.
   * Allocation calls it by itself; call it when idle to take the work out of later allocations.
   *
   * @returns whether there is more to do.
   */
  step(budgetMs: number = this.#core.config.stepBudgetMs): boolean {
    const { sweeper, evacuator } = this.#core;
    const startMs = this.pauses.start();
    const deadlineMs = startMs + budgetMs;
    if (this.#space.condemnedCount !== 0) {
      sweeper.sweepUntil(deadlineMs);
      this.pauses.record('release', startMs);
    }
    if (evacuator.wanted() && this.#core.clock.nowMs() < deadlineMs) {
      const evacuationMs = this.pauses.start();
      evacuator.stepUntil(deadlineMs);
      this.pauses.record('evacuate', evacuationMs);
    }
    return this.#space.condemnedCount !== 0 || evacuator.wanted();
  }

  #tick(): void {
    const core = this.#core;
    while (this.#fuse < 0) {
      this.#fuse += this.#cycleUnits;
      core.cycle++;
    }
    this.#salt = Math.imul(core.cycle, 0x85ebca6b);
    core.evacuator.plan();
    core.shrink(core.cycle - core.config.shrinkAfterCycles);
  }

  /** Gives empty slabs back to the system now. @returns the bytes given back. */
  shrink(): number {
    while (this.#core.sweeper.sweepRegion());
    return this.#core.shrink(this.#core.cycle);
  }

  // ---- the budget ----

  /**
   * What the heap holds, in bytes. `committed`: memory held now, tables and reservations included; `used`: of
   * it, all but free regions; `live`: in live blocks, headers included; `free`: `max` less `used`.
   * Cost: O(regions).
   */
  get bytes(): HeapBytes {
    return heapBytes(this.#core);
  }

  /** `bytes.committed`, at no cost. Never above `maxBytes`. */
  get committedBytes(): number {
    return this.#core.budget.committed;
  }

  get maxBytes(): number {
    return this.#core.budget.max;
  }

  /** Counts `bytes` of an owner's own tables in `maxBytes`. @throws HeapFullError */
  reserve(bytes: number): void {
    this.#core.reserve(checkInteger('bytes', bytes, 0));
  }

  /** Ends a reservation. */
  release(bytes: number): void {
    this.#core.budget.give(checkInteger('bytes', bytes, 0, this.#core.budget.reserved));
    this.#core.budget.reserved -= bytes;
  }

  /**
   * Registers a hook that is called when the budget is used up, before regions are evacuated for want of room
   * and before `HeapFullError`: it frees or releases what it can spare.
   *
   * @returns a function that takes the hook off.
   */
  onPressure(hook: (askedBytes: number) => unknown): () => void {
    const hooks = this.#core.pressureHooks;
    hooks.push(checkFunction('onPressure', hook));
    return () => {
      const at = hooks.indexOf(hook);
      if (at >= 0) hooks.splice(at, 1);
    };
  }

  // ---- sites and placement ----

  /**
   * Interns an allocation site.
   *
   * @param options.generation fixes the generation of blocks allocated with this site and none by hand.
   */
  site(name: string, options: { readonly generation?: number } = {}): SiteId {
    const id = this.#core.sites.intern(name);
    if (options.generation !== undefined) {
      this.#indexOf(options.generation);
      this.#core.sites.generations[id] = options.generation;
    }
    return id;
  }

  /** The name of a site. */
  siteName(site: number): string {
    return this.#core.sites.names[site] ?? `site ${site}`;
  }

  /** Installs a placement policy, or with null goes back to the static one. */
  setPlacementPolicy(policy: PlacementPolicy | null): void {
    if (policy !== null) {
      for (const method of ['generationFor', 'born', 'died', 'fragmented'] as const) {
        checkFunction(`PlacementPolicy.${method}`, policy[method]);
      }
    }
    this.#core.policy = policy;
  }

  // ---- looking at it ----

  /** Counters of the heap, by generation and by site. Cost: O(regions + sites). */
  stats(): HeapStats {
    return heapStats(this.#core);
  }

  /** Walks everything. @throws HeapInvariantError with the place of the first broken invariant. */
  verify(): void {
    verifyHeap(this.#core);
  }

  /** A map of the regions for a person, one character each, with a legend. */
  describe(): string {
    return describeRegions(this.#core);
  }
}
