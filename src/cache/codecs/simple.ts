import { type Codec, type CustomCodec, UnencodableError } from './codec.js';
import { decodeText, writeText } from './text.js';

function wrong(codec: string, value: unknown): UnencodableError {
  const what = value === null ? 'null' : Array.isArray(value) ? 'an array' : `of type ${typeof value}`;
  return new UnencodableError('', `${what}, but the codec is '${codec}'`);
}

/** Strings, as Latin-1 where they fit it, else as UTF-8 or UTF-16, whichever is exact and shorter. */
export const stringCodec: Codec<string> = {
  name: 'string',
  encode(value, out) {
    if (typeof value !== 'string') throw wrong('string', value);
    const at = out.length;
    out.byte(0);
    const form = writeText(value, out);
    out.u8[at] = form;
  },
  decode(bytes, start, end) {
    return decodeText(bytes[start]!, bytes, start + 1, end);
  },
  isPlain: () => true,
};

/** Bytes: takes any Uint8Array, gives a Buffer of its own. */
export const bytesCodec: Codec<Uint8Array> = {
  name: 'bytes',
  encode(value, out) {
    if (!(value instanceof Uint8Array)) throw wrong('bytes', value);
    out.bytes(value);
  },
  decode(bytes, start, end) {
    const copy = Buffer.allocUnsafe(end - start);
    if (end - start <= 64) for (let i = start; i < end; i++) copy[i - start] = bytes[i]!;
    else copy.set(bytes.subarray(start, end));
    return copy;
  },
};

/** What JSON keeps; `undefined` and functions at the top are refused, inside they vanish as in JSON. */
export const jsonCodec: Codec<unknown> = {
  name: 'json',
  encode(value, out) {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw wrong('json', value);
    stringCodec.encode(text, out);
  },
  decode(bytes, start, end) {
    return JSON.parse(decodeText(bytes[start]!, bytes, start + 1, end));
  },
  isPlain: () => true,
};

/** Wraps a user's codec. */
export function customCodec<V>(custom: CustomCodec<V>): Codec<V> {
  return {
    name: 'custom',
    encode(value, out) {
      const bytes = custom.encode(value);
      if (!(bytes instanceof Uint8Array)) throw new TypeError('codec.encode must return a Uint8Array');
      out.bytes(bytes);
    },
    decode(bytes, start, end) {
      return custom.decode(bytes.subarray(start, end));
    },
  };
}
