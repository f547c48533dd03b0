import type { Budget } from './budget.js';
import type { Address, Ref } from './types.js';

const FREE = 0x80000000 | 0;

/** Freed slots rest in the queue until this many others were freed after them, so that tags wrap late. */
const QUARANTINE_SLOTS = 1024;

/**
 * Ref to address: one 32-bit entry a slot, in chunks, so that growing copies nothing.
 *
 * A live entry is its block's address; a free one has the top bit set and holds the next slot of the free
 * queue and the tag that the slot's next ref will carry. The ref of a live block stands in its header, which
 * is where a ref is checked: a cache line that the caller is about to touch anyway. Free slots are reused
 * first in, first out. docs/decisions/001-handle-table.md says why there is a table at all.
 */
export class HandleTable {
  readonly slotBits: number;
  readonly slotMask: number;
  readonly tagMask: number;
  readonly chunkShift: number;
  readonly chunkMask: number;
  readonly chunks: Int32Array[] = [];
  readonly #budget: Budget;
  /** The first slot that was never used. Slot 0 never is: a ref of 0 names nothing. */
  #fresh: number = 1;
  #freshEnd: number = 0;
  #head: number = 0;
  #tail: number = 0;
  #free: number = 0;
  #quarantine: number;
  readonly #restSlots: number;

  constructor(budget: Budget, slotBits: number, chunkShift: number) {
    this.#budget = budget;
    this.slotBits = slotBits;
    this.slotMask = 2 ** slotBits - 1;
    this.tagMask = 2 ** (31 - slotBits) - 1;
    this.chunkShift = Math.min(chunkShift, slotBits);
    this.chunkMask = 2 ** this.chunkShift - 1;
    this.#restSlots = Math.min(QUARANTINE_SLOTS, 2 ** (slotBits - 2));
    this.#quarantine = this.#restSlots;
  }

  get chunkBytes(): number {
    return 4 << this.chunkShift;
  }

  get bytes(): number {
    return this.chunks.length * this.chunkBytes;
  }

  get liveCount(): number {
    return this.#fresh - 1 - this.#free;
  }

  get freeCount(): number {
    return this.#free;
  }

  /** Slots that can be taken before another chunk is needed. */
  get spareCount(): number {
    return this.#free + Math.max(0, this.#freshEnd - this.#fresh);
  }

  /** Whether `take` will succeed. */
  get ready(): boolean {
    return this.#free > this.#quarantine || this.#fresh < this.#freshEnd;
  }

  /**
   * Makes `ready` true if it can: by a chunk within the budget, else by cutting short the rest of freed
   * slots. Says whether it could.
   */
  makeReady(): boolean {
    const atLimit = this.chunks.length << this.chunkShift > this.slotMask;
    if (!atLimit && this.#budget.take(this.chunkBytes)) {
      const chunk = new Int32Array(1 << this.chunkShift);
      chunk.fill(FREE);
      this.chunks.push(chunk);
      this.#freshEnd = this.chunks.length << this.chunkShift;
      this.#quarantine = this.#restSlots;
      return true;
    }
    if (this.#free === 0) return false;
    this.#quarantine = 0;
    return true;
  }

  /** Whether the limit of slots, rather than the budget, is what `makeReady` ran into. */
  get exhausted(): boolean {
    return this.chunks.length << this.chunkShift > this.slotMask;
  }

  /** Gives the block at `address` a ref. The table must be `ready`. */
  take(address: Address): Ref {
    if (this.#free > this.#quarantine) {
      const slot = this.#head;
      const chunk = this.chunks[slot >>> this.chunkShift]!;
      const entry = chunk[slot & this.chunkMask]! & 0x7fffffff;
      this.#head = entry & this.slotMask;
      this.#free--;
      chunk[slot & this.chunkMask] = address;
      return ((entry & ~this.slotMask) | slot) as Ref;
    }
    const slot = this.#fresh++;
    this.chunks[slot >>> this.chunkShift]![slot & this.chunkMask] = address;
    return slot as Ref;
  }

  /** Ends `ref`, which must be live: its slot's next ref carries the next tag. */
  release(ref: Ref): void {
    const slot = ref & this.slotMask;
    const tag = ((ref >>> this.slotBits) + 1) & this.tagMask;
    this.chunks[slot >>> this.chunkShift]![slot & this.chunkMask] = FREE | (tag << this.slotBits);
    if (this.#free++ === 0) this.#head = slot;
    else this.chunks[this.#tail >>> this.chunkShift]![this.#tail & this.chunkMask]! |= slot;
    this.#tail = slot;
  }

  /** The block of a live ref has moved. */
  move(ref: Ref, address: Address): void {
    const slot = ref & this.slotMask;
    this.chunks[slot >>> this.chunkShift]![slot & this.chunkMask] = address;
  }

  /** The address in `ref`'s slot, or a negative number if the slot is free or was never made. */
  lookup(ref: number): number {
    const slot = ref & this.slotMask;
    const chunk = this.chunks[slot >>> this.chunkShift];
    return chunk === undefined ? -1 : chunk[slot & this.chunkMask]!;
  }

  /** Walks the free queue: for `verify`. Calls `visit` with each slot. */
  eachFree(visit: (slot: number) => void): void {
    let slot = this.#head;
    for (let i = 0; i < this.#free; i++) {
      visit(slot);
      slot = this.chunks[slot >>> this.chunkShift]![slot & this.chunkMask]! & this.slotMask;
    }
  }
}
