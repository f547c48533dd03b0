import type { StructuredDecoder } from './structured-decoder.js';
import type { StructuredEncoder } from './structured-encoder.js';
import { appendLatin1, decodeLatin1, putLatin1 } from './text.js';
import type { ByteWriter } from './writer.js';

const { getPrototypeOf } = Object;

/**
 * What a field of a layout can be. Each kind takes less than the next but for ANY, which takes everything and is
 * written as a value of its own, tag first.
 */
export const INT32 = 0;
export const FLOAT64 = 1;
/** A Latin-1 string of up to 255 characters. */
export const TEXT = 2;
/** An array of up to 15 such strings. */
export const TEXTS = 3;
export const ANY = 4;

export const MAX_TEXT = 255;
export const MAX_TEXTS = 15;

/**
 * How objects of one shape lie: the kind of each of their fields. Fields of fixed width come first, at offsets that
 * the code knows, with the lengths of the texts; then texts and the rest in the order of their keys. So reading needs
 * no tags but those of ANY.
 *
 * A layout starts from the first value of its shape; a value that does not fit widens it, which gives the shape
 * another layout. Each field widens twice at most, so a shape of k keys has at most 2k + 1 of them.
 */
export interface Layout {
  readonly id: number;
  readonly kinds: readonly number[];
  /** False if it is no plain object or a field does not fit: the encoder then knows, and what it has written is void. */
  readonly encode: (value: Record<string, unknown>, encoder: StructuredEncoder) => boolean;
  /** Reads on from the decoder's place. */
  readonly decode: (decoder: StructuredDecoder) => Record<string, unknown>;
}

/** The kind for a value on its own. */
export function kindOf(value: unknown): number {
  if (isInt32(value)) return INT32;
  if (typeof value === 'number') return FLOAT64;
  if (typeof value === 'string' && value.length <= MAX_TEXT) return TEXT;
  if (!Array.isArray(value) || value.length > MAX_TEXTS) return ANY;
  // The array may have no methods of its own.
  return Array.prototype.every.call(value, isShort) ? TEXTS : ANY;
}

