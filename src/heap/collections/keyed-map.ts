import type { Random } from '../../base/index.js';
import type { GenerationalHeap } from '../heap.js';
import { HEADER_BYTES } from '../layout.js';
import type { SlabMemory } from '../memory.js';
import type { Address, BlockOwner, OwnerId, SiteId } from '../types.js';
import { EntryIndex, NOT_FOUND } from './entry-index.js';
import { KeyScratch, keyAt } from './key.js';
import {
  checkCollection,
  checkKind,
  holds,
  type NumberKind,
  type Placement,
  seedOf,
  siteOf,
  wrongNumber,
} from './options.js';

export type KeyKind = 'string' | 'bytes';
const HEADER_WORDS: number = HEADER_BYTES / 4;

export interface KeyedMapOptions extends Placement {
  readonly keys: KeyKind;
  readonly values: NumberKind;
  /** Seeds the hash, so that colliding keys cannot be prepared. Default: Math.random. */
  readonly random?: Random;
}

const NAMES: readonly string[] = Object.keys({
  keys: true,
  values: true,
  site: true,
  generation: true,
  random: true,
} satisfies Record<keyof KeyedMapOptions, true>);

/**
 * A hash map from strings or bytes to refs, u32 or doubles. Each entry is a block of its own on the heap, value
 * and key side by side; the index on typed arrays holds its address (EntryIndex). So entries lie in a
 * generation, move with it, and are gone from the map when it is released.
 *
 * A key costs 8 bytes of header, 4 of length, 4 or 8 of value and its bytes, rounded up to 8, and 10 to 15 in
 * the index. Nothing is allocated on the JS heap per call, but for a result that V8 boxes (a double, or a u32
 * from 2^31 on). Order of entries: none.
 */
export class KeyedMap<K extends string | Uint8Array = string | Uint8Array> implements BlockOwner {
  readonly heap: GenerationalHeap;
  /** For the heap: releases may be told late. */
  readonly asksForReleases: boolean = true;
  readonly values: NumberKind;
  readonly keys: KeyKind;
  readonly #memory: SlabMemory;
  readonly #isText: boolean;
  readonly #isDouble: boolean;
  readonly #site: SiteId;
  readonly #generation: number | undefined;
  readonly #key: KeyScratch;
  readonly #index: EntryIndex;
  readonly #owner: OwnerId;
  /** From the header on: 32-bit words before the key's meta. */
  readonly #metaWord: number;
  #isClosed: boolean = false;
  /** While `deleteWhere` asks: the entry in question, and those that are to go. */
  #asked: Address | typeof NOT_FOUND = NOT_FOUND;
  readonly #doomed: Set<Address> = new Set();

  /** @throws TypeError naming the option; HeapFullError; RangeError past 32767 maps and other owners. */
  constructor(heap: GenerationalHeap, options: KeyedMapOptions) {
    checkCollection('HeapMap', heap, options, NAMES);
    this.#site = siteOf(heap, options, 'map');
    this.heap = heap;
    this.#memory = heap.memory;
    this.values = checkKind('HeapMap.values', options.values);
    this.keys = options.keys;
    this.#isText = options.keys === 'string';
    this.#isDouble = options.values === 'f64';
    this.#generation = options.generation;
    this.#key = new KeyScratch(seedOf(options.random));
    this.#metaWord = HEADER_WORDS + (this.#isDouble ? 2 : 1);
    this.#index = new EntryIndex(heap, this.#key, this.#metaWord);
    try {
      this.#owner = heap.registerOwner(this);
    } catch (error) {
      this.#index.close();
      throw error;
    }
  }

  /** Entries. The first call after a release of a generation with entries costs a walk over those. */
  get size(): number {
    this.heap.regions.finishReleases();
    return this.#index.count;
  }

  /** The value of `key`, or undefined. @throws TypeError for a wrong key; RangeError for one of 256 MiB or more. */
  get(key: K): number | undefined {
    this.#encode(key);
    const address = this.#find();
    return address === NOT_FOUND ? undefined : this.#valueAt(address);
  }

  /** Whether there is an entry of `key`. @throws TypeError for a wrong key. */
  has(key: K): boolean {
    this.#encode(key);
    return this.#find() !== NOT_FOUND;
  }

  /** @throws TypeError for a wrong key or value; HeapFullError with the map as it was. */
  set(key: K, value: number): this {
    this.#encode(key);
    if (!holds(this.values, value)) throw wrongNumber('HeapMap: a value', this.values, value);
    const address = this.#find();
    if (address === NOT_FOUND) this.#add(key, value);
    else this.#setValueAt(address, value);
    return this;
  }

