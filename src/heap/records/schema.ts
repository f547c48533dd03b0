import type { Ref } from '../types.js';

/** Types of fixed width; `bigint` is `i64`. */
export type ScalarType =
  | 'u8'
  | 'u16'
  | 'u32'
  | 'i8'
  | 'i16'
  | 'i32'
  | 'f32'
  | 'f64'
  | 'i64'
  | 'u64'
  | 'bigint'
  | 'bool'
  | 'ref';
export type ElementType = ScalarType | 'string' | 'bytes';
/** A field's type: a scalar, 'string' or 'bytes'; an array of them ('u32[]'); nullable with a '?' at the end. */
export type FieldType = ElementType | `${ElementType}[]` | `${ElementType}?` | `${ElementType}[]?`;

/** A record's fields by name. A nested object is a nested record, stored in the same block. */
export interface Schema {
  readonly [field: string]: FieldType | Schema | RecordType<Schema> | Nullable<Schema>;
}

/** A nested record that may be null: made by `nullable`. */
export class Nullable<S extends Schema> {
  readonly schema: S;

  constructor(schema: S) {
    this.schema = schema;
  }
}

/** Marks a nested record as nullable: `defineRecord({ position: nullable({ lat: 'f64', lng: 'f64' }) })`. */
export function nullable<const S extends Schema>(schema: S | RecordType<S>): Nullable<S> {
  return new Nullable(schema instanceof RecordType ? schema.schema : schema);
}

type Scalar<T> = T extends 'i64' | 'u64' | 'bigint'
  ? bigint
  : T extends 'bool'
    ? boolean
    : T extends 'ref'
      ? Ref
      : number;
type Element<T> = T extends 'string' ? string : T extends 'bytes' ? Uint8Array : Scalar<T>;
type Output<T> = T extends `${infer U}?`
  ? Output<U> | null
  : T extends `${infer U}[]`
    ? Element<U>[]
    : T extends string
      ? Element<T>
      : T extends Nullable<infer S>
        ? Values<S> | null
        : T extends RecordType<infer S>
          ? Values<S>
          : T extends Schema
            ? Values<T>
            : never;
type Input<T> = T extends `${infer U}?`
  ? Input<U> | null | undefined
  : T extends `${infer U}[]`
    ? ArrayLike<Element<U>>
    : T extends string
      ? Element<T>
      : T extends Nullable<infer S>
        ? InputValues<S> | null | undefined
        : T extends RecordType<infer S>
          ? InputValues<S>
          : T extends Schema
            ? InputValues<T>
            : never;
type OptionalNames<S> = { [K in keyof S]: S[K] extends `${string}?` | Nullable<Schema> ? K : never }[keyof S];

/** The plain object that `read` gives for a schema. */
export type Values<S> = { -readonly [K in keyof S]: Output<S[K]> };
/** What `create` takes: nullable fields may be left out, arrays may be typed arrays. */
export type InputValues<S> = { readonly [K in Exclude<keyof S, OptionalNames<S>>]: Input<S[K]> } & {
  readonly [K in OptionalNames<S>]?: Input<S[K]>;
};
/** The plain object of a record type: `type User = RecordOf<typeof User>`. */
export type RecordOf<R> = R extends RecordType<infer S> ? Values<S> : never;

export type FieldKind = 'scalar' | 'string' | 'bytes' | 'array';
/** Scalar types as stored: aliases resolved. */
export type StoredType = Exclude<ScalarType, 'bigint'>;

/** One field of a parsed schema. */
export interface FieldNode {
  readonly name: string;
  /** `Record.outer.field`, for messages. */
  readonly path: string;
  readonly nullable: boolean;
  readonly kind: FieldKind | 'group';
  /** What a scalar or an array element is stored as; 'string' and 'bytes' arrays too. */
  readonly type: StoredType | 'string' | 'bytes';
  /** Fields of a nested record. */
  readonly children: readonly FieldNode[];
}

/** A record's type: its schema, checked. Belongs to no heap; a `Pool` stores records of it on one. */
export class RecordType<S extends Schema> {
  readonly name: string;
  readonly schema: S;
  readonly fields: readonly FieldNode[];

  constructor(name: string, schema: S) {
    this.name = name;
    this.schema = schema;
    this.fields = parseSchema(name, schema);
  }
}

/**
 * Defines a record: `const User = defineRecord({ id: 'u32', score: 'f64', name: 'string', tags: 'string[]' })`.
 *
 * @param name for messages, by default 'record'.
 * @throws TypeError naming the field whose name or type is wrong.
 */
export function defineRecord<const S extends Schema>(schema: S, name: string = 'record'): RecordType<S> {
  return new RecordType(name, schema);
}

const TYPE_PATTERN =
  /^(?<base>u8|u16|u32|i8|i16|i32|f32|f64|i64|u64|bigint|bool|ref|string|bytes)(?<array>\[\])?(?<nullable>\?)?$/;
const FORBIDDEN_NAMES = new Set(['__proto__', 'constructor', 'prototype']);
/** Nested deeper than this is a schema that contains itself. */
const MAX_DEPTH = 16;

function parseSchema(path: string, schema: Schema, depth: number = 0): FieldNode[] {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    throw new TypeError(`${path}: a record's schema is an object of fields`);
  }
  if (depth > MAX_DEPTH) throw new TypeError(`${path}: records nest at most ${MAX_DEPTH} deep`);
  const names = Object.keys(schema);
  if (names.length === 0) throw new TypeError(`${path}: a record has at least one field`);
  return names.map((name) => parseField(`${path}.${name}`, name, schema[name]!, depth));
}

function parseField(path: string, name: string, type: Schema[string], depth: number): FieldNode {
  if (FORBIDDEN_NAMES.has(name) || name.startsWith('$')) {
    throw new TypeError(
      `${path}: a field's name may not start with $ nor be ${[...FORBIDDEN_NAMES].join(', ')}`,
    );
  }
  if (typeof type === 'string') return parseType(path, name, type);
  const isNullable = type instanceof Nullable;
  const nested = isNullable || type instanceof RecordType ? type.schema : type;
  const children = parseSchema(path, nested as Schema, depth + 1);
  return { name, path, nullable: isNullable, kind: 'group', type: 'u8', children };
}

function parseType(path: string, name: string, type: string): FieldNode {
  const parts = TYPE_PATTERN.exec(type)?.groups;
  if (parts === undefined) {
    throw new TypeError(
      `${path}: unknown type ${JSON.stringify(type)}; there are u8 to u64, i8 to i64, f32, f64, bigint, bool, ` +
        "ref, string and bytes, arrays of them ('u32[]'), and nullable ones ('string?', 'u32[]?')",
    );
  }
  const base = parts.base === 'bigint' ? 'i64' : (parts.base as FieldNode['type']);
  const isNullable = parts.nullable !== undefined;
  let kind: FieldKind = 'scalar';
  if (parts.array !== undefined) kind = 'array';
  else if (base === 'string' || base === 'bytes') kind = base;
  return { name, path, nullable: isNullable, kind, type: base, children: [] };
}