function isShort(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

/** The kind for what had `kind` and for `value`, which does not fit it. */
export function widened(kind: number, value: unknown): number {
  return kind === INT32 && typeof value === 'number' ? FLOAT64 : ANY;
}

/** -0 is none: it would come back as 0. */
function isInt32(value: unknown): value is number {
  return typeof value === 'number' && (value | 0) === value && !Object.is(value, -0);
}

/** Byte offsets of what is of fixed width: an integer, a double, a text's length. -1 for the others. */
function offsetsOf(kinds: readonly number[]): { offsets: number[]; fixedBytes: number } {
  const offsets = kinds.map(() => -1);
  let fixedBytes = 0;
  for (const [kind, bytes] of [
    [FLOAT64, 8],
    [INT32, 4],
    [TEXT, 1],
  ]) {
    kinds.forEach((is, i) => {
      if (is !== kind) return;
      offsets[i] = fixedBytes;
      fixedBytes += bytes!;
    });
  }
  return { offsets, fixedBytes };
}

// ---- as code ----

/** Names as literals: keys are data of the user's and must not become code. */
function literal(key: string): string {
  return JSON.stringify(key).replace(/[\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);
}

function check(kind: number, i: number): string {
  const refuse = `return e.misfit(${i}, v${i});`;
  // The type first: `|` would call an object's valueOf, and throws for a bigint.
  if (kind === INT32) {
    return `if (typeof v${i} !== 'number' || (v${i} | 0) !== v${i} || (v${i} === 0 && 1 / v${i} < 0)) ${refuse}`;
  }
  if (kind === FLOAT64) return `if (typeof v${i} !== 'number') ${refuse}`;
  return kind === TEXT ? `if (typeof v${i} !== 'string' || v${i}.length > ${MAX_TEXT}) ${refuse}` : '';
}

function store(kind: number, i: number, offset: number): string {
  if (kind === INT32) return `view.setInt32(p + ${offset}, v${i}, true);`;
  if (kind === FLOAT64) return `view.setFloat64(p + ${offset}, v${i}, true);`;
  return kind === TEXT ? `u8[p + ${offset}] = v${i}.length;` : '';
}

function append(kind: number, i: number): string {
  if (kind === TEXT) {
    return `out.ensure(v${i}.length); end = text(v${i}, out, out.length);
      if (end < 0) return e.misfit(${i}, v${i}); out.length = end;`;
  }
  if (kind === TEXTS) return `if (!e.texts(v${i})) return e.misfit(${i}, v${i});`;
  return kind === ANY ? `e.value(v${i});` : '';
}

/** `q` is where the next text or value lies. */
function load(kind: number, i: number, offset: number): string {
  if (kind === INT32) return `const v${i} = view.getInt32(p + ${offset}, true);`;
  if (kind === FLOAT64) return `const v${i} = view.getFloat64(p + ${offset}, true);`;
  if (kind === TEXT) return `const n${i} = b[p + ${offset}], v${i} = text(b, view, q, n${i}); q += n${i};`;
  return `d.at = q; const v${i} = d.${kind === TEXTS ? 'texts' : 'value'}(); q = d.at;`;
}

/** The layout as code written for it. Each field is read once: a getter may change its mind. */
export function compiledLayout(id: number, keys: readonly string[], kinds: readonly number[]): Layout {
  const { offsets, fixedBytes } = offsetsOf(kinds);
  const names = keys.map(literal);
  const each = (make: (kind: number, i: number, offset: number) => string): string =>
    kinds.map((kind, i) => make(kind, i, offsets[i]!)).join('\n');
  const encode = `return (o, e) => {
    ${names.map((name, i) => `const v${i} = o[${name}];`).join(' ')}
    if (prototypeOf(o) !== plain) return e.notPlain();
    ${each(check)}
    const out = e.out;
    out.ensure(${fixedBytes});
    const view = out.view, u8 = out.u8, p = out.length;
    let end;
    ${each(store)}
    out.length = p + ${fixedBytes};
    ${each(append)}
    return true;
  };`;
  const decode = `return (d) => {
    const b = d.bytes, view = d.view, p = d.at;
    let q = p + ${fixedBytes};
    ${each(load)}
    d.at = q;
    return { ${names.map((name, i) => `${name}: v${i}`).join(', ')} };
  };`;
  return {
    id,
    kinds,
    encode: new Function('prototypeOf', 'plain', 'text', encode)(
      getPrototypeOf,
      Object.prototype,
      putLatin1,
    ) as Layout['encode'],
    decode: new Function('text', decode)(decodeLatin1) as Layout['decode'],
  };
}

// ---- by a loop ----

/** The layout done by a walk over its kinds. */
export function walkedLayout(id: number, keys: readonly string[], kinds: readonly number[]): Layout {
  const { offsets, fixedBytes } = offsetsOf(kinds);
  return {
    id,
    kinds,
    encode(object, encoder) {
      if (getPrototypeOf(object) !== Object.prototype) return encoder.notPlain();
      const { out } = encoder;
      const start = out.length;
      out.ensure(fixedBytes);
      out.length = start + fixedBytes;
      for (let i = 0; i < keys.length; i++) {
        const value = object[keys[i]!];
        if (!writeField(encoder, kinds[i]!, value, start + offsets[i]!)) return encoder.misfit(i, value);
      }
      return true;
    },
    decode(decoder) {
      const start = decoder.at;
      decoder.at = start + fixedBytes;
      const object: Record<string, unknown> = {};
      for (let i = 0; i < keys.length; i++) {
        object[keys[i]!] = readField(decoder, kinds[i]!, start + offsets[i]!);
      }
      return object;
    },
  };
}

function writeField(encoder: StructuredEncoder, kind: number, value: unknown, at: number): boolean {
  const { out } = encoder;
  switch (kind) {
    case INT32:
      if (!isInt32(value)) return false;
      out.view.setInt32(at, value, true);
      return true;
    case FLOAT64:
      if (typeof value !== 'number') return false;
      out.view.setFloat64(at, value, true);
      return true;
    case TEXT:
      return typeof value === 'string' && writeShort(out, value, at);
    case TEXTS:
      return encoder.texts(value);
    default:
      encoder.value(value);
      return true;
  }
}

/** Appends a text and writes its length to byte `at`. False if it is too long or no Latin-1. */
function writeShort(out: ByteWriter, value: string, at: number): boolean {
  if (value.length > MAX_TEXT) return false;
  out.u8[at] = value.length;
  return appendLatin1(value, out);
}

function readField(decoder: StructuredDecoder, kind: number, at: number): unknown {
  const { view } = decoder;
  switch (kind) {
    case INT32:
      return view.getInt32(at, true);
    case FLOAT64:
      return view.getFloat64(at, true);
    case TEXT: {
      const start = decoder.at;
      const length = view.getUint8(at);
      decoder.at = start + length;
      return decodeLatin1(decoder.bytes, view, start, length);
    }
    case TEXTS:
      return decoder.texts();
    default:
      return decoder.value();
  }
}
