import { checkBoolean, checkInteger, checkNames } from '../../base/index.js';
import { StaleRefError } from '../errors.js';
import type { GenerationalHeap } from '../heap.js';
import type { Address, Ref, SiteId } from '../types.js';
import {
  type Before,
  type Changes,
  collect,
  collectMember,
  interpretedCodec,
  isGroup,
  isNullAt,
  type RecordCodec,
  type Target,
} from './codec.js';
import { compileCodec } from './compile.js';
import { type Cursor, type CursorHost, cursorMaker, type RecordCursor } from './cursor.js';
import { type Field, type Group, LENGTH_WORD, layOut, type RecordLayout, TAG_MASK } from './layout.js';
import { LiveSlots } from './live-slots.js';
import { type InputValues, RecordType, type Schema, type Values } from './schema.js';
import { equalsText } from './text.js';
import { applyChanges } from './update.js';

export interface PoolOptions {
  readonly heap: GenerationalHeap;
  /** The allocation site of the pool's records, by name or as `heap.site` gave it. Default: the record's name. */
  readonly site?: string | SiteId;
  /** Generation of the pool's records by hand; left out: the site's, the placement policy's, or the current one. */
  readonly generation?: number;
  /** false never makes code from strings; by default it is made where the process allows it. */
  readonly compile?: boolean;
}

const NAMES: readonly string[] = Object.keys({
  heap: true,
  site: true,
  generation: true,
  compile: true,
} satisfies Record<keyof PoolOptions, true>);

/** Tags of the pools of each heap: 1 to 65535. Those of ended pools last, whose refs and cursors are still about. */
const tags: WeakMap<GenerationalHeap, { next: number; readonly free: number[] }> = new WeakMap();

function takeTag(heap: GenerationalHeap): number {
  let state = tags.get(heap);
  if (state === undefined) {
    state = { next: 1, free: [] };
    tags.set(heap, state);
  }
  const tag = state.next <= TAG_MASK ? state.next++ : state.free.shift();
  if (tag === undefined) {
    throw new RangeError(`a heap has at most ${TAG_MASK} pools at once; dispose of some`);
  }
  return tag;
}

/** Room for a new record: a block of the pool's site. */
class NewRecord implements Target {
  slab: number = 0;
  at: number = 0;
  ref: Ref = 0 as Ref;
  readonly #heap: GenerationalHeap;
  readonly #live: LiveSlots;
  readonly #site: SiteId;
  readonly #generation: number | undefined;

  constructor(heap: GenerationalHeap, live: LiveSlots, site: SiteId, generation: number | undefined) {
    this.#heap = heap;
    this.#live = live;
    this.#site = site;
    this.#generation = generation;
  }

  place(bytes: number): void {
    const heap = this.#heap;
    const ref = heap.allocate(bytes, this.#generation, this.#site);
    try {
      this.#live.add(ref);
    } catch (error) {
      heap.free(ref);
      throw error;
    }
    // The ref is new, so what addressOf checks need not be.
    const { chunks, chunkShift, chunkMask } = heap.refTable;
    const address = chunks[(ref & heap.slotMask) >>> chunkShift]![ref & chunkMask]! as Address;
    this.slab = address >>> heap.memory.slabShift;
    this.at = heap.payloadAt(address);
    this.ref = ref;
  }
}

/**
 * Records of one type on a heap: each is one block, placed in the generation of
 * the pool's site. A ref stays valid for its record's life, whatever moves and whatever grows.
 *
 * All calls that take a ref throw StaleRefError if its record is gone, TypeError if it is no record of this
 * pool. All that take values throw TypeError or RangeError naming `record.field`, and HeapFullError, before
 * anything is touched.
 */
export class Pool<S extends Schema> {
  readonly heap: GenerationalHeap;
  readonly record: RecordType<S>;
  readonly site: SiteId;
  readonly #layout: RecordLayout;
  readonly #codec: RecordCodec;
  readonly #makeCursor: () => RecordCursor;
  readonly #shared: RecordCursor;
  readonly #live: LiveSlots;
  readonly #new: NewRecord;
  readonly #tag: number;
  #releases: number;
  #isClosed: boolean = false;

