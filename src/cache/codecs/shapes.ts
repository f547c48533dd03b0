import { ANY, compiledLayout, kindOf, type Layout, walkedLayout, widened } from './layouts.js';

/** Shapes and layouts beyond these bounds are written with their keys: objects used as maps have no shape. */
const MAX_LAYOUTS = 4096;
const MAX_KEYS = 48;
const MAX_NODES = 32768;

/** Objects with the same keys in the same order: their values go without keys. */
export interface Shape {
  readonly keys: readonly string[];
  /** How the latest of them lies; undefined once no more layouts may be had. */
  layout: Layout | undefined;
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
 * The shapes that a codec has met, as a trie of keys, each with the layouts its values took (layouts.ts). Code
 * for a layout is compiled on first use, or, where code generation from strings is disallowed, done by a loop.
 * Never forgets: values in the cache need their layout.
 */
export class Shapes {
  readonly layouts: Layout[] = [];
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
    return at.shape ?? this.#add(at, value);
  }

  /** The same for any object, plain or not, if one like it was met before. */
  known(value: object): Shape | undefined {
    let at = this.#root;
    for (const key in value) {
      if (at.last === undefined || at.lastKey !== key) {
        const child = at.children?.get(key);
        if (child === undefined) return undefined;
        at.lastKey = key;
        at.last = child;
      }
      at = at.last;
    }
    return at.shape;
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

  #add(last: Node, value: Record<string, unknown>): Shape | undefined {
    if (this.layouts.length >= MAX_LAYOUTS) return undefined;
    const keys: string[] = [];
    for (let at: Node = last; at.parent !== undefined; at = at.parent) keys.unshift(at.key);
    const kinds = keys.map((key) => kindOf(value[key]));
    last.shape = { keys, layout: this.#layout(keys, kinds) };
    return last.shape;
  }

  #layout(keys: readonly string[], kinds: readonly number[]): Layout {
    const id = this.layouts.length;
    const layout = this.#compile ? compiledLayout(id, keys, kinds) : walkedLayout(id, keys, kinds);
    this.layouts.push(layout);
    return layout;
  }

  /** Gives a shape a layout in which field `index` can be `value`; the old one stays for what was written so. */
  widen(shape: Shape, layout: Layout, index: number, value: unknown): void {
    const full = this.layouts.length >= MAX_LAYOUTS;
    const kinds = [...layout.kinds];
    kinds[index] = full ? ANY : widened(kinds[index]!, value);
    shape.layout = full ? undefined : this.#layout(shape.keys, kinds);
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
