import type { HeapCore } from './core.js';
import { HEADER_BYTES } from './layout.js';
import type { Placer } from './placer.js';
import { CONDEMNED } from './region-space.js';
import type { Address, OwnerId, Ref } from './types.js';

/** The generation of a block whose caller named none, where it is not the current one anyway. */
export type ChooseGeneration = (site: number, byteLength: number, ttlMs: number) => number;

/** The calls of a heap that must be fast, as functions of this one heap: see BlockHeap, AddressedBlocks. */
export interface FastCalls {
  allocate(byteLength: number, generation?: number, site?: number, ttlMs?: number): Ref;
  free(ref: number): void;
  allocateOwned(
    owner: OwnerId,
    byteLength: number,
    generation?: number,
    site?: number,
    mark?: number,
    ttlMs?: number,
  ): Address;
  place(byteLength: number, generation: number): Address;
  /** The address of the live block that `ref` names, or a negative number. */
  find(ref: number): number;
  /** Takes the generations' rows and the sites' choices anew: after one was added. */
  refresh(): void;
}

/**
 * Makes `allocate`, `free`, `allocateOwned` and `place` of one heap.
 *
 * They are closures rather than methods because V8 takes the constants of a closure of which there is one, and so
 * the heap's tables and geometry, into its code as literals: 11 ns a pair where a method takes 19. A program with
 * several heaps has the method's speed.
 *
 * They are written out rather than composed: they read the hot words and two typed arrays, call nothing, and leave
 * every rare case to the placer. Numbers stand in for the names of hot-words.ts and layout.ts, since V8 loads an
 * imported constant each time. V8 inlines up to 460 bytes of bytecode a call and 920 in one function, the last call's
 * counting 1.2 times; a pair in one function stays well under it (test/heap/hot-path holds that).
 * What the caller left out is not checked, and where V8 inlines the call it need not even ask.
 * `chosen` are SiteTable's: the generation of a site's blocks where it has been chosen for all of them.
 * Words: 0 FUSE, 1 TAKE, 2 PUT, 3 TAKE_END, 4 PUT_END, 5 CONDEMNED_COUNT, 6 CURRENT, 7 SITE_COUNT. `rows` are GenerationTable's.
 */
