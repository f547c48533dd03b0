import { MAX_TEXT, MAX_TEXTS } from './layouts.js';
import type { Shape, Shapes } from './shapes.js';
import * as tag from './structured-tags.js';
import { LATIN1, putLatin1, WIDE, writeText } from './text.js';
import type { ByteWriter } from './writer.js';

/** Deeper than this, a value is taken for one with cycles, and its objects are tracked. */
const TRACK_DEPTH = 100;
/** Deeper than this it is refused: each level takes frames of the stack, when it is read too. */
export const MAX_DEPTH = 1000;

const objectPrototype = Object.prototype;
const { getPrototypeOf } = Object;

/** In place of a field that did not fit: the object is not plain. */
const NOT_PLAIN = -1;

/** Thrown to begin anew with tracking, and for what cannot be encoded; never leaves the codec. */
export const TOO_DEEP: unique symbol = Symbol('too deep');
export const UNENCODABLE: unique symbol = Symbol('unencodable');

/** Whether objects of this prototype are plain: this realm's or another's Object.prototype. */
export function isPlainPrototype(prototype: object | null): boolean {
  if (prototype === objectPrototype) return true;
  return (
    prototype !== null && getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf')
  );
}

/** Of an array whose own is not Array.prototype. A class that extends Array would come back without its methods. */
function isArrayPrototype(prototype: object | null): boolean {
  // Bare arrays come back as arrays, as by structuredClone.
  return prototype === null || prototype === objectPrototype || isPlainPrototype(getPrototypeOf(prototype));
}

/** Writes one value after another. Throws UNENCODABLE where it cannot; the path is found by a second walk. */
export class StructuredEncoder {
  readonly out: ByteWriter;
  readonly #shapes: Shapes;
  #depth: number = 0;
  #references: Map<object, number> | null = null;
  /** The field that did not fit its layout, or NOT_PLAIN, and what it was. */
  #misfit: number = 0;
  #misfitValue: unknown;

  constructor(out: ByteWriter, shapes: Shapes) {
    this.out = out;
    this.#shapes = shapes;
  }

  /** Writes a value from the start. `tracked`: with references, so that cycles come back. */
  root(value: unknown, tracked: boolean): void {
    this.#depth = 0;
    this.#references = tracked ? new Map() : null;
    if (tracked) this.out.byte(tag.TRACKED);
    try {
      this.value(value);
    } finally {
      this.#references = null;
    }
  }

