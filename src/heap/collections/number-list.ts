import { checkInteger } from '../../base/index.js';
import type { GenerationalHeap } from '../heap.js';
import type { Address, Ref, SiteId } from '../types.js';
import {
  checkCollection,
  checkKind,
  holds,
  type NumberKind,
  type Placement,
  siteOf,
  wrongNumber,
} from './options.js';

export interface NumberListOptions extends Placement {
  readonly values: NumberKind;
}

const NAMES: readonly string[] = Object.keys({
  values: true,
  site: true,
  generation: true,
} satisfies Record<keyof NumberListOptions, true>);
const FIRST_BYTES = 64;
/**
 * Blocks to a region. A block of a power of two and its header fit one time less than the power says: of four to a region
 * a quarter of it was left empty.
 */
const BLOCKS_A_REGION = 32;
/** Smaller blocks are not worth their handle, but in regions that hold less than four of them. */
const LEAST_BLOCK_BYTES = 1024;

/** Indices are shifted and masked as integers of 32 bits. */
const MOST_ELEMENTS: number = 2 ** 32;

/**
 * A growable list of up to 2^32 u32, refs or doubles in blocks of the heap: the first doubles until it has a 32nd of a
 * region, then blocks of that size are added, so growing copies at most that much. It lies in a
 * generation, and after that is released its elements are gone (StaleRefError).
 */
export class NumberList {
  readonly heap: GenerationalHeap;
  readonly values: NumberKind;
  readonly #site: SiteId;
  readonly #generation: number | undefined;
  /** log2 of an element's bytes, and of the elements of a whole block. */
  readonly #elementShift: number;
  readonly #blockShift: number;
  readonly #blockElements: number;
  readonly #blocks: Ref[] = [];
  /** For tests, which cannot push that many. */
  protected readonly mostElements: number = MOST_ELEMENTS;
  #length: number = 0;
  #capacity: number = 0;

  /** @throws TypeError naming the option. */
  constructor(heap: GenerationalHeap, options: NumberListOptions) {
    checkCollection('NumberList', heap, options, NAMES);
    this.#site = siteOf(heap, options, 'list');
    this.heap = heap;
    this.values = checkKind('NumberList.values', options.values);
    this.#generation = options.generation;
    this.#elementShift = this.values === 'f64' ? 3 : 2;
    const least = Math.min(LEAST_BLOCK_BYTES, heap.regionBytes / 4);
    const blockBytes = Math.max(FIRST_BYTES, least, heap.regionBytes / BLOCKS_A_REGION);
    this.#blockShift = Math.log2(blockBytes) - this.#elementShift;
    // A shift and a mask at each access: `2 ** shift` would be a call of the pow function.
    this.#blockElements = 2 ** this.#blockShift;
  }

  /** Elements. */
  get length(): number {
    return this.#length;
  }

