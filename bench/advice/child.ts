/** One case in this process, under the profiler: `node child.js CASE kept|moved OPERATIONS LIVE`. Prints one JSON line. */
import {
  attributionOfThread,
  buildProfile,
  createFrameResolver,
  currentProcess,
  NativeSource,
} from 'rolp/profiler';
import { CASES } from './cases.js';

const [name, variant, operations, live] = process.argv.slice(2) as [string, 'kept' | 'moved', string, string];
const found = CASES[name];
if (found === undefined) throw new Error(`no case is called ${name}`);
let sink = 0;

/** What a service makes beside. */
function garbage(i: number): void {
  sink += JSON.stringify({ i, list: [i, i + 1, i + 2], text: `request ${i}` }).length;
}

const source = new NativeSource();
const control = attributionOfThread(source, { level: 'sites', cycles: null });
control.applyFlags();
source.start({
  intervalBytes: 32 * 1024,
  stackDepth: 16,
  budgetPercent: 0,
  maxContexts: 5000,
  level: 'sites',
});
const step = found[variant](Number(live));
for (let i = 0; i < Number(operations); i++) {
  step(i);
  garbage(i);
}
const counted = source.read();
const { gc, advice } = buildProfile(counted, currentProcess(), { resolver: createFrameResolver() });
source.stop();
const { scavenge, markCompact } = gc.pauseMs;
const error = (bound: 'low' | 'high'): number =>
  Math.hypot(...advice.map(({ savedMs }) => savedMs[bound]! - savedMs.value!), 0);
const expected = advice.reduce((sum, { savedMs }) => sum + savedMs.value!, 0);
console.log(
  JSON.stringify({
    pausesMs: scavenge.sum - scavenge.poll + markCompact.sum - markCompact.poll,
    expectedMs: expected,
    lowMs: Math.max(0, expected - error('low')),
    highMs: expected + error('high'),
    scavenges: gc.scavenges,
    markCompacts: gc.markCompacts,
    // What the prices and the amounts were, to see which of them is off.
    scavengeMs: scavenge.sum - scavenge.poll,
    markCompactMs: markCompact.sum - markCompact.poll,
    scavengeNsPerByte: gc.costs.scavengeNsPerByte.value ?? 0,
    markCompactNsPerByte: gc.costs.markCompactNsPerByte.value ?? 0,
    copiedMb: (counted.scavenge.work?.bytes ?? 0) / 1e6,
    markedMb: (counted.markCompact.work?.bytes ?? 0) / 1e6,
    advisedCopiedMb: advice.reduce((sum, { copiedBytes }) => sum + copiedBytes, 0) / 1e6,
    advisedMarkedMb: advice.reduce((sum, { markedBytes }) => sum + markedBytes, 0) / 1e6,
    advice: advice.length,
    sink,
  }),
);
