// Ten million pairs through calls that V8 does not inline. Run with --expose-gc --trace-gc --no-turbo-inlining
// (and --no-maglev-inlining where there is such a flag): prints the growth of the JS heap; the parent counts the
// scavenges in between.
//
// What grows: about half a megabyte once, while V8 compiles and recompiles the pair (feedback and code, most of it
// in the first five million pairs, which therefore warm up; a full GC takes nearly all of it back), and then some
// 10 bytes per thousand pairs: doubles that V8 boxes in code that runs once a heap cycle and stays unoptimised.
import { GenerationalHeap } from '../../dist/heap/index.js';

const heap = new GenerationalHeap({ maxBytes: 64 * 2 ** 20 });
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
const before = process.memoryUsage().heapUsed;
process._rawDebug('BEGIN');
pairs(10_000_000);
process._rawDebug('END');
const grown = process.memoryUsage().heapUsed - before;
process._rawDebug(`GROWN ${grown}`);
