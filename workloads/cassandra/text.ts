/** Buffer's text methods, which take any Uint8Array; `toString` and `write` look at their arguments for longer. */
interface TextMethods {
  latin1Slice(this: Uint8Array, start: number, end: number): string;
  latin1Write(this: Uint8Array, text: string, at: number, length: number): number;
}
const { latin1Slice, latin1Write } = Buffer.prototype as unknown as TextMethods;

/** @returns a string of its own: a character a byte. */
export function readLatin1(bytes: Uint8Array, start: number, length: number): string {
  return latin1Slice.call(bytes, start, start + length);
}

/** A byte a character. */
export function writeLatin1(bytes: Uint8Array, start: number, text: string): void {
  latin1Write.call(bytes, text, start, text.length);
}
