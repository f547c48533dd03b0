// Ten million reads of fixed fields, as JSON: how much the JS heap grew and how many collections there were, in the best
// of six rounds (a machine under load compiles late). Run with --expose-gc.
//
//   getters  the cursor's getters, doubles among them, in a function that V8 optimizes with the getters inlined
//   load     doubles by $load, small integers by getters: for code in which V8 inlines nothing
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineRecord, GenerationalHeap, Pool } from '../../dist/heap/index.js';

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
let scavenges = 0;
new PerformanceObserver((list) => {
  scavenges += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });
await sleep(20);
globalThis.gc();
await sleep(20);
let best = { grown: Number.POSITIVE_INFINITY, scavenges: Number.POSITIVE_INFINITY };
for (let round = 0; round < 6 && best.scavenges > 0; round++) {
  scavenges = 0;
  const before = process.memoryUsage().heapUsed;
  rounds(read, 2000);
  const grown = process.memoryUsage().heapUsed - before;
  await sleep(20);
  if (scavenges < best.scavenges) best = { grown, scavenges };
}
console.log(JSON.stringify({ ...best, sum: sums[0] }));
