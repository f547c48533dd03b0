import type { GenerationalHeap } from '../heap.js';
import { HEADER_BYTES } from '../layout.js';
import type { Ref } from '../types.js';
import { isGroup, isNullAt, nameOf, readField } from './codec.js';
import { compileCursor } from './compile.js';
import { type Field, type Group, type NumberField, numberFields, type RecordLayout } from './layout.js';
import type { InputValues, Nullable, RecordType, Schema, Values } from './schema.js';

/** What of a pool its cursors need. */
export interface CursorHost {
  readonly tag: number;
  readonly heap: GenerationalHeap;
  /** @throws StaleRefError, TypeError if `ref` is no record of the pool. */
  check(ref: Ref): void;
  change(ref: Ref, member: Field | Group, value: unknown): void;
  equals(ref: Ref, field: string, text: string): boolean;
  free(ref: Ref): void;
}

/** By field name; null for a nested record. */
export type Members = Readonly<Record<string, Field | Group>>;

/** Cursor of a nested record: reads where its root stands. */
class NestedCursor {
  readonly $root: RecordCursor;
  readonly $nested: Record<string, NestedCursor>;
  declare readonly $members: Members;

  constructor(root: RecordCursor, nested: readonly NestedClass[]) {
    this.$root = root;
    this.$nested = makeNested(root, nested);
  }
}

/** A cursor without its schema's members, which a subclass made for the schema adds. */
export class RecordCursor {
  $ref: Ref = 0 as Ref;
  /** Where the record was found last: slab, and index of the header's first 32-bit word there. */
  $slab: number = 0;
  $word: number = 0;
  /** `memory.epoch` when it was found. */
  $epoch: number = -1;
  readonly #host: CursorHost;
  readonly $nested: Record<string, NestedCursor>;
  declare readonly $members: Members;
  declare readonly $numbers: ReadonlyMap<string, NumberField>;

  constructor(host: CursorHost, nested: readonly NestedClass[]) {
    this.#host = host;
    this.$nested = makeNested(this, nested);
  }

  $at(ref: Ref): this {
    return this.$goSlowly(ref);
  }

  /** `$at` with every check. */
  $goSlowly(ref: Ref): this {
    this.#host.check(ref);
    this.$ref = ref;
    this.$find();
    return this;
  }

  /** @throws StaleRefError if the record is gone. */
  $find(): void {
    const { heap } = this.#host;
    const { memory } = heap;
    const address = heap.addressOf(this.$ref);
    this.$slab = address >>> memory.slabShift;
    this.$word = (address & memory.slabMask) << memory.wordShift;
    this.$epoch = memory.epoch[0]!;
  }

  $load(path: string, into: Float64Array, at: number = 0): void {
    const found = this.$numbers.get(path);
    if (found === undefined) throw this.$noNumber(path);
    const { memory } = this.#host.heap;
    this.$find();
    const payload = (this.$word << 2) + HEADER_BYTES;
    const isNull = found.nullBits.some((bit) => isNullAt(memory, this.$slab, payload, bit));
    into[at] = isNull ? Number.NaN : (readField(memory, this.$slab, payload, found.field) as number);
  }

  /** The error for a path that leads to no number. */
  $noNumber(path: string): TypeError {
    const known = [...this.$numbers.keys()].join(', ') || 'none';
    return new TypeError(`$load: ${JSON.stringify(path)} is no number field; those are ${known}`);
  }

  $equals(field: string, text: string): boolean {
    return this.#host.equals(this.$ref, field, text);
  }

  $set(member: Field | Group, value: unknown): void {
    this.#host.change(this.$ref, member, value);
  }

  [Symbol.dispose](): void {
    this.#host.free(this.$ref);
  }
}

interface NestedClass {
  readonly name: string;
  readonly make: (root: RecordCursor) => NestedCursor;
}
export type CursorClass = typeof NestedCursor;

function makeNested(root: RecordCursor, classes: readonly NestedClass[]): Record<string, NestedCursor> {
  const nested: Record<string, NestedCursor> = Object.create(null);
  for (const { name, make } of classes) nested[name] = make(root);
  return nested;
}

/** The members of a cursor, typed from the schema; reading one of fixed width allocates nothing. */
export type CursorFields<S> = {
  -readonly [K in keyof S]: S[K] extends string
    ? S[K] extends keyof Values<S>
      ? never
      : Values<S>[K]
    : S[K] extends Nullable<infer N>
      ? CursorFields<N> | null
      : S[K] extends RecordType<infer N>
        ? CursorFields<N>
        : CursorFields<S[K]>;
};

