import type { GenerationalHeap } from '../heap.js';
import type { Ref } from '../types.js';
import { alignUp, type Change, type Changes, setPart, writeNulls, writeScalarChange } from './codec.js';
import { type Field, LENGTH_WORD, MAX_RECORD_BYTES, type RecordLayout, tooLong } from './layout.js';
import { writePart } from './parts.js';

/** Most bytes of unchanged parts that are kept for the next rebuild; a longer buffer is dropped after use. */
const KEPT_SCRATCH_BYTES = 1 << 16;
let scratch: Uint8Array = new Uint8Array(1024);

/**
 * Changes fields of a record in its block. A part that fits its room is written there; else the tail is
 * rebuilt, in a longer block if it must be: `heap.resize` keeps the ref, so one record stays one block and
 * lives, moves and dies as one. Growing leaves half the tail's length as room for the next growth.
 *
 * @throws HeapFullError before anything is touched.
 */
export function applyChanges(heap: GenerationalHeap, layout: RecordLayout, ref: Ref, changes: Changes): void {
  const { memory } = heap;
  let address = heap.addressOf(ref);
  let at = heap.payloadAt(address);
  let slab = address >>> memory.slabShift;
  const u32 = memory.u32[slab]!;
  const payload = heap.byteLengthAt(address);
  const rebuilds = changes.fields.some(
    ({ field, measure }) => field.part >= 0 && measure >>> 2 > roomOf(u32, at, layout, field, payload),
  );
  if (rebuilds) {
    const changed = new Map<Field, Change>();
    for (const change of changes.fields) if (change.field.part >= 0) changed.set(change.field, change);
    const measures = layout.parts.map(
      (field) => changed.get(field)?.measure ?? u32[(at + field.offset + LENGTH_WORD) >>> 2]!,
    );
    const needed = tailEnd(layout, measures);
    if (needed > MAX_RECORD_BYTES) throw tooLong(layout.root.name, needed);
    if (needed > payload) {
      heap.resize(ref, needed + ((needed - layout.fixedBytes) >>> 1));
      address = heap.addressOf(ref);
      at = heap.payloadAt(address);
      slab = address >>> memory.slabShift;
    }
    rebuildTail(heap, layout, slab, at, measures, changed, heap.byteLengthAt(address) - needed);
  } else {
    for (const { field, value, measure } of changes.fields) {
      if (field.part < 0) continue;
      const word = (at + field.offset) >>> 2;
      u32[word + 1] = measure;
      if (value !== null) writePart(memory, slab, at + u32[word]!, field, value, measure);
    }
  }
  for (const change of changes.fields) if (change.field.part < 0) writeScalarChange(memory, slab, at, change);
  writeNulls(memory, slab, at, changes);
}

/** Bytes that a part may take where it lies. */
function roomOf(u32: Uint32Array, at: number, layout: RecordLayout, field: Field, payload: number): number {
  const next = layout.parts[field.part + 1];
  const end = next === undefined ? payload : u32[(at + next.offset) >>> 2]!;
  return end - u32[(at + field.offset) >>> 2]!;
}

function tailEnd(layout: RecordLayout, measures: readonly number[]): number {
  let tail = layout.fixedBytes;
  for (const [i, measure] of measures.entries()) {
    tail = alignUp(tail, layout.parts[i]!.partAlign) + (measure >>> 2);
  }
  return tail;
}

/** Lays all parts anew, in order; `spare` bytes become room behind the first changed part. */
function rebuildTail(
  heap: GenerationalHeap,
  layout: RecordLayout,
  slab: number,
  at: number,
  measures: readonly number[],
  changed: ReadonlyMap<Field, Change>,
  spare: number,
): void {
  const { memory } = heap;
  const u8 = memory.u8[slab]!;
  const u32 = memory.u32[slab]!;
  const start = at + layout.fixedBytes;
  const old = saved(u8, start, lastByte(u32, at, layout) - layout.fixedBytes);
  let tail = layout.fixedBytes;
  // Rounded down to 8, so that the alignment of what follows stays as it was measured.
  let room = spare & -8;
  for (const [i, field] of layout.parts.entries()) {
    const offset = alignUp(tail, field.partAlign);
    const measure = measures[i]!;
    const bytes = measure >>> 2;
    const change = changed.get(field);
    if (change === undefined) {
      const from = u32[(at + field.offset) >>> 2]! - layout.fixedBytes;
      u8.set(old.subarray(from, from + bytes), at + offset);
    } else if (change.value !== null) {
      writePart(memory, slab, at + offset, field, change.value, measure);
    }
    setPart(memory, slab, at, field, offset, measure);
    tail = offset + bytes;
    if (change !== undefined && change.value !== null) {
      tail += room;
      room = 0;
    }
  }
}

/** Offset behind the last byte in use. */
function lastByte(u32: Uint32Array, at: number, layout: RecordLayout): number {
  const field = layout.parts[layout.parts.length - 1]!;
  const word = (at + field.offset) >>> 2;
  return u32[word]! + (u32[word + 1]! >>> 2);
}

/** A copy of the old tail, since parts may move either way over each other. */
function saved(u8: Uint8Array, from: number, bytes: number): Uint8Array {
  let into = scratch;
  if (bytes > into.length) into = new Uint8Array(bytes);
  if (into.length <= KEPT_SCRATCH_BYTES) scratch = into;
  into.set(u8.subarray(from, from + bytes));
  return into;
}
