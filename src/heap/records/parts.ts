import type { SlabMemory } from '../memory.js';
import { type Field, sizeOf } from './layout.js';
import { fits, readScalar, writeScalar, wrongValue } from './scalars.js';
import type { StoredType } from './schema.js';
import { measureText, readText, writeText } from './text.js';

/**
 * The parts of variable length: strings, bytes and arrays. A measure is the part's byte length shifted left
 * by two with the encoding in the low bits, as the layout stores it.
 *
 * An array of strings or bytes starts with a directory: the count, then each element's measure.
 */

/** A part's longest byte length: 30 bits of it are stored. */
export const MAX_PART_BYTES: number = 2 ** 30 - 1;

/** Of any typed array. A Buffer's own `slice` is a window onto the same bytes. */
const { slice } = Uint8Array.prototype;

/**
 * `value`, or a copy if its bytes lie on this heap: making room for the record may move or reuse them before
 * they are read.
 */
export function detached(memory: SlabMemory, value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    // A DataView is refused where it is measured.
    const isLent = !(value instanceof DataView) && liesOn(memory, value);
    return isLent ? slice.call(value as Uint8Array) : value;
  }
  if (Array.isArray(value) && ArrayBuffer.isView(value[0])) {
    return value.map((element) => detached(memory, element));
  }
  return value;
}

function liesOn(memory: SlabMemory, view: ArrayBufferView): boolean {
  const { buffer } = view;
  for (const slab of memory.u8) if (slab?.buffer === buffer) return true;
  return false;
}

/** Measures and checks a value. @throws TypeError, RangeError naming the field. */
export function measurePart(field: Field, value: unknown): number {
  const measure = measureUnbounded(field, value);
  if (measure >= 4 * (MAX_PART_BYTES + 1)) {
    throw new RangeError(`${field.path} takes ${Math.floor(measure / 4)} bytes, more than ${MAX_PART_BYTES}`);
  }
  return measure;
}

function measureUnbounded(field: Field, value: unknown): number {
  if (field.kind === 'string') {
    if (typeof value !== 'string') throw wrongValue(field, value);
    return measureText(value);
  }
  if (field.kind === 'bytes') {
    if (!(value instanceof Uint8Array)) throw wrongValue(field, value);
    return value.byteLength * 4;
  }
  return measureArray(field, value);
}

function measureArray(field: Field, value: unknown): number {
  const isArrayLike = Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
  if (!isArrayLike) throw wrongValue(field, value);
  const elements = value as ArrayLike<unknown>;
  const { type } = field;
  let bytes = 0;
  for (let i = 0; i < elements.length; i++) {
    const element = elements[i];
    if (!fits(type, element)) throw wrongValue(field, element, i);
    if (type === 'string') bytes += measureText(element as string) >>> 2;
    else if (type === 'bytes') bytes += (element as Uint8Array).byteLength;
  }
  const directory = type === 'string' || type === 'bytes' ? 4 : 0;
  return (bytes + directory + elements.length * sizeOf(type)) * 4;
}

/**
 * Writes a value to byte `at`, a multiple of the part's alignment, never past `measure`.
 *
 * @throws Error if an array's elements are longer than when they were measured.
 */
export function writePart(
  memory: SlabMemory,
  slab: number,
  at: number,
  field: Field,
  value: unknown,
  measure: number,
): void {
  const bytes = measure >>> 2;
  const u8 = memory.u8[slab]!;
  if (field.kind === 'string') writeText(u8, at, value as string, bytes, measure & 3);
  else if (field.kind === 'bytes') copyBytes(u8, at, value as Uint8Array, bytes);
  else if (field.type === 'string' || field.type === 'bytes') {
    writeList(memory, slab, at, field, value as ArrayLike<string | Uint8Array>, bytes);
  } else {
    const elements = value as ArrayLike<unknown>;
    const size = sizeOf(field.type);
    for (let i = 0; i * size < bytes; i++) {
      writeScalar(memory, slab, at + i * size, field.type as StoredType, elements[i]);
    }
  }
}

function copyBytes(u8: Uint8Array, at: number, source: Uint8Array, bytes: number): void {
  if (bytes > 64) u8.set(source.length === bytes ? source : source.subarray(0, bytes), at);
  else for (let i = 0; i < bytes; i++) u8[at + i] = source[i]!;
}

function writeList(
  memory: SlabMemory,
  slab: number,
  at: number,
  field: Field,
  list: ArrayLike<string | Uint8Array>,
  bytes: number,
): void {
  const u8 = memory.u8[slab]!;
  const u32 = memory.u32[slab]!;
  const count = list.length;
  let data = at + 4 + 4 * count;
  const end = at + bytes;
  if (data > end) throw changed(field);
  u32[at >>> 2] = count;
  for (let i = 0; i < count; i++) {
    const element = list[i]!;
    const isText = typeof element === 'string';
    const measure = isText ? measureText(element) : element.byteLength * 4;
    // A getter could hand out another element than was measured; a write past the block would ruin the heap.
    if (data + (measure >>> 2) > end) throw changed(field);
    u32[(at >>> 2) + 1 + i] = measure;
    if (isText) writeText(u8, data, element, measure >>> 2, measure & 3);
    else copyBytes(u8, data, element, measure >>> 2);
    data += measure >>> 2;
  }
}

function changed(field: Field): Error {
  return new Error(`${field.path} changed while it was being stored`);
}

/** Reads a part back: a string, a Uint8Array (a copy) or an array. */
export function readPart(
  memory: SlabMemory,
  slab: number,
  at: number,
  field: Field,
  measure: number,
): unknown {
  const bytes = measure >>> 2;
  const u8 = memory.u8[slab]!;
  if (field.kind === 'string') return readText(u8, at, bytes, measure & 3);
  if (field.kind === 'bytes') return copyOf(u8, at, bytes);
  if (field.type === 'string' || field.type === 'bytes') {
    // An empty list has its count, too. One in a nested record that is null has nothing, read through a cursor kept of it.
    return bytes === 0 ? [] : readList(u8, memory.u32[slab]!, at, field.type === 'string');
  }
  const size = sizeOf(field.type);
  const elements: unknown[] = [];
  for (let i = 0; i < bytes; i += size) {
    elements.push(readScalar(memory, slab, at + i, field.type as StoredType));
  }
  return elements;
}

/** A copy that is not shared, even of shared memory. */
function copyOf(u8: Uint8Array, at: number, bytes: number): Uint8Array {
  const copy = new Uint8Array(bytes);
  if (bytes > 64) copy.set(u8.subarray(at, at + bytes));
  else for (let i = 0; i < bytes; i++) copy[i] = u8[at + i]!;
  return copy;
}

function readList(u8: Uint8Array, u32: Uint32Array, at: number, areTexts: boolean): unknown[] {
  const count = u32[at >>> 2]!;
  const list: unknown[] = [];
  let data = at + 4 + 4 * count;
  for (let i = 0; i < count; i++) {
    const measure = u32[(at >>> 2) + 1 + i]!;
    list.push(areTexts ? readText(u8, data, measure >>> 2, measure & 3) : copyOf(u8, data, measure >>> 2));
    data += measure >>> 2;
  }
  return list;
}
