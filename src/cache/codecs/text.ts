import type { ByteWriter } from './writer.js';

/** Buffer's own text methods, which take any Uint8Array; @types/node does not declare them all. */
interface TextMethods {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  ucs2Slice(start: number, end: number): string;
  utf8Write(text: string, offset: number, length: number): number;
  ucs2Write(text: string, offset: number, length: number): number;
}
const { latin1Slice, utf8Slice, ucs2Slice, utf8Write, ucs2Write } =
  Buffer.prototype as unknown as TextMethods;

export const LATIN1 = 0;
export const UTF8 = 1;
export const UTF16 = 2;

/** Up to here a loop beats the call into the platform. */
const LOOP_CHARS = 64;
/** Strings up to this length are looked up among those lately decoded. */
const INTERNED_CHARS = 16;
const INTERNED_MASK = 1023;

/**
 * Appends `text` so that exactly the same comes back, lone surrogates included.
 *
 * @returns the form it took: LATIN1, UTF8 or UTF16.
 */
export function writeText(text: string, out: ByteWriter): number {
  const length = text.length;
  if (length <= LOOP_CHARS) {
    out.ensure(length);
    const { u8, length: at } = out;
    let wide = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      wide |= code;
      u8[at + i] = code;
    }
    if (wide <= 0xff) {
      out.length = at + length;
      return LATIN1;
    }
    return writeUtf16(text, out);
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
  if (form === LATIN1) return decodeLatin1(bytes, start, end);
  return form === UTF8 ? utf8Slice.call(bytes, start, end) : ucs2Slice.call(bytes, start, end);
}

const interned: string[] = new Array<string>(INTERNED_MASK + 1).fill('');

/**
 * Short strings repeat (tags, states, names of things): one decoded lately is handed out again, which costs less
 * than the call that makes a new one, and leaves nothing to collect.
 */
export function decodeLatin1(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > INTERNED_CHARS) return latin1Slice.call(bytes, start, end);
  if (length === 0) return '';
  let hash = length;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x9e3779b1);
  const slot = (hash ^ (hash >>> 15)) & INTERNED_MASK;
  const known = interned[slot]!;
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
    if (i === length) return known;
  }
  const text = latin1Slice.call(bytes, start, end);
  interned[slot] = text;
  return text;
}
