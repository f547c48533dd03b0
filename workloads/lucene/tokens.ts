/** Lucene's English stop words (EnglishAnalyzer). They are not indexed, but they keep their positions. */
const STOP_WORDS: ReadonlySet<string> = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these ' +
    'they this to was will with'
  ).split(' '),
);

export function isStopWord(word: string): boolean {
  return STOP_WORDS.has(word);
}

/** A term and where in its text it stands. */
export interface Token {
  readonly term: string;
  readonly position: number;
}

/** Cuts a text into lower-case runs of ASCII letters and digits, without stop words. */
export function tokenise(text: string): Token[] {
  const tokens: Token[] = [];
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  for (const [position, term] of words.entries()) {
    if (!STOP_WORDS.has(term)) tokens.push({ term, position });
  }
  return tokens;
}

/** Longer words are cut, in every variant: a term must fit its length byte. */
export const MAX_TERM_LENGTH = 255;

/**
 * The same cut without a string or object per token: the terms' letters lie one after another in `bytes`.
 * Reused for each text.
 */
export class TokenScanner {
  count = 0;
  readonly bytes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly positions: Int32Array;
  /** FNV-1a of each term. */
  readonly hashes: Int32Array;

  constructor(maxLetters: number = 1 << 12) {
    this.bytes = new Uint8Array(maxLetters);
    this.starts = new Int32Array(maxLetters);
    this.ends = new Int32Array(maxLetters);
    this.positions = new Int32Array(maxLetters);
    this.hashes = new Int32Array(maxLetters);
  }

  /** @throws RangeError for a text longer than the scanner's buffers. */
  scan(text: string): void {
    if (text.length > this.bytes.length) {
      throw new RangeError(`text of ${text.length} letters, the scanner takes ${this.bytes.length}`);
    }
    this.count = 0;
    let position = 0;
    let start = 0;
    let end = 0;
    let hash = FNV_OFFSET;
    for (let at = 0; at <= text.length; at++) {
      const letter = at < text.length ? LETTERS[text.charCodeAt(at) & 0xff]! : 0;
      if (letter !== 0) {
        this.bytes[end++] = letter;
        hash = Math.imul(hash ^ letter, FNV_PRIME);
      } else if (end > start) {
        if (!this.#isStopWord(start, end, hash)) this.#add(start, end, position, hash);
        position++;
        start = end;
        hash = FNV_OFFSET;
      }
    }
  }

  /** The hash of a cut term. */
  hashOf(start: number, end: number): number {
    let hash = FNV_OFFSET;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ this.bytes[at]!, FNV_PRIME);
    return hash;
  }

  #add(start: number, end: number, position: number, hash: number): void {
    const index = this.count++;
    this.starts[index] = start;
    this.ends[index] = end;
    this.positions[index] = position;
    this.hashes[index] = hash;
  }

  #isStopWord(start: number, end: number, hash: number): boolean {
    if (end - start > 5) return false;
    for (const stop of STOP_BYTES) {
      if (stop.hash === hash && equalBytes(stop.bytes, this.bytes, start, end)) return true;
    }
    return false;
  }
}

const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** The lower-case letter or digit of a Latin-1 code, or 0 where a word ends. */
const LETTERS: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const character = String.fromCharCode(code).toLowerCase();
  return /[a-z0-9]/.test(character) ? character.charCodeAt(0) : 0;
});

const STOP_BYTES = [...STOP_WORDS].map((word) => {
  const bytes = Buffer.from(word, 'latin1');
  let hash = FNV_OFFSET;
  for (const letter of bytes) hash = Math.imul(hash ^ letter, FNV_PRIME);
  return { bytes, hash };
});

function equalBytes(expected: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (expected.length !== end - start) return false;
  for (let i = 0; i < expected.length; i++) if (expected[i] !== bytes[start + i]) return false;
  return true;
}
