/**
 * The structured form: a tag byte, then what it calls for. 0 to 127 are the small integers themselves, 128 to
 * 159 Latin-1 strings of 0 to 31 characters, 160 to 175 arrays of 0 to 15
 * without holes, 176 to 207 objects of shapes 0 to 31.
 */
export const SHORT_STRING = 128;
export const SHORT_STRING_MAX = 31;
export const SHORT_ARRAY = 160;
export const SHORT_ARRAY_MAX = 15;
export const SHORT_SHAPE = 176;
export const SHORT_SHAPE_MAX = 31;

export const NULL = 208;
export const UNDEFINED = 209;
export const TRUE = 210;
export const FALSE = 211;
export const INT32 = 212;
export const FLOAT64 = 213;
/** LATIN1, UTF8, UTF16 follow each other, in the order of text.ts. */
export const STRING = 214;
export const ARRAY = 217;
export const HOLE = 218;
export const SHAPE = 219;
/** An object with its keys beside its values; and one without prototype. */
export const OBJECT = 220;
export const BARE_OBJECT = 221;
export const MAP = 222;
export const SET = 223;
export const DATE = 224;
export const ERROR = 225;
export const REGEXP = 226;
export const BIGINT = 227;
export const TYPED_ARRAY = 228;
export const ARRAY_BUFFER = 229;
/** An object met before in this value. */
export const REFERENCE = 230;
/** At the value's start: objects are numbered, since references to them may follow. */
export const TRACKED = 231;

type TypedArrayConstructor = new (buffer: ArrayBuffer) => ArrayBufferView;

/** By the byte that follows TYPED_ARRAY. Buffer and Float16Array (where there is one) stand at the end. */
export const TYPED_ARRAYS: readonly (TypedArrayConstructor | undefined)[] = [
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  (globalThis as { Float16Array?: TypedArrayConstructor }).Float16Array,
];
export const BUFFER_KIND: number = TYPED_ARRAYS.length;

export const ERRORS: Readonly<Record<string, new (message?: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
};
