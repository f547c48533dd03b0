import { endianness } from 'node:os';
import type { GenerationalHeap } from '../heap.js';
import { HEADER_BYTES } from '../layout.js';
import type { SlabMemory } from '../memory.js';
import { isGroup, nameOf, type RecordCodec } from './codec.js';
import type { CursorClass, RecordCursor } from './cursor.js';
import {
  type Field,
  type Group,
  MAX_RECORD_BYTES,
  nullWord,
  numberFields,
  type RecordLayout,
  TAG_MASK,
  tooLong,
} from './layout.js';
import { detached, measurePart, readPart, writePart } from './parts.js';
import { wrongGroup, wrongValue } from './scalars.js';
import type { StoredType } from './schema.js';
import { measureText, readText, writeText } from './text.js';

/*
 * Code written for one schema and one heap: field names, offsets and shifts are constants in it, every access
 * is monomorphic, and the getters are short enough for V8 to inline. codec.ts and cursor.ts do the same by
 * walking the schema; test/heap-records holds the two against each other.
 */

/** Where the records lie that code is written for: a heap, or memory beside any. */
export type RecordHome = Pick<GenerationalHeap, 'memory' | 'refTable'>;

/** What the written code calls. */
interface Kit {
  readonly memory: SlabMemory;
  readonly heap: RecordHome;
  readonly fields: readonly Field[];
  readonly wrongValue: typeof wrongValue;
  readonly wrongGroup: typeof wrongGroup;
  readonly tooLong: typeof tooLong;
  readonly measureText: typeof measureText;
  readonly measurePart: typeof measurePart;
  readonly detached: typeof detached;
  readonly writeText: typeof writeText;
  readonly writePart: typeof writePart;
  readonly readText: typeof readText;
  readonly readPart: typeof readPart;
}
const KIT_NAMES =
  'memory, heap, fields, wrongValue, wrongGroup, tooLong, measureText, measurePart, detached, writeText, ' +
  'writePart, readText, readPart';

function kitOf(heap: RecordHome, layout: RecordLayout): Kit {
  const { memory } = heap;
  const { fields } = layout;
  return {
    memory,
    heap,
    fields,
    wrongValue,
    wrongGroup,
    tooLong,
    measureText,
    measurePart,
    detached,
    writeText,
    writePart,
    readText,
    readPart,
  };
}

/** The array of SlabMemory that holds each type, and log2 of its element. */
const STORE: Readonly<Record<StoredType, readonly [keyof SlabMemory & string, number]>> = {
  u8: ['u8', 0],
  i8: ['i8', 0],
  bool: ['u8', 0],
  u16: ['u16', 1],
  i16: ['i16', 1],
  u32: ['u32', 2],
  i32: ['i32', 2],
  ref: ['i32', 2],
  f32: ['f32', 2],
  f64: ['f64', 3],
  i64: ['i64', 3],
  u64: ['u64', 3],
};
const ARRAYS = 'epoch, u8, i8, u16, i16, u32, i32, f32, f64, i64, u64';

/** A condition that is true of values which `fits` refuses. */
function misfit(type: StoredType, v: string): string {
  switch (type) {
    case 'f32':
    case 'f64':
      return `typeof ${v} !== 'number'`;
    case 'bool':
      return `typeof ${v} !== 'boolean'`;
    case 'i64':
      return `typeof ${v} !== 'bigint' || BigInt.asIntN(64, ${v}) !== ${v}`;
    case 'u64':
      return `typeof ${v} !== 'bigint' || BigInt.asUintN(64, ${v}) !== ${v}`;
    default:
      return `typeof ${v} !== 'number' || (${truncated(type, v)}) !== ${v}`;
  }
}

function truncated(type: StoredType, v: string): string {
  if (type === 'u8') return `${v} & 0xff`;
  if (type === 'u16') return `${v} & 0xffff`;
  if (type === 'u32') return `${v} >>> 0`;
  if (type === 'i8') return `${v} << 24 >> 24`;
  if (type === 'i16') return `${v} << 16 >> 16`;
  return type === 'ref' ? `${v} & 0x7fffffff` : `${v} | 0`;
}

/** The element of the record at byte `at` of slab `s`. */
function element(type: StoredType, offset: number): string {
  const [store, shift] = STORE[type];
  return `${store}[s][(at >>> ${shift}) + ${offset >>> shift}]`;
}

