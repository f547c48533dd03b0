/**
 * records: data of a declared shape on the heap. A schema's types, its layout in one block, strings as bytes,
 * the codec (written for the schema, or walking it), cursors, and pools. docs/records.md is the user's page.
 */
export { type Change, type Changes, interpretedCodec, type RecordCodec, type Target } from './codec.js';
export { compileCodec } from './compile.js';
export type { Cursor } from './cursor.js';
export { layOut, type RecordLayout } from './layout.js';
export { Pool, type PoolOptions } from './pool.js';
export {
  defineRecord,
  type FieldType,
  type InputValues,
  nullable,
  type RecordOf,
  type RecordType,
  type Schema,
  type Values,
} from './schema.js';
export { readText } from './text.js';
export { type ByteSink, RecordEncoder, type RecordReader, RecordView, recordReader } from './view.js';
