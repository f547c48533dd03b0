import type { Shapes } from './shapes.js';
import * as tag from './structured-tags.js';
import { decodeKey, decodeLatin1, decodeText } from './text.js';

const NOTHING = new DataView(new ArrayBuffer(0));

/** Reads back what StructuredEncoder wrote. */
export class StructuredDecoder {
  readonly #shapes: Shapes;
  /** What is being read, and the place: open to the code of layouts. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Over the same bytes. */
  view: DataView = NOTHING;
  at: number = 0;
  /** Whether the value read last has nothing but plain objects, arrays and primitives in it, and no cycle. */
  isPlain: boolean = true;
  #objects: unknown[] | null = null;

  constructor(shapes: Shapes) {
    this.#shapes = shapes;
  }

  root(bytes: Uint8Array, view: DataView, start: number): unknown {
    this.bytes = bytes;
    this.view = view;
    this.at = start;
    this.isPlain = true;
    if (bytes[start] !== tag.TRACKED) return this.value();
    this.isPlain = false;
    this.at++;
    this.#objects = [];
    try {
      return this.value();
    } finally {
      this.#objects = null;
    }
  }

  value(): unknown {
    const t = this.bytes[this.at++]!;
    if (t < tag.SHORT_STRING) return t;
    if (t < tag.SHORT_ARRAY) {
      const start = this.at;
      const length = t - tag.SHORT_STRING;
      this.at = start + length;
      return decodeLatin1(this.bytes, this.view, start, length);
    }
    if (t < tag.SHORT_SHAPE) return this.#shortArray(t - tag.SHORT_ARRAY);
    if (t < tag.NULL) return this.#shapes.layouts[t - tag.SHORT_SHAPE]!.decode(this);
    if (t === tag.FLOAT64) return this.#float();
    if (t === tag.INT32) return this.#int32();
    return this.#rare(t);
  }

