// Ten million pairs through calls that V8 does not inline. Run with --expose-gc --trace-gc --no-turbo-inlining
// (and --no-maglev-inlining where there is such a flag): prints the growth of the JS heap and of the slabs; the parent
// counts the collections in between.
//
// What grows: about half a megabyte once, while V8 compiles and recompiles the pair (feedback and code, most of it
// in the first five million pairs, which therefore warm up; a full GC takes nearly all of it back), and then some
// 10 bytes per thousand pairs: doubles that V8 boxes in code that runs once a heap cycle and stays unoptimised.
import { GenerationalHeap } from '../../dist/heap/index.js';

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
// A machine under load compiles late, and compiling leaves garbage: the best of a few rounds counts.
for (let round = 0; round < 4; round++) {
  const before = process.memoryUsage().heapUsed;
  process._rawDebug('BEGIN');
  pairs(10_000_000);
  process._rawDebug('END');
  process._rawDebug(`GROWN ${process.memoryUsage().heapUsed - before}`);
}
process._rawDebug(`SLABS ${heap.stats().slabs.grown - slabs}`);
