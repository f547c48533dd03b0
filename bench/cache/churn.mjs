// Churn of mixed sizes in a full cache, and how much the process grows by it:
// node --expose-gc bench/cache/churn.mjs <maxBytes in MiB> <seconds> [policy]. Prints one line of JSON.
//
// Sizes are drawn anew for each set, from tens of bytes to over a region, a fifth of the entries has a ttl of a
// tenth of a second to a minute, and deletes make holes: what fragments a heap.
import { ArenaCache } from '../../dist/cache/index.js';

const maxBytes = Number(process.argv[2]) * 2 ** 20;
const seconds = Number(process.argv[3]);
const policy = process.argv[4] ?? 's3-fifo';

let state = 12345;
function random() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
}

const source = Buffer.alloc(300_000, 'x');
const keys = Math.ceil(maxBytes / 200);

function churn(cache, operations) {
  for (let i = 0; i < operations; i++) {
    const key = Math.floor(random() ** 2 * keys);
    const what = random();
    if (what < 0.6) {
      const bytes = Math.floor(16 + 300_000 * random() ** 14);
      const ttl = random() < 0.2 ? Math.ceil(100 * 600 ** random()) : 0;
      cache.set(key, source.subarray(0, bytes), { ttl });
    } else if (what < 0.95) cache.get(key);
    else cache.delete(key);
  }
}

// Growth is over a process that has done the same with a cache of 4 MiB, so that code and V8's own young generation,
// which are no part of the cache, are in what it is over. What V8's heap and the buffers of values that were read grow by
// beyond that is in the growth, and told beside it: it is the program's, not the cache's.
// The loops never give the event loop a turn, on which a cached clock relies.
const options = { codec: 'bytes', policy, ttlResolution: 0 };
churn(new ArenaCache({ maxBytes: 4 * 2 ** 20, ...options }), 300_000);
globalThis.gc();
const before = process.memoryUsage();
const cache = new ArenaCache({ maxBytes, ...options });
const endMs = performance.now() + seconds * 1000;
let grown = 0;
let atMost = before;
let mostBytes = 0;
let operations = 0;
// At least until it has been filled ten times over, however slow the machine.
let written = 0;
while (performance.now() < endMs || written < 10) {
  churn(cache, 20_000);
  operations += 20_000;
  const now = process.memoryUsage();
  if (now.rss - before.rss > grown) {
    grown = now.rss - before.rss;
    atMost = now;
  }
  mostBytes = Math.max(mostBytes, cache.bytes);
  written = cache.heap.stats().totals.bytesAllocated / maxBytes;
}
cache.heap.verify();
const { evictions, expirations, liveBytes } = cache.stats();
console.log(
  JSON.stringify({
    grownShare: grown / maxBytes,
    // Of the growth at its largest.
    jsHeapShare: (atMost.heapTotal - before.heapTotal) / maxBytes,
    readBuffersShare: (atMost.arrayBuffers - before.arrayBuffers - cache.heap.committedBytes) / maxBytes,
    baseBytes: before.rss,
    slabsGrown: cache.heap.stats().slabs.grown,
    bytesShare: mostBytes / maxBytes,
    liveShare: liveBytes / maxBytes,
    operations,
    writtenTimes: written,
    evictions,
    expirations,
    worstEvictMs: cache.heap.pauses.summary('evict').maxNs / 1e6,
    worstExpireMs: cache.heap.pauses.summary('expire').maxNs / 1e6,
    worstResizeMs: cache.heap.pauses.summary('resize').maxNs / 1e6,
  }),
);
