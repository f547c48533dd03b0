import type {
  Address,
  Generation,
  GenerationalHeap,
  OwnerId,
  RegionIndex,
  SlabMemory,
} from '../heap/index.js';
import { HEADER_WORDS } from './entry.js';
import type { KeyScratch } from './key.js';

const MAX_SEGMENT_BYTES = 16384;
/** 16 slots are a bucket; the last counts the entries that passed it by because it was full. */
const BUCKET_SHIFT = 4;
const BUCKET_SLOTS = 16;
/** What a block takes beside its bytes: header, and the stamp if it is sampled. */
const BLOCK_BYTES = 16;
/**
 * A bucket is one line of the processor's cache if it begins where a line does. Slabs begin 16 bytes behind such a
 * place where malloc puts its own 16 bytes in front of them, as glibc does; elsewhere this gains nothing. It costs a
 * segment one of its buckets, so only segments of full length are laid so.
 */
const LINE_WORDS = 16;
const SLAB_WORDS_INTO_LINE = 4;
const SLOTS = 15;
const OVERFLOW = 15;
const MAX_LOAD = 0.9;
const MAX_DEPTH = 24;
/**
 * A segment of fewer than one in so many times their number has keys whose hashes were made to be alike: splitting it
 * further would not part them, and would double the directory each time.
 */
const MOST_UNEVEN = 8;
/** The top bits of a hash choose a trunk; the bits behind, a segment of it. */
const TRUNK_BITS = 8;
/**
 * How many of the values of those bits each trunk has. Unequal (about as 1 to 1/2), so that segments split one trunk
 * after the other as the cache grows: with equal trunks all would split together, and the index would take 5 bytes an
 * entry before and 10 after; now it takes 6.5 to 7.4 at any size.
 */
const TRUNK_WIDTHS: readonly number[] = [30, 27, 26, 24, 22, 21, 20, 19, 18, 17, 16, 16];

interface Segment {
  slots: Int32Array;
  address: Address;
  readonly trunk: number;
  /** How many bits of the hash, behind those of the trunk, all its entries share. */
  depth: number;
  count: number;
}

interface Root {
  directory: Segment[];
  /** Their addresses: what `find` needs of them, without a way through two objects each. */
  addresses: Int32Array;
  /** 32 - depth of the directory, which is at least TRUNK_BITS. */
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
  readonly #openableRegions: () => number;
  readonly #addressBits: number;
  readonly #addressMask: number;
  readonly #tagMask: number;
  readonly #segmentSlots: number;
  /** Buckets of a segment. Not a power of two: with their headers, segments fill regions to the last bucket. */
  readonly #buckets: number;
  /** What a segment has beside its slots, so that they can begin with a line; 0: they need not. */
  readonly #slackWords: number;
  readonly #limit: number;
  readonly #spill: Int32Array;
  #segments: Segment[] = [];
  readonly #root: Root = { directory: [], addresses: new Int32Array(0), shift: 32 - TRUNK_BITS };
  count: number = 0;

  /** @param openableRegions how many regions may be opened without making room first. */
  constructor(heap: GenerationalHeap, keys: KeyScratch, openableRegions: () => number) {
    this.#heap = heap;
    this.#keys = keys;
    this.#owner = heap.registerOwner({ moved: (from, to) => this.#segmentMoved(from, to) });
    this.#openableRegions = openableRegions;
    this.#generation = heap.newGeneration({ liveThreshold: 0, vacate: (region) => this.#vacate(region) });
    const share = Math.min(MAX_SEGMENT_BYTES, heap.regionBytes / 4);
    this.#slackWords = share === MAX_SEGMENT_BYTES ? LINE_WORDS : 0;
    this.#buckets = Math.floor((share - BLOCK_BYTES - this.#slackWords * 4) / (BUCKET_SLOTS * 4));
    this.#segmentSlots = this.#buckets * BUCKET_SLOTS;
    this.#limit = Math.floor(this.#buckets * SLOTS * MAX_LOAD);
    this.#spill = new Int32Array(this.#limit + 1);
    // A slot is the address + 1, so that 0 is an empty one.
    this.#addressBits = 32 - Math.clz32(heap.regions.addressLimit);
    this.#addressMask = (2 ** this.#addressBits - 1) | 0;
    this.#tagMask = ~this.#addressMask;
    this.#start();
    this.find = finder(heap.memory, keys, this.#root, this.#addressBits, this.#buckets, this.#slackWords);
  }

  #start(): void {
    this.#root.shift = 32 - TRUNK_BITS;
    this.#segments = [];
    this.#root.directory = TRUNK_WIDTHS.flatMap((width, trunk) =>
      new Array<Segment>(width).fill(this.#newSegment(trunk, 0)),
    );
    this.#listAddresses();
    this.count = 0;
  }

