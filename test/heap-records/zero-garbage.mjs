// Ten million reads of fixed fields a round, round after round until one leaves nothing. Prints, as JSON, by how many bytes
// the JS heap grew in the last round and how often V8 collected. Run with --expose-gc: zero-garbage.mjs HOW MOST_BYTES.
//
//   getters  the cursor's getters, doubles among them, in a function that V8 optimizes with the getters inlined
//   load     doubles by $load, small integers by getters: for code in which V8 inlines nothing
import { GCProfiler } from 'node:v8';
import { defineRecord, GenerationalHeap, Pool } from '../../dist/heap/index.js';

const MOST_GROWN = Number(process.argv[3]);
/** A machine under load compiles late, and code that is not yet compiled boxes its numbers: rounds go on for so long. */
const PATIENCE_MS = 60_000;

const Reading = defineRecord({ id: 'u32', score: 'f64', kind: 'u8', next: 'ref', ok: 'bool' });
const pool = new Pool(Reading, { heap: new GenerationalHeap({ maxBytes: 1 << 24 }) });
const refs = new Int32Array(1000);
for (let i = 0; i < refs.length; i++) {
  refs[i] = pool.create({ id: i, score: i / 3, kind: 1, next: 0, ok: true });
}
const cursor = pool.view(refs[0]);
// Sums are kept where no call has to return them: what a call that is not inlined returns is boxed, whoever made it.
const sums = new Float64Array(2);

/** Five reads of each record. Short, so that V8 optimizes the function as a whole rather than a loop that is running. */
function byGetters() {
  let sum = 0;
  for (let i = 0; i < refs.length; i++) {
    cursor.$at(refs[i]);
    sum += cursor.id + cursor.score + cursor.kind + cursor.next + (cursor.ok ? 1 : 0);
  }
  sums[0] += sum;
}

function byLoad() {
  for (let i = 0; i < refs.length; i++) {
    cursor.$at(refs[i]);
    cursor.$load('score', sums, 1);
    sums[0] += sums[1];
    sums[0] += cursor.id;
    sums[0] += cursor.kind;
    sums[0] += cursor.next;
    sums[0] += cursor.ok ? 1 : 0;
  }
}

function rounds(read, count) {
  for (let r = 0; r < count; r++) read();
}

const read = process.argv[2] === 'load' ? byLoad : byGetters;
rounds(read, 2000);
globalThis.gc();
const untilMs = performance.now() + PATIENCE_MS;
let last;
let tried = 0;
do {
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  rounds(read, 2000);
  const grown = process.memoryUsage().heapUsed - before;
  last = { grown, collections: profiler.stop().statistics.length, tried: ++tried };
} while ((last.collections > 0 || last.grown >= MOST_GROWN) && performance.now() < untilMs);
console.log(JSON.stringify({ ...last, sum: sums[0] }));
