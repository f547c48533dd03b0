import { Buffer } from 'node:buffer';

/**
 * Strings as bytes. Latin-1 where every code unit fits a byte, else UTF-8; a string that UTF-8 would damage
 * (lone surrogates) is kept as UTF-16, so that what comes back is what was put in.
 */
export const LATIN1 = 0;
export const UTF8 = 1;
export const UTF16 = 2;

/** Longest string that a loop copies faster than a call into Node's binding (36 ns a call on Node 20). */
const LOOP_UNITS = 24;
const WIDE = /[^\0-\xff]/;

/** Buffer's methods on a plain Uint8Array: no object per call. */
interface Binding {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  utf8Slice(this: Uint8Array, start: number, end: number): string;
  ucs2Slice(this: Uint8Array, start: number, end: number): string;
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number;
  utf8Write(this: Uint8Array, text: string, at: number, length: number): number;
  ucs2Write(this: Uint8Array, text: string, at: number, length: number): number;
}
const { latin1Slice, utf8Slice, ucs2Slice, latin1Write, utf8Write, ucs2Write }: Binding =
  Buffer.prototype as unknown as Binding;

/** Whether the string is one byte a code unit. */
export function isLatin1(text: string): boolean {
  const length = text.length;
  if (length > LOOP_UNITS) return !WIDE.test(text);
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) > 0xff) return false;
  return true;
}

/** What storing `text` takes: its bytes, shifted left by two, and its encoding in the low bits. */
export function measureText(text: string): number {
  if (isLatin1(text)) return text.length * 4;
  return text.isWellFormed() ? Buffer.byteLength(text, 'utf8') * 4 + UTF8 : text.length * 8 + UTF16;
}

/** Writes `text`, measured as `bytes` in `encoding`, to `u8[at...]`. */
export function writeText(u8: Uint8Array, at: number, text: string, bytes: number, encoding: number): void {
  if (encoding === UTF8) utf8Write.call(u8, text, at, bytes);
  else if (encoding === UTF16) ucs2Write.call(u8, text, at, bytes);
  else if (bytes > LOOP_UNITS) latin1Write.call(u8, text, at, bytes);
  else for (let i = 0; i < bytes; i++) u8[at + i] = text.charCodeAt(i);
}

/** The string at `u8[at...]`. */
export function readText(u8: Uint8Array, at: number, bytes: number, encoding: number): string {
  if (encoding === LATIN1) {
    return bytes <= shortUnits ? shortLatin1(u8, at, bytes) : latin1Slice.call(u8, at, at + bytes);
  }
  return encoding === UTF8 ? utf8Slice.call(u8, at, at + bytes) : ucs2Slice.call(u8, at, at + bytes);
}

/** Whether the string at `u8[at...]` is `text`; nothing is decoded. */
export function equalsText(
  u8: Uint8Array,
  at: number,
  bytes: number,
  encoding: number,
  text: string,
): boolean {
  if (encoding === UTF8) return equalsUtf8(u8, at, bytes, text);
  const width = encoding === LATIN1 ? 1 : 2;
  if (bytes !== text.length * width) return false;
  if (encoding === LATIN1) {
    for (let i = 0; i < bytes; i++) if (u8[at + i] !== text.charCodeAt(i)) return false;
  } else {
    for (let i = 0; i < bytes; i += 2) {
      if ((u8[at + i]! | (u8[at + i + 1]! << 8)) !== text.charCodeAt(i >> 1)) return false;
    }
  }
  return true;
}

function equalsUtf8(u8: Uint8Array, at: number, bytes: number, text: string): boolean {
  // At most three bytes a code unit (a pair of surrogates is four), at least one.
  if (bytes < text.length || bytes > text.length * 3) return false;
  const end = at + bytes;
  let unit = 0;
  while (at < end) {
    const lead = u8[at]!;
    let point = lead;
    if (lead < 0x80) {
      at += 1;
    } else if (lead < 0xe0) {
      point = ((lead & 0x1f) << 6) | (u8[at + 1]! & 0x3f);
      at += 2;
    } else if (lead < 0xf0) {
      point = ((lead & 0xf) << 12) | ((u8[at + 1]! & 0x3f) << 6) | (u8[at + 2]! & 0x3f);
      at += 3;
    } else {
      const low = ((u8[at + 1]! & 0x3f) << 12) | ((u8[at + 2]! & 0x3f) << 6) | (u8[at + 3]! & 0x3f);
      point = ((lead & 7) << 18) | low;
      at += 4;
    }
    if (point !== text.codePointAt(unit)) return false;
    unit += point > 0xffff ? 2 : 1;
  }
  return unit === text.length;
}

type ShortReader = (u8: Uint8Array, at: number, bytes: number) => string;

/**
 * One call of String.fromCharCode with as many arguments as the string has units: 12 to 20 ns, where a call
 * into the binding is 40 to 50. Written by a loop, since written by hand it would be 136 arguments.
 */
function compileShortReader(units: number): ShortReader | undefined {
  const cases: string[] = [];
  for (let n = 0; n <= units; n++) {
    const codes = Array.from({ length: n }, (_, i) => `u8[at + ${i}]`);
    cases.push(`case ${n}: return fromCharCode(${codes.join(', ')});`);
  }
  const body = `'use strict'; return (u8, at, bytes) => { switch (bytes) { ${cases.join('\n')} } return ''; };`;
  try {
    return new Function('fromCharCode', body)(String.fromCharCode) as ShortReader;
  } catch (error) {
    // --disallow-code-generation-from-strings; everything then goes through the binding.
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}

const SHORT_UNITS = 16;
const compiledShortReader = compileShortReader(SHORT_UNITS);
const shortUnits: number = compiledShortReader === undefined ? 0 : SHORT_UNITS;
const shortLatin1: ShortReader = compiledShortReader ?? (() => '');
