import { StaleViewError } from '../errors.js';
import type { GenerationalHeap } from '../heap.js';
import { SlabMemory } from '../memory.js';
import { interpretedCodec, isGroup, nameOf, type RecordCodec, readField, type Target } from './codec.js';
import { compileCodec, type RecordHome, run, valueExpression } from './compile.js';
import { layOut, type RecordLayout } from './layout.js';
import type { RecordType, Schema } from './schema.js';

/*
 * Records that lie in blocks of somebody else's, as the cache's entries do: encoded to bytes beside the heap, read
 * in place by views.
 */

/** Bytes that grow as they are asked for. */
export interface ByteSink {
  readonly u8: Uint8Array;
  length: number;
  ensure(bytes: number): void;
}

/** Writes records of one type to the start of a sink. */
export class RecordEncoder {
  readonly #memory: SlabMemory = new SlabMemory(3, 28);
  readonly #codec: RecordCodec;
  readonly #target: Target;
  #sink: ByteSink | undefined;

  constructor(type: RecordType<Schema>) {
    const layout = layOut(type);
    const home: RecordHome = {
      memory: this.#memory,
      refTable: { chunks: [], chunkShift: 0, chunkMask: 0 },
    };
    this.#codec = compileCodec(home, layout) ?? interpretedCodec(layout, this.#memory);
    this.#target = { slab: 0, at: 0, place: (bytes) => this.#place(bytes) };
  }

  #place(bytes: number): void {
    const sink = this.#sink!;
    // Doubles are written whole.
    sink.ensure((bytes + 7) & ~7);
    const { buffer } = sink.u8;
    if (this.#memory.u8[0]?.buffer !== buffer) this.#memory.map(0, buffer, 0);
    // What lies between fields is written by nobody, and equal records shall have equal bytes.
    this.#memory.i32[0]!.fill(0, 0, (bytes + 3) >>> 2);
    sink.length = bytes;
  }

  /** @param sink an empty one. @throws TypeError, RangeError naming the field, and nothing is written. */
  encode(values: object, sink: ByteSink): void {
    this.#sink = sink;
    this.#codec.encode(values, this.#target, 0);
  }

  /** The plain object of the record in `bytes`. */
  decode(bytes: Uint8Array): object {
    this.#memory.map(0, new Uint8Array((bytes.length + 7) & ~7).buffer, 0);
    this.#memory.u8[0]!.set(bytes);
    return this.#codec.decode(0, 0);
  }
}

/** A record read in place. `$changes` is the owner's count of changes as of when the view was made. */
export class RecordView {
  readonly $slab: number;
  readonly $at: number;
  readonly $changes: number;
  /** A plain copy, which stays. @throws StaleViewError */
  declare readonly toJSON: () => object;

  constructor(slab: number, at: number, changes: number) {
    this.$slab = slab;
    this.$at = at;
    this.$changes = changes;
  }

  $stale(): never {
    throw new StaleViewError();
  }
}
type ViewClass = new (slab: number, at: number, changes: number) => RecordView;

/** What reads records of one type in blocks on a heap, at a multiple of 8 bytes. */
export interface RecordReader {
  /** A view. It throws StaleViewError once `changes[0]` is not what it was. */
  view(slab: number, at: number): RecordView;
  decode(slab: number, at: number): object;
}

/**
 * Makes a reader.
 *
 * @param changes element 0 is the owner's count of what may have moved or changed its records.
 * @param compile false walks the schema at each access, as happens where code may not be made from strings.
 */
export function recordReader(
  heap: GenerationalHeap,
  type: RecordType<Schema>,
  changes: Int32Array,
  compile: boolean = true,
): RecordReader {
  const layout = layOut(type);
  const codec = (compile ? compileCodec(heap, layout) : undefined) ?? interpretedCodec(layout, heap.memory);
  const View =
    (compile ? compiledView(heap, layout, changes) : undefined) ?? walkedView(heap, layout, changes);
  Object.defineProperty(View.prototype, 'toJSON', {
    value(this: RecordView): object {
      if (changes[0] !== this.$changes) this.$stale();
      return codec.decode(this.$slab, this.$at);
    },
  });
  return {
    view: (slab, at) => new View(slab, at, changes[0]!),
    decode: (slab, at) => codec.decode(slab, at),
  };
}

function compiledView(
  heap: GenerationalHeap,
  layout: RecordLayout,
  changes: Int32Array,
): ViewClass | undefined {
  const getters = layout.root.members.map(
    (member) => `get ${JSON.stringify(nameOf(member))}() {
      if (changes[0] !== this.$changes) this.$stale();
      const s = this.$slab, at = this.$at;
      return ${valueExpression(layout, member)};
    }`,
  );
  const body = `return (Base, changes) => class extends Base {
    constructor(slab, at, changes) { super(slab, at, changes); }
    ${getters.join('\n')}
  };`;
  const make = run<(base: ViewClass, changes: Int32Array) => ViewClass>(heap, layout, body);
  return make?.(RecordView, changes);
}

/** A view that walks the schema. */
function walkedView(heap: GenerationalHeap, layout: RecordLayout, changes: Int32Array): ViewClass {
  const View = class extends RecordView {};
  for (const member of layout.root.members) {
    const name = nameOf(member);
    Object.defineProperty(View.prototype, name, {
      get(this: RecordView): unknown {
        if (changes[0] !== this.$changes) this.$stale();
        if (isGroup(member)) return (this.toJSON() as Record<string, unknown>)[name];
        return readField(heap.memory, this.$slab, this.$at, member);
      },
    });
  }
  return View;
}