  /**
   * The element at `index`.
   *
   * @throws RangeError past the end; TypeError for what is no integer; StaleRefError if its generation was released.
   */
  get(index: number): number {
    if (index >>> 0 !== index || index >= this.#length) throw this.#outside(index);
    const { memory } = this.heap;
    const address = this.#blockOf(index);
    const at = this.#elementAt(address, index);
    const slab = address >>> memory.slabShift;
    return this.#elementShift === 3 ? memory.f64[slab]![at]! : memory.u32[slab]![at]!;
  }

  /** @throws RangeError past the end; TypeError for what is no integer, or a value the list does not hold. */
  set(index: number, value: number): void {
    if (index >>> 0 !== index || index >= this.#length) throw this.#outside(index);
    if (!holds(this.values, value)) throw wrongNumber('NumberList: a value', this.values, value);
    this.#write(index, value);
  }

  /** Appends. @returns the new length. @throws HeapFullError with the list as it was; TypeError; RangeError past 2^32 elements. */
  push(value: number): number {
    if (!holds(this.values, value)) throw wrongNumber('NumberList: a value', this.values, value);
    while (this.#length === this.#capacity) this.#grow();
    this.#write(this.#length, value);
    return ++this.#length;
  }

  /** Takes the last element off; undefined if there is none. */
  pop(): number | undefined {
    if (this.#length === 0) return undefined;
    const value = this.get(this.#length - 1);
    this.truncate(this.#length - 1);
    return value;
  }

  /** Shortens the list. One block of room is kept, the rest freed. @throws TypeError, RangeError unless it is at most its length. */
  truncate(length: number): void {
    this.#length = checkInteger('NumberList.length', length, 0, this.#length);
    const keep = Math.max(1, Math.ceil(length / this.#blockElements)) + 1;
    while (this.#blocks.length > keep) {
      this.#capacity -= this.#blockElements;
      this.heap.free(this.#blocks.pop()!);
    }
  }

  /** Frees all; the list can be used again, even after its generation was released. */
  clear(): void {
    for (const block of this.#blocks) if (this.heap.has(block)) this.heap.free(block);
    this.#blocks.length = 0;
    this.#length = 0;
    this.#capacity = 0;
  }

  /** Calls `visit` with each element. @throws StaleRefError if its generation was released. */
  forEach(visit: (value: number, index: number) => void): void {
    for (let i = 0; i < this.#length; i++) visit(this.get(i), i);
  }

  *[Symbol.iterator](): Generator<number> {
    for (let i = 0; i < this.#length; i++) yield this.get(i);
  }

  /** Frees all. */
  [Symbol.dispose](): void {
    this.clear();
  }

  #grow(): void {
    const first = this.#blocks[0];
    const whole = this.#blockElements;
    if (this.#capacity >= this.mostElements) {
      throw new RangeError(`NumberList: a list has at most ${this.mostElements} elements`);
    }
    if (first === undefined) this.#append(Math.min(whole, FIRST_BYTES >>> this.#elementShift));
    else if (this.#capacity < whole) this.#enlarge(first);
    else this.#append(whole);
  }

  #append(elements: number): void {
    const block = this.#newBlock(elements, this.#generation, this.#site);
    if (block === undefined) return;
    this.#blocks.push(block);
    this.#capacity += elements;
  }

  /** Puts a block of twice its length in the place of the first, which is the only one, in the generation where that lies. */
  #enlarge(first: Ref): void {
    const { heap } = this;
    const elements = this.#capacity * 2;
    const block = this.#newBlock(elements, heap.generationOf(first), heap.siteOf(first));
    if (block === undefined) return;
    const old = this.#blocks[0]!;
    try {
      heap.view(block).set(heap.view(old));
    } catch (error) {
      // A pressure hook has released its generation.
      heap.free(block);
      throw error;
    }
    this.#blocks[0] = block;
    this.#capacity = elements;
    heap.free(old);
  }

  /** undefined if a pressure hook has grown or shrunk this list while room was made: `push` then looks again. */
  #newBlock(elements: number, generation: number | undefined, site: SiteId): Ref | undefined {
    const capacity = this.#capacity;
    const block = this.heap.allocate(elements << this.#elementShift, generation, site);
    if (this.#capacity === capacity) return block;
    this.heap.free(block);
    return undefined;
  }

  #write(index: number, value: number): void {
    const { memory } = this.heap;
    const address = this.#blockOf(index);
    const at = this.#elementAt(address, index);
    if (this.#elementShift === 3) memory.f64[address >>> memory.slabShift]![at] = value;
    else memory.u32[address >>> memory.slabShift]![at] = value;
  }

  #blockOf(index: number): Address {
    return this.heap.addressOf(this.#blocks[index >>> this.#blockShift]!);
  }

  /** Index of the element in its slab's array. */
  #elementAt(address: Address, index: number): number {
    const inBlock = index & (this.#blockElements - 1);
    return (this.heap.payloadAt(address) >>> this.#elementShift) + inBlock;
  }

  #outside(index: number): Error {
    if (!Number.isInteger(index)) {
      return new TypeError(`NumberList: an index must be an integer, got ${String(index)}`);
    }
    return new RangeError(`NumberList: index ${index} is outside of a list of ${this.#length}`);
  }
}
