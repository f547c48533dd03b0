import type { Address, Generation, GenerationalHeap, OwnerId, SlabMemory } from '../heap/index.js';
import type { KeyScratch } from './key.js';

const MAX_SEGMENT_BYTES = 16384;
/** 16 slots are a bucket; the last counts the entries that passed it by because it was full. */
const BUCKET_SHIFT = 4;
const SLOTS = 15;
const OVERFLOW = 15;
const MAX_LOAD = 0.8;
const MAX_DEPTH = 24;

interface Segment {
  slots: Int32Array;
  address: Address;
  /** How many top bits of the hash all its entries share. */
  depth: number;
  count: number;
}

interface Root {
  directory: Segment[];
  /** 32 - depth of the directory, which is at least 1, so that `>>>` never shifts by 32. */
  shift: number;
}

/**
 * From keys to addresses: extendible hashing (Fagin 1979) over segments of open addressing. A slot is an address
 * and, in the bits that addresses leave, a tag of the hash; the keys themselves are compared in the entries. An
 * overfull segment splits alone, so the longest pause is one segment's (4096 slots), however large the cache.
 *
 * Deletion needs no tombstones and reads no neighbours: each bucket counts who passed it by (as F14 does). That
 * matters, since a cache deletes as often as it inserts. Segments are blocks of the heap: the budget holds them,
 * and room that eviction makes can serve the index.
 */
export class KeyIndex {
  /** The address of the entry with the loaded key, or -1. */
  readonly find: () => Address | -1;
  readonly #heap: GenerationalHeap;
  readonly #keys: KeyScratch;
  readonly #owner: OwnerId;
  readonly #generation: Generation;
  readonly #addressBits: number;
  readonly #addressMask: number;
  readonly #tagMask: number;
  readonly #segmentSlots: number;
  readonly #bucketMask: number;
  readonly #limit: number;
  readonly #spill: Int32Array;
  readonly #root: Root = { directory: [], shift: 31 };
  count: number = 0;

  constructor(heap: GenerationalHeap, keys: KeyScratch) {
    this.#heap = heap;
    this.#keys = keys;
    this.#owner = heap.registerOwner({ moved: (from, to) => this.#segmentMoved(from, to) });
    this.#generation = heap.newGeneration({ liveThreshold: 0 });
    const bytes = Math.min(MAX_SEGMENT_BYTES, heap.regionBytes / 4);
    this.#segmentSlots = bytes / 4;
    this.#bucketMask = (this.#segmentSlots >>> BUCKET_SHIFT) - 1;
    this.#limit = Math.floor((this.#bucketMask + 1) * SLOTS * MAX_LOAD);
    this.#spill = new Int32Array(this.#limit + 1);
    // A slot is the address + 1, so that 0 is an empty one.
    this.#addressBits = 32 - Math.clz32(heap.regions.addressLimit);
    this.#addressMask = (2 ** this.#addressBits - 1) | 0;
    this.#tagMask = ~this.#addressMask;
    this.#start();
    this.find = finder(heap.memory, keys, this.#root, this.#addressBits, this.#bucketMask);
  }

  #start(): void {
    this.#root.shift = 31;
    this.#root.directory = [this.#newSegment(1), this.#newSegment(1)];
    this.count = 0;
  }

  #newSegment(depth: number): Segment {
    const address = this.#heap.allocateOwned(this.#owner, this.#segmentSlots * 4, this.#generation);
    const segment: Segment = { slots: this.#slotsAt(address), address, depth, count: 0 };
    segment.slots.fill(0);
    return segment;
  }

  #slotsAt(address: Address): Int32Array {
    const view = this.#heap.viewAt(address);
    return new Int32Array(view.buffer, view.byteOffset, this.#segmentSlots);
  }

