import { seededRandom } from '../../src/base/random.js';
import { invertibleHash, Latest, ScrambledZipfian, Zipfian } from '../common/index.js';
import { readLatin1 } from './text.js';

/** YCSB's row: ten fields of a hundred printable characters. A write sets one of them, a read wants all. */
export const FIELDS = 10;
export const FIELD_LENGTH = 100;

/** 'user' and ten digits, as YCSB's keys are, but shorter by the digits that 32 bits do not need. */
const KEY_LENGTH = 14;
const POOL_LENGTH = 1 << 20;

/** The papers' mixes: write-intensive, write-read, read-intensive; hot keys scattered unless told otherwise. */
const MIXES: Record<string, { reads: number; keys: 'scrambled' | 'zipfian' | 'latest' }> = {
  WI: { reads: 0.25, keys: 'scrambled' },
  WR: { reads: 0.5, keys: 'scrambled' },
  RI: { reads: 0.75, keys: 'scrambled' },
  'WR-zipfian': { reads: 0.5, keys: 'zipfian' },
  'WR-latest': { reads: 0.5, keys: 'latest' },
};

export const MIX_NAMES: readonly string[] = Object.keys(MIXES);

/** The stream of reads and writes, in typed arrays. */
export class Requests {
  /** Rows that `load` inserts: records 0 to rows - 1. */
  readonly rows: number;
  readonly streamOps: number;
  readonly #records: Uint32Array;
  /** The field written, or FIELDS for a read. */
  readonly #fields: Uint8Array;
  readonly #valueAt: Uint32Array;
  readonly #pool: Buffer;
  readonly #keys: Buffer;

  /** @throws RangeError for a mix that is none of MIX_NAMES. */
  constructor(rows: number, streamOps: number, seed: number, mixName: string) {
    const mix = MIXES[mixName];
    if (mix === undefined)
      throw new RangeError(`cassandra has no mix '${mixName}', it has ${MIX_NAMES.join(', ')}`);
    this.rows = rows;
    this.streamOps = streamOps;
    const random = seededRandom(seed);
    this.#pool = Buffer.from(Uint8Array.from({ length: POOL_LENGTH }, () => 32 + Math.floor(random() * 95)));
    this.#keys = Buffer.alloc(rows * KEY_LENGTH);
    for (let record = 0; record < rows; record++) {
      const token = invertibleHash(record).toString().padStart(10, '0');
      this.#keys.write(`user${token}`, record * KEY_LENGTH, 'latin1');
    }
    const generator =
      mix.keys === 'scrambled'
        ? new ScrambledZipfian(rows, random)
        : mix.keys === 'zipfian'
          ? new Zipfian(rows, random)
          : new Latest(rows, random);
    this.#records = Uint32Array.from({ length: streamOps }, () => generator.next());
    this.#fields = Uint8Array.from({ length: streamOps }, () =>
      random() < mix.reads ? FIELDS : Math.floor(random() * FIELDS),
    );
    this.#valueAt = Uint32Array.from({ length: streamOps }, () =>
      Math.floor(random() * (POOL_LENGTH - FIELD_LENGTH)),
    );
  }

  /** @returns the field that operation `op` writes, or FIELDS if it reads. */
  field(op: number): number {
    return this.#fields[op % this.streamOps]!;
  }

  /** The row's key: a fresh string, as it comes out of a socket. */
  key(op: number): string {
    return this.recordKey(this.#records[op % this.streamOps]!);
  }

  recordKey(record: number): string {
    return readLatin1(this.#keys, record * KEY_LENGTH, KEY_LENGTH);
  }

  /** The value that operation `op` writes. Each time round, the stream's values are others. */
  value(op: number): string {
    const round = Math.floor(op / this.streamOps);
    return this.#valueFrom(
      (this.#valueAt[op % this.streamOps]! + round * 7919) % (POOL_LENGTH - FIELD_LENGTH),
    );
  }

  /** The value that `load` inserts. */
  firstValue(record: number, field: number): string {
    return this.#valueFrom(invertibleHash(record * FIELDS + field) % (POOL_LENGTH - FIELD_LENGTH));
  }

  #valueFrom(at: number): string {
    return readLatin1(this.#pool, at, FIELD_LENGTH);
  }

  get bytes(): number {
    return 9 * this.streamOps + this.#pool.length + this.#keys.length;
  }
}

/**
 * The number in a key. It is unique by construction (an invertible hash of the record's number) and, being
 * of fixed width, sorts as its key does: Cassandra's token.
 */
export function tokenOf(key: string): number {
  let token = 0;
  for (let at = 4; at < key.length; at++) token = token * 10 + key.charCodeAt(at) - 48;
  return token;
}
