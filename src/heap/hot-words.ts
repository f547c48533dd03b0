const SCALARS = 16;

/**
 * What every allocate and free reads and writes, in one Int32Array: V8 then loads one base and one length per
 * call, and no counter is a boxed number. Measured on Node 20: 40 ns a pair with a field or table each, 11 ns
 * so.
 *
 *     scalars | freed units by region | trip by region | id by generation | top by generation | end by generation
 *
 * RegionSpace and GenerationTable see their columns as arrays of their own over the same buffer.
 */
export class HotWords {
  words: Int32Array;
  readonly freedAt: number = SCALARS;
  readonly tripAt: number;
  readonly idsAt: number;
  generationCapacity: number;

  constructor(regionCapacity: number, generationCapacity: number) {
    this.tripAt = SCALARS + regionCapacity;
    this.idsAt = SCALARS + 2 * regionCapacity;
    this.generationCapacity = generationCapacity;
    this.words = new Int32Array(this.idsAt + 3 * generationCapacity);
  }

  get topAt(): number {
    return this.idsAt + this.generationCapacity;
  }

  get endAt(): number {
    return this.idsAt + 2 * this.generationCapacity;
  }

  /** The column of `length` words from `at`. It is void after `growGenerations`. */
  column(at: number, length: number): Int32Array {
    return this.words.subarray(at, at + length);
  }

  /** Makes room for more generations: all columns must be taken anew. */
  growGenerations(capacity: number): void {
    const { words, idsAt, topAt, endAt, generationCapacity } = this;
    const grown = new Int32Array(idsAt + 3 * capacity);
    grown.set(words.subarray(0, topAt));
    grown.set(words.subarray(topAt, endAt), idsAt + capacity);
    grown.set(words.subarray(endAt, endAt + generationCapacity), idsAt + 2 * capacity);
    this.words = grown;
    this.generationCapacity = capacity;
  }
}

/** Bytes of the scalars. */
export const HOT_SCALAR_BYTES: number = 4 * SCALARS;

/** Units that may be allocated before the next event: a heap cycle's end or a sampled block. */
export const FUSE = 0;
/** The ring of free refs: index of the oldest, their count, and the count that allocation must leave. */
export const RING_HEAD = 1;
export const RING_COUNT = 2;
export const RING_LOW = 3;
/** Released regions that are not yet swept: while 0, a deref need not ask for them. */
export const CONDEMNED_COUNT = 4;
/** Set beside the count in a heap that poisons or zeroes, so that `free` takes the slow path. */
export const CAREFUL: number = 1 << 30;