  #add(key: K, value: number): void {
    const scratch = this.#key;
    const { uses } = scratch;
    this.#index.makeRoom(scratch.hash);
    const bytes = (this.#metaWord - HEADER_WORDS + 1) * 4 + ((scratch.byteLength + 3) & ~3);
    const address = this.heap.allocateOwned(this.#owner, bytes, this.#generation, this.#site);
    if (scratch.uses !== uses || this.#isClosed) {
      // A pressure hook has used this map while room was made; it may even have set this key, or disposed of the map.
      this.#writeEmptyKey(address);
      this.heap.freeOwned(address);
      this.set(key, value);
      return;
    }
    const memory = this.#memory;
    const at = (address & memory.slabMask) << memory.wordShift;
    scratch.store(memory.u32[address >>> memory.slabShift]!, at + this.#metaWord);
    this.#setValueAt(address, value);
    this.#index.insert(address);
  }

  /** So that whoever is told of the block finds a key that can be read. */
  #writeEmptyKey(address: Address): void {
    const memory = this.#memory;
    const at = (address & memory.slabMask) << memory.wordShift;
    memory.u32[address >>> memory.slabShift]![at + this.#metaWord] = 0;
  }

  /** @returns whether the key was there. */
  delete(key: K): boolean {
    this.#encode(key);
    const address = this.#find();
    if (address === NOT_FOUND) return false;
    this.#index.remove(address);
    this.heap.freeOwned(address);
    return true;
  }

  /** Deletes all entries. Cost: O(entries). */
  clear(): void {
    this.heap.regions.finishReleases();
    this.#index.forEachAddress((address) => this.heap.freeOwned(address));
    this.#index.reset();
  }

  /** Calls `visit` with each entry. @throws Error if `visit` adds or deletes one; setting values is fine. */
  forEach(visit: (value: number, key: K) => void): void {
    this.heap.regions.finishReleases();
    this.#index.forEachAddress((address) => visit(this.#valueAt(address), this.#keyAt(address)));
  }

  /**
   * Deletes the entries for which `test` is true. `test` may use the heap, but must not change the map.
   *
   * @returns how many.
   */
  deleteWhere(test: (value: number, key: K) => boolean): number {
    this.heap.regions.finishReleases();
    const doomed = this.#doomed;
    try {
      this.#index.forEachAddress((address) => {
        this.#asked = address;
        if (test(this.#valueAt(address), this.#keyAt(address))) doomed.add(this.#asked);
      });
      for (const address of doomed) {
        this.#index.remove(address);
        this.heap.freeOwned(address);
      }
      return doomed.size;
    } finally {
      this.#asked = NOT_FOUND;
      doomed.clear();
    }
  }

  /** Bytes of the index; the entries count in the heap's `live`. */
  get indexBytes(): number {
    return this.#index.bytes;
  }

  /** @throws Error naming the first entry that is out of place. */
  verify(): void {
    this.heap.regions.finishReleases();
    this.#index.check();
    this.#index.forEachAddress((address) => {
      this.#encode(this.#keyAt(address));
      if (this.#index.find() !== address) throw new Error(`the entry at ${address} is not found by its key`);
    });
  }

  /** Frees all entries and the index. The map is empty from then on, and `set` throws. Once more does nothing. */
  [Symbol.dispose](): void {
    // Not twice: the owner's number may be another map's by now.
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.heap.regions.finishReleases();
    this.#index.forEachAddress((address) => this.heap.freeOwned(address));
    this.#index.close();
    this.heap.unregisterOwner(this.#owner);
  }

  /** For the heap: a block of this map has moved. */
  moved(from: Address, to: Address): void {
    this.#index.move(from, to);
    if (this.#asked !== NOT_FOUND) this.#follow(from, to);
  }

  #follow(from: Address, to: Address): void {
    if (this.#asked === from) this.#asked = to;
    if (this.#doomed.delete(from)) this.#doomed.add(to);
  }

  /** For the heap: a block of this map goes with its generation. It may be told late, or be gone already. */
  released(address: Address): void {
    this.#index.remove(address);
  }

  /** The entry with the scratch's key. One that was released is dropped, as `released` would do it. */
  #find(): Address | typeof NOT_FOUND {
    const address = this.#index.find();
    if (address === NOT_FOUND || this.#memory.epoch[1] === 0) return address;
    if (!this.heap.regions.isReleased(address)) return address;
    this.#index.remove(address);
    return NOT_FOUND;
  }

  #encode(key: K): void {
    if (this.#isText) {
      if (typeof key !== 'string') throw this.#wrongKey(key);
      this.#key.setString(key);
    } else {
      if (!(key instanceof Uint8Array)) throw this.#wrongKey(key);
      this.#key.setBytes(key);
    }
  }

  #wrongKey(key: unknown): TypeError {
    const wanted = this.#isText ? 'a string' : 'a Uint8Array';
    return new TypeError(`HeapMap: a key must be ${wanted}, got ${typeof key}`);
  }

  #keyAt(address: Address): K {
    const memory = this.#memory;
    const at = (address & memory.slabMask) << memory.wordShift;
    return keyAt(memory.u32[address >>> memory.slabShift]!, at + this.#metaWord) as K;
  }

  #valueAt(address: Address): number {
    const memory = this.#memory;
    const at = ((address & memory.slabMask) << memory.wordShift) + HEADER_WORDS;
    if (this.#isDouble) return memory.f64[address >>> memory.slabShift]![at >>> 1]!;
    return memory.u32[address >>> memory.slabShift]![at]!;
  }

  #setValueAt(address: Address, value: number): void {
    const memory = this.#memory;
    const at = ((address & memory.slabMask) << memory.wordShift) + HEADER_WORDS;
    if (this.#isDouble) memory.f64[address >>> memory.slabShift]![at >>> 1] = value;
    else memory.u32[address >>> memory.slabShift]![at] = value;
  }
}
