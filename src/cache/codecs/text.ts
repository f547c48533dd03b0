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
    return writeByLoop(text, out) ? LATIN1 : writeUtf16(text, out);
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

function writeByLoop(text: string, out: ByteWriter): boolean {
  const length = text.length;
  out.ensure(length);
  const { u8, view, length: at } = out;
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
  if (wide > 0xff) return false;
  out.length = at + length;
  return true;
}

/** Appends `text` as Latin-1; false, and nothing is appended, if it is not. */
export function writeShort(text: string, out: ByteWriter): boolean {
  if (text.length <= LOOP_CHARS) return writeByLoop(text, out);
  const start = out.length;
  if (writeText(text, out) === LATIN1) return true;
  out.length = start;
  return false;
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
 */
export function decodeLatin1(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > INTERNED_CHARS) return readText(bytes, start, length, LATIN1);
  if (length === 0) return '';
  let low = 0;
  let high = length << 24;
  const middle = length < 4 ? end : start + 4;
  for (let i = start, shift = 0; i < middle; i++, shift += 8) low |= bytes[i]! << shift;
  for (let i = middle, shift = 0; i < end; i++, shift += 8) high |= bytes[i]! << shift;
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
export function decodeKey(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length <= INTERNED_CHARS || length > INTERNED_KEY_CHARS) return decodeLatin1(bytes, start, end);
  let hash = length;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x9e3779b1);
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
