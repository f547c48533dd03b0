import { type OffHeapBytes, TypedWords } from '../common/index.js';
import type { SegmentHome } from './flat.js';
import type { FlatSegment } from './flat-segment.js';

/**
 * The variant `typed`: each segment in one plain typed array, allocated when the segment is begun and left to the
 * collector when it is replaced.
 */
export class TypedSegments implements SegmentHome<TypedWords> {
  readonly #live = new Set<TypedWords>();

  open(words: number): TypedWords {
    const store = new TypedWords(words);
    this.#live.add(store);
    return store;
  }

  wordsOf(words: TypedWords): number {
    return words.usedWords;
  }

  close({ words }: FlatSegment<TypedWords>): void {
    this.#live.delete(words);
  }

  offHeap(): OffHeapBytes {
    let committed = 0;
    let used = 0;
    for (const words of this.#live) {
      committed += words.bytes;
      used += words.usedBytes;
    }
    return { committed, used };
  }
}
