import type { SlabMemory } from '../memory.js';
import {
  type Field,
  type Group,
  LENGTH_WORD,
  MAX_RECORD_BYTES,
  nullWord,
  type RecordLayout,
  tooLong,
} from './layout.js';
import { detached, measurePart, readPart, writePart } from './parts.js';
import { fits, readScalar, writeScalar, wrongGroup, wrongValue } from './scalars.js';
import type { StoredType } from './schema.js';

/** Where an encoded record goes. `place` finds room; it may move everything that lies on the heap. */
export interface Target {
  /** The slab, and the byte offset in it, of the room found: a multiple of 8. */
  slab: number;
  at: number;
  place(bytes: number): void;
}

/**
 * Records as bytes: what pools store them with, and anyone else who has room of their own for them. Two
 * implementations do the same: code written for the schema (compile.ts), and this one, which walks it.
 */
export interface RecordCodec {
  /**
   * Checks `values`, asks `target` for room once, and writes.
   *
   * @param tag 16 bits of the caller's, kept with the record.
   * @throws TypeError, RangeError naming record and field, before `target` is asked.
   */
  encode(values: object, target: Target, tag: number): void;
  /** The plain object of the record at byte `at` of slab `slab`. */
  decode(slab: number, at: number): object;
}

/** A value for a field, checked and measured. */
export interface Change {
  readonly field: Field;
  /** null: the field becomes null, or its nested record is. */
  readonly value: unknown;
  /** Of a part; 0 for null and for scalars. */
  readonly measure: number;
}

/** What is to be written: fields, and null bits with their new state. */
export interface Changes {
  readonly fields: Change[];
  readonly nulls: { readonly bit: number; readonly isNull: boolean }[];
}

export function isGroup(member: Field | Group): member is Group {
  return 'members' in member;
}

/** What `collect` must know of the record that is changed, or that there is none yet. */
export interface Before {
  readonly memory: SlabMemory;
  /** Whether null bit `bit` is set now: what is given for a nested record that was null must be whole. */
  isNull(bit: number): boolean;
}

/**
 * Checks and measures the members of `group` given in `values`.
 *
 * @param isWhole whether what is left out counts as null (an error if it may not be), else it stays.
 * @throws TypeError, RangeError naming the field.
 */
export function collect(
  group: Group,
  values: unknown,
  isWhole: boolean,
  before: Before,
  into: Changes,
): void {
  if (typeof values !== 'object' || values === null) {
    throw wrongGroup(group.node?.path ?? group.name, values);
  }
  for (const member of group.members) {
    const value = (values as Record<string, unknown>)[nameOf(member)];
    if (value !== undefined || isWhole) collectMember(member, value, isWhole, before, into);
  }
}

export function nameOf(member: Field | Group): string {
  return isGroup(member) ? member.name : member.node.name;
}

/** Checks and measures one member. */
export function collectMember(
  member: Field | Group,
  given: unknown,
  isWhole: boolean,
  before: Before,
  into: Changes,
): void {
  if (member.nullBit >= 0 && (given === undefined || given === null)) {
    setNull(member, into);
    return;
  }
  if (member.nullBit >= 0) into.nulls.push({ bit: member.nullBit, isNull: false });
  if (isGroup(member)) {
    const isNew = isWhole || (member.nullBit >= 0 && before.isNull(member.nullBit));
    collect(member, given, isNew, before, into);
    return;
  }
  if (member.kind === 'scalar' && !fits(member.type, given)) throw wrongValue(member, given);
  const value = member.kind === 'scalar' ? given : detached(before.memory, given);
  const measure = member.kind === 'scalar' ? 0 : measurePart(member, value);
  into.fields.push({ field: member, value, measure });
}

/** Nulls a member; what lies in a null nested record is cleared, so that its parts hold no room. */
function setNull(member: Field | Group, into: Changes): void {
  if (member.nullBit >= 0) into.nulls.push({ bit: member.nullBit, isNull: true });
  if (!isGroup(member)) into.fields.push({ field: member, value: null, measure: 0 });
  else for (const inner of member.members) setNull(inner, into);
}

