// Preloaded into every measured process, the bare one too: answers the bench over IPC, starts the peer if one is asked
// for, and does not hold the process up.
const { BENCH_PEER: peer } = process.env;
const INTERVAL_BYTES = 512 * 1024;
const STACK_DEPTH = 64; // as their agents set it

const peers = {
  pprof() {
    const { heap } = require('@datadog/pprof');
    heap.start(INTERVAL_BYTES, STACK_DEPTH);
    return () => heap.profile();
  },
  'v8-profiler-next'() {
    const profiler = require('v8-profiler-next');
    // Its only way to read a profile is to stop.
    profiler.startSamplingHeapProfiling(INTERVAL_BYTES, STACK_DEPTH);
    return () => {
      const profile = profiler.stopSamplingHeapProfiling();
      profiler.startSamplingHeapProfiling(INTERVAL_BYTES, STACK_DEPTH);
      return profile;
    };
  },
};

require('node:v8').setFlagsFromString('--expose-gc');
const gc = require('node:vm').runInNewContext('gc');

const takeProfile = peer ? peers[peer]() : () => undefined;

let majorGcs = 0;
const { constants, PerformanceObserver } = require('node:perf_hooks');
new PerformanceObserver((list) => {
  for (const { detail } of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) majorGcs++;
  }
}).observe({ entryTypes: ['gc'] });

// Memory without garbage: what is in use at any one moment says more of the last GC than of the profiler.
async function settle() {
  for (let i = 0; i < 3; i++) {
    gc();
    await new Promise((done) => setTimeout(done, 300)); // V8 gives pages back in the background
  }
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  process.send({ rssBytes: rss, heapFreeBytes: heapTotal - heapUsed });
}

// rolp knows what V8 has sampled when it polls, which may be seldom. The poll made for that is the bench's, not rolp's: what
// polls took is told before and after it, for the end and the beginning of a slice. Nothing but these numbers is asked for:
// whole readings, some MB of garbage each, had the profiled process alone collect sooner in the slice that followed.
function accounting() {
  const store = require('../../dist/profiler/index.js').nativeThreadStore();
  const row = () => store.threads().find(({ threadId }) => threadId === 0);
  const before = row();
  require('../../dist/base/index.js').loadAddon().poll();
  const after = row();
  return {
    before: { polls: before.polls, pollNs: before.pollNs },
    after: { polls: after.polls, pollNs: after.pollNs },
    samples: after.samples,
    fileNs: after.fileNs,
  };
}

process.on('message', (message) => {
  if (message === 'usage') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuUs: user + system, rssBytes: process.memoryUsage.rss(), majorGcs });
  } else if (message === 'settled') {
    settle();
  } else if (message === 'accounting') {
    process.send(accounting());
  } else if (message === 'profile') {
    takeProfile();
    process.send('profiled');
  }
});
process.channel?.unref();
