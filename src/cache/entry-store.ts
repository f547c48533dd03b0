import {
  type Address,
  type Generation,
  type GenerationalHeap,
  HeapFullError,
  type OwnerId,
  type SlabMemory,
} from '../heap/index.js';
import type { ByteWriter } from './codecs/writer.js';
import { CommonTtls } from './common-ttls.js';
import {
  ALTERNATIVE,
  FREQUENCY_MASK,
  HEADER_WORDS,
  keyWord,
  LONG_KEY,
  OWN_TTL,
  TTL_MASK,
  ttlWords,
  valueWord,
} from './entry.js';
import type { Front } from './front.js';
import { type CacheKey, KeyScratch } from './key.js';
import { KeyIndex } from './key-index.js';

/** Values longer than this are copied by the platform's memmove, at the price of a view; shorter in a loop. */
const LOOP_BYTES = 1024;

/** Told when the heap has moved an entry, or lets it go because its generation was released from outside. */
export interface EntryListener {
  moved(from: Address, to: Address): void;
  removed(address: Address): void;
}

/**
 * Entries as blocks on the heap, and the index of them. Knows the layout (entry.ts) and nothing of order,
 * expiry or limits.
 */
export class EntryStore {
  readonly heap: GenerationalHeap;
  readonly keys: KeyScratch;
  readonly index: KeyIndex;
  readonly memory: SlabMemory;
  /** Words in front of an entry's ttl and key: links of the policy, then the size. */
  readonly fixedWords: number;
  readonly valueAlign: number;
  readonly ttls: CommonTtls = new CommonTtls();
  /** Element 0 counts what may have moved or changed an entry: who reads in place asks whether it still may. */
  readonly changes: Int32Array = new Int32Array(1);
  /** Bytes of all entries' blocks. */
  liveBytes: number = 0;
  /** An address that the caller holds over an allocation; follows the block if the heap moves it. */
  held: Address | -1 = -1;
  /** Counts the calls of the cache that may make room. */
  call: number = 0;
  /** The entry that `relocate` was last called with, wherever it lies now. */
  tracked: Address | -1 = -1;
  listener: EntryListener | undefined;
  /** Decoded values, if the cache keeps any: told where entries go. */
  front: Front<unknown> | undefined;
  /** Regions that may be opened without making room first: for moving entries, and what the policy remembers. */
  openableRegions: () => number;
  /** Regions that are free beyond those for which room is made ahead: for what can wait. */
  spareRegions: () => number = () => this.openableRegions() - 1;
  /** Whether an entry has outlived its ttl: such a one is never spared. */
  isStale: (address: Address) => boolean = () => false;
  readonly #owner: OwnerId;