/**
 * A record as an object whose members read and write the heap. It names its record by ref, so it stays right
 * when the record moves, and a freed record is found out at the next access (StaleRefError).
 *
 * Members of fixed width read and write in place and allocate nothing, with one exception that is V8's: a call
 * that it does not inline can only return a double, or an integer of 2^31 and more, in a box. It inlines the getters
 * in code that it has optimized; `$load` never boxes. Strings, bytes and arrays come back as copies. A
 * nested record's cursor belongs to this one and goes where it goes: to a record where it is null, too, whose members then
 * read as 0, '' and [], and what is set there is lost. Ask the record's own cursor for it, which says null.
 */
export type Cursor<S extends Schema> = CursorFields<S> & {
  /** The record where the cursor stands. */
  readonly $ref: Ref;
  /** Goes to another record of the pool. @throws StaleRefError, TypeError if it is none of the pool's. */
  $at(ref: Ref): Cursor<S>;
  /**
   * Puts the number at `path` ('score', 'home.lat'; NaN if it is null) into element `at`, 0 by default, of `into`:
   * no garbage even in code that V8 has not optimized, where a getter's double is boxed.
   *
   * @throws TypeError if there is no such field, or if it is not a number.
   */
  $load(path: string, into: Float64Array, at?: number): void;
  /** Whether a string field equals `text`, without decoding it. Nested fields by path: 'address.city'. */
  $equals(field: string, text: string): boolean;
  /** Frees the record: `using user = pool.view(ref)`. */
  [Symbol.dispose](): void;
};
/** What a cursor's member takes when it is set: as in `update`. */
export type CursorInput<S extends Schema> = Partial<InputValues<S>>;

/**
 * Makes the class of a pool's cursors.
 *
 * @param compile false walks the schema at each access, as happens where code may not be made from strings.
 */
export function cursorMaker(host: CursorHost, layout: RecordLayout, compile: boolean): () => RecordCursor {
  const { heap } = host;
  const nestedOf = (group: Group): NestedClass[] =>
    group.members.filter(isGroup).map((member) => {
      const nested = nestedOf(member);
      const Class =
        (compile ? compileCursor(heap, layout, member, NestedCursor, 'this.$root') : undefined) ??
        interpretedNested(heap, member);
      Object.defineProperty(Class.prototype, '$members', { value: membersOf(member) });
      return { name: member.name, make: (root) => new Class(root, nested) };
    });
  const nested = nestedOf(layout.root);
  const Class =
    (compile ? compileCursor(heap, layout, layout.root, RecordCursor, 'this', host.tag) : undefined) ??
    interpretedRoot(heap, layout.root);
  Object.defineProperty(Class.prototype, '$members', { value: membersOf(layout.root) });
  const numbers = new Map(numberFields(layout.root).map((found) => [found.path, found]));
  Object.defineProperty(Class.prototype, '$numbers', { value: numbers });
  return () => new Class(host, nested);
}

function interpretedNested(heap: GenerationalHeap, group: Group): typeof NestedCursor {
  const Class = class extends NestedCursor {};
  interpret(heap, group, Class.prototype);
  return Class;
}

function interpretedRoot(heap: GenerationalHeap, group: Group): typeof RecordCursor {
  const Class = class extends RecordCursor {};
  interpret(heap, group, Class.prototype);
  return Class;
}

function membersOf(group: Group): Members {
  return Object.fromEntries(group.members.map((member) => [nameOf(member), member]));
}

/** Adds members that walk the schema to a class's prototype. */
function interpret(heap: GenerationalHeap, group: Group, prototype: NestedCursor | RecordCursor): void {
  const { memory } = heap;
  const rootOf = (cursor: NestedCursor | RecordCursor): RecordCursor =>
    cursor instanceof RecordCursor ? cursor : cursor.$root;
  for (const member of group.members) {
    const name = nameOf(member);
    Object.defineProperty(prototype, name, {
      get(this: NestedCursor | RecordCursor): unknown {
        const address = heap.addressOf(rootOf(this).$ref);
        const slab = address >>> memory.slabShift;
        const at = heap.payloadAt(address);
        if (!isGroup(member)) return readField(memory, slab, at, member);
        return member.nullBit >= 0 && isNullAt(memory, slab, at, member.nullBit) ? null : this.$nested[name];
      },
      set(this: NestedCursor | RecordCursor, value: unknown): void {
        rootOf(this).$set(member, value);
      },
    });
  }
}
