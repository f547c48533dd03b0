// What a set leaves on the JS heap, by kind of value: `node --expose-gc zero-garbage.mjs KIND MOST_BYTES`. A round measures by
// how much the JS heap grows in some sets and in four times as many: what code that is compiled meanwhile leaves does not grow
// with them, and what one window alone is hit by is gone from the median of rounds. Prints the bytes a set of the last rounds;
// ends once their median is less than MOST_BYTES. Keys and values are made beforehand, but for `fresh-keys`, where the program
// builds a key each time: that is its garbage.
import { GCProfiler } from 'node:v8';
import { ArenaCache } from '../../dist/cache/index.js';

const kind = process.argv[2];
const MOST_BYTES = Number(process.argv[3]);
const KEYS = 20_000;
/** A busy machine may compile late, and code that is not yet compiled boxes its numbers: rounds go on for so long. */
const PATIENCE_MS = 60_000;
const ROUNDS = 5;
const SETS = 100_000;

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

/** Bytes by which the JS heap grows in so many sets; NaN if it was collected meanwhile. */
function grownBy(count) {
  globalThis.gc();
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  sets(count);
  const grown = process.memoryUsage().heapUsed - before;
  return profiler.stop().statistics.length > 0 ? Number.NaN : grown;
}

function median(figures) {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1];
}

sets(1_000_000);
let perSet = [];
const untilMs = performance.now() + PATIENCE_MS;
do {
  const few = grownBy(SETS);
  const figure = (grownBy(4 * SETS) - few) / (3 * SETS);
  if (!Number.isNaN(figure)) perSet = [...perSet, figure].slice(-ROUNDS);
} while ((perSet.length < ROUNDS || !(median(perSet) < MOST_BYTES)) && performance.now() < untilMs);
console.log(JSON.stringify({ perSet, evicted: cache.stats().evictions, length }));