  /** @throws TypeError naming the option. */
  constructor(record: RecordType<S>, options: PoolOptions) {
    if (!(record instanceof RecordType))
      throw new TypeError('Pool: the first argument comes from defineRecord');
    const heap = options?.heap;
    if (typeof heap?.allocate !== 'function') throw new TypeError('Pool.heap must be a GenerationalHeap');
    checkNames('Pool', options, NAMES);
    const site = options.site ?? record.name;
    const compile = checkBoolean('Pool.compile', options.compile ?? true);
    this.heap = heap;
    this.record = record;
    this.site = typeof site === 'string' ? heap.site(site) : (checkInteger('Pool.site', site, 0) as SiteId);
    this.#layout = layOut(record as unknown as RecordType<Schema>);
    this.#tag = takeTag(heap);
    this.#releases = heap.releases;
    this.#live = new LiveSlots(heap);
    this.#new = new NewRecord(heap, this.#live, this.site, options.generation);
    const compiled = compile ? compileCodec(heap, this.#layout) : undefined;
    this.#codec = compiled ?? interpretedCodec(this.#layout, heap.memory);
    const host: CursorHost = {
      tag: this.#tag,
      heap,
      check: (ref) => void this.#address(ref),
      change: (ref, member, value) => this.#change(ref, member, value),
      equals: (ref, field, text) => this.equals(ref, field, text),
      free: (ref) => this.free(ref),
    };
    this.#makeCursor = cursorMaker(host, this.#layout, compile);
    this.#shared = this.#makeCursor();
  }

  /** Stores a record. Allocates nothing on the JS heap, beyond what reading `values` does. */
  create(values: InputValues<S>): Ref {
    if (this.#isClosed) throw new Error(`the pool of ${this.record.name} was disposed of`);
    const target = this.#new;
    try {
      this.#codec.encode(values, target, this.#tag);
    } catch (error) {
      // Thrown after the block was there: something changed under the writer's hands.
      if (target.ref !== 0) this.free(target.ref);
      target.ref = 0 as Ref;
      throw error;
    }
    const { ref } = target;
    target.ref = 0 as Ref;
    return ref;
  }

  /**
   * Stores a copy of a record of this pool, or of another one of the same record type on the same heap. Nothing
   * is decoded; allocates nothing on the JS heap.
   *
   * @throws TypeError if `from` is no such pool.
   */
  copy(ref: Ref, from: Pool<S> = this): Ref {
    if (this.#isClosed) throw new Error(`the pool of ${this.record.name} was disposed of`);
    const { heap } = this;
    if (from.heap !== heap || from.record !== this.record) {
      throw new TypeError(`Pool.copy: the other pool must hold ${this.record.name}s on the same heap`);
    }
    const bytes = heap.byteLengthAt(from.#address(ref));
    const target = this.#new;
    target.place(bytes);
    const copied = target.ref;
    target.ref = 0 as Ref;
    // Only now: placing may have moved it.
    const source = this.#sourceOf(ref, copied);
    if (heap.byteLengthAt(source) !== bytes) {
      // A pressure hook has made it longer.
      this.#dropCopy(copied);
      return this.copy(ref, from);
    }
    const own = heap.memory.i32[target.slab]!;
    const theirs = heap.memory.i32[source >>> heap.memory.slabShift]!;
    const to = target.at >>> 2;
    const at = heap.payloadAt(source) >>> 2;
    // Blocks end at multiples of 8 bytes, so the last word is the block's even where the record ends within it.
    for (let word = (bytes + 3) >>> 2; word-- > 0; ) own[to + word] = theirs[at + word]!;
    own[to] = (own[to]! & ~TAG_MASK) | this.#tag;
    return copied;
  }

  /** Where a record lies that is to be copied to `copied`, which goes if a pressure hook has freed the record. */
  #sourceOf(ref: Ref, copied: Ref): Address {
    try {
      return this.heap.addressOf(ref);
    } catch (error) {
      this.#dropCopy(copied);
      throw error;
    }
  }

  /** Frees a copy in which there is no tag yet. */
  #dropCopy(copied: Ref): void {
    this.heap.free(copied);
    this.#live.delete(copied);
  }

  /** The record as a plain object; bytes and arrays are copies. */
  read(ref: Ref): Values<S> {
    const address = this.#address(ref);
    const { memory } = this.heap;
    return this.#codec.decode(address >>> memory.slabShift, this.heap.payloadAt(address)) as Values<S>;
  }

  /** The pool's one reusable cursor, at `ref`, until the next call. Allocates nothing. */
  at(ref: Ref): Cursor<S> {
    return this.#shared.$at(ref) as unknown as Cursor<S>;
  }

  /** A cursor of the caller's own, at `ref`: as many as there shall be, each reusable by `$at`. */
  view(ref: Ref): Cursor<S> {
    return this.#makeCursor().$at(ref) as unknown as Cursor<S>;
  }

  /**
   * Changes the fields given; those of a nested record likewise. The ref stays, whatever grows. A pressure hook that is asked
   * for room for it may free the record, and set fields of fixed width, but must not lengthen the same record.
   */
  update(ref: Ref, changes: Partial<InputValues<S>>): void {
    const collected: Changes = { fields: [], nulls: [] };
    collect(this.#layout.root, changes, false, this.#before(ref), collected);
    applyChanges(this.heap, this.#layout, ref, collected);
  }

  #change(ref: Ref, member: Field | Group, value: unknown): void {
    const collected: Changes = { fields: [], nulls: [] };
    collectMember(member, value, false, this.#before(ref), collected);
    applyChanges(this.heap, this.#layout, ref, collected);
  }

  #before(ref: Ref): Before {
    this.#address(ref);
    const { heap } = this;
    return {
      memory: heap.memory,
      isNull: (bit) => {
        const address = heap.addressOf(ref);
        return isNullAt(heap.memory, address >>> heap.memory.slabShift, heap.payloadAt(address), bit);
      },
    };
  }

  /** Frees the record and all that is in it. */
  free(ref: Ref): void {
    // Only the tag is looked at first: `heap.free` finds out by itself whether the ref is stale.
    const { heap } = this;
    const { chunks, chunkShift, chunkMask } = heap.refTable;
    const address = chunks[(ref & heap.slotMask) >>> chunkShift]![ref & chunkMask]!;
    if (address < 0 || !this.#isOwn(address)) this.#address(ref);
    heap.free(ref);
    this.#live.delete(ref);
  }

  /** Whether `ref` is a live record of this pool. */
  has(ref: Ref): boolean {
    return this.heap.has(ref) && this.#isOwn(this.heap.addressOf(ref));
  }

  /** Whether a string field equals `text`, compared byte by byte without decoding. Nested fields by path. */
  equals(ref: Ref, field: string, text: string): boolean {
    const place = this.#part(ref, field);
    if (place.field.kind !== 'string') throw new TypeError(`${place.field.path} is no string`);
    const u8 = this.heap.memory.u8[place.slab]!;
    return !place.isNull && equalsText(u8, place.at, place.measure >>> 2, place.measure & 3, text);
  }

  /**
   * The bytes of a 'bytes' field where they lie, not a copy: right until the next call that may allocate.
   * null if the field is.
   */
  bytes(ref: Ref, field: string): Uint8Array | null {
    const place = this.#part(ref, field);
    if (place.field.kind !== 'bytes') throw new TypeError(`${place.field.path} is no bytes`);
    const u8 = this.heap.memory.u8[place.slab]!;
    return place.isNull ? null : new Uint8Array(u8.buffer, u8.byteOffset + place.at, place.measure >>> 2);
  }

  #part(ref: Ref, path: string): PartPlace {
    const address = this.#address(ref);
    const { memory } = this.heap;
    const slab = address >>> memory.slabShift;
    const base = this.heap.payloadAt(address);
    let isNull = false;
    let member: Field | Group = this.#layout.root;
    for (const name of path.split('.')) {
      const inner: Field | Group | undefined = isGroup(member)
        ? member.members.find((m) => (isGroup(m) ? m.name : m.node.name) === name)
        : undefined;
      if (inner === undefined) throw new TypeError(`${this.record.name} has no field '${path}'`);
      member = inner;
      if (member.nullBit >= 0 && isNullAt(memory, slab, base, member.nullBit)) isNull = true;
    }
    if (isGroup(member) || member.part < 0)
      throw new TypeError(`${this.record.name}.${path} is of fixed width`);
    const word = (base + member.offset) >>> 2;
    const u32 = memory.u32[slab]!;
    return { field: member, slab, isNull, at: base + u32[word]!, measure: u32[word + (LENGTH_WORD >>> 2)]! };
  }

  /**
   * Live records. After a generation was released, the first call costs a walk over the pool. One that was freed by
   * `heap.free` rather than by the pool is counted until then.
   */
  get size(): number {
    if (this.#releases !== this.heap.releases) {
      this.#releases = this.heap.releases;
      for (const slot of this.#live.slots()) this.#refIn(slot);
    }
    return this.#live.count;
  }

  /** The refs of the pool's records, in no particular order. Records freed meanwhile do not come. */
  *refs(): Generator<Ref> {
    for (const slot of this.#live.slots()) {
      const ref = this.#refIn(slot);
      if (ref !== 0) yield ref;
    }
  }

  [Symbol.iterator](): Generator<Ref> {
    return this.refs();
  }

  #refIn(slot: number): Ref {
    const { heap } = this;
    const ref = heap.refInSlot(slot);
    // A block that is no record has whatever its owner put where the tag would be: so the site is looked at, too.
    if (ref !== 0 && this.#isOwn(heap.addressOf(ref)) && heap.siteOf(ref) === this.site) return ref;
    // Its generation was released.
    this.#live.forget(slot);
    return 0 as Ref;
  }

  /** Frees all records of the pool. */
  clear(): void {
    for (const ref of this.refs()) this.free(ref);
  }

  /** Frees all records and ends the pool: `using pool = new Pool(...)`. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.clear();
    this.#live.close();
    this.#isClosed = true;
    tags.get(this.heap)?.free.push(this.#tag);
  }

  #address(ref: Ref): number & ReturnType<GenerationalHeap['addressOf']> {
    const address = this.heap.addressOf(ref);
    if (!this.#isOwn(address)) throw this.#foreign(ref);
    return address;
  }

  #isOwn(address: number): boolean {
    const { memory } = this.heap;
    const word = (address & memory.slabMask) << memory.wordShift;
    return (memory.i32[address >>> memory.slabShift]![word + 2]! & TAG_MASK) === this.#tag;
  }

  #foreign(ref: Ref): TypeError | StaleRefError {
    if (this.#isClosed) return new StaleRefError(ref, `the pool of ${this.record.name} was disposed of`);
    return new TypeError(`ref ${ref} is no ${this.record.name} of this pool, but another block of the heap`);
  }
}

interface PartPlace {
  readonly field: Field;
  readonly slab: number;
  readonly isNull: boolean;
  /** Byte in the slab. */
  readonly at: number;
  readonly measure: number;
}