/** `at`, or the next multiple of `align`, a power of two. Right past 31 bits, too. */
export function alignUp(at: number, align: number): number {
  return at + (-at & (align - 1));
}

export function writeNulls(memory: SlabMemory, slab: number, at: number, changes: Changes): void {
  const i32 = memory.i32[slab]!;
  for (const { bit, isNull } of changes.nulls) {
    const { word, mask } = nullWord(bit);
    if (isNull) i32[(at >>> 2) + word]! |= mask;
    else i32[(at >>> 2) + word]! &= ~mask;
  }
}

export function writeScalarChange(memory: SlabMemory, slab: number, at: number, change: Change): void {
  const type = change.field.type as StoredType;
  const zero = type === 'i64' || type === 'u64' ? 0n : 0;
  writeScalar(memory, slab, at + change.field.offset, type, change.value ?? zero);
}

export function isNullAt(memory: SlabMemory, slab: number, at: number, bit: number): boolean {
  const { word, mask } = nullWord(bit);
  return (memory.i32[slab]![(at >>> 2) + word]! & mask) !== 0;
}

/** The value of one field of the record at byte `at`; null if it is, or if its nested record is. */
export function readField(memory: SlabMemory, slab: number, at: number, field: Field): unknown {
  if (field.nullBit >= 0 && isNullAt(memory, slab, at, field.nullBit)) return null;
  if (field.kind === 'scalar') return readScalar(memory, slab, at + field.offset, field.type as StoredType);
  const u32 = memory.u32[slab]!;
  const word = (at + field.offset) >>> 2;
  return readPart(memory, slab, at + u32[word]!, field, u32[word + (LENGTH_WORD >>> 2)]!);
}

/** The codec that walks the schema: for where code may not be made from strings. */
export function interpretedCodec(layout: RecordLayout, memory: SlabMemory): RecordCodec {
  const decodeGroup = (group: Group, slab: number, at: number): object => {
    const values: Record<string, unknown> = {};
    for (const member of group.members) {
      if (!isGroup(member)) values[member.node.name] = readField(memory, slab, at, member);
      else if (member.nullBit >= 0 && isNullAt(memory, slab, at, member.nullBit)) values[member.name] = null;
      else values[member.name] = decodeGroup(member, slab, at);
    }
    return values;
  };
  return {
    encode(values: object, target: Target, tag: number): void {
      const changes: Changes = { fields: [], nulls: [] };
      collect(layout.root, values, true, { memory, isNull: () => true }, changes);
      let bytes = layout.fixedBytes;
      for (const { field, measure } of changes.fields) {
        if (field.part >= 0) bytes = alignUp(bytes, field.partAlign) + (measure >>> 2);
      }
      if (bytes > MAX_RECORD_BYTES) throw tooLong(layout.root.name, bytes);
      target.place(bytes);
      const { slab, at } = target;
      memory.i32[slab]!.fill(0, at >>> 2, (at >>> 2) + layout.headWords);
      memory.i32[slab]![at >>> 2] = tag;
      let tail = layout.fixedBytes;
      for (const change of changes.fields) {
        if (change.field.part < 0) writeScalarChange(memory, slab, at, change);
        else tail = appendPart(memory, slab, at, change, tail);
      }
      writeNulls(memory, slab, at, changes);
    },
    decode: (slab: number, at: number): object => decodeGroup(layout.root, slab, at),
  };
}

/** Writes a part at the first fit offset from `tail` on. @returns the offset behind it. */
function appendPart(memory: SlabMemory, slab: number, at: number, change: Change, tail: number): number {
  const { field, value, measure } = change;
  const offset = alignUp(tail, field.partAlign);
  setPart(memory, slab, at, field, offset, measure);
  if (value !== null) writePart(memory, slab, at + offset, field, value, measure);
  return offset + (measure >>> 2);
}

export function setPart(
  memory: SlabMemory,
  slab: number,
  at: number,
  field: Field,
  offset: number,
  measure: number,
): void {
  const word = (at + field.offset) >>> 2;
  memory.u32[slab]![word] = offset;
  memory.u32[slab]![word + (LENGTH_WORD >>> 2)] = measure;
}
