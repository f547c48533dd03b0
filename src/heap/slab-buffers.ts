import { constants } from 'node:buffer';
import { markAsUntransferable } from 'node:worker_threads';
import type { SpaceShape } from './region-space.js';

/** Of a huge page on x64, and on arm64 with pages of 4 KiB. */
const HUGE_PAGE_BYTES = 2 ** 21;

/** Bytes for a slab: part of a buffer, or all of it. */
export interface SlabBytes {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  /** At least what was asked for. */
  readonly capacity: number;
}

/**
 * The ArrayBuffers behind slabs. V8 counts a new one as if that many bytes of objects had been made, and collects for
 * every 16 MB or so: a heap that grew slab by slab had a mark-compact with each few. So a buffer holds as many slabs
 * as there were before, which are only addresses until they are written to.
 *
 * Where slabs cannot give their pages back in place each has a buffer of its own, which is dropped for that.
 */
export class SlabBuffers {
  readonly #shape: SpaceShape;
  readonly #maxBytes: number;
  readonly #isCarved: boolean;
  readonly #useHugePages: ((buffer: ArrayBufferLike) => unknown) | undefined;
  /** Bytes of all buffers that slabs are carved from. */
  #bytes: number = 0;
  #buffer: ArrayBufferLike | undefined;
  /** Where the part of `#buffer` begins that no slab has. */
  #next: number = 0;
  /** Of slabs that were dropped. */
  readonly #spare: SlabBytes[] = [];

  /**
   * @param inPlace whether slabs give their pages back in place
   * @param useHugePages asks for huge pages behind a buffer
   */
  constructor(
    shape: SpaceShape,
    maxBytes: number,
    inPlace: boolean,
    useHugePages: ((buffer: ArrayBufferLike) => unknown) | undefined,
  ) {
    this.#useHugePages = useHugePages;
    this.#shape = shape;
    this.#maxBytes = maxBytes;
    this.#isCarved = inPlace && !shape.shared;
    if (this.#isCarved && shape.upFront) this.#takeBuffer(maxBytes);
  }

  /** @returns undefined if the system, or V8's own limit of one buffer, does not give that much. */
  take(bytes: number): SlabBytes | undefined {
    const { slabBytes } = this.#shape;
    if (!this.#isCarved || bytes > slabBytes) return this.#allocate(bytes);
    const spare = this.#takeSpare(bytes);
    if (spare !== undefined) return spare;
    if (this.#buffer === undefined || this.#next + bytes > this.#buffer.byteLength) {
      const wanted = Math.min(this.#bytes, this.#maxBytes - this.#bytes);
      if (!this.#takeBuffer(Math.max(bytes, wanted)) && !this.#takeBuffer(bytes)) return undefined;
    }
    const byteOffset = this.#next;
    this.#next += bytes;
    return { buffer: this.#buffer!, byteOffset, capacity: bytes };
  }

  /** Takes a buffer to carve slabs from: of about `bytes`, in whole slabs if that is more than one. */
  #takeBuffer(bytes: number): boolean {
    const { slabBytes } = this.#shape;
    const whole = Math.floor(Math.min(bytes, constants.MAX_LENGTH) / slabBytes) * slabBytes;
    const made = this.#allocate(bytes <= slabBytes ? bytes : whole);
    if (made === undefined) return false;
    this.#buffer = made.buffer;
    this.#bytes += made.buffer.byteLength;
    this.#next = 0;
    return true;
  }

  /** The shortest that suffices: the last slab of a heap is often a short one, and comes and goes. */
  #takeSpare(bytes: number): SlabBytes | undefined {
    let best = -1;
    for (let i = 0; i < this.#spare.length; i++) {
      const { capacity } = this.#spare[i]!;
      if (capacity < bytes || (best !== -1 && capacity >= this.#spare[best]!.capacity)) continue;
      best = i;
    }
    return best === -1 ? undefined : this.#spare.splice(best, 1)[0];
  }

  /** A slab is dropped. Its pages must have been given back. */
  give(slab: SlabBytes): void {
    if (this.#isCarved && slab.capacity <= this.#shape.slabBytes) this.#spare.push(slab);
  }

  #allocate(bytes: number): SlabBytes | undefined {
    // A longer buffer there may be, but no view of all of it: 4 GiB on Node 20.
    if (bytes > constants.MAX_LENGTH) return undefined;
    try {
      const buffer = this.#shape.shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
      // Node does so with Buffer's pool: who transferred the buffer of a view would take all blocks beside it along.
      if (!this.#shape.shared) markAsUntransferable(buffer);
      // Blocks are read at random: with pages of 4 KiB each read of a large heap misses the TLB, too.
      if (bytes >= HUGE_PAGE_BYTES) this.#useHugePages?.(buffer);
      return { buffer, byteOffset: 0, capacity: bytes };
    } catch {
      // RangeError. To the caller it is the same as a full budget.
      return undefined;
    }
  }
}
