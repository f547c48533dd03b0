import type { FieldKind, FieldNode, RecordType, Schema, StoredType } from './schema.js';

/**
 * How a record lies in its block's payload (a record is one block, so one ref, one life and one move):
 *
 *     word 0      the pool's tag:16 | null bits 0 to 15
 *     more words  further null bits, 32 each
 *     fixed part  scalars, each aligned to its size; for each variable field two words:
 *                 byte offset of its part in the payload, byte length:30 | encoding:2
 *     tail        the variable parts in the order of their fields
 *
 * A part's room reaches to the next part's offset, the last one's to the payload's end; so a value that fits
 * its room is updated in place, and no capacity is stored.
 */
export interface Field {
  readonly node: FieldNode;
  readonly path: string;
  readonly kind: FieldKind;
  readonly type: StoredType | 'string' | 'bytes';
  /** Number of its null bit, -1 if it may not be null. */
  readonly nullBit: number;
  /** Byte offset in the payload: of the scalar, or of the two words of a variable field. */
  readonly offset: number;
  /** Place among the variable fields, -1 for scalars. */
  readonly part: number;
  /** Alignment of a variable field's part. */
  readonly partAlign: number;
}

/** A nested record, or the record itself. */
export interface Group {
  readonly node: FieldNode | null;
  readonly name: string;
  readonly nullBit: number;
  readonly members: readonly (Field | Group)[];
}

export interface RecordLayout {
  readonly root: Group;
  /** All fields, nested ones too. */
  readonly fields: readonly Field[];
  /** Those of variable length, in the order of their parts. */
  readonly parts: readonly Field[];
  /** Words of tag and null bits. */
  readonly headWords: number;
  /** Bytes before the tail. */
  readonly fixedBytes: number;
}

/** A record's longest byte length: with it, all offsets in a slab fit 32 bits, and those in the record 31. */
export const MAX_RECORD_BYTES: number = 2 ** 31 - 8;

/** The error for a record of more than MAX_RECORD_BYTES. */
export function tooLong(name: string, bytes: number): RangeError {
  return new RangeError(`${name} takes ${bytes} bytes, more than ${MAX_RECORD_BYTES}`);
}

export const TAG_MASK = 0xffff;
/** Byte offset of a part's length word behind its offset word. */
export const LENGTH_WORD = 4;
export const TAG_BITS = 16;

const SIZE: Readonly<Record<StoredType, number>> = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  ref: 4,
  f64: 8,
  i64: 8,
  u64: 8,
};

/** Bytes of an element; of strings and bytes, of the words in their array's directory. */
export function sizeOf(type: Field['type']): number {
  return type === 'string' || type === 'bytes' ? 4 : SIZE[type];
}

interface Draft {
  node: FieldNode;
  nullBit: number;
  offset: number;
  bytes: number;
  align: number;
}

/** A field that is a JS number: where it lies, and the null bits of which any makes it none. */
export interface NumberField {
  /** From the record on: 'home.lat'. */
  readonly path: string;
  readonly field: Field;
  readonly nullBits: readonly number[];
}

/** The number fields of a record, nested ones too. */
export function numberFields(
  group: Group,
  prefix: string = '',
  nullBits: readonly number[] = [],
): NumberField[] {
  return group.members.flatMap((member): NumberField[] => {
    const bits = member.nullBit < 0 ? nullBits : [...nullBits, member.nullBit];
    if ('members' in member) return numberFields(member, `${prefix}${member.name}.`, bits);
    const isNumber = member.kind === 'scalar' && !['i64', 'u64', 'bool'].includes(member.type);
    return isNumber ? [{ path: prefix + member.node.name, field: member, nullBits: bits }] : [];
  });
}

/** Lays a record out. Pure: the same schema always lies the same way. */
export function layOut(record: RecordType<Schema>): RecordLayout {
  let nullBits = 0;
  const drafts = new Map<FieldNode, Draft>();
  const groupBits = new Map<FieldNode, number>();
  const visit = (node: FieldNode): void => {
    const nullBit = node.nullable ? nullBits++ : -1;
    if (node.kind === 'group') {
      groupBits.set(node, nullBit);
      for (const child of node.children) visit(child);
      return;
    }
    const bytes = node.kind === 'scalar' ? SIZE[node.type as StoredType] : 8;
    drafts.set(node, { node, nullBit, offset: 0, bytes, align: node.kind === 'scalar' ? bytes : 4 });
  };
  for (const node of record.fields) visit(node);
  const headWords = 1 + Math.ceil(Math.max(0, nullBits - TAG_BITS) / 32);
  const fixedBytes = placeFixed([...drafts.values()], headWords * 4);

  const fields: Field[] = [];
  const parts: Field[] = [];
  const finish = (node: FieldNode): Field | Group => {
    if (node.kind === 'group') {
      return { node, name: node.name, nullBit: groupBits.get(node)!, members: node.children.map(finish) };
    }
    const { nullBit, offset } = drafts.get(node)!;
    const variable = node.kind !== 'scalar';
    const field: Field = {
      node,
      path: node.path,
      kind: node.kind,
      type: node.type,
      nullBit,
      offset,
      part: variable ? parts.length : -1,
      partAlign: node.kind === 'array' ? sizeOf(node.type) : 1,
    };
    fields.push(field);
    if (variable) parts.push(field);
    return field;
  };
  const root: Group = { node: null, name: record.name, nullBit: -1, members: record.fields.map(finish) };
  return { root, fields, parts, headWords, fixedBytes };
}

/** Gives each field the first offset, largest alignment first, so that gaps are filled by smaller ones. */
function placeFixed(drafts: Draft[], start: number): number {
  const left = [...drafts].sort((a, b) => b.align - a.align);
  let at = start;
  while (left.length > 0) {
    const next = left.findIndex((draft) => at % draft.align === 0);
    if (next === -1) {
      at++;
      continue;
    }
    const [draft] = left.splice(next, 1);
    draft!.offset = at;
    at += draft!.bytes;
  }
  return (at + 3) & ~3;
}

/** Index of the 32-bit word, from the payload's start, that holds null bit `bit`, and its mask there. */
export function nullWord(bit: number): { word: number; mask: number } {
  const position = bit + TAG_BITS;
  return { word: position >>> 5, mask: 1 << (position & 31) };
}