  value(value: unknown): void {
    const { out } = this;
    if (typeof value === 'string') this.#string(value);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'object') {
      if (value === null) out.byte(tag.NULL);
      else this.#object(value);
    } else if (value === undefined) out.byte(tag.UNDEFINED);
    else if (typeof value === 'boolean') out.byte(value ? tag.TRUE : tag.FALSE);
    else if (typeof value === 'bigint') {
      out.byte(tag.BIGINT);
      this.#string(value.toString(16));
    } else throw UNENCODABLE;
  }

  #number(value: number): void {
    const { out } = this;
    out.ensure(9);
    const { u8 } = out;
    const int = value | 0;
    if (int === value && (int !== 0 || 1 / value > 0)) {
      if (int >= 0 && int < 128) {
        u8[out.length++] = int;
        return;
      }
      const at = out.length;
      u8[at] = tag.INT32;
      out.view.setInt32(at + 1, int, true);
      out.length = at + 5;
      return;
    }
    u8[out.length++] = tag.FLOAT64;
    this.#float(value);
  }

  #float(value: number): void {
    const { out } = this;
    out.ensure(8);
    out.view.setFloat64(out.length, value, true);
    out.length += 8;
  }

  #string(value: string): void {
    const { out } = this;
    const length = value.length;
    const start = out.length;
    if (length <= tag.SHORT_STRING_MAX) {
      out.byte(tag.SHORT_STRING + length);
      if (writeText(value, out) === LATIN1) return;
      out.length = start;
    }
    // The length in bytes is known only when the text is written: five bytes are kept for it.
    out.ensure(6);
    out.length = start + 6;
    const form = writeText(value, out);
    const bytes = out.length - start - 6;
    const { u8 } = out;
    u8[start] = tag.STRING + form;
    u8[start + 1] = 0;
    u8[start + 2] = bytes;
    u8[start + 3] = bytes >>> 8;
    u8[start + 4] = bytes >>> 16;
    u8[start + 5] = bytes >>> 24;
  }

  #object(value: object): void {
    if (this.#references !== null) {
      const known = this.#references.get(value);
      if (known !== undefined) {
        this.out.byte(tag.REFERENCE);
        this.out.varint(known);
        return;
      }
      this.#references.set(value, this.#references.size);
    }
    if (++this.#depth > TRACK_DEPTH && (this.#references === null || this.#depth > MAX_DEPTH)) throw TOO_DEEP;
    if (Array.isArray(value)) this.#array(value);
    else if (!this.#known(value)) this.#other(value);
    this.#depth--;
  }

  /**
   * Most objects are plain and of a shape that was met before. Asking V8 for a prototype is a call into its runtime,
   * unless code has just read a property of the object, as the code of its layout does: so that asks.
   */
  #known(value: object): boolean {
    // A view's elements would be listed.
    if (this.#references !== null || ArrayBuffer.isView(value)) return false;
    const shape = this.#shapes.known(value);
    return shape !== undefined && this.#shaped(shape, value as Record<string, unknown>);
  }

  #other(value: object): void {
    const prototype = getPrototypeOf(value);
    if (prototype === objectPrototype) this.#plain(value as Record<string, unknown>);
    else if (prototype === null) this.#keyed(tag.BARE_OBJECT, value as Record<string, unknown>);
    else this.#special(value, prototype);
  }

  #plain(value: Record<string, unknown>): void {
    // With references, an object must exist before its values: shapes make it after.
    const shape = this.#references === null ? this.#shapes.of(value) : undefined;
    if (shape === undefined || !this.#shaped(shape, value)) this.#keyed(tag.OBJECT, value);
  }

  /**
   * Writes an object by its shape's layout, in which its values may not fit: the shape gets a wider one then.
   *
   * @returns false, with nothing written, if it is not plain, or its shape may have no more layouts.
   */
  #shaped(shape: Shape, value: Record<string, unknown>): boolean {
    const { out } = this;
    const start = out.length;
    for (let layout = shape.layout; layout !== undefined; layout = shape.layout) {
      if (layout.id <= tag.SHORT_SHAPE_MAX) out.byte(tag.SHORT_SHAPE + layout.id);
      else {
        out.byte(tag.SHAPE);
        out.varint(layout.id);
      }
      if (layout.encode(value, this)) return true;
      out.length = start;
      if (this.#misfit === NOT_PLAIN) return false;
      this.#shapes.widen(shape, layout, this.#misfit, this.#misfitValue);
      this.#misfitValue = undefined;
    }
    return false;
  }

  // ---- for layouts ----

  /** Notes what did not fit. */
  misfit(index: number, value: unknown): false {
    this.#misfit = index;
    this.#misfitValue = value;
    return false;
  }

  /** Notes that the object is not plain. */
  notPlain(): false {
    this.#misfit = NOT_PLAIN;
    return false;
  }

  /** Appends a short array of short strings: count, lengths, characters. False if it is none. */
  texts(value: unknown): boolean {
    if (!Array.isArray(value)) return false;
    // The length first: it tells V8 what `value` is, so that asking for its prototype costs nothing.
    const { length } = value;
    if (length > MAX_TEXTS || getPrototypeOf(value) !== Array.prototype) return false;
    const { out } = this;
    const at = out.length;
    out.ensure(length + 1);
    out.u8[at] = length;
    let end = at + length + 1;
    for (let i = 0; i < length; i++) {
      const text: unknown = value[i];
      if (typeof text !== 'string' || text.length > MAX_TEXT) return false;
      out.length = end;
      out.ensure(text.length);
      end = putLatin1(text, out, end);
      if (end === WIDE) return false;
      out.u8[at + 1 + i] = text.length;
    }
    out.length = end;
    return true;
  }

  #keyed(kind: number, value: Record<string, unknown>): void {
    const keys = Object.keys(value);
    this.out.byte(kind);
    this.out.varint(keys.length);
    for (const key of keys) {
      this.#string(key);
      this.value(value[key]);
    }
  }

  #array(value: unknown[]): void {
    const { length } = value;
    const prototype: object | null = getPrototypeOf(value);
    if (prototype !== Array.prototype && !isArrayPrototype(prototype)) throw UNENCODABLE;
    const { out } = this;
    if (length <= tag.SHORT_ARRAY_MAX && !hasHoles(value)) {
      out.byte(tag.SHORT_ARRAY + length);
      for (let i = 0; i < length; i++) this.value(value[i]);
      return;
    }
    out.byte(tag.ARRAY);
    out.varint(length);
    for (let i = 0; i < length; i++) {
      const element = value[i];
      if (element === undefined && !(i in value)) out.byte(tag.HOLE);
      else this.value(element);
    }
  }

  #special(value: object, prototype: object): void {
    if (isPlainPrototype(prototype)) this.#plain(value as Record<string, unknown>);
    else if (ArrayBuffer.isView(value)) this.#view(value, prototype);
    else if (prototype === Map.prototype) this.#map(value as Map<unknown, unknown>);
    else if (prototype === Set.prototype) {
      this.out.byte(tag.SET);
      this.out.varint((value as Set<unknown>).size);
      for (const element of value as Set<unknown>) this.value(element);
    } else if (prototype === Date.prototype) {
      this.out.byte(tag.DATE);
      this.#float((value as Date).getTime());
    } else if (value instanceof Error) this.#error(value);
    else if (prototype === RegExp.prototype) {
      this.out.byte(tag.REGEXP);
      this.#string((value as RegExp).source);
      this.#string((value as RegExp).flags);
    } else if (prototype === ArrayBuffer.prototype) {
      this.out.byte(tag.ARRAY_BUFFER);
      this.out.varint((value as ArrayBuffer).byteLength);
      this.out.bytes(new Uint8Array(value as ArrayBuffer));
    } else throw UNENCODABLE;
  }

  #map(map: Map<unknown, unknown>): void {
    this.out.byte(tag.MAP);
    this.out.varint(map.size);
    for (const [key, value] of map) {
      this.value(key);
      this.value(value);
    }
  }

  #view(view: ArrayBufferView, prototype: object): void {
    const kind =
      prototype === Buffer.prototype
        ? tag.BUFFER_KIND
        : tag.TYPED_ARRAYS.findIndex((type) => type !== undefined && prototype === type.prototype);
    if (kind === -1) throw UNENCODABLE;
    this.out.byte(tag.TYPED_ARRAY);
    this.out.byte(kind);
    this.out.varint(view.byteLength);
    this.out.bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  /** Errors of any class: the built-in class that it extends, name, message, stack, cause and own properties. */
  #error(error: Error): void {
    let prototype: object | null = error;
    do prototype = getPrototypeOf(prototype) as object;
    while (tag.ERRORS[(prototype.constructor as { name?: string }).name ?? '']?.prototype !== prototype);
    this.out.byte(tag.ERROR);
    this.#string((prototype.constructor as { name: string }).name);
    this.#string(String(error.message));
    this.value(typeof error.stack === 'string' ? error.stack : undefined);
    const own: Record<string, unknown> = {};
    for (const key of Object.keys(error)) {
      if (key !== 'stack' && key !== 'message') own[key] = (error as unknown as Record<string, unknown>)[key];
    }
    if (error.name !== (prototype as Error).name) own.name = error.name;
    if (Object.hasOwn(error, 'cause')) own.cause = (error as { cause?: unknown }).cause;
    this.#keyed(tag.OBJECT, own);
  }
}

function hasHoles(array: unknown[]): boolean {
  for (let i = 0; i < array.length; i++) if (array[i] === undefined && !(i in array)) return true;
  return false;
}