  #segmentMoved(from: Address, to: Address): void {
    for (const segment of this.#root.directory) {
      if (segment.address !== from) continue;
      segment.address = to;
      segment.slots = this.#slotsAt(to);
      return;
    }
  }

  /** Bytes of the regions that hold the index. Cost: O(its regions). */
  get bytes(): number {
    return this.#heap.regions.generationBytes(this.#generation);
  }

  /**
   * Makes sure that `insert` of this hash finds room.
   *
   * @throws HeapFullError if a segment must split and the heap has no room; nothing is changed then.
   */
  prepare(hash: number): void {
    let segment = this.#root.directory[hash >>> this.#root.shift]!;
    while (segment.count >= this.#limit) {
      this.#split(segment, hash);
      segment = this.#root.directory[hash >>> this.#root.shift]!;
    }
  }

  /** Adds an entry whose key is not yet there, after `prepare`. */
  insert(hash: number, address: number): void {
    this.#put(this.#root.directory[hash >>> this.#root.shift]!, hash, address);
    this.count++;
  }

  #put(segment: Segment, hash: number, address: number): void {
    const { slots } = segment;
    const value = (((hash >>> 12) << this.#addressBits) & this.#tagMask) | (address + 1);
    const first = (hash >>> 8) & 15;
    for (let bucket = hash & this.#bucketMask; ; bucket = (bucket + 1) & this.#bucketMask) {
      const base = bucket << BUCKET_SHIFT;
      let at = first === OVERFLOW ? 0 : first;
      for (let n = 0; n < SLOTS; n++) {
        if (slots[base + at] === 0) {
          slots[base + at] = value;
          segment.count++;
          return;
        }
        at = at === SLOTS - 1 ? 0 : at + 1;
      }
      slots[base + OVERFLOW]!++;
    }
  }

  /** Takes out the entry at `address`, which must be there under `hash`. */
  remove(hash: number, address: number): void {
    const segment = this.#root.directory[hash >>> this.#root.shift]!;
    const at = this.#slotOf(segment.slots, hash, address);
    segment.slots[at] = 0;
    segment.count--;
    this.count--;
    const stop = at >>> BUCKET_SHIFT;
    for (let bucket = hash & this.#bucketMask; bucket !== stop; bucket = (bucket + 1) & this.#bucketMask) {
      segment.slots[(bucket << BUCKET_SHIFT) + OVERFLOW]!--;
    }
  }

  /** The entry at `from` now lies at `to`. */
  replace(hash: number, from: number, to: number): void {
    const { slots } = this.#root.directory[hash >>> this.#root.shift]!;
    const at = this.#slotOf(slots, hash, from);
    slots[at] = (slots[at]! & this.#tagMask) | (to + 1);
  }

  #slotOf(slots: Int32Array, hash: number, address: number): number {
    const value = (((hash >>> 12) << this.#addressBits) & this.#tagMask) | (address + 1);
    let bucket = hash & this.#bucketMask;
    for (let tries = 0; tries <= this.#bucketMask; tries++) {
      const base = bucket << BUCKET_SHIFT;
      for (let at = base; at < base + SLOTS; at++) if (slots[at] === value) return at;
      bucket = (bucket + 1) & this.#bucketMask;
    }
    throw new Error(`the cache's index has lost the entry at ${address}: was its heap changed from outside?`);
  }

  /** Splits a segment by the next bit of the hash. Recorded as a pause. */
  #split(segment: Segment, hash: number): void {
    if (segment.depth >= MAX_DEPTH) throw new Error('too many keys share 24 bits of hash');
    const sibling = this.#newSegment(segment.depth + 1);
    const startMs = this.#heap.pauses.start();
    if (segment.depth === 32 - this.#root.shift) this.#doubleDirectory();
    let spilled = 0;
    const { slots } = segment;
    for (let base = 0; base < slots.length; base += 16) {
      for (let at = base; at < base + SLOTS; at++) {
        if (slots[at] !== 0) this.#spill[spilled++] = (slots[at]! & this.#addressMask) - 1;
      }
    }
    slots.fill(0);
    segment.count = 0;
    segment.depth++;
    const depth = 32 - this.#root.shift;
    const first = ((hash >>> (32 - (segment.depth - 1))) << (depth - segment.depth + 1)) >>> 0;
    const half = 2 ** (depth - segment.depth);
    for (let d = first + half; d < first + 2 * half; d++) this.#root.directory[d] = sibling;
    for (let i = 0; i < spilled; i++) {
      const address = this.#spill[i]!;
      const h = this.#keys.hashAt(address);
      this.#put((h >>> (32 - segment.depth)) & 1 ? sibling : segment, h, address);
    }
    this.#heap.pauses.record('resize', startMs);
  }

  #doubleDirectory(): void {
    const doubled = new Array<Segment>(this.#root.directory.length * 2);
    for (let d = 0; d < this.#root.directory.length; d++) {
      doubled[2 * d] = this.#root.directory[d]!;
      doubled[2 * d + 1] = this.#root.directory[d]!;
    }
    this.#root.directory = doubled;
    this.#root.shift--;
  }

  /** Forgets all entries and gives the memory back. */
  clear(): void {
    this.#heap.releaseGeneration(this.#generation, { keep: true, tellOwners: false });
    this.#start();
  }

  /** Ends the index. */
  dispose(): void {
    this.#heap.releaseGeneration(this.#generation, { tellOwners: false });
    this.#heap.unregisterOwner(this.#owner);
    this.#root.directory = [];
  }

  /** Calls `visit` with each address, in no order. */
  forEach(visit: (address: Address) => void): void {
    for (let d = 0; d < this.#root.directory.length; d++) {
      const segment = this.#root.directory[d]!;
      if (d > 0 && this.#root.directory[d - 1] === segment) continue;
      const { slots } = segment;
      for (let at = 0; at < slots.length; at++) {
        if ((at & 15) !== OVERFLOW && slots[at] !== 0)
          visit(((slots[at]! & this.#addressMask) - 1) as Address);
      }
    }
  }
}

/**
 * `find` as a closure over what does not change: V8 then reads it as constants, which as fields of two objects it
 * loads anew each time.
 */
function finder(
  memory: SlabMemory,
  keys: KeyScratch,
  root: Root,
  addressBits: number,
  bucketMask: number,
): () => Address | -1 {
  const { slabShift, slabMask, wordShift, i32 } = memory;
  const addressMask = (2 ** addressBits - 1) | 0;
  const tagMask = ~addressMask;
  return () => {
    const { hash } = keys;
    const { slots } = root.directory[hash >>> root.shift]!;
    const tag = (hash >>> 12) << addressBits;
    const first = (hash >>> 8) & 15;
    let bucket = hash & bucketMask;
    // Bounded, since in a small segment every bucket may have been passed by.
    for (let tries = bucketMask; tries >= 0; tries--) {
      const base = bucket << 4;
      let at = first === 15 ? 0 : first;
      for (let n = 0; n < 15; n++) {
        const slot = slots[base + at]!;
        if (((slot ^ tag) & tagMask) === 0 && slot !== 0) {
          const address = (slot & addressMask) - 1;
          if (keys.matches(i32[address >>> slabShift]!, (address & slabMask) << wordShift)) {
            return address as Address;
          }
        }
        at = at === 14 ? 0 : at + 1;
      }
      if (slots[base + 15] === 0) return -1;
      bucket = (bucket + 1) & bucketMask;
    }
    return -1;
  };
}
