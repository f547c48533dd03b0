// Ten million pairs through calls that V8 does not inline, round after round until one leaves nothing. Run with
// --expose-gc --no-turbo-inlining (and --no-maglev-inlining where there is such a flag): prints, as JSON, by how many
// bytes the JS heap grew in each round, how often V8 collected, and how many slabs came.
//
// What grows: about half a megabyte once, while V8 compiles and recompiles the pair (feedback and code, most of it
// in the first five million pairs, which therefore warm up; a full GC takes nearly all of it back), and then some
// 10 bytes per thousand pairs: doubles that V8 boxes in code that runs once a heap cycle and stays unoptimised.
import { GCProfiler } from 'node:v8';
import { GenerationalHeap } from '../../dist/heap/index.js';

const MOST_GROWN = Number(process.argv[2]);
/** A machine under load compiles late, and code that is not yet compiled leaves garbage: rounds go on for so long. */
const PATIENCE_MS = 60_000;

// Slabs stay: giving one back and taking another is no garbage, but makes V8 collect ("external memory pressure"), and
// when that happens depends on how much of its own work the heap gets done in its time.
const heap = new GenerationalHeap({ maxBytes: 64 * 2 ** 20, shrinkAfterCycles: 1e9 });
const site = heap.site('a');
const ring = new Int32Array(1000);

function pair(i) {
  const ref = heap.allocate(64 + (i & 63), 1 + (i & 3), site);
  const slot = i % 1000;
  if (ring[slot] !== 0) heap.free(ring[slot]);
  ring[slot] = ref;
}

function pairs(count) {
  for (let i = 0; i < count; i++) pair(i);
}

pairs(5_000_000);
globalThis.gc();
const slabs = heap.stats().slabs.grown;
const rounds = [];
const untilMs = performance.now() + PATIENCE_MS;
let last;
do {
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  pairs(10_000_000);
  const grown = process.memoryUsage().heapUsed - before;
  last = { grown, collections: profiler.stop().statistics.length };
  rounds.push(last);
} while ((last.collections > 0 || last.grown >= MOST_GROWN) && performance.now() < untilMs);
console.log(JSON.stringify({ rounds, slabs: heap.stats().slabs.grown - slabs }));
