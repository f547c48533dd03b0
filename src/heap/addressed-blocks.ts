import { checkFunction } from '../base/index.js';
import type { HeapCore } from './core.js';
import { StaleRefError } from './errors.js';
import type { FastCalls } from './fast-calls.js';
import { HEADER_BYTES, HUMONGOUS_SIZE, MARK_MASK, MAX_OWNERS, SIZE_MASK, siteIn } from './layout.js';
import type { SlabMemory } from './memory.js';
import type { Placer } from './placer.js';
import { FIXED } from './region-space.js';
import type { Address, BlockOwner, Generation, OwnerId, SiteId } from './types.js';

/**
 * Blocks by address: internal, for the cache's and the collections' inner loops. An address is right until the next
 * call that may allocate or step, unless its owner is told of moves. docs/heap.md, "Addresses", tells the layout.
 */
export abstract class AddressedBlocks {
  /** The slabs' bytes, for inner loops. */
  readonly memory: SlabMemory;
  readonly #core: HeapCore;
  readonly #placer: Placer;

  /**
   * Places a block that its owner finds by address. Errors and cost as `allocate`, with no handle.
   *
   * @param mark 16 bits for the owner's use.
   */
  readonly allocateOwned: FastCalls['allocateOwned'];

  /**
   * Places a block of `byteLength` bytes in a fixed generation (`newGeneration({ fixed: true })`): the fastest there is,
   * for whole batches that die together. It has no ref, no header and no site, cannot be freed alone, and no placement
   * policy hears of it; up to 7 bytes of padding (`memory.unitBytes` less one) are all it costs beside its own. More
   * than half a region takes whole regions. Its contents are unspecified unless `zeroFill`.
   *
   * @returns where its first byte lies (`placedAt`), aligned to 8 bytes: good until the generation is released,
   *   whatever else the heap does, and not to be used after. Never 0. Allocates nothing on the JS heap.
   * @throws HeapFullError before anything is touched; TypeError if the generation is not fixed; RangeError for a wrong
   *   length or no generation.
   */
  readonly place: FastCalls['place'];

  constructor(core: HeapCore, placer: Placer, calls: FastCalls) {
    this.memory = core.memory;
    this.#core = core;
    this.#placer = placer;
    this.allocateOwned = calls.allocateOwned;
    this.place = calls.place;
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

  /** Ends an owner, which must have freed its blocks. Of what was released it is told now, since others may get its number. */
  unregisterOwner(owner: OwnerId): void {
    const { owners, space, sweeper, pauses } = this.#core;
    if (space.condemnedCount !== 0 && owners[owner]?.released !== undefined) {
      const startMs = pauses.start();
      sweeper.tellOwners();
      pauses.record('release', startMs);
    }
    owners[owner] = undefined;
  }

  /** Frees an owned block. The address must be right: nothing but debug mode checks it. */
  freeOwned(address: Address): void {
    if (this.#placer.isCareful && this.#isNotOwned(address)) {
      throw new StaleRefError(address, 'no owned block lies at this address');
    }
    this.#placer.end(address);
  }

  #isNotOwned(address: Address): boolean {
    const { space } = this.#core;
    if (space.state[address >>> space.regionShift] === FIXED) return true;
    return this.#words(address)[this.#headerWord(address)]! >= 0;
  }

  /**
   * Sees to it that a block of `byteLength` bytes can be moved into `generation` by `moveOwned`. Like an allocation it
   * may step, and so move blocks. @throws HeapFullError; RangeError if there is no such generation.
   */
  makeRoomIn(generation: number, byteLength: number): void {
    this.#placer.makeRoom(generation, byteLength);
  }

  /**
   * Moves an owned block into `generation`, which has room for it (`makeRoomIn`), its birth with it: to the placement
   * policy it is the same block. A humongous one changes its generation where it lies. The owner is not told; nothing
   * steps.
   *
   * @returns where it lies now.
   */
  moveOwned(address: Address, generation: number): Address {
    return this.#placer.move(address, generation);
  }

  /** A view over the block at `address`; see `view`. */
  viewAt(address: Address): Uint8Array {
    const slab = this.memory.u8[address >>> this.memory.slabShift]!;
    return new Uint8Array(slab.buffer, slab.byteOffset + this.payloadAt(address), this.byteLengthAt(address));
  }

  /** Index of the payload's first byte in `memory.u8[address >>> memory.slabShift]`. */
  payloadAt(address: Address): number {
    return ((address & this.memory.slabMask) << this.memory.unitShift) + HEADER_BYTES;
  }

  /**
   * Index of the first byte of a block that `place` placed, in `memory.u8[address >>> memory.slabShift]`; a multiple of
   * 8, so that shifted right it indexes the other arrays there, and that of longer blocks as well.
   */
  placedAt(address: Address): number {
    return (address & this.memory.slabMask) << this.memory.unitShift;
  }

  byteLengthAt(address: Address): number {
    const size = this.#word1(address) & SIZE_MASK;
    return size === HUMONGOUS_SIZE
      ? this.#core.humongousBytes(address >>> this.#core.space.regionShift)
      : size;
  }

  generationAt(address: Address): Generation {
    const { space, generations } = this.#core;
    return generations.id(space.generation[address >>> this.#core.space.regionShift]!);
  }

  siteAt(address: Address): SiteId {
    return siteIn(this.#word1(address)) as SiteId;
  }

  markAt(address: Address): number {
    return this.#words(address)[this.#headerWord(address)]! & MARK_MASK;
  }

  setMarkAt(address: Address, mark: number): void {
    const i32 = this.#words(address);
    const at = this.#headerWord(address);
    i32[at] = (i32[at]! & ~MARK_MASK) | (mark & MARK_MASK);
  }

  #headerWord(address: Address): number {
    return (address & this.memory.slabMask) << this.memory.wordShift;
  }

  #words(address: Address): Int32Array {
    return this.memory.i32[address >>> this.memory.slabShift]!;
  }

  #word1(address: Address): number {
    return this.#words(address)[this.#headerWord(address) + 1]!;
  }
}
