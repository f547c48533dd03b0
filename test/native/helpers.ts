import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import {
  type ContextAggregate,
  NativeSource,
  type SampleSourceOptions,
  type ThreadAggregates,
} from '../../src/profiler/index.js';

const gc = (globalThis as unknown as { gc: (options?: { type: 'minor' }) => void }).gc;

// V8's stacks have no inlined frames, and folded allocations are one sample: tests look for functions by name.
v8.setFlagsFromString('--no-turbo-inlining');
v8.setFlagsFromString('--no-turbo-allocation-folding');
if (Number(process.versions.modules) > 115) v8.setFlagsFromString('--no-maglev-inlining');
// V8 puts what a site made into its old generation at once where that site's objects keep surviving: no scavenge copies
// those, nor collects them. When it begins to depends on when it compiles.
v8.setFlagsFromString('--no-allocation-site-pretenuring');

/** One GC cycle of that kind, now. */
export function collect(type: 'minor' | 'major'): void {
  // On Node 20 any options at all mean a scavenge.
  if (type === 'minor') gc({ type });
  else gc();
}

/**
 * Runs `body` with a started source, and stops it whatever happens: there is one sampler in a process. The new space is
 * empty at the start: a body that allocates less than half a megabyte between GCs sees only those that it asks for.
 */
export function withSource(
  options: Partial<SampleSourceOptions>,
  body: (source: NativeSource) => void,
): void {
  const source = new NativeSource();
  collect('major');
  source.start({
    intervalBytes: 1024,
    stackDepth: 16,
    budgetPercent: 0,
    maxContexts: 1000,
    level: 'off',
    ...options,
  });
  try {
    body(source);
  } finally {
    source.stop();
  }
}

/**
 * Samples that V8 itself may keep alive, or let die late, under the name of a function that a test allocates in. On
 * the first calls it makes the boilerplates of the function's literals (4 or 5 samples at an interval of 64 bytes), and
 * when it optimises the function, after some ten thousand calls or later where the machine is busy, the data of the
 * code (6 or 7), by each of two compilers. `warmUp` has that happen before, mostly.
 */
export const V8S_OWN_SAMPLES = 20;

/** Calls a function so often that V8 has made its boilerplates, and most likely its optimised code, too. */
export function warmUp(make: (i: number) => unknown): void {
  for (let i = 0; i < 50_000; i++) make(i);
}

/** The one context whose leaf is `name` that has most samples. */
export function leaf(counts: ThreadAggregates, name: string): ContextAggregate {
  const [found] = counts.contexts
    .filter((context) => context.frames[0]?.function === name)
    .sort((a, b) => b.samples - a.samples);
  if (found === undefined) throw new Error(`no context of ${name}`);
  return found;
}

export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
}

/** Runs a fixture under this Node. */
export function runFixture(
  name: string,
  args: readonly string[],
  flags: readonly string[] = [],
): Promise<Outcome> {
  return new Promise((resolve) => {
    const file = fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
    const child = execFile(
      process.execPath,
      [...flags, file, ...args],
      { maxBuffer: 1 << 26, timeout: 280_000 },
      (_error, stdout) => resolve({ code: child.exitCode, signal: child.signalCode, stdout }),
    );
  });
}
