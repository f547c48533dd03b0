import type { Address, RecordReader } from '../heap/index.js';
import { type Codec, UnencodableError } from './codecs/codec.js';
import { ByteWriter } from './codecs/writer.js';
import { ALTERNATIVE, HEADER_WORDS, TTL_MASK, valueWord } from './entry.js';
import type { EntryStore } from './entry-store.js';
import { Front } from './front.js';
import { HeapValues } from './heap-values.js';
import type { CacheKey } from './key.js';
import type { CacheConfig } from './options.js';

/** A value written over a longer one may leave so many bytes unused, rather than be written elsewhere. */
const SLACK_BYTES = 16;
const LARGEST_LOOP_BYTES = 1024;
/** Larger entries stay out of the front: it is bounded by count. */
const MAX_FRONT_BYTES = 4096;

/**
 * Values to bytes and back: the codec and its scratch, record views, the front of decoded values, and values that
 * stay on V8's heap. Knows nothing of limits, expiry or order.
 */
export class Values<K extends CacheKey, V> {
  /** The value in hand, encoded. */
  readonly writer: ByteWriter = new ByteWriter();
  /** Whether an entry's value may end before its block does. */
  readonly hasSlack: boolean;
  /** The value of the entry at an address, a copy. */
  readonly copy: (address: Address) => V;
  readonly #store: EntryStore;
  readonly #codec: Codec<V>;
  readonly #reader: RecordReader | undefined;
  readonly #front: Front<V> | undefined;
  readonly #heapValues: HeapValues<V>;
  readonly #keepOnHeap: boolean;
  #encoding: boolean = false;

  /** @param isSized whether sizes are counted: an entry's is then that of its value, which leaves no slack. */
  constructor(store: EntryStore, config: CacheConfig<K, V>, isSized: boolean) {
    const { codec, front } = config;
    this.#store = store;
    this.#codec = codec;
    this.#keepOnHeap = config.keepOnHeap;
    this.#heapValues = new HeapValues<V>(config.maxHeapValues);
    this.#reader = codec.bind?.(config.heap, store.changes);
    if (front !== undefined) this.#front = new Front<V>(store.keys, front.entries, front.freeze);
    store.front = this.#front as Front<unknown> | undefined;
    this.hasSlack = codec.delimitsItself === true && !isSized;
    this.copy = copier(store, codec, this.#reader, this.hasSlack, (address) =>
      this.#heapValues.get(this.#heapIdOf(address)),
    );
  }

  /** Whether a value is being encoded, by code of the user's perhaps. */
  get isEncoding(): boolean {
    return this.#encoding;
  }

  /** Whether `read` gives record views, which the next change of the cache ends. */
  get givesViews(): boolean {
    return this.#reader !== undefined;
  }

  // ---- reading ----

  /** The value of the entry that `find` has just found: a copy, a view, or, with a front, what others get too. */
  read(address: Address): V {
    const front = this.#front;
    if (front === undefined) return this.#reader === undefined ? this.copy(address) : this.#viewOf(address);
    if (front.holds(address)) return front.value();
    const value = this.copy(address);
    const store = this.#store;
    // What is kept on V8's heap is the caller's own object.
    const isCopy = (store.markOf(address) & ALTERNATIVE) === 0;
    if (isCopy && store.heap.byteLengthAt(address) <= MAX_FRONT_BYTES) {
      front.offer(address, value, this.#codec.isPlain);
    }
    return value;
  }

  #viewOf(address: Address): V {
    const store = this.#store;
    if ((store.markOf(address) & ALTERNATIVE) !== 0) return this.copy(address);
    return this.#reader!.view(address >>> store.memory.slabShift, store.valueStart(address)) as V;
  }