function loadScalar(field: Field): string {
  const load = element(field.type as StoredType, field.offset);
  return field.type === 'bool' ? `${load} !== 0` : load;
}

function word(offset: number): string {
  return `u32[s][(at >>> 2) + ${offset >>> 2}]`;
}

function load(field: Field, index: number): string {
  if (field.kind === 'scalar') return loadScalar(field);
  const from = word(field.offset);
  const measure = word(field.offset + 4);
  if (field.kind === 'string') {
    return `readText(u8[s], at + ${from}, ${measure} >>> 2, ${measure} & 3)`;
  }
  return `readPart(memory, s, at + ${from}, fields[${index}], ${measure})`;
}

function orNull(member: Field | Group, expression: string): string {
  return member.nullBit < 0 ? expression : `${isNull(member.nullBit)} ? null : ${expression}`;
}

function isNull(bit: number): string {
  const at = nullWord(bit);
  return `(i32[s][(at >>> 2) + ${at.word}] & ${at.mask}) !== 0`;
}

// ---- encode and decode ----

class CodecWriter {
  readonly #layout: RecordLayout;
  readonly #checks: string[] = [];
  #groups: number = 0;

  constructor(layout: RecordLayout) {
    this.#layout = layout;
  }

  encode(): string {
    const { fields, headWords } = this.#layout;
    this.#checkGroup(this.#layout.root, 'values');
    const locals = fields.map((field, i) => `v${i} = ${zero(field)}${field.part < 0 ? '' : `, m${i} = 0`}`);
    const heads = Array.from({ length: headWords }, (_, i) => `h${i} = ${i === 0 ? 'tag' : 0}`);
    return `encode(values, target, tag) {
      let ${[...heads, ...locals].join(', ')};
      ${this.#checks.join('\n')}
      let tail = ${this.#layout.fixedBytes};
      ${this.#layout.parts.map((field) => this.#measure(field)).join('\n')}
      if (tail > ${MAX_RECORD_BYTES}) throw tooLong(${JSON.stringify(this.#layout.root.name)}, tail);
      target.place(tail);
      const s = target.slab, at = target.at;
      ${heads.map((_, i) => `i32[s][(at >>> 2) + ${i}] = h${i};`).join('\n')}
      ${fields.map((field, i) => this.#store(field, i)).join('\n')}
    }`;
  }

  #index(field: Field): number {
    return this.#layout.fields.indexOf(field);
  }

  #checkGroup(group: Group, values: string): void {
    const path = JSON.stringify(group.node?.path ?? group.name);
    this.#checks.push(
      `if (typeof ${values} !== 'object' || ${values} === null) throw wrongGroup(${path}, ${values});`,
    );
    for (const member of group.members) {
      const given = `${values}[${JSON.stringify(nameOf(member))}]`;
      if (isGroup(member)) this.#checkNested(member, given);
      else this.#checkField(member, this.#index(member), given);
    }
  }

  #checkNested(group: Group, given: string): void {
    const local = `g${this.#groups++}`;
    this.#checks.push(`const ${local} = ${given};`);
    if (group.nullBit < 0) {
      this.#checkGroup(group, local);
      return;
    }
    this.#checks.push(`if (${local} === undefined || ${local} === null) { ${this.#nullAll(group)} } else {`);
    this.#checkGroup(group, local);
    this.#checks.push('}');
  }

  #nullAll(member: Field | Group): string {
    const own = member.nullBit < 0 ? '' : this.#setNull(member.nullBit);
    return own + (isGroup(member) ? member.members.map((inner) => this.#nullAll(inner)).join(' ') : '');
  }

  #setNull(bit: number): string {
    const at = nullWord(bit);
    return `h${at.word} |= ${at.mask};`;
  }

  #checkField(field: Field, i: number, given: string): void {
    const v = `v${i}`;
    const refuse = `throw wrongValue(fields[${i}], ${v});`;
    let check: string;
    if (field.kind === 'scalar') check = `if (${misfit(field.type as StoredType, v)}) ${refuse}`;
    else if (field.kind === 'string') {
      check = `if (typeof ${v} !== 'string') ${refuse} m${i} = measureText(${v});`;
    } else check = `${v} = detached(memory, ${v}); m${i} = measurePart(fields[${i}], ${v});`;
    this.#checks.push(`${v} = ${given};`);
    if (field.nullBit < 0) this.#checks.push(check);
    else {
      const nulled = `${this.#setNull(field.nullBit)} ${v} = ${zero(field)};`;
      this.#checks.push(`if (${v} === undefined || ${v} === null) { ${nulled} } else { ${check} }`);
    }
  }

  #measure(field: Field): string {
    const i = this.#index(field);
    const align = field.partAlign > 1 ? `tail += -tail & ${field.partAlign - 1};` : '';
    return `${align} const o${i} = tail; tail += m${i} >>> 2;`;
  }

  #store(field: Field, i: number): string {
    if (field.kind === 'scalar') {
      const value = field.type === 'bool' ? `v${i} ? 1 : 0` : `v${i}`;
      return `${element(field.type as StoredType, field.offset)} = ${value};`;
    }
    const write =
      field.kind === 'string'
        ? `writeText(u8[s], at + o${i}, v${i}, m${i} >>> 2, m${i} & 3)`
        : `writePart(memory, s, at + o${i}, fields[${i}], v${i}, m${i})`;
    return `${word(field.offset)} = o${i}; ${word(field.offset + 4)} = m${i}; if (m${i} !== 0) ${write};`;
  }

  decode(): string {
    return `decode(s, at) { return ${valueExpression(this.#layout, this.#layout.root)}; }`;
  }
}