  #rare(t: number): unknown {
    switch (t) {
      case tag.NULL:
        return null;
      case tag.UNDEFINED:
        return undefined;
      case tag.TRUE:
        return true;
      case tag.FALSE:
        return false;
      case tag.STRING:
      case tag.STRING + 1:
      case tag.STRING + 2:
        return this.#text(t - tag.STRING);
      case tag.ARRAY:
        return this.#array(this.#varint());
      case tag.SHAPE:
        return this.#shapes.layouts[this.#varint()]!.decode(this);
      case tag.OBJECT:
        return this.#keyed(this.#met({}) as Record<string, unknown>);
      case tag.BARE_OBJECT:
        return this.#keyed(this.#met(Object.create(null)) as Record<string, unknown>);
      case tag.BIGINT:
        return bigintOf(this.value() as string);
      case tag.REFERENCE:
        return this.#objects![this.#varint()];
      default:
        this.isPlain = false;
        return this.#special(t);
    }
  }

  #special(t: number): unknown {
    switch (t) {
      case tag.MAP:
        return this.#map();
      case tag.SET:
        return this.#set();
      case tag.DATE:
        return this.#met(new Date(this.#float()));
      case tag.ERROR:
        return this.#error();
      case tag.REGEXP:
        return this.#met(new RegExp(this.value() as string, this.value() as string));
      case tag.TYPED_ARRAY:
        return this.#typedArray();
      case tag.ARRAY_BUFFER:
        return this.#met(this.#copied(this.#varint()));
      default:
        throw new Error(
          `the cache holds a value with the unknown tag ${t}: was its heap changed from outside?`,
        );
    }
  }

  /** Numbers an object, in the order in which the encoder met it. */
  #met<T>(object: T): T {
    if (this.#objects !== null) this.#objects.push(object);
    return object;
  }

  #int32(): number {
    const at = this.at;
    this.at = at + 4;
    return this.view.getInt32(at, true);
  }

  #float(): number {
    const at = this.at;
    this.at = at + 8;
    return this.view.getFloat64(at, true);
  }

  #varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  #text(form: number): string {
    this.at++;
    const length = this.#int32() >>> 0;
    const start = this.at;
    this.at = start + length;
    return decodeText(form, this.bytes, start, this.at);
  }

  /** An array of short strings, of a layout. */
  texts(): string[] {
    const { bytes, view, at } = this;
    const count = bytes[at]!;
    let start = at + 1 + count;
    if (count === 2) {
      const first = bytes[at + 1]!;
      const second = bytes[at + 2]!;
      this.at = start + first + second;
      return [decodeLatin1(bytes, view, start, first), decodeLatin1(bytes, view, start + first, second)];
    }
    const texts: string[] = [];
    for (let i = 1; i <= count; i++) {
      const length = bytes[at + i]!;
      texts.push(decodeLatin1(bytes, view, start, length));
      start += length;
    }
    this.at = start;
    return texts;
  }

  /** An array of up to 15 elements, none of them a hole. */
  #shortArray(length: number): unknown[] {
    if (this.#objects === null) {
      // Literals: the first push to an empty array makes room for 17 elements.
      if (length === 1) return [this.value()];
      if (length === 2) return [this.value(), this.value()];
      if (length === 3) return [this.value(), this.value(), this.value()];
      if (length === 4) return [this.value(), this.value(), this.value(), this.value()];
    }
    return this.#array(length);
  }

  #array(length: number): unknown[] {
    // A length that is far from what follows would make V8 use a slow dictionary: push instead.
    const array: unknown[] = this.#met([]);
    for (let i = 0; i < length; i++) {
      if (this.bytes[this.at] === tag.HOLE) {
        this.at++;
        array.length = i + 1;
      } else array.push(this.value());
    }
    return array;
  }

  #keyed(object: Record<string, unknown>): Record<string, unknown> {
    for (let n = this.#varint(); n > 0; n--) {
      const key = this.#key();
      const value = this.value();
      if (key !== '__proto__') object[key] = value;
      else
        Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    }
    return object;
  }

  #key(): string {
    const t = this.bytes[this.at]!;
    if (t < tag.SHORT_STRING || t >= tag.SHORT_ARRAY) return this.value() as string;
    const start = this.at + 1;
    const length = t - tag.SHORT_STRING;
    this.at = start + length;
    return decodeKey(this.bytes, this.view, start, length);
  }

  #map(): Map<unknown, unknown> {
    const map = this.#met(new Map<unknown, unknown>());
    for (let n = this.#varint(); n > 0; n--) {
      const key = this.value();
      map.set(key, this.value());
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#met(new Set<unknown>());
    for (let n = this.#varint(); n > 0; n--) set.add(this.value());
    return set;
  }

  #error(): Error {
    const type = tag.ERRORS[this.value() as string]!;
    const error = this.#met(Object.create(type.prototype, {}) as Error);
    return this.#fillError(error, type);
  }

  #fillError(placeholder: Error, type: new (message?: string) => Error): Error {
    const message = this.value() as string;
    const limit = Error.stackTraceLimit;
    // The stack comes with the value: V8 need not walk this one.
    Error.stackTraceLimit = 0;
    const error = new type(message);
    Error.stackTraceLimit = limit;
    if (this.#objects !== null) this.#objects[this.#objects.lastIndexOf(placeholder)] = error;
    const stack = this.value();
    Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true });
    this.at++;
    const own = this.#keyed({});
    for (const key of Object.keys(own)) {
      const enumerable = key !== 'name' && key !== 'cause';
      Object.defineProperty(error, key, { value: own[key], enumerable, configurable: true, writable: true });
    }
    return error;
  }

  #copied(length: number): ArrayBuffer {
    const start = this.at;
    this.at = start + length;
    return this.bytes.slice(start, start + length).buffer as ArrayBuffer;
  }

  #typedArray(): unknown {
    const kind = this.bytes[this.at++]!;
    const buffer = this.#copied(this.#varint());
    if (kind === tag.BUFFER_KIND) return this.#met(Buffer.from(buffer));
    return this.#met(new tag.TYPED_ARRAYS[kind]!(buffer));
  }
}

function bigintOf(hex: string): bigint {
  return hex.startsWith('-') ? -BigInt(`0x${hex.slice(1)}`) : BigInt(`0x${hex}`);
}
