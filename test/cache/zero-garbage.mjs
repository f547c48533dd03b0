// What sets leave on the JS heap, by kind of value: `node --expose-gc zero-garbage.mjs KIND MOST_BYTES`. Prints, for each
// round of half a million sets, by how many bytes the JS heap grew and how often it was collected; ends once a round leaves
// less than that. Keys and values are made beforehand, but for `fresh-keys`, where the program builds a
// key each time: that is its garbage.
import { GCProfiler } from 'node:v8';
import { ArenaCache } from '../../dist/cache/index.js';

const kind = process.argv[2];
const MOST_GROWN = Number(process.argv[3]);
const KEYS = 20_000;
/** A busy machine may compile late, and code that is not yet compiled boxes its numbers: rounds go on for so long. */
const PATIENCE_MS = 60_000;
const LEAST_ROUNDS = 3;

const values = {
  string: (i) => `value ${i} ${'x'.repeat(i % 200)}`,
  bytes: (i) => Buffer.alloc(i % 300, i),
  object: (i) => ({ id: i, name: `name ${i}`, score: i / 7, tags: ['a', `t${i % 50}`], ok: i % 2 === 0 }),
};
const make = values[kind] ?? values.object;
const codec = { string: 'string', bytes: 'bytes' }[kind] ?? 'structured';
// Most of the keys do not fit: sets evict, too. A few come all the time: sets write over them.
const cache = new ArenaCache({ codec, maxBytes: 2 ** 20 });
const keys = Array.from({ length: KEYS }, (_, i) => `key:${i}`);
const made = Array.from({ length: 1000 }, (_, i) => make(i));
const fresh = kind === 'fresh-keys' || kind === 'only-keys';
let length = 0;

function sets(count) {
  for (let i = 0; i < count; i++) {
    const n = i % 2 === 0 ? i % 500 : ((i >> 1) * 7919) % KEYS;
    const key = fresh ? `key:${n}` : keys[n];
    // Its characters: V8 would not build a string of which only the length is asked.
    if (kind === 'only-keys') length += key.charCodeAt(key.length - 1);
    else cache.set(key, made[i % 1000]);
  }
}

sets(1_000_000);
const rounds = [];
const untilMs = performance.now() + PATIENCE_MS;
let last;
do {
  globalThis.gc();
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  sets(500_000);
  const grown = process.memoryUsage().heapUsed - before;
  last = { grown, collections: profiler.stop().statistics.length };
  rounds.push(last);
} while (
  rounds.length < LEAST_ROUNDS ||
  ((last.collections > 0 || last.grown >= MOST_GROWN) && performance.now() < untilMs)
);
console.log(JSON.stringify({ rounds, evicted: cache.stats().evictions, length }));
