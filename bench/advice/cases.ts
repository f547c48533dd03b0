/**
 * Programs that keep something in V8's heap, and the same with that something moved out of it. Both make the objects and the
 * same garbage beside them; the moved one then keeps bytes. Nothing here reads back: advice speaks of what keeping costs.
 */
import { LRUCache } from 'lru-cache';
import { ArenaCache } from 'rolp/cache';
import { createMap, defineRecord, GenerationalHeap, Pool, type Ref } from 'rolp/heap';

export type Step = (i: number) => void;

export interface AdviceCase {
  readonly kept: (live: number) => Step;
  readonly moved: (live: number) => Step;
}

const MIB = 2 ** 20;
const cacheOf = (): ArenaCache<number, unknown> => new ArenaCache({ maxBytes: 256 * MIB }) as never;

class Session {
  readonly id: number;
  readonly user: string;
  readonly score: number;
  readonly seen: number;

  constructor(i: number) {
    this.id = i;
    this.user = `user ${i}`;
    this.score = i * 1.5;
    this.seen = i;
  }
}

const makeSession = (i: number): Session => new Session(i);
const makeText = (i: number): string => `a line of text, number ${i}, of some length, and ${i * 7} more`;
const makeJson = (i: number): string =>
  `{"id":${i},"name":"n${i}","tags":["a${i}","b"],"at":{"x":${i},"y":2}}`;

/** Keeps the newest `live` in a Map. */
function inMap<T>(live: number, make: (i: number) => T): Step {
  const map = new Map<number, T>();
  return (i) => {
    map.set(i, make(i));
    map.delete(i - live);
  };
}

/** Keeps the newest `live` in a ring. */
function inRing<T>(live: number, make: (i: number) => T): Step {
  const ring: T[] = new Array(live);
  return (i) => {
    ring[i % live] = make(i);
  };
}

function inArena(live: number, make: (i: number) => unknown): Step {
  const cache = cacheOf();
  return (i) => {
    cache.set(i, make(i));
    cache.delete(i - live);
  };
}

function inPool(live: number): Step {
  const heap = new GenerationalHeap({ maxBytes: 256 * MIB });
  const shape = defineRecord({ id: 'u32', user: 'string', score: 'f64', seen: 'u32' }, 'Session');
  const pool = new Pool(shape, { heap, site: 'sessions' });
  const ring: Ref[] = new Array(live).fill(0);
  return (i) => {
    const at = i % live;
    if (i >= live) pool.free(ring[at] as never);
    ring[at] = pool.create({ ...makeSession(i) }) as never;
  };
}

function inNumberMap(live: number): Step {
  const heap = new GenerationalHeap({ maxBytes: 128 * MIB });
  const map = createMap(heap, { keys: 'number', values: 'f64' });
  return (i) => {
    map.set(i, i * 1.5);
    map.delete(i - live);
  };
}

function inLru(live: number, make: (i: number) => object): Step {
  const cache = new LRUCache<number, object>({ max: live });
  return (i) => {
    cache.set(i, make(i));
  };
}

/** A fresh box for each number, as V8 makes one for a double that is kept. */
const makeBox = (i: number): { value: number } => ({ value: i * 1.5 });

export const CASES: Readonly<Record<string, AdviceCase>> = {
  'class instances in a Map': {
    kept: (live) => inMap(live, makeSession),
    moved: (live) => inArena(live, (i) => ({ ...makeSession(i) })),
  },
  'parsed JSON in a Map': {
    kept: (live) => inMap(live, (i) => JSON.parse(makeJson(i)) as unknown),
    moved: (live) => inArena(live, (i) => JSON.parse(makeJson(i))),
  },
  'text in a ring': { kept: (live) => inRing(live, makeText), moved: (live) => inArena(live, makeText) },
  'sessions in a ring': { kept: (live) => inRing(live, makeSession), moved: inPool },
  'objects in lru-cache': {
    kept: (live) => inLru(live, makeSession),
    moved: (live) => inArena(live, (i) => ({ ...makeSession(i) })),
  },
  'numbers in a Map': { kept: (live) => inMap(live, makeBox), moved: inNumberMap },
};
