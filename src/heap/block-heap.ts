import { AddressedBlocks } from './addressed-blocks.js';
import { HeapCore } from './core.js';
import { type FastCalls, makeFastCalls } from './fast-calls.js';
import type { HandleTable } from './handle-table.js';
import { type HeapOptions, resolveOptions } from './options.js';
import { OwnedRegions } from './owned-regions.js';
import type { PauseLog } from './pauses.js';
import { Placer } from './placer.js';
import { FRAGMENTED, PIN_MASK, SOURCE } from './region-space.js';
import type { SpareArrays } from './spare-arrays.js';
import type { Address, Generation, Ref, RegionIndex, SiteId } from './types.js';

/** A hold on a region, given by `pin`, ended by `unpin`. */
export type Pin = RegionIndex;

/**
 * The blocks' half of the heap's face: placing, finding and ending them by ref. The calls that must be fast are
 * written in fast-calls.ts.
 */
export abstract class BlockHeap extends AddressedBlocks {
  /** rolp's own stop work on this heap. */
  readonly pauses: PauseLog;
  /** Bits of a ref that are its slot; the rest is the slot's reuse tag. */
  readonly slotMask: number;
  /**
   * The handle table, for code written with its shifts as constants: address by slot, negative if free. There is a
   * chunk for every slot.
   */
  readonly refTable: Pick<HandleTable, 'chunks' | 'chunkShift' | 'chunkMask'>;
  /** How often a generation or region was released, tried included: who keeps refs can tell that some may have gone. */
  releases: number = 0;
  /** Regions and blocks in order of age, for owners that use generations as queues. */
  readonly regions: OwnedRegions;
  /** Arrays that tables on this heap have done with, for the next table. */
  readonly spareArrays: SpareArrays;
  readonly #core: HeapCore;
  readonly #placer: Placer;
  readonly #calls: FastCalls;

  // ---- blocks ----

  /**
   * Places a block of `byteLength` bytes, 0 to maxBytes. Its contents are unspecified unless `zeroFill`.
   *
   * `generation` by hand; left out: the site's, else the placement policy's, else the current one. `ttlMs` is told to
   * the placement policy if there is one.
   *
   * @returns a ref, valid until the block is freed or its generation released. Allocates nothing on the JS heap.
   * @throws HeapFullError before anything is touched; RangeError for a wrong length, generation or site.
   */
  readonly allocate: FastCalls['allocate'];

  /**
   * Frees a block. Its region goes back to the free list with its last block, nothing copied.
   *
   * @throws StaleRefError if it was freed already.
   */
  readonly free: FastCalls['free'];

  /** @throws TypeError, RangeError naming the option. */
  constructor(options: HeapOptions) {
    const core = new HeapCore(resolveOptions(options));
    const placer = new Placer(core);
    const calls = makeFastCalls(core, placer, (site, byteLength, ttlMs) =>
      this.chooseGeneration(site, byteLength, ttlMs),
    );
    super(core, placer, calls);
    this.#core = core;
    this.#placer = placer;
    this.#calls = calls;
    this.allocate = calls.allocate;
    this.free = calls.free;
    this.pauses = core.pauses;
    this.slotMask = core.handles.slotMask;
    this.refTable = core.handles;
    this.regions = new OwnedRegions(core);
    this.spareArrays = core.spareArrays;
  }

  protected get core(): HeapCore {
    return this.#core;
  }

  /** To be called after a generation or a site was added. */
  protected refresh(): void {
    this.#calls.refresh();
  }

  /** The generation of a block whose caller named none, where it is not the current one anyway. */
  protected abstract chooseGeneration(site: number, byteLength: number, ttlMs: number): number;

  /**
   * Gives a block another length, in its generation; its ref stays. Its bytes are kept as far as both lengths
   * reach. Always copies, so ask for room to spare.
   *
   * @throws StaleRefError; HeapFullError before anything is touched; TypeError or RangeError for what is no length.
   */
  resize(ref: number, byteLength: number): void {
    const old = this.addressOf(ref);
    const to = this.#placer.placeMoving(byteLength, this.generationAt(old), this.siteAt(old), false);
    // Making room may have moved the block, or a pressure hook may have freed it.
    const from = this.#calls.find(ref) as Address;
    this.#wordsOf(to)[this.#headerWord(to)] = ref;
    if (from < 0) {
      this.#placer.end(to);
      throw this.#core.staleRef(ref);
    }
    const start = this.payloadAt(from);
    const kept = Math.min(byteLength, this.byteLengthAt(from));
    const { u8, slabShift } = this.memory;
    u8[to >>> slabShift]!.set(u8[from >>> slabShift]!.subarray(start, start + kept), this.payloadAt(to));
    this.#core.handles.move(ref as Ref, to);
    this.#placer.end(from);
  }

  /**
   * A Uint8Array over the block, not a copy. It reads other data once the block has moved or died: use it
   * before the next call that allocates or steps, or `pin` the block. Its buffer is a whole slab, other blocks in it: not to
   * be transferred. Cost: one small object.
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
    return this.#calls.find(ref) >= 0;
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
   * views handed to I/O or to other threads. Pins count: `unpin` what comes back, once for each. While there is one the
   * generation cannot be released.
   *
   * @throws StaleRefError
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

  // ---- from refs to addresses ----

  /** The address of a live block. @throws StaleRefError */
  addressOf(ref: number): Address {
    const address = this.#calls.find(ref);
    if (address < 0) throw this.#core.staleRef(ref);
    return address as Address;
  }

  /** The ref of the live block that has `slot` (`ref & slotMask`) now, or 0: for who keeps a set of slots. */
  refInSlot(slot: number): Ref {
    const address = this.#core.handles.lookup(slot) as Address;
    if (address < 0) return 0 as Ref;
    const ref = this.#wordsOf(address)[this.#headerWord(address)]!;
    return (this.has(ref) ? ref : 0) as Ref;
  }

  #headerWord(address: Address): number {
    return (address & this.memory.slabMask) << this.memory.wordShift;
  }

  #wordsOf(address: Address): Int32Array {
    return this.memory.i32[address >>> this.memory.slabShift]!;
  }
}
