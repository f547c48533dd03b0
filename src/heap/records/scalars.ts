import type { SlabMemory } from '../memory.js';
import type { Field } from './layout.js';
import type { StoredType } from './schema.js';

const INTEGER_RANGE: Readonly<Partial<Record<StoredType, readonly [number, number]>>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffffffff],
  i8: [-0x80, 0x7f],
  i16: [-0x8000, 0x7fff],
  i32: [-0x80000000, 0x7fffffff],
  ref: [0, 0x7fffffff],
};

/** Says what came, for messages. */
function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null)
    return `an object (${value.constructor?.name ?? 'no class'})`;
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'function' ? 'a function' : String(value);
}

/** What a type takes, in words. */
function wanted(type: Field['type']): string {
  const range = INTEGER_RANGE[type as StoredType];
  if (type === 'ref') return 'a ref (an integer from 0 to 2147483647)';
  if (range !== undefined) return `an integer from ${range[0]} to ${range[1]}`;
  if (type === 'i64') return 'a bigint from -2n ** 63n to 2n ** 63n - 1n';
  if (type === 'u64') return 'a bigint from 0n to 2n ** 64n - 1n';
  if (type === 'bool') return 'true or false';
  if (type === 'string') return 'a string';
  return type === 'bytes' ? 'a Uint8Array' : 'a number';
}

/** The error for a value that its field does not take. `index` is the array element's, if it is one. */
export function wrongValue(field: Field, value: unknown, index: number = -1): TypeError {
  if (index < 0 && field.kind === 'array') {
    return new TypeError(`${field.path} must be an array or typed array, got ${shown(value)}`);
  }
  const place = index < 0 ? field.path : `${field.path}[${index}]`;
  const orNull = field.node.nullable && index < 0 ? ', or null' : '';
  return new TypeError(`${place} must be ${wanted(field.type)}${orNull}, got ${shown(value)}`);
}

/** The error for a nested record that is no object. */
export function wrongGroup(path: string, value: unknown): TypeError {
  return new TypeError(`${path} must be an object, got ${shown(value)}`);
}

/** Whether `value` may be stored as `type`. */
export function fits(type: Field['type'], value: unknown): boolean {
  switch (type) {
    case 'f64':
    case 'f32':
      return typeof value === 'number';
    case 'i64':
      return typeof value === 'bigint' && BigInt.asIntN(64, value) === value;
    case 'u64':
      return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
    case 'bool':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
    default: {
      const [min, max] = INTEGER_RANGE[type]!;
      return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
    }
  }
}

/** The scalar at byte `at`, a multiple of its size, of slab `slab`. */
export function readScalar(memory: SlabMemory, slab: number, at: number, type: StoredType): unknown {
  switch (type) {
    case 'u8':
      return memory.u8[slab]![at];
    case 'i8':
      return memory.i8[slab]![at];
    case 'bool':
      return memory.u8[slab]![at] !== 0;
    case 'u16':
      return memory.u16[slab]![at >>> 1];
    case 'i16':
      return memory.i16[slab]![at >>> 1];
    case 'u32':
      return memory.u32[slab]![at >>> 2];
    case 'i32':
    case 'ref':
      return memory.i32[slab]![at >>> 2];
    case 'f32':
      return memory.f32[slab]![at >>> 2];
    case 'f64':
      return memory.f64[slab]![at >>> 3];
    case 'i64':
      return memory.i64[slab]![at >>> 3];
    case 'u64':
      return memory.u64[slab]![at >>> 3];
  }
}

/** Writes a value that `fits`. */
export function writeScalar(
  memory: SlabMemory,
  slab: number,
  at: number,
  type: StoredType,
  value: unknown,
): void {
  const number = value as number;
  switch (type) {
    case 'u8':
    case 'i8':
      memory.u8[slab]![at] = number;
      break;
    case 'bool':
      memory.u8[slab]![at] = value === true ? 1 : 0;
      break;
    case 'u16':
    case 'i16':
      memory.u16[slab]![at >>> 1] = number;
      break;
    case 'u32':
    case 'i32':
    case 'ref':
      memory.i32[slab]![at >>> 2] = number;
      break;
    case 'f32':
      memory.f32[slab]![at >>> 2] = number;
      break;
    case 'f64':
      memory.f64[slab]![at >>> 3] = number;
      break;
    case 'i64':
      memory.i64[slab]![at >>> 3] = value as bigint;
      break;
    case 'u64':
      memory.u64[slab]![at >>> 3] = value as bigint;
      break;
  }
}
