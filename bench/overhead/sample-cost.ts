/**
 * What V8 spends on one sample, in a process of its own: an allocating loop with and without the sampler, in turns, each
 * under stacks deeper than rolp keeps. Weak handles and their clearing at each GC are part of it; rolp's polls are not:
 * those account for themselves. Prints one line of JSON.
 */
import { setFlagsFromString } from 'node:v8';
import { NativeSource } from 'rolp/profiler';
import { median } from '../lib/compare.js';
import { shuffled } from './shuffle.js';

const TURNS = 14;
const OBJECTS = 1_200_000;
const STACK_DEPTH = 16;
const CALL_DEPTH = 24;
/** Small enough that sampling is a good part of the loop's time. */
const INTERVAL_BYTES = 8192;
/** Objects that live for a while, so that samples do too. */
const KEPT = 20_000;

const ring: unknown[] = new Array(KEPT).fill(null);

function under(depth: number, body: () => void): void {
  if (depth === 0) body();
  else under(depth - 1, body);
}

function allocate(): void {
  for (let i = 0; i < OBJECTS; i++) {
    const entry = { id: i, tags: [i, i + 1], at: i * 0.5 };
    if (i % 16 === 0) ring[(i >> 4) % KEPT] = entry;
  }
}

function cpuNs(body: () => void): number {
  const before = process.cpuUsage();
  body();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1000;
}

interface Turn {
  readonly ns: number;
  readonly samples: number;
}

function sampled(): Turn {
  const source = new NativeSource();
  // As few polls as may be: they only disturb.
  source.start({
    intervalBytes: INTERVAL_BYTES,
    stackDepth: STACK_DEPTH,
    budgetPercent: 0.001,
    maxContexts: 1000,
    level: 'off',
  });
  const ns = cpuNs(() => under(CALL_DEPTH, allocate));
  source.stop();
  const { samples, pollNs } = source.read();
  return { ns: ns - pollNs, samples };
}

function bare(): Turn {
  return { ns: cpuNs(() => under(CALL_DEPTH, allocate)), samples: 0 };
}

// As rolp sets it at its default level, so that only the sampler differs.
setFlagsFromString('--no-turbo-allocation-folding');
for (let i = 0; i < 3; i++) bare();
const costs: number[] = [];
for (let turn = 0; turn < TURNS; turn++) {
  const turns = new Map(shuffled([sampled, bare]).map((take) => [take, take()]));
  const { ns, samples } = turns.get(sampled)!;
  costs.push((ns - turns.get(bare)!.ns) / samples);
}
console.log(JSON.stringify({ nsPerSample: median(costs) }));
