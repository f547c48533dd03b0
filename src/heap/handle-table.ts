import type { Budget } from './budget.js';
import { CLOSED, CONDEMNED_COUNT, type HotWords, PUT, PUT_END, TAKE, TAKE_END } from './hot-words.js';
import type { Address, Ref } from './types.js';

/** The entry of a slot that is not live has the top bit set. */
export const FREE_ENTRY: number = 0x80000000 | 0;

const MAX_RING = 4096;

/**
 * Ref to address: one 32-bit entry a slot, in chunks, so that growing copies nothing.
 *
 * A live entry is its block's address. The ref of a live block stands in its header, which is where a ref is
 * checked: a cache line that the caller is about to touch anyway. Free refs, their next tags in them, wait in
 * a ring, oldest first; what the ring cannot hold is linked through the entries (tag and next slot). Slots
 * are reused first in, first out, and at least a quarter of the ring stays behind, so that tags wrap late.
 *
 * The heap's `allocate` and `free` take from and put into the ring by themselves, up to TAKE_END and PUT_END, and
 * call in here when they get there. Chunks that are not made yet are all one chunk without a live entry, so that
 * a look-up needs no check.
 * docs/decisions/001-handle-table.md says why there is a table at all.
 */
export class HandleTable {
  readonly slotBits: number;
  readonly slotMask: number;
  readonly tagMask: number;
  readonly chunkShift: number;
  readonly chunkMask: number;
  readonly chunks: Int32Array[];
  readonly ring: Int32Array;
  readonly ringMask: number;
  readonly #budget: Budget;
  readonly #hot: HotWords;
  readonly #restCount: number;
  /** Refs that allocation must leave in the ring. */
  #low: number;
  #chunkCount: number = 0;
  /** The first slot that was never used. Slot 0 never is: a ref of 0 names nothing. */
  #fresh: number = 1;
  /** The linked free slots, all older than those in the ring. */
  #head: number = 0;
  #tail: number = 0;
  #linked: number = 0;

  constructor(budget: Budget, hot: HotWords, slotBits: number, chunkShift: number) {
    this.#budget = budget;
    this.#hot = hot;
    this.slotBits = slotBits;
    this.slotMask = 2 ** slotBits - 1;
    this.tagMask = 2 ** (31 - slotBits) - 1;
    this.chunkShift = Math.min(chunkShift, slotBits);
    this.chunkMask = 2 ** this.chunkShift - 1;
    const none = new Int32Array(1 << this.chunkShift).fill(FREE_ENTRY);
    this.chunks = Array.from({ length: 2 ** (slotBits - this.chunkShift) }, () => none);
    this.ring = new Int32Array(HandleTable.#ringBytes(slotBits) / 4);
    this.ringMask = this.ring.length - 1;
    this.#restCount = this.ring.length / 4;
    this.#low = this.#restCount;
    this.#rebase(0, 0);
  }

  static #ringBytes(slotBits: number): number {
    return 4 * Math.min(MAX_RING, 2 ** (slotBits - 2));
  }

  /** Bytes of a table without a chunk of its own. */
  static fixedBytes(slotBits: number, chunkShift: number): number {
    return HandleTable.#ringBytes(slotBits) + (4 << Math.min(chunkShift, slotBits));
  }

  /** Writes down the ring's ends after a change: `count` refs from `take` on. */
  #rebase(take: number, count: number): void {
    const { words } = this.#hot;
    // Back into the ring's length, so that the running places never leave 31 bits.
    const from = take & this.ringMask;
    words[TAKE] = from;
    words[PUT] = from + count;
    words[TAKE_END] = from + Math.max(0, count - this.#low);
    words[PUT_END] = words[CONDEMNED_COUNT] === 0 ? from + this.ring.length : CLOSED;
  }

