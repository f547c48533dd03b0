/**
 * collections: maps and lists of numbers and refs that hold no JS object per element. The open-addressing
 * table, keys as words, and the index of raw addresses that the cache builds on, too.
 */
import type { GenerationalHeap } from '../heap.js';
import { KeyedMap, type KeyedMapOptions } from './keyed-map.js';
import { NumberMap, type NumberMapOptions } from './number-map.js';

export { EntryIndex, NOT_FOUND } from './entry-index.js';
export {
  hashOfWords,
  KEY_BIGINT,
  KEY_BYTES,
  KEY_LATIN1,
  KEY_NUMBER,
  KEY_UTF16,
  KeyScratch,
  keyAt,
  MAX_KEY_BYTES,
  wordsOf,
} from './key.js';
export { KeyedMap, type KeyedMapOptions, type KeyKind } from './keyed-map.js';
export { NumberList, type NumberListOptions } from './number-list.js';
export { NumberMap, type NumberMapOptions } from './number-map.js';
export type { NumberKind, Placement } from './options.js';
export { SegmentedTable, type TableHeap } from './segments.js';

export type MapOptions = KeyedMapOptions | NumberMapOptions;
/** The map that options make. */
export type MapOf<O extends MapOptions> = O extends { readonly keys: 'number' }
  ? NumberMap
  : O extends { readonly keys: 'string' }
    ? KeyedMap<string>
    : KeyedMap<Uint8Array>;

/**
 * A hash map on the heap: `createMap(heap, { keys: 'string', values: 'ref' })`. Keys 'string', 'number' or
 * 'bytes', values 'ref', 'u32' or 'f64'.
 *
 * @throws TypeError naming the option; HeapFullError.
 */
export function createMap<const O extends MapOptions>(heap: GenerationalHeap, options: O): MapOf<O> {
  const keys: unknown = options?.keys;
  if (keys === 'number') return new NumberMap(heap, options as NumberMapOptions) as MapOf<O>;
  if (keys !== 'string' && keys !== 'bytes') {
    throw new TypeError(`HeapMap.keys must be 'string', 'number' or 'bytes', got ${JSON.stringify(keys)}`);
  }
  return new KeyedMap(heap, options as KeyedMapOptions) as unknown as MapOf<O>;
}