export function makeFastCalls(core: HeapCore, placer: Placer, choose: ChooseGeneration): FastCalls {
  const { chunks, ring, ringMask, chunkShift, chunkMask, slotMask } = core.handles;
  const { i32: slabs, slabShift, slabMask, wordShift, unitShift } = core.memory;
  const { words, freedAt, tripAt } = core.hot;
  const { regionShift, pins } = core.space;
  const roundUp = HEADER_BYTES + core.memory.unitBytes - 1;
  const maxFast = placer.isCareful ? -1 : placer.maxSmall;
  const unitLess = core.memory.unitBytes - 1;
  const maxPlaced = placer.isCareful ? -1 : placer.maxPlaced;
  let { rows } = core.generations;
  let { chosen } = core.sites;

  function allocateSlowly(byteLength: number, gen: number, site: number): Ref {
    const address = placer.placeMoving(byteLength, gen, site, true);
    const ref = core.handles.take(address);
    slabs[address >>> slabShift]![(address & slabMask) << wordShift] = ref;
    return ref;
  }

  function find(ref: number): number {
    const slot = ref & slotMask;
    const address = chunks[slot >>> chunkShift]![slot & chunkMask]!;
    if (address < 0) return -1;
    if (slabs[address >>> slabShift]![(address & slabMask) << wordShift] !== ref) return -1;
    if (words[5] !== 0 && core.space.state[address >>> regionShift] === CONDEMNED) return -1;
    return address;
  }

  function freeSlowly(ref: number): void {
    const address = find(ref);
    if (address < 0) throw core.staleRef(ref);
    core.handles.release(ref as Ref);
    placer.end(address as Address);
  }

  return {
    allocate(byteLength, generation, site = 0, ttlMs = 0) {
      let gen = generation;
      if (gen === undefined) {
        gen = words[6]! || chosen[site]! || choose(site, byteLength, ttlMs);
      }
      const row = (gen & 0xffff) << 2;
      const units = (byteLength + roundUp) >>> unitShift;
      const top = rows[row + 1]!;
      const fuse = words[0]! - units;
      const take = words[1]!;
      if (
        byteLength >>> 0 !== byteLength ||
        byteLength > maxFast ||
        (site !== 0 && site >>> 0 >= words[7]!) ||
        (generation !== undefined && rows[row] !== gen) ||
        top + units > rows[row + 2]! ||
        fuse < 0 ||
        take >= words[3]!
      ) {
        return allocateSlowly(byteLength, gen, site);
      }
      rows[row + 1] = top + units;
      words[0] = fuse;
      words[1] = take + 1;
      const ref = ring[take & ringMask]!;
      const slot = ref & slotMask;
      chunks[slot >>> chunkShift]![slot & chunkMask] = top;
      const i32 = slabs[top >>> slabShift]!;
      const at = (top & slabMask) << wordShift;
      i32[at] = ref;
      i32[at + 1] = byteLength | (site << 19);
      return ref as Ref;
    },

    free(ref) {
      const slot = ref & slotMask;
      const chunk = chunks[slot >>> chunkShift]!;
      const address = chunk[slot & chunkMask]!;
      const put = words[2]!;
      if (address >= 0 && put < words[4]!) {
        const i32 = slabs[address >>> slabShift]!;
        const at = (address & slabMask) << wordShift;
        const word1 = i32[at + 1]!;
        // Negative is stamped, or humongous.
        if (i32[at] === ref && word1 >= 0) {
          i32[at] = 0;
          chunk[slot & chunkMask] = -0x80000000;
          ring[put & ringMask] = (ref + slotMask + 1) & 0x7fffffff;
          words[2] = put + 1;
          const region = address >>> regionShift;
          const freed = words[freedAt + region]! + (((word1 & 0x7ffff) + roundUp) >>> unitShift);
          words[freedAt + region] = freed;
          if (freed >= words[tripAt + region]!) core.tripped(region);
          return;
        }
      }
      freeSlowly(ref);
    },

    allocateOwned(owner, byteLength, generation, site = 0, mark = 0, ttlMs = 0) {
      let gen = generation;
      if (gen === undefined) {
        gen = words[6]! || chosen[site]! || choose(site, byteLength, ttlMs);
      }
      const row = (gen & 0xffff) << 2;
      const units = (byteLength + roundUp) >>> unitShift;
      let address = rows[row + 1]!;
      const fuse = words[0]! - units;
      if (
        byteLength >>> 0 !== byteLength ||
        byteLength > maxFast ||
        (site !== 0 && site >>> 0 >= words[7]!) ||
        (generation !== undefined && rows[row] !== gen) ||
        address + units > rows[row + 2]! ||
        fuse < 0
      ) {
        address = placer.placeMoving(byteLength, gen, site, false);
      } else {
        rows[row + 1] = address + units;
        words[0] = fuse;
        slabs[address >>> slabShift]![((address & slabMask) << wordShift) + 1] = byteLength | (site << 19);
      }
      slabs[address >>> slabShift]![(address & slabMask) << wordShift] =
        (1 << 31) | (owner << 16) | (mark & 0xffff);
      pins[address >>> regionShift]! |= 0x40000000;
      return address as Address;
    },

    place(byteLength, generation) {
      const row = (generation & 0xffff) << 2;
      const units = (byteLength + unitLess) >>> unitShift;
      const top = rows[row + 1]!;
      const fuse = words[0]! - units;
      if (
        byteLength >>> 0 !== byteLength ||
        byteLength > maxPlaced ||
        units === 0 ||
        rows[row] !== generation ||
        // The end is negated, in fixed generations only: see GenerationTable.rows.
        top + units + rows[row + 2]! > 0 ||
        fuse < 0
      ) {
        return placer.placeFixed(byteLength, generation);
      }
      rows[row + 1] = top + units;
      words[0] = fuse;
      return top as Address;
    },

    find,

    refresh() {
      ({ rows } = core.generations);
      ({ chosen } = core.sites);
    },
  };
}
