import { type Codec, UnencodableError } from './codec.js';
import { mayCompile, Shapes } from './shapes.js';
import { StructuredDecoder } from './structured-decoder.js';
import {
  isPlainPrototype,
  MAX_DEPTH,
  StructuredEncoder,
  TOO_DEEP,
  UNENCODABLE,
} from './structured-encoder.js';
import { BUFFER_KIND, TYPED_ARRAYS } from './structured-tags.js';
import type { ByteWriter } from './writer.js';

/**
 * Any plain data: objects, arrays, Map, Set, Date, Error, RegExp, typed arrays, Buffer, bigint, undefined, NaN,
 * -0, holes, cycles. Shared objects inside one value come back as copies of their own unless the value has a
 * cycle (or is over 100 levels deep: it is then written with references). Symbols as keys, properties that are
 * not enumerable, and own properties of arrays and Maps are dropped, as structuredClone does.
 *
 * Our own rather than msgpackr, which was tried first: it loses -0, turns functions into undefined and class
 * instances into plain objects without a word, and needs a walk of its own to say where in a value the fault
 * lies; it measured no faster (docs/cache.md).
 *
 * @param compile whether code may be compiled per layout; found out if left out.
 */
export function structuredCodec(compile: boolean = mayCompile()): Codec<unknown> {
  const shapes = new Shapes(compile);
  const decoder = new StructuredDecoder(shapes);
  let encoder: StructuredEncoder | undefined;
  return {
    name: 'structured',
    delimitsItself: true,
    encode(value: unknown, out: ByteWriter): void {
      if (encoder === undefined || encoder.out !== out) encoder = new StructuredEncoder(out, shapes);
      const start = out.length;
      try {
        encoder.root(value, false);
      } catch (error) {
        if (error !== TOO_DEEP) throw error === UNENCODABLE ? explain(value) : error;
        out.length = start;
        encodeTracked(encoder, value);
      }
    },
    decode(bytes: Uint8Array, start: number, _end: number, view: DataView): unknown {
      return decoder.root(bytes, view, start);
    },
    isPlain: () => decoder.isPlain,
  };
}

function encodeTracked(encoder: StructuredEncoder, value: unknown): void {
  try {
    encoder.root(value, true);
  } catch (error) {
    throw error === UNENCODABLE || error === TOO_DEEP ? explain(value) : error;
  }
}

/** Walks a value that failed to find the first place that cannot be encoded. Breadth first: the shortest path. */
function explain(root: unknown): UnencodableError {
  const seen = new Set<unknown>();
  let level: [unknown, string][] = [[root, '']];
  for (let depth = 0; level.length > 0; depth++) {
    const next: [unknown, string][] = [];
    for (const [value, path] of level) {
      const what = unencodable(value);
      if (what !== undefined) return new UnencodableError(path, what);
      if (typeof value !== 'object' || value === null || seen.has(value)) continue;
      seen.add(value);
      if (depth > MAX_DEPTH) return new UnencodableError(path, `nested more than ${MAX_DEPTH} levels deep`);
      for (const child of childrenOf(value, path)) next.push(child);
    }
    level = next;
  }
  return new UnencodableError('', `nested more than ${MAX_DEPTH} levels deep`);
}

function unencodable(value: unknown): string | undefined {
  if (typeof value === 'function') return `the function ${value.name || '(anonymous)'}`;
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value !== 'object' || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || isPlainPrototype(prototype) || value instanceof Error) return undefined;
  if (Array.isArray(value) && isPlainPrototype(Object.getPrototypeOf(prototype))) return undefined;
  if ([Map, Set, Date, RegExp, ArrayBuffer, Buffer].some((type) => type.prototype === prototype))
    return undefined;
  const typed = TYPED_ARRAYS.findIndex((type) => type?.prototype === prototype);
  if (typed !== -1 && typed < BUFFER_KIND) return undefined;
  const { name } = (prototype.constructor ?? {}) as { name?: string };
  return `an instance of ${name || 'a class'}`;
}

function childrenOf(value: object, path: string): [unknown, string][] {
  if (Array.isArray(value)) return value.map((child, i) => [child, `${path}[${i}]`]);
  if (value instanceof Map) {
    return [...value].flatMap(([key, child]): [unknown, string][] => [
      [key, `${path}.<key>`],
      [child, `${path}.get(${typeof key === 'string' ? JSON.stringify(key) : '…'})`],
    ]);
  }
  if (value instanceof Set) return [...value].map((child) => [child, `${path}.<member>`]);
  if (ArrayBuffer.isView(value)) return [];
  const children = Object.entries(value).map(([key, child]): [unknown, string] => [
    child,
    /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`,
  ]);
  // An error's is kept, though it is not enumerable.
  if (value instanceof Error && Object.hasOwn(value, 'cause')) children.push([value.cause, `${path}.cause`]);
  return children;
}
