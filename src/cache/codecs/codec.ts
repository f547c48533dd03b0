import type { GenerationalHeap, RecordReader } from '../../heap/index.js';
import type { ByteWriter } from './writer.js';

/**
 * How values become bytes and come back. `decode` reads `bytes` from `start` to `end` and keeps no part of it:
 * those bytes are the heap's and will be used again. `encode` may throw, and nothing has happened then.
 */
export interface Codec<V> {
  readonly name: string;
  /**
   * Whether `decode` finds a value's end by itself: `end` may then lie further, so that a value grown a little
   * shorter can be written over the old one. Default false.
   */
  readonly delimitsItself?: boolean;
  encode(value: V, out: ByteWriter): void;
  /** `view` is over the same bytes as `bytes`. */
  decode(bytes: Uint8Array, start: number, end: number, view: DataView): V;
  /**
   * Whether the value decoded last is plain objects, arrays and primitives through and through, without cycles. Left
   * out, who wants to know walks the value.
   */
  readonly isPlain?: () => boolean;
  /** Given, values lie at multiples of 8 bytes and are read in place by what it returns. */
  readonly bind?: (heap: GenerationalHeap, changes: Int32Array) => RecordReader;
}

/** A codec of the user's own: any bytes will do. `decode` gets a view that is valid during the call only. */
export interface CustomCodec<V> {
  encode(value: V): Uint8Array;
  decode(bytes: Uint8Array): V;
}

/** A value that no codec of this cache can keep. `path` says where in the value, as `.user.tags[2]`. */
export class UnencodableError extends TypeError {
  override readonly name: string = 'UnencodableError';
  readonly code: string = 'ROLP_UNENCODABLE';
  readonly path: string;

  constructor(path: string, what: string) {
    const place = path === '' ? 'the value is' : `value${path} is`;
    super(
      `${place} ${what}, which the cache cannot keep as bytes; store plain data, give a custom codec, ` +
        "or set onUnencodable: 'heap'",
    );
    this.path = path;
  }
}