  #heapIdOf(address: Address): number {
    return this.#store.i32Of(address)[this.#store.valueStart(address) >>> 2]!;
  }

  // ---- writing ----

  /**
   * Encodes a value into `writer`.
   *
   * @returns the flag for its entry: 0, or ALTERNATIVE if it stays on V8's heap. @throws what the codec throws.
   */
  encode(value: V, key: K): number {
    const { writer } = this;
    writer.reset();
    this.#encoding = true;
    try {
      this.#codec.encode(value, writer);
      return 0;
    } catch (error) {
      if (!this.#keepOnHeap || !(error instanceof UnencodableError)) throw error;
    } finally {
      this.#encoding = false;
    }
    writer.reset();
    writer.ensure(4);
    writer.i32[0] = this.#heapValues.add(value, key);
    writer.length = 4;
    return ALTERNATIVE;
  }

  /** Undoes `encode`, which had returned `alternative`: the value is not stored. */
  discard(alternative: number): void {
    if (alternative !== 0) this.#heapValues.remove(this.writer.i32[0]!);
  }

  /** Whether a payload may take the place of another without its block's length being changed. */
  fitsInto(oldPayload: number, payload: number): boolean {
    return this.hasSlack && payload <= oldPayload && payload + SLACK_BYTES >= oldPayload;
  }

  /**
   * Writes the value in hand over that of the entry with the loaded key: without a ttl, both values in bytes.
   *
   * @returns false, with nothing done, if it is not so or does not fit there.
   */
  overwrite(at: Address): boolean {
    const store = this.#store;
    const { memory } = store;
    const i32 = memory.i32[at >>> memory.slabShift]!;
    const header = (at & memory.slabMask) << memory.wordShift;
    if ((i32[header]! & (TTL_MASK | ALTERNATIVE)) !== 0) return false;
    const start = valueWord(i32, header, store.fixedWords, store.valueAlign);
    const room = store.heap.byteLengthAt(at) - ((start - header - HEADER_WORDS) << 2);
    const { length, i32: from } = this.writer;
    if (length > LARGEST_LOOP_BYTES || !this.fitsInto(room, length)) return false;
    this.#front?.drop(store.keys.hash, at);
    store.changes[0]!++;
    // Whole words: blocks are padded to more than that.
    const words = (length + 3) >>> 2;
    for (let i = 0; i < words; i++) i32[start + i] = from[i]!;
    return true;
  }

  /** What is kept of an entry's value beside its block goes. */
  forget(address: Address): void {
    if ((this.#store.markOf(address) & ALTERNATIVE) !== 0) this.#heapValues.remove(this.#heapIdOf(address));
  }

  /** The entry at `address`, whose key has `hash`, is getting another value. */
  replacing(hash: number, address: Address): void {
    this.#front?.drop(hash, address);
    this.forget(address);
  }

  /** The id and key of the oldest value on V8's heap while there are too many of them. */
  overflow(): { readonly id: number; readonly key: CacheKey } | undefined {
    return this.#heapValues.overflow();
  }

  /** Drops a value on V8's heap that no entry has. */
  drop(id: number): void {
    this.#heapValues.remove(id);
  }

  clear(): void {
    this.#heapValues.clear();
  }
}

/** `copy` as a closure over what does not change, as KeyIndex's `find`: V8 reads it as constants. */
function copier<V>(
  store: EntryStore,
  codec: Codec<V>,
  reader: RecordReader | undefined,
  hasSlack: boolean,
  heapValue: (address: Address) => V,
): (address: Address) => V {
  const { fixedWords, valueAlign } = store;
  const { i32, u8, view, slabShift, slabMask, wordShift } = store.memory;
  return (address) => {
    const slab = address >>> slabShift;
    const words = i32[slab]!;
    const at = (address & slabMask) << wordShift;
    if ((words[at]! & ALTERNATIVE) !== 0) return heapValue(address);
    const start = valueWord(words, at, fixedWords, valueAlign) << 2;
    if (reader !== undefined) return reader.decode(slab, start) as V;
    return codec.decode(u8[slab]!, start, hasSlack ? start : store.valueEnd(address), view[slab]!);
  };
}
