/** Keys and values of the cells, made anew for each operation as a service's own would be. */
import { seededRandom } from '../../src/base/random.js';
import { invertibleHash, Zipfian } from '../../workloads/common/ycsb.js';
import type { Cell, ValueKind } from './spec.js';

export interface Entry {
  id: number;
  name: string;
  score: number;
  tags: string[];
  ts: number;
}

export type Value = Entry | string | Buffer;

const STRING_BYTES = 1024;
const BUFFER_BYTES = 4096;
/** Bytes that strings and buffers are cut from, each from another place. */
const text: Buffer = Buffer.from(Array.from({ length: 1 << 16 }, (_, i) => 97 + ((i * i + (i >> 3)) % 26)));

export function entry(id: number): Entry {
  const h = invertibleHash(id);
  return { id, name: `user-${h}`, score: h / 7, tags: [`tag${h % 50}`, `t${h % 7}`], ts: 1.7e12 + h };
}

function cut(id: number, bytes: number): number {
  return invertibleHash(id) % (text.length - bytes);
}

const MAKERS: Readonly<Record<ValueKind, (id: number) => Value>> = {
  object: entry,
  // Through bytes, so that it is a string of its own and no slice of another.
  string: (id) => text.toString('latin1', cut(id, STRING_BYTES), cut(id, STRING_BYTES) + STRING_BYTES),
  buffer: (id) => {
    const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
    text.copy(buffer, 0, cut(id, BUFFER_BYTES), cut(id, BUFFER_BYTES) + BUFFER_BYTES);
    return buffer;
  },
};

export function valueMaker(kind: ValueKind): (id: number) => Value {
  return MAKERS[kind];
}

/** Rough bytes of a value with its key and what a cache adds: for bounds that nothing reaches. */
export const ROOMY_BYTES: Readonly<Record<ValueKind, number>> = { object: 300, string: 1400, buffer: 4800 };

/** What a read-modify-write stores. */
export function changed(old: Value): Value {
  if (typeof old === 'string') return old;
  if (old instanceof Uint8Array) {
    const copy = Buffer.allocUnsafeSlow(old.length);
    copy.set(old);
    copy[0]!++;
    return copy;
  }
  // A view's fields are not its own.
  const { id, name, score, tags, ts } = old;
  return { id, name, score: score + 1, tags, ts };
}

const DRAWS = 1 << 20;

/** Key numbers drawn beforehand, so that the generator's time is nobody's; `next` goes round them. */
export class Draws {
  readonly #ids: Int32Array = new Int32Array(DRAWS);
  readonly #writes: Uint8Array = new Uint8Array(DRAWS);
  readonly #interned: readonly string[] | undefined;
  #at: number = 0;

  constructor({ entries, distribution, keys }: Cell) {
    const random = seededRandom(7);
    const zipf = distribution === 'zipfian' ? new Zipfian(entries, random) : undefined;
    const draw = (): number =>
      zipf === undefined ? Math.floor(random() * entries) : invertibleHash(zipf.next()) % entries;
    for (let i = 0; i < DRAWS; i++) {
      this.#ids[i] = draw();
      this.#writes[i] = Math.floor(random() * 256);
    }
    if (keys === 'interned') this.#interned = Array.from({ length: entries }, (_, id) => keyOf(id));
  }

  /** Goes to the next draw. @returns whether it is a write, `share` of 1 being all. */
  next(share: number): boolean {
    this.#at = (this.#at + 1) & (DRAWS - 1);
    return this.#writes[this.#at]! < share * 256;
  }

  get id(): number {
    return this.#ids[this.#at]!;
  }

  get key(): string {
    const id = this.id;
    return this.#interned === undefined ? keyOf(id) : this.#interned[id]!;
  }
}

export function keyOf(id: number): string {
  return `user:${id}`;
}