  #listAddresses(): void {
    this.#root.addresses = Int32Array.from(this.#root.directory, ({ address }) => address);
  }

  #newSegment(trunk: number, depth: number): Segment {
    const address = this.#heap.allocateOwned(this.#owner, this.#segmentBytes, this.#generation);
    const segment: Segment = { slots: this.#slotsAt(address), address, trunk, depth, count: 0 };
    segment.slots.fill(0);
    this.#segments.push(segment);
    return segment;
  }

  get #segmentBytes(): number {
    return (this.#segmentSlots + this.#slackWords) * 4;
  }

  #slotsAt(address: Address): Int32Array {
    const { memory } = this.#heap;
    const i32 = memory.i32[address >>> memory.slabShift]!;
    const start = this.#firstSlot((address & memory.slabMask) << memory.wordShift);
    return i32.subarray(start, start + this.#segmentSlots);
  }

  #firstSlot(at: number): number {
    return firstSlot(at, this.#slackWords);
  }

  #segmentMoved(from: Address, to: Address): void {
    const segment = this.#segments.find(({ address }) => address === from);
    if (segment === undefined) return;
    const { memory } = this.#heap;
    const i32 = memory.i32[to >>> memory.slabShift]!;
    const at = (to & memory.slabMask) << memory.wordShift;
    // Its block came as it was, but a line may begin elsewhere in it now.
    const before = (from & memory.slabMask) << memory.wordShift;
    const came = at + this.#firstSlot(before) - before;
    i32.copyWithin(this.#firstSlot(at), came, came + this.#segmentSlots);
    segment.address = to;
    segment.slots = this.#slotsAt(to);
    this.#listAddresses();
  }

  /** Moves the segments in `region` elsewhere, if there is room. */
  #vacate(region: RegionIndex): void {
    const heap = this.#heap;
    for (const { address } of [...this.#segments]) {
      if (heap.regionAt(address) !== region) continue;
      if (heap.regions.roomIn(this.#generation) < heap.regions.blockBytes(address)) {
        if (this.#openableRegions() < 1) return;
        heap.makeRoomIn(this.#generation, this.#segmentBytes);
      }
      this.#segmentMoved(address, heap.moveOwned(address, this.#generation));
    }
  }

  /** Bytes of the regions that hold the index. */
  get bytes(): number {
    return this.#heap.regions.generationBytes(this.#generation);
  }

  /** Where an entry with this hash belongs: by 16 bits, of which the upper ones count most; its tag is of others. */
  #bucketOf(hash: number): number {
    return Math.imul(hash & 0xffff, this.#buckets) >>> 16;
  }

  #after(bucket: number): number {
    return bucket + 1 === this.#buckets ? 0 : bucket + 1;
  }

  /** Whether `insert` of this hash would find no room: then `grow` comes first, perhaps several times. */
  isFull(hash: number): boolean {
    return this.#root.directory[hash >>> this.#root.shift]!.count >= this.#limit;
  }

  /** Whether splitting may help where the index is full. False: it holds too many keys whose hashes are one. */
  mayGrow(hash: number): boolean {
    const { depth } = this.#root.directory[hash >>> this.#root.shift]!;
    return depth + TRUNK_BITS < MAX_DEPTH && 2 ** depth <= MOST_UNEVEN * this.#segments.length;
  }

  /** Regions that `grow` opens. */
  get growthRegions(): number {
    return this.#heap.regions.opens(this.#generation, this.#segmentBytes);
  }

  /**
   * Splits the segment that this hash belongs to, which `mayGrow`. Recorded as a pause.
   *
   * @throws HeapFullError if the heap has no room; nothing is changed then.
   */
  grow(hash: number): void {
    this.#split(this.#root.directory[hash >>> this.#root.shift]!, hash);
  }

  /** Adds an entry whose key is not yet there, where the index is not full. */
  insert(hash: number, address: number): void {
    this.#put(this.#root.directory[hash >>> this.#root.shift]!, hash, address);
    this.count++;
  }

  #put(segment: Segment, hash: number, address: number): void {
    const { slots } = segment;
    const value = (((hash >>> 16) << this.#addressBits) & this.#tagMask) | (address + 1);
    const first = hash & 15;
    for (let bucket = this.#bucketOf(hash); ; bucket = this.#after(bucket)) {
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
    for (let bucket = this.#bucketOf(hash); bucket !== stop; bucket = this.#after(bucket)) {
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
    const value = (((hash >>> 16) << this.#addressBits) & this.#tagMask) | (address + 1);
    let bucket = this.#bucketOf(hash);
    for (let tries = this.#buckets; tries > 0; tries--) {
      const base = bucket << BUCKET_SHIFT;
      for (let at = base; at < base + SLOTS; at++) if (slots[at] === value) return at;
      bucket = this.#after(bucket);
    }
    throw new Error(`the cache's index has lost the entry at ${address}: was its heap changed from outside?`);
  }

  /** Splits a segment by the next bit of the hash. */
  #split(segment: Segment, hash: number): void {
    const sibling = this.#newSegment(segment.trunk, segment.depth + 1);
    const startMs = this.#heap.pauses.start();
    if (segment.depth + TRUNK_BITS === 32 - this.#root.shift) this.#doubleDirectory();
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
    this.#redirect(segment, hash, sibling);
    const bit = 32 - TRUNK_BITS - segment.depth;
    for (let i = 0; i < spilled; i++) {
      const address = this.#spill[i]!;
      const h = this.#keys.hashAt(address);
      this.#put((h >>> bit) & 1 ? sibling : segment, h, address);
    }
    this.#heap.pauses.record('resize', startMs);
  }

  /** Lets the directory's cells with the new bit lead to `sibling`, for each value of the trunk. */
  #redirect(segment: Segment, hash: number, sibling: Segment): void {
    const cells = 32 - this.#root.shift - TRUNK_BITS;
    const shared = segment.depth - 1;
    const prefix = shared === 0 ? 0 : (hash << TRUNK_BITS) >>> (32 - shared);
    const half = 2 ** (cells - segment.depth);
    let value = 0;
    for (let trunk = 0; trunk < segment.trunk; trunk++) value += TRUNK_WIDTHS[trunk]!;
    for (let n = TRUNK_WIDTHS[segment.trunk]!; n > 0; n--, value++) {
      const first = value * 2 ** cells + prefix * 2 * half + half;
      this.#root.directory.fill(sibling, first, first + half);
      this.#root.addresses.fill(sibling.address, first, first + half);
    }
  }

  #doubleDirectory(): void {
    const doubled = new Array<Segment>(this.#root.directory.length * 2);
    for (let d = 0; d < this.#root.directory.length; d++) {
      doubled[2 * d] = this.#root.directory[d]!;
      doubled[2 * d + 1] = this.#root.directory[d]!;
    }
    this.#root.directory = doubled;
    this.#root.shift--;
    this.#listAddresses();
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
    this.#segments = [];
  }

  /** Calls `visit` with each address, in no order. */
  forEach(visit: (address: Address) => void): void {
    for (const { slots } of this.#segments) {
      for (let at = 0; at < slots.length; at++) {
        if ((at & 15) !== OVERFLOW && slots[at] !== 0)
          visit(((slots[at]! & this.#addressMask) - 1) as Address);
      }
    }
  }
}

/** Word of a slab at which the slots begin of a segment whose block's header is at word `at`. */
function firstSlot(at: number, slackWords: number): number {
  if (slackWords === 0) return at + HEADER_WORDS;
  const end = at + HEADER_WORDS + SLAB_WORDS_INTO_LINE + LINE_WORDS - 1;
  return (end & -LINE_WORDS) - SLAB_WORDS_INTO_LINE;
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
  buckets: number,
  slackWords: number,
): () => Address | -1 {
  const { slabShift, slabMask, wordShift, i32 } = memory;
  const addressMask = (2 ** addressBits - 1) | 0;
  const tagMask = ~addressMask;
  return () => {
    const { hash } = keys;
    const segment = root.addresses[hash >>> root.shift]!;
    const slots = i32[segment >>> slabShift]!;
    const start = firstSlot((segment & slabMask) << wordShift, slackWords);
    const tag = (hash >>> 16) << addressBits;
    const first = hash & 15;
    let bucket = Math.imul(hash & 0xffff, buckets) >>> 16;
    // Bounded, since in a small segment every bucket may have been passed by.
    for (let tries = buckets; tries > 0; tries--) {
      const base = start + (bucket << 4);
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
      bucket = bucket + 1 === buckets ? 0 : bucket + 1;
    }
    return -1;
  };
}