/** The value of a field, or the plain object of a group, of the record at byte `at` of slab `s`. */
export function valueExpression(layout: RecordLayout, member: Field | Group): string {
  if (!isGroup(member)) return orNull(member, load(member, layout.fields.indexOf(member)));
  const members = member.members.map(
    (inner) => `${JSON.stringify(nameOf(inner))}: ${valueExpression(layout, inner)}`,
  );
  return orNull(member, `{ ${members.join(', ')} }`);
}

/** What is stored for a field that is null. */
function zero(field: Field): string {
  if (field.kind !== 'scalar') return 'null';
  if (field.type === 'i64' || field.type === 'u64') return '0n';
  return field.type === 'bool' ? 'false' : '0';
}

/** @returns undefined where code may not be made from strings. */
export function compileCodec(heap: RecordHome, layout: RecordLayout): RecordCodec | undefined {
  const writer = new CodecWriter(layout);
  return run<RecordCodec>(heap, layout, `return { ${writer.encode()}, ${writer.decode()} };`);
}

// ---- cursors ----

/**
 * Where the record lies now: `w[i]` is its header's first word. What the cursor found last holds while no region
 * was freed or released since and the record's ref still stands there; reading both costs less than going
 * through the handle table, whose entry would be another cache line.
 *
 * Not `if (...) return slowly()`: the two results would meet in a tagged value, and every double be boxed.
 */
function locate(root: string): string {
  return `const r = ${root}; let s = r.$slab, i = r.$word, w = i32[s];
    if (w[i] !== r.$ref || epoch[0] !== r.$epoch) { r.$find(); s = r.$slab; i = r.$word; w = i32[s]; }`;
}

/** The payload's first byte, as `load` wants it. */
const PLACE = `const at = (i << 2) + ${HEADER_BYTES};`;

/**
 * Types of up to 32 bits out of the word they lie in, doubles out of the slab's doubles: as few bytecodes as can
 * be, since V8 boxes what a getter returns unless it inlines it, and it inlines 920 bytecodes in all.
 */
function loadInPlace(field: Field): string | undefined {
  const index = (HEADER_BYTES + field.offset) >>> 2;
  const word = `w[i + ${index}]`;
  const shift = (field.offset & 3) * 8;
  switch (field.type) {
    case 'u32':
      return `${word} >>> 0`;
    case 'i32':
    case 'ref':
      return word;
    case 'u8':
      return `${word} >>> ${shift} & 0xff`;
    case 'i8':
      return `${word} << ${24 - shift} >> 24`;
    case 'u16':
      return `${word} >>> ${shift} & 0xffff`;
    case 'i16':
      return `${word} << ${16 - shift} >> 16`;
    case 'bool':
      return `(${word} & ${1 << shift}) !== 0`;
    case 'f64':
      return `f64[s][(i >>> 1) + ${index >>> 1}]`;
    default:
      return undefined;
  }
}

function isNullInPlace(bit: number): string {
  const at = nullWord(bit);
  return `(w[i + ${HEADER_BYTES / 4 + at.word}] & ${at.mask}) !== 0`;
}

