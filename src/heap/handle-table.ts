import type { Budget } from './budget.js';
import { type HotWords, RING_COUNT, RING_HEAD, RING_LOW } from './hot-words.js';
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
 * docs/decisions/001-handle-table.md says why there is a table at all.
 */
export class HandleTable {
  readonly slotBits: number;
  readonly slotMask: number;
  readonly tagMask: number;
  readonly chunkShift: number;
  readonly chunkMask: number;
  readonly chunks: Int32Array[] = [];
  readonly ring: Int32Array;
  readonly ringMask: number;
  readonly #budget: Budget;
  readonly #hot: HotWords;
  readonly #restCount: number;
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
    this.ring = new Int32Array(HandleTable.ringBytes(slotBits) / 4);
    this.ringMask = this.ring.length - 1;
    this.#restCount = this.ring.length / 4;
    hot.words[RING_LOW] = this.#restCount;
  }

  static ringBytes(slotBits: number): number {
    return 4 * Math.min(MAX_RING, 2 ** (slotBits - 2));
  }

  get chunkBytes(): number {
    return 4 << this.chunkShift;
  }

  get bytes(): number {
    return this.chunks.length * this.chunkBytes;
  }

  get freeCount(): number {
    return this.#hot.words[RING_COUNT]! + this.#linked;
  }

  get liveCount(): number {
    return this.#fresh - 1 - this.freeCount;
  }

  get #freshEnd(): number {
    return this.chunks.length << this.chunkShift;
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
    return this.#hot.words[RING_COUNT]! > this.#hot.words[RING_LOW]!;
  }

  /**
   * Makes `ready` true if it can: by linked slots, fresh ones, a new chunk within the budget, or last by not
   * leaving freed slots their rest. Says whether it could.
   */
  makeReady(): boolean {
    if (this.ready) return true;
    const { words } = this.#hot;
    const room = (this.ring.length >> 1) - words[RING_COUNT]!;
    const linked = Math.min(room, this.#linked);
    this.#fillFront(linked, () => this.#unlink());
    if (!this.ready) {
      if (this.#fresh >= this.#freshEnd) this.#grow();
      const fresh = Math.min(room - linked, this.#freshEnd - this.#fresh);
      this.#fillFront(fresh, () => this.#fresh++);
    }
    words[RING_LOW] = words[RING_COUNT]! > this.#restCount ? this.#restCount : 0;
    return this.ready;
  }

  #grow(): void {
    if (this.exhausted || !this.#budget.take(this.chunkBytes)) return;
    const chunk = new Int32Array(1 << this.chunkShift);
    chunk.fill(FREE_ENTRY);
    this.chunks.push(chunk);
  }

  /** Puts `count` refs before the oldest in the ring. */
  #fillFront(count: number, next: () => number): void {
    if (count <= 0) return;
    const { words } = this.#hot;
    const head = (words[RING_HEAD]! - count) & this.ringMask;
    for (let i = 0; i < count; i++) this.ring[(head + i) & this.ringMask] = next();
    words[RING_HEAD] = head;
    words[RING_COUNT]! += count;
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
    const { words } = this.#hot;
    const head = words[RING_HEAD]!;
    const ref = this.ring[head & this.ringMask]!;
    words[RING_HEAD] = head + 1;
    words[RING_COUNT]!--;
    this.#setEntry(ref & this.slotMask, address);
    return ref as Ref;
  }

  /** Ends `ref`, which must be live: its slot's next ref carries the next tag. heap's `free` has this inline. */
  release(ref: Ref): void {
    const { words } = this.#hot;
    if (words[RING_COUNT] === this.ring.length) this.spill();
    this.#setEntry(ref & this.slotMask, FREE_ENTRY);
    const count = words[RING_COUNT]!;
    this.ring[(words[RING_HEAD]! + count) & this.ringMask] = (ref + this.slotMask + 1) & 0x7fffffff;
    words[RING_COUNT] = count + 1;
  }

  /** Links the older half of the ring, to make room in it. */
  spill(): void {
    const { words } = this.#hot;
    let head = words[RING_HEAD]!;
    const count = this.ring.length >> 1;
    for (let i = 0; i < count; i++) {
      const ref = this.ring[head++ & this.ringMask]!;
      const slot = ref & this.slotMask;
      this.#setEntry(slot, FREE_ENTRY | (ref & ~this.slotMask));
      if (this.#linked++ === 0) this.#head = slot;
      else this.#setEntry(this.#tail, this.#entry(this.#tail) | slot);
      this.#tail = slot;
    }
    words[RING_HEAD] = head & this.ringMask;
    words[RING_COUNT]! -= count;
    words[RING_LOW] = this.#restCount;
  }

  /** The block of a live ref has moved. */
  move(ref: Ref, address: Address): void {
    this.#setEntry(ref & this.slotMask, address);
  }

  /** The address in `ref`'s slot, or a negative number if the slot is free or was never made. */
  lookup(ref: number): number {
    const slot = ref & this.slotMask;
    const chunk = this.chunks[slot >>> this.chunkShift];
    return chunk === undefined ? -1 : chunk[slot & this.chunkMask]!;
  }

  /** Walks the free queue, oldest first: for `verify`. Calls `visit` with each slot. */
  eachFree(visit: (slot: number) => void): void {
    let slot = this.#head;
    for (let i = 0; i < this.#linked; i++) {
      visit(slot);
      slot = this.#entry(slot) & this.slotMask;
    }
    const { words } = this.#hot;
    for (let i = 0; i < words[RING_COUNT]!; i++) {
      visit(this.ring[(words[RING_HEAD]! + i) & this.ringMask]! & this.slotMask);
    }
  }
}
