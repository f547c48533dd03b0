import { readText } from '../../heap/index.js';
import type { ByteWriter } from './writer.js';

/** Buffer's own text methods, which take any Uint8Array; @types/node does not declare them all. */
interface TextMethods {
  utf8Write(text: string, offset: number, length: number): number;
  ucs2Write(text: string, offset: number, length: number): number;
}
const { utf8Write, ucs2Write } = Buffer.prototype as unknown as TextMethods;

export const LATIN1 = 0;
export const UTF8 = 1;
export const UTF16 = 2;
/** No Latin-1. */
export const WIDE = -1;

/** Up to here a loop beats the call into the platform. */
const LOOP_CHARS = 64;
/** Strings, and keys, up to so many characters are looked up among those lately decoded. */
const INTERNED_CHARS = 7;
const INTERNED_KEY_CHARS = 24;
const INTERNED_MASK = 1023;

/**
 * Appends `text` so that exactly the same comes back, lone surrogates included.
 *
 * @returns the form it took: LATIN1, UTF8 or UTF16.
 */
export function writeText(text: string, out: ByteWriter): number {
  const length = text.length;
  if (length <= LOOP_CHARS) {
    return appendLatin1(text, out) ? LATIN1 : writeUtf16(text, out);
  }
  out.ensure(length * 3);
  const written = utf8Write.call(out.u8, text, out.length, length * 3);
  if (written === length) {
    out.length += length;
    return LATIN1;
  }
  // UTF-8 has no lone surrogates: it would come back changed.
  if (written >= length * 2 || !isWellFormed(text)) return writeUtf16(text, out);
  out.length += written;
  return UTF8;
}

/** Appends `text` as Latin-1; false, and what was written is void, if it is not. */
export function appendLatin1(text: string, out: ByteWriter): boolean {
  out.ensure(text.length);
  const end = putLatin1(text, out, out.length);
  if (end === WIDE) return false;
  out.length = end;
  return true;
}

function putByLoop(text: string, out: ByteWriter, at: number): number {
  const length = text.length;
  const { u8, view } = out;
  let wide = 0;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const a = text.charCodeAt(i);
    const b = text.charCodeAt(i + 1);
    const c = text.charCodeAt(i + 2);
    const d = text.charCodeAt(i + 3);
    wide |= a | b | c | d;
    view.setInt32(at + i, a | (b << 8) | (c << 16) | (d << 24), true);
  }
  for (; i < length; i++) {
    const code = text.charCodeAt(i);
    wide |= code;
    u8[at + i] = code;
  }
  return wide > 0xff ? WIDE : at + length;
}

/**
 * Writes `text` as Latin-1 from byte `at` of `out`, which has room for it.
 *
 * @returns the byte behind it, or WIDE: then it is not Latin-1, and what was written is void.
 */
export function putLatin1(text: string, out: ByteWriter, at: number): number {
  if (text.length <= LOOP_CHARS) return putByLoop(text, out, at);
  out.length = at;
  return writeText(text, out) === LATIN1 ? out.length : WIDE;
}

function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function writeUtf16(text: string, out: ByteWriter): number {
  const bytes = text.length * 2;
  out.ensure(bytes);
  ucs2Write.call(out.u8, text, out.length, bytes);
  out.length += bytes;
  return UTF16;
}

export function decodeText(form: number, bytes: Uint8Array, start: number, end: number): string {
  return readText(bytes, start, end - start, form);
}

const interned: string[] = new Array<string>(INTERNED_MASK + 1).fill('');
/** Two words by slot: the characters, and in the last byte how many they are. */
const internedWords: Int32Array = new Int32Array(2 * (INTERNED_MASK + 1));

/**
 * Very short strings repeat (tags, states): one decoded lately is handed out again, which costs less than making a
 * new one, and leaves nothing to collect.
 *
 * @param view over the same bytes.
 */
export function decodeLatin1(bytes: Uint8Array, view: DataView, start: number, length: number): string {
  if (length > INTERNED_CHARS) return readText(bytes, start, length, LATIN1);
  if (length === 0) return '';
  let low = 0;
  let high = 0;
  if (start + 8 <= bytes.length) {
    low = view.getInt32(start, true);
    if (length < 4) low &= (1 << (length << 3)) - 1;
    else high = view.getInt32(start + 4, true) & ((1 << ((length - 4) << 3)) - 1);
  } else {
    for (let i = 0; i < length && i < 4; i++) low |= bytes[start + i]! << (i << 3);
    for (let i = 4; i < length; i++) high |= bytes[start + i]! << ((i - 4) << 3);
  }
  high |= length << 24;
  const hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1);
  const slot = (hash >>> 16) & INTERNED_MASK;
  if (internedWords[2 * slot] === low && internedWords[2 * slot + 1] === high) return interned[slot]!;
  const text = readText(bytes, start, length, LATIN1);
  internedWords[2 * slot] = low;
  internedWords[2 * slot + 1] = high;
  interned[slot] = text;
  return text;
}

const internedKeys: string[] = new Array<string>(INTERNED_MASK + 1).fill('');

/** Keys of objects used as maps: a string that was a key before need not be made one again. */
export function decodeKey(bytes: Uint8Array, view: DataView, start: number, length: number): string {
  if (length <= INTERNED_CHARS || length > INTERNED_KEY_CHARS) {
    return decodeLatin1(bytes, view, start, length);
  }
  let hash = length;
  for (let i = start; i < start + length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x9e3779b1);
  const slot = (hash ^ (hash >>> 15)) & INTERNED_MASK;
  const known = internedKeys[slot]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return known;
  }
  const text = readText(bytes, start, length, LATIN1);
  internedKeys[slot] = text;
  return text;
}
