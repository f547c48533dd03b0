const SCALARS = 16;

/**
 * What every allocate and free reads and writes beside the generation's row, in one Int32Array that never moves: V8
 * then loads one base and one length per call, or none where it knows the array, and no counter is a boxed number.
 * Measured on Node 20: 40 ns a pair with a field or table each, 11 ns so.
 *
 *     scalars | freed units by region | trip by region
 *
 * RegionSpace sees its columns as arrays of their own over the same buffer.
 */
export class HotWords {
  readonly words: Int32Array;
  readonly freedAt: number = SCALARS;
  readonly tripAt: number;
  readonly #regionCapacity: number;

  constructor(regionCapacity: number) {
    this.#regionCapacity = regionCapacity;
    this.tripAt = SCALARS + regionCapacity;
    this.words = new Int32Array(SCALARS + 2 * regionCapacity);
  }

  get freed(): Int32Array {
    return this.words.subarray(this.freedAt, this.tripAt);
  }

  get trip(): Int32Array {
    return this.words.subarray(this.tripAt, this.tripAt + this.#regionCapacity);
  }
}

/** Bytes of the scalars. */
export const HOT_SCALAR_BYTES: number = 4 * SCALARS;

/** Units that may be allocated before the next event: a heap cycle's end, a sampled block, a step of rolp's work. */
export const FUSE = 0;
/** Places in the ring of free refs: of the next to take, and of the next to put back. The handle table's. */
export const TAKE = 1;
export const PUT = 2;
/** Where taking and putting must go through the handle table. Never too high; too low costs a slow call. */
export const TAKE_END = 3;
export const PUT_END = 4;
/** Released regions that are not yet swept: while 0, a deref need not ask for them. */
export const CONDEMNED_COUNT = 5;
/** Set beside the count in a heap that poisons or zeroes, so that `free` takes the slow path. */
export const CAREFUL: number = 1 << 30;
/** The generation of blocks whose caller named none; 0 if it must be chosen for each. */
export const CURRENT = 6;
/** Sites named so far. */
export const SITE_COUNT = 7;
/** As PUT_END: every `free` takes the slow path. */
export const CLOSED = -0x80000000;