  /** @param valueAlign 1 if values lie at multiples of 8 bytes, else 0: of 4. */
  constructor(heap: GenerationalHeap, fixedWords: number, valueAlign: number, seed: number) {
    this.heap = heap;
    // The heap leaves its last free region alone.
    this.openableRegions = () => heap.regions.freeRegions - 1;
    this.valueAlign = valueAlign;
    this.memory = heap.memory;
    this.fixedWords = fixedWords;
    this.keys = new KeyScratch(heap.memory, fixedWords, seed);
    this.index = new KeyIndex(heap, this.keys, () => this.openableRegions());
    this.#owner = heap.registerOwner({
      moved: (from, to) => this.#moved(from, to),
      released: (address) => this.#released(address),
    });
  }

  #moved(from: Address, to: Address): void {
    this.reindex(this.keys.hashAt(to), from, to);
    if (this.held === from) this.held = to;
    if (this.tracked === from) this.tracked = to;
    this.listener?.moved(from, to);
  }

  #released(address: Address): void {
    this.listener?.removed(address);
    this.#uncount(address);
    this.#unindex(this.keys.hashAt(address), address);
  }

  /** The entry at `from` lies at `to` now, its value the same. */
  reindex(hash: number, from: Address, to: Address): void {
    this.changes[0]!++;
    this.index.replace(hash, from, to);
    this.front?.moved(hash, from, to);
  }

  #uncount(address: Address): void {
    this.liveBytes -= this.heap.regions.blockBytes(address);
    this.ttls.left(this.markOf(address));
  }

  #unindex(hash: number, address: Address): void {
    this.changes[0]!++;
    this.index.remove(hash, address);
    this.front?.drop(hash, address);
  }

  // ---- reading ----

  /** Index of the entry's header in `memory.i32[address >>> memory.slabShift]`. */
  wordOf(address: Address): number {
    return (address & this.memory.slabMask) << this.memory.wordShift;
  }

  i32Of(address: Address): Int32Array {
    return this.memory.i32[address >>> this.memory.slabShift]!;
  }

  u8Of(address: Address): Uint8Array {
    return this.memory.u8[address >>> this.memory.slabShift]!;
  }

  markOf(address: Address): number {
    return this.i32Of(address)[this.wordOf(address)]! & 0xffff;
  }

  /** Index of the value's first byte in `u8Of(address)`. */
  valueStart(address: Address): number {
    return valueWord(this.i32Of(address), this.wordOf(address), this.fixedWords, this.valueAlign) << 2;
  }

  /** One past the value's last byte, or what a value that delimits itself has left over. */
  valueEnd(address: Address): number {
    return this.heap.payloadAt(address) + this.heap.byteLengthAt(address);
  }

  keyOf(address: Address): CacheKey {
    return this.keys.decodeAt(address);
  }

  frequencyOf(address: Address): number {
    return this.i32Of(address)[this.wordOf(address)]! & FREQUENCY_MASK;
  }

  setFrequency(address: Address, frequency: number): void {
    const i32 = this.i32Of(address);
    const at = this.wordOf(address);
    i32[at] = (i32[at]! & ~FREQUENCY_MASK) | frequency;
  }

  /** Gives the entry other flags in its place: its ttl must take as many words as before. */
  setFlags(address: Address, flags: number): void {
    const i32 = this.i32Of(address);
    const at = this.wordOf(address);
    const changed = (i32[at]! ^ flags) & (ALTERNATIVE | TTL_MASK);
    if (changed === 0) return;
    this.ttls.left(i32[at]!);
    this.ttls.entered(flags);
    i32[at] = i32[at]! ^ changed;
  }

  /** Word `n` of the fixed words. */
  fixedOf(address: Address, n: number): number {
    return this.i32Of(address)[this.wordOf(address) + HEADER_WORDS + n]!;
  }

  setFixed(address: Address, n: number, value: number): void {
    this.i32Of(address)[this.wordOf(address) + HEADER_WORDS + n] = value;
  }

  /** When the ttl began of an entry that has one, as in ttl.ts. */
  startWordOf(address: Address): number {
    return this.fixedOf(address, this.fixedWords);
  }

  setStartWord(address: Address, word: number): void {
    this.setFixed(address, this.fixedWords, word);
  }

  /** The ttl of an entry that has one, as in ttl.ts. */
  ttlWordOf(address: Address): number {
    const i32 = this.i32Of(address);
    const at = this.wordOf(address);
    const mark = i32[at]!;
    return (mark & TTL_MASK) === OWN_TTL
      ? i32[at + HEADER_WORDS + this.fixedWords + 1]!
      : this.ttls.wordOf(mark);
  }

  /** Writes the ttl that the entry's flags are for. */
  setTtlWord(address: Address, word: number): void {
    if ((this.markOf(address) & TTL_MASK) === OWN_TTL) this.setFixed(address, this.fixedWords + 1, word);
  }

  // ---- writing ----

  /** Payload bytes of an entry with the loaded key, these flags and a value of `valueBytes`. */
  payloadBytes(flags: number, valueBytes: number): number {
    const { words, byteLength } = this.keys;
    const head = this.fixedWords + ttlWords(flags) + (byteLength >= LONG_KEY ? 1 : 0);
    // The header's two words change nothing about odd and even.
    return ((head + words + this.valueAlign) & ~this.valueAlign) * 4 + valueBytes;
  }

  /**
   * Places a block for the loaded key, and writes the key. The caller writes the value, then calls `publish`.
   *
   * @throws HeapFullError
   */
  allocate(generation: Generation, flags: number, valueBytes: number, site: number): Address {
    const { keys } = this;
    const payload = this.payloadBytes(flags, valueBytes);
    const mark = keys.markBits | flags;
    const address = this.heap.allocateOwned(this.#owner, payload, generation, site, mark);
    const i32 = this.i32Of(address);
    const at = this.wordOf(address) + keyWord(mark, this.fixedWords);
    if (keys.byteLength >= LONG_KEY) i32[at - 1] = keys.byteLength;
    keys.write(i32, at);
    this.liveBytes += this.heap.regions.blockBytes(address);
    this.ttls.entered(flags);
    return address;
  }

  /** Writes a value's bytes over what the entry has. */
  writeValue(address: Address, value: ByteWriter): void {
    this.changes[0]!++;
    const start = this.valueStart(address);
    const { length } = value;
    if (length > LOOP_BYTES) {
      this.u8Of(address).set(value.u8.subarray(0, length), start);
      return;
    }
    const i32 = this.i32Of(address);
    const from = value.i32;
    const word = start >>> 2;
    const whole = length >>> 2;
    for (let i = 0; i < whole; i++) i32[word + i] = from[i]!;
    if ((length & 3) !== 0) {
      const u8 = this.u8Of(address);
      for (let i = whole << 2; i < length; i++) u8[start + i] = value.u8[i]!;
    }
  }

  /** Whether the entry's value is these bytes, or, with slack, begins with them: a value that delimits itself. */
  sameValue(address: Address, value: ByteWriter, hasSlack: boolean): boolean {
    const start = this.valueStart(address);
    const over = this.valueEnd(address) - start - value.length;
    if (over < 0 || (over > 0 && !hasSlack)) return false;
    const u8 = this.u8Of(address);
    for (let i = 0; i < value.length; i++) if (u8[start + i] !== value.u8[i]) return false;
    return true;
  }

  /** Undoes `allocate`. */
  abandon(address: Address): void {
    this.#uncount(address);
    this.heap.freeOwned(address);
  }

  /** Takes an entry out. `hash`: of its key. */
  remove(address: Address, hash: number): void {
    this.#unindex(hash, address);
    this.abandon(address);
  }

  /** Whether a live entry of this store lies at `address`: others' blocks may lie beside it. */
  isEntry(address: Address): boolean {
    const i32 = this.memory.i32[address >>> this.memory.slabShift]!;
    // A slab that went back to the system has no words: undefined >>> 16 is 0.
    return i32[this.wordOf(address)]! >>> 16 === (0x8000 | this.#owner);
  }

  /**
   * Moves an entry to `generation`: to the placement policy it stays the same block. A humongous one stays where it
   * is. Making room may move it meanwhile, in generations that the heap evacuates by itself: `tracked` follows it.
   *
   * @returns where it lies now, or -1 if there was no room: it stays where it is.
   */
  relocate(address: Address, generation: Generation): Address | -1 {
    const { heap } = this;
    const bytes = heap.regions.blockBytes(address);
    this.tracked = address;
    if (heap.regions.roomIn(generation) < bytes && bytes <= heap.regionBytes / 2) {
      if (this.openableRegions() < 1) return -1;
      try {
        heap.makeRoomIn(generation, heap.byteLengthAt(address));
      } catch (error) {
        if (error instanceof HeapFullError) return -1;
        throw error;
      }
    }
    const from = this.tracked;
    const to = heap.moveOwned(from, generation);
    if (to === from) return to;
    this.changes[0]!++;
    this.reindex(this.keys.hashAt(to), from, to);
    if (this.held === from) this.held = to;
    return to;
  }

  /** Bytes that were copied when the entry was moved to where it lies: a humongous one only changes hands. */
  movedBytes(address: Address): number {
    const bytes = this.heap.regions.blockBytes(address);
    return bytes > this.heap.regionBytes / 2 ? 0 : bytes;
  }

  /** Drops all entries of `generations` and the index without looking at them; `others` lie among others' blocks. */
  clear(generations: readonly Generation[], others: readonly Address[]): void {
    this.changes[0]!++;
    for (const address of others) this.heap.freeOwned(address);
    for (const generation of generations) {
      this.heap.releaseGeneration(generation, { keep: true, tellOwners: false });
    }
    this.liveBytes = 0;
    this.ttls.clear();
    this.index.clear();
    this.front?.clear();
  }

  /** Gives everything back to the heap. The store must not be used afterwards. */
  dispose(generations: readonly Generation[]): void {
    this.changes[0]!++;
    for (const generation of generations) this.heap.releaseGeneration(generation, { tellOwners: false });
    this.heap.unregisterOwner(this.#owner);
    this.index.dispose();
    this.front?.clear();
  }
}