/** `$at`, written out so that it is inlined and monomorphic where a loop walks over records. */
function goTo(heap: GenerationalHeap, tag: number): string {
  const { slabShift, slabMask, wordShift } = heap.memory;
  const { chunkShift, chunkMask } = heap.refTable;
  return `$at(ref) {
    const a = chunks[(ref & ${heap.slotMask}) >>> ${chunkShift}][ref & ${chunkMask}];
    if (a < 0 || epoch[1] !== 0) return this.$goSlowly(ref);
    const s = a >>> ${slabShift}, w = i32[s], i = (a & ${slabMask}) << ${wordShift};
    if (w[i] !== ref || (w[i + ${HEADER_BYTES / 4}] & ${TAG_MASK}) !== ${tag}) return this.$goSlowly(ref);
    this.$ref = ref; this.$slab = s; this.$word = i; this.$epoch = epoch[0];
    return this;
  }`;
}

/** `$load`: the double goes from the heap into the array, never through a value that a call returns. */
function loadNumber(layout: RecordLayout): string {
  const cases = numberFields(layout.root).map(({ path, field, nullBits }) => {
    const value = loadInPlace(field) ?? load(field, layout.fields.indexOf(field));
    const isNull = nullBits.map((bit) => `(${isNullInPlace(bit)}) || `).join('');
    const store =
      isNull === '' ? `into[n] = ${value};` : `into[n] = ${isNull.slice(0, -4)} ? NaN : ${value};`;
    return `case ${JSON.stringify(path)}: ${store} return;`;
  });
  return `$load(path, into, n = 0) {
    ${locate('this')} ${PLACE}
    switch (path) { ${cases.join('\n')} }
    throw this.$noNumber(path);
  }`;
}

function accessor(layout: RecordLayout, member: Field | Group, root: string): string {
  const name = JSON.stringify(nameOf(member));
  const here = locate(root);
  const orNullHere = (expression: string): string =>
    member.nullBit < 0 ? expression : `${isNullInPlace(member.nullBit)} ? null : ${expression}`;
  const generic = `${root}.$set(this.$members[${name}], v);`;
  if (isGroup(member)) {
    const nested = `this.$nested[${name}]`;
    const get = member.nullBit < 0 ? `return ${nested};` : `${here} return ${orNullHere(nested)};`;
    return `get ${name}() { ${get} } set ${name}(v) { ${generic} }`;
  }
  const index = layout.fields.indexOf(member);
  const inPlace = member.kind === 'scalar' ? loadInPlace(member) : undefined;
  const value = inPlace ?? load(member, index);
  const place = inPlace === undefined ? PLACE : '';
  const get = `get ${name}() { ${here} ${place} return ${orNullHere(value)}; }`;
  if (member.kind !== 'scalar' || member.nullBit >= 0) return `${get} set ${name}(v) { ${generic} }`;
  const type = member.type as StoredType;
  const check = `if (${misfit(type, 'v')}) throw wrongValue(fields[${index}], v);`;
  const stored = type === 'bool' ? 'v ? 1 : 0' : 'v';
  return `${get} set ${name}(v) { ${check} ${here} ${PLACE} ${element(type, member.offset)} = ${stored}; }`;
}

/**
 * A class with a getter and a setter for each member of `group`.
 *
 * @param base what it extends; `root` is the expression, in a method, for the record's own cursor.
 * @param tag the pool's, for the record's own cursor.
 * @returns undefined where code may not be made from strings.
 */
export function compileCursor<C extends typeof RecordCursor | CursorClass>(
  heap: GenerationalHeap,
  layout: RecordLayout,
  group: Group,
  base: C,
  root: 'this' | 'this.$root',
  tag?: number,
): C | undefined {
  // A byte's place in its word is the little-endian one.
  if (endianness() !== 'LE') return undefined;
  const accessors = group.members.map((member) => accessor(layout, member, root));
  if (tag !== undefined) accessors.push(goTo(heap, tag), loadNumber(layout));
  const make = run<(base: C) => C>(
    heap,
    layout,
    `return (Base) => class extends Base { ${accessors.join('\n')} };`,
  );
  return make?.(base);
}

export function run<T>(heap: RecordHome, layout: RecordLayout, body: string): T | undefined {
  const source = `'use strict'; const { ${KIT_NAMES} } = kit; const { ${ARRAYS} } = memory, { chunks } = heap.refTable;\n${body}`;
  try {
    return new Function('kit', source)(kitOf(heap, layout)) as T;
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