  get #count(): number {
    return this.#hot.words[PUT]! - this.#hot.words[TAKE]!;
  }

  get chunkBytes(): number {
    return 4 << this.chunkShift;
  }

  get bytes(): number {
    return this.#chunkCount * this.chunkBytes;
  }

  get freeCount(): number {
    return this.#count + this.#linked;
  }

  get liveCount(): number {
    return this.#fresh - 1 - this.freeCount;
  }

  get #freshEnd(): number {
    return this.#chunkCount << this.chunkShift;
  }

  /** Slots that can be taken before another chunk is needed. */
  get spareCount(): number {
    return this.freeCount + Math.max(0, this.#freshEnd - this.#fresh);
  }

  /** Whether the limit of slots, rather than the budget, is what `makeReady` ran into. */
  get exhausted(): boolean {
    return this.#freshEnd > this.slotMask;
  }

  /** Whether `take` will succeed. */
  get ready(): boolean {
    return this.#count > this.#low;
  }

  /**
   * Makes `ready` true if it can: by linked slots, fresh ones, a new chunk within the budget, or last by not
   * leaving freed slots their rest. Says whether it could.
   */
  makeReady(): boolean {
    if (this.ready) return true;
    const room = (this.ring.length >> 1) - this.#count;
    const linked = Math.min(room, this.#linked);
    this.#fillFront(linked, () => this.#unlink());
    if (!this.ready) {
      if (this.#fresh >= this.#freshEnd) this.#grow();
      const fresh = Math.min(room - linked, this.#freshEnd - this.#fresh);
      this.#fillFront(fresh, () => this.#fresh++);
    }
    this.#low = this.#count > this.#restCount ? this.#restCount : 0;
    this.#rebase(this.#hot.words[TAKE]!, this.#count);
    return this.ready;
  }

  #grow(): void {
    if (this.exhausted || !this.#budget.take(this.chunkBytes)) return;
    const chunk = new Int32Array(1 << this.chunkShift);
    chunk.fill(FREE_ENTRY);
    this.chunks[this.#chunkCount++] = chunk;
  }

  /** Puts `count` refs before the oldest in the ring. */
  #fillFront(count: number, next: () => number): void {
    if (count <= 0) return;
    const head = this.#hot.words[TAKE]! - count;
    for (let i = 0; i < count; i++) this.ring[(head + i) & this.ringMask] = next();
    this.#rebase(head, this.#count + count);
  }

  #unlink(): number {
    const slot = this.#head;
    const entry = this.#entry(slot) & 0x7fffffff;
    this.#head = entry & this.slotMask;
    this.#linked--;
    this.#setEntry(slot, FREE_ENTRY);
    return (entry & ~this.slotMask) | slot;
  }

  #entry(slot: number): number {
    return this.chunks[slot >>> this.chunkShift]![slot & this.chunkMask]!;
  }

  #setEntry(slot: number, entry: number): void {
    this.chunks[slot >>> this.chunkShift]![slot & this.chunkMask] = entry;
  }

  /** Gives the block at `address` a ref. The table must be `ready`. heap's `allocate` has this inline. */
  take(address: Address): Ref {
    const take = this.#hot.words[TAKE]!;
    const ref = this.ring[take & this.ringMask]!;
    this.#setEntry(ref & this.slotMask, address);
    this.#rebase(take + 1, this.#count - 1);
    return ref as Ref;
  }

  /** Ends `ref`, which must be live: its slot's next ref carries the next tag. heap's `free` has this inline. */
  release(ref: Ref): void {
    if (this.#count === this.ring.length) this.#spill();
    const { words } = this.#hot;
    const put = words[PUT]!;
    this.#setEntry(ref & this.slotMask, FREE_ENTRY);
    this.ring[put & this.ringMask] = (ref + this.slotMask + 1) & 0x7fffffff;
    this.#rebase(words[TAKE]!, this.#count + 1);
  }

  /** `release` for the first `count` of `refs`, which costs less than one by one. */
  releaseAll(refs: Int32Array, count: number): void {
    const { words } = this.#hot;
    const { ring, ringMask, chunks, chunkShift, chunkMask, slotMask } = this;
    for (let i = 0; i < count; ) {
      if (this.#count === ring.length) this.#spill();
      const put = words[PUT]!;
      const n = Math.min(count - i, ring.length - this.#count);
      for (let k = 0; k < n; k++) {
        const ref = refs[i++]!;
        const slot = ref & slotMask;
        chunks[slot >>> chunkShift]![slot & chunkMask] = FREE_ENTRY;
        ring[(put + k) & ringMask] = (ref + slotMask + 1) & 0x7fffffff;
      }
      this.#rebase(words[TAKE]!, this.#count + n);
    }
  }

  /** Links the older half of the ring, to make room in it. */
  #spill(): void {
    const { ring, ringMask, chunks, chunkShift, chunkMask, slotMask } = this;
    const take = this.#hot.words[TAKE]!;
    const count = ring.length >> 1;
    // Each entry is written once, when the slot that follows is known: sweeps come through here.
    let last = this.#tail;
    let entry = this.#linked === 0 ? FREE_ENTRY : this.#entry(last);
    for (let i = 0; i < count; i++) {
      const ref = ring[(take + i) & ringMask]!;
      const slot = ref & slotMask;
      if (this.#linked + i === 0) this.#head = slot;
      else chunks[last >>> chunkShift]![last & chunkMask] = entry | slot;
      last = slot;
      entry = FREE_ENTRY | (ref & ~slotMask);
    }
    this.#setEntry(last, entry);
    this.#tail = last;
    this.#linked += count;
    this.#low = this.#restCount;
    this.#rebase(take + count, this.#count - count);
  }

  /** The block of a live ref has moved. */
  move(ref: Ref, address: Address): void {
    this.#setEntry(ref & this.slotMask, address);
  }

  /** The address in `ref`'s slot, or a negative number if the slot is free or was never made. */
  lookup(ref: number): number {
    return this.#entry(ref & this.slotMask);
  }

  /** Walks the free queue, oldest first: for `verify`. Calls `visit` with each slot. */
  eachFree(visit: (slot: number) => void): void {
    let slot = this.#head;
    for (let i = 0; i < this.#linked; i++) {
      visit(slot);
      slot = this.#entry(slot) & this.slotMask;
    }
    const { words } = this.#hot;
    for (let at = words[TAKE]!; at < words[PUT]!; at++) visit(this.ring[at & this.ringMask]! & this.slotMask);
  }
}
