import { LRUCache } from 'lru-cache';
import { ArenaCache } from 'rolp/cache';
import { createMap, defineRecord, GenerationalHeap, Pool, type Ref } from 'rolp/heap';
import { seededRandom } from '../../src/base/random.js';

/** An operation to be repeated: what it needs is made before. */
export type Operation = () => unknown;

const ENTRIES = 100_000;
const BLOCK_BYTES = 64;
const MiB = 2 ** 20;

/** Numbers below `most`, drawn beforehand and gone through again and again. */
function drawn(most: number): () => number {
  const random = seededRandom(1);
  const numbers = Uint32Array.from({ length: 1 << 16 }, () => Math.floor(random() * most));
  let at = 0;
  return () => numbers[at++ & 0xffff]!;
}

const User = defineRecord({ id: 'u32', score: 'f64', name: 'string' }, 'User');
const user = (id: number): { id: number; score: number; name: string } => ({
  id,
  score: id / 3,
  name: `user number ${id}`,
});

const keyOf = (number: number): string => `key:${number}`;
const KEYS: readonly string[] = Array.from({ length: ENTRIES }, (_, i) => keyOf(i));

/** By group; the first of each is rolp's, the others are what one would use instead. */
export const OPERATIONS: Readonly<Record<string, Readonly<Record<string, () => Operation>>>> = {
  'allocate and free 64 bytes': {
    'rolp heap': () => {
      const heap = new GenerationalHeap({ maxBytes: 64 * MiB });
      return () => heap.free(heap.allocate(BLOCK_BYTES));
    },
    'Buffer.allocUnsafe': () => () => Buffer.allocUnsafe(BLOCK_BYTES),
    Uint8Array: () => () => new Uint8Array(BLOCK_BYTES),
  },
  'read a number of one of 100 k records': {
    'rolp Pool': () => {
      const pool = new Pool(User, { heap: new GenerationalHeap({ maxBytes: 64 * MiB }) });
      const refs = Array.from({ length: ENTRIES }, (_, i) => pool.create(user(i)));
      const next = drawn(ENTRIES);
      return () => pool.at(refs[next()] as Ref).id;
    },
    object: () => {
      const users = Array.from({ length: ENTRIES }, (_, i) => user(i));
      const next = drawn(ENTRIES);
      return () => users[next()]!.id;
    },
  },
  'get from a map of 100 k strings': {
    'rolp map': () => {
      const map = createMap(new GenerationalHeap({ maxBytes: 64 * MiB }), { keys: 'string', values: 'u32' });
      for (const [i, key] of KEYS.entries()) map.set(key, i);
      const next = drawn(ENTRIES);
      return () => map.get(keyOf(next()));
    },
    Map: () => {
      const map = new Map(KEYS.map((key, i) => [key, i]));
      const next = drawn(ENTRIES);
      return () => map.get(keyOf(next()));
    },
  },
  'set in a map of 100 k strings': {
    'rolp map': () => {
      const map = createMap(new GenerationalHeap({ maxBytes: 64 * MiB }), { keys: 'string', values: 'u32' });
      for (const [i, key] of KEYS.entries()) map.set(key, i);
      const next = drawn(ENTRIES);
      return () => map.set(keyOf(next()), 1);
    },
    Map: () => {
      const map = new Map(KEYS.map((key, i) => [key, i]));
      const next = drawn(ENTRIES);
      return () => map.set(keyOf(next()), 1);
    },
  },
  'get from a cache of 100 k objects': cacheOperations((cache, next) => () => cache.get(keyOf(next()))),
  'set in a cache of 100 k objects': cacheOperations((cache, next) => () => {
    const number = next();
    cache.set(keyOf(number), user(number));
  }),
};

interface Cache {
  get(key: string): unknown;
  set(key: string, value: object): unknown;
}

function cacheOperations(
  operation: (cache: Cache, next: () => number) => Operation,
): Record<string, () => Operation> {
  const filled = (cache: Cache): Operation => {
    for (let i = 0; i < ENTRIES; i++) cache.set(keyOf(i), user(i));
    return operation(cache, drawn(ENTRIES));
  };
  return {
    'rolp ArenaCache': () => filled(new ArenaCache<string, object>({ maxBytes: 64 * MiB, max: ENTRIES })),
    'lru-cache': () => filled(new LRUCache<string, object>({ max: ENTRIES })),
    'Map of JSON Buffers': () => {
      const map = new Map<string, Buffer>();
      return filled({
        get: (key) => {
          const found = map.get(key);
          return found === undefined ? undefined : JSON.parse(found.toString());
        },
        set: (key, value) => map.set(key, Buffer.from(JSON.stringify(value))),
      });
    },
  };
}
