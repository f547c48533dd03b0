import type { StructuredDecoder } from './structured-decoder.js';
import type { StructuredEncoder } from './structured-encoder.js';

/** Shapes beyond these bounds are written with their keys in each value: objects used as maps have no shape. */
const MAX_SHAPES = 4096;
const MAX_KEYS = 48;
const MAX_NODES = 32768;

/** Objects with the same keys in the same order: their values go without keys. */
export interface Shape {
  readonly id: number;
  readonly keys: readonly string[];
  readonly encode: (value: Record<string, unknown>, encoder: StructuredEncoder) => void;
  readonly decode: (decoder: StructuredDecoder) => Record<string, unknown>;
}

interface Node {
  readonly key: string;
  readonly parent: Node | undefined;
  readonly depth: number;
  shape: Shape | undefined;
  /** The child last taken: nearly always the next one too. */
  lastKey: string;
  last: Node | undefined;
  children: Map<string, Node> | undefined;
}

function node(key: string, parent: Node | undefined): Node {
  const depth = parent === undefined ? 0 : parent.depth + 1;
  return { key, parent, depth, shape: undefined, lastKey: '', last: undefined, children: undefined };
}

/**
 * The shapes that a codec has met, as a trie of keys. Code for a shape is compiled on first use, or, where code
 * generation from strings is disallowed, done by a loop. Never forgets: values in the cache need their shape.
 */
export class Shapes {
  readonly byId: Shape[] = [];
  readonly #root: Node = node('', undefined);
  #nodes: number = 1;
  readonly #compile: boolean;

  /** @param compile whether code may be generated; found out if left out. */
  constructor(compile: boolean = mayCompile()) {
    this.#compile = compile;
  }

  /** The shape of a plain object; undefined if it is to be written with its keys. */
  of(value: Record<string, unknown>): Shape | undefined {
    let at = this.#root;
    for (const key in value) {
      if (at.last !== undefined && at.lastKey === key) at = at.last;
      else {
        const child = this.#child(at, key);
        if (child === undefined) return undefined;
        at.lastKey = key;
        at.last = child;
        at = child;
      }
    }
    return at.shape ?? this.#add(at);
  }

  #child(at: Node, key: string): Node | undefined {
    at.children ??= new Map();
    let child = at.children.get(key);
    if (child !== undefined) return child;
    // An object that came by this name through its prototype's setter would not come back.
    if (at.depth >= MAX_KEYS || this.#nodes >= MAX_NODES || key === '__proto__') return undefined;
    child = node(key, at);
    this.#nodes++;
    at.children.set(key, child);
    return child;
  }

  #add(last: Node): Shape | undefined {
    if (this.byId.length >= MAX_SHAPES) return undefined;
    const keys: string[] = [];
    for (let at: Node = last; at.parent !== undefined; at = at.parent) keys.unshift(at.key);
    const id = this.byId.length;
    const shape = this.#compile ? compiled(id, keys) : interpreted(id, keys);
    last.shape = shape;
    this.byId.push(shape);
    return shape;
  }
}

let allowed: boolean | undefined;

/** Whether code may be generated from strings (`--disallow-code-generation-from-strings`). */
export function mayCompile(): boolean {
  if (allowed === undefined) {
    try {
      new Function('');
      allowed = true;
    } catch {
      allowed = false;
    }
  }
  return allowed;
}

/** Names as literals: keys are data of the user's and must not become code. */
function compiled(id: number, keys: readonly string[]): Shape {
  const names = keys.map((key) => JSON.stringify(key).replace(/[\u2028\u2029]/g, escapeSeparator));
  const encode = names.map((name) => `e.value(o[${name}]);`).join('');
  const decode = names.map((name) => `${name}:d.value()`).join(',');
  return {
    id,
    keys,
    encode: new Function('o', 'e', encode) as Shape['encode'],
    decode: new Function('d', `return {${decode}};`) as Shape['decode'],
  };
}

function escapeSeparator(separator: string): string {
  return `\\u${separator.charCodeAt(0).toString(16)}`;
}

function interpreted(id: number, keys: readonly string[]): Shape {
  return {
    id,
    keys,
    encode(value, encoder) {
      for (let i = 0; i < keys.length; i++) encoder.value(value[keys[i]!]);
    },
    decode(decoder) {
      const value: Record<string, unknown> = {};
      for (let i = 0; i < keys.length; i++) value[keys[i]!] = decoder.value();
      return value;
    },
  };
}
