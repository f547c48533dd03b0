import {
  type GenerationalHeap,
  RecordEncoder,
  type RecordReader,
  type RecordType,
  recordReader,
  type Schema,
  type Values,
} from '../../heap/index.js';
import type { Codec } from './codec.js';
import { mayCompile } from './shapes.js';

/**
 * Records of one type (`defineRecord`), read in place: `get` gives a view whose fields are read from the cache's
 * memory when they are asked for, and only those. A view is right until the cache next changes (any set, delete,
 * eviction or expiry, of whatever key); a field read after that throws StaleViewError. `toJSON()` makes a plain
 * copy, as `peek`, `pop`, iteration and `dispose` do by themselves. `set` takes plain objects and views.
 *
 * The fields are the view's class's, not its own: `{ ...view }` is empty.
 *
 * Cost of a get: one object of four words; of a field: about that of a typed array's element, or of the string.
 */
export function recordCodec<S extends Schema>(
  type: RecordType<S>,
  compile: boolean = mayCompile(),
): Codec<Values<S>> {
  const schema = type as unknown as RecordType<Schema>;
  const encoder = new RecordEncoder(schema);
  return {
    name: 'record',
    delimitsItself: true,
    encode: (value, out) => encoder.encode(value, out),
    decode: (bytes, start, end) => encoder.decode(bytes.subarray(start, end)) as Values<S>,
    bind: (heap: GenerationalHeap, changes: Int32Array): RecordReader =>
      recordReader(heap, schema, changes, compile),
  };
}
