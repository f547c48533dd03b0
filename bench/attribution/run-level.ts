/**
 * The search service in this process under one way of attribution, driven by injected requests: `node run-level.js
 * '{"way": …}'`. Prints one JSON line: births (in bytes, to which samples are proportional) by leaf function and by
 * the three innermost frames.
 */
import {
  type AttributionLevel,
  attributionOfThread,
  buildProfile,
  createFrameResolver,
  currentProcess,
  NativeSource,
  type Profile,
  type ThreadAggregates,
} from 'rolp/profiler';
import { startService } from './service.js';

export interface LevelOptions {
  readonly way: AttributionLevel | 'window';
  /** The mix of requests drifts as caches fill: every way is measured over the same requests, by number and seed. */
  readonly warmUpRequests: number;
  readonly requests: number;
  /** The window opens so many requests into the warm-up. */
  readonly windowAtRequest: number;
  readonly windowCycles: number;
  readonly intervalBytes: number;
  readonly seed: number;
}

export interface Distribution {
  readonly leaf: Record<string, number>;
  readonly innermost3: Record<string, number>;
}

export interface LevelResult {
  readonly node: string;
  readonly options: LevelOptions;
  readonly samples: number;
  readonly missed: number | null;
  /** Of the measured requests, as the profile tells them: what a window taught included. */
  readonly births: Distribution;
  /** The same without moving births to the inner contexts that a window saw. */
  readonly unshared: Distribution;
  /** Longer than asked for where the window was. */
  readonly warmUpRequests: number;
  readonly windowPausesMs: readonly number[];
  readonly estimatedShare: number;
  readonly notes: readonly string[];
}

async function run(options: LevelOptions): Promise<LevelResult> {
  const source = new NativeSource();
  const level = options.way === 'window' ? 'off' : options.way;
  // The pause is measured here, not to be avoided.
  const control = attributionOfThread(source, { level, cycles: null }, 10_000);
  control.applyFlags();
  const send = await startService(options.seed);
  const start = (): void =>
    source.start({
      intervalBytes: options.intervalBytes,
      stackDepth: 16,
      budgetPercent: 0,
      maxContexts: 50_000,
      level,
      seed: options.seed,
    });
  const windowPausesMs: number[] = [];
  const note = (outcome: ReturnType<typeof control.closeWindow>): void => {
    if ('changed' in outcome) windowPausesMs.push(outcome.pauseMs);
  };
  let warmUp = 0;
  const warmUpTo = async (done: () => boolean): Promise<void> => {
    while (!done()) warmUp += await send();
  };
  if (options.way === 'window') {
    await warmUpTo(() => warmUp >= options.windowAtRequest);
    start();
    note(control.openWindow('calls', options.windowCycles));
    const end = source.gcCycles() + options.windowCycles;
    await warmUpTo(() => source.gcCycles() >= end);
    note(control.closeWindow());
  }
  await warmUpTo(() => warmUp >= options.warmUpRequests);
  if (options.way !== 'window') start();
  const before = source.read();
  for (let sent = 0; sent < options.requests; ) sent += await send();
  const counts = source.read();
  source.stop();
  const profile = profileOf(counts);
  const births = distributionOf(profile);
  return {
    node: process.version,
    options,
    samples: counts.samples - before.samples,
    missed: counts.missed,
    births: minus(births, distributionOf(profileOf(before))),
    unshared: minus(
      distributionOf(profileOf(withoutSharing(counts))),
      distributionOf(profileOf(withoutSharing(before))),
    ),
    warmUpRequests: warmUp,
    windowPausesMs,
    estimatedShare: estimatedShare(profile),
    notes: control.notes.map(({ text }) => text),
  };
}

/** As if all had been counted under one level. */
function withoutSharing(counts: ThreadAggregates): ThreadAggregates {
  return { ...counts, contexts: counts.contexts.map((context) => ({ ...context, level: 'off' })) };
}

function profileOf(counts: ThreadAggregates): Profile {
  return buildProfile(counts, currentProcess(), { resolver: createFrameResolver() });
}

function distributionOf({ contexts }: Profile): Distribution {
  const leaf: Record<string, number> = {};
  const innermost3: Record<string, number> = {};
  for (const { frames, allocated } of contexts) {
    const names = frames.slice(0, 3).map((f) => `${f.function} ${f.url}:${f.line}:${f.column}`);
    // The bench's own loop is no part of the service.
    if (names[0]!.includes('bench/attribution/')) continue;
    leaf[names[0]!] = (leaf[names[0]!] ?? 0) + allocated.bytes;
    const key = names.join(' < ');
    innermost3[key] = (innermost3[key] ?? 0) + allocated.bytes;
  }
  return { leaf, innermost3 };
}

function minus(all: Distribution, part: Distribution): Distribution {
  const less = (a: Record<string, number>, b: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(a).map(([key, bytes]) => [key, Math.max(0, bytes - (b[key] ?? 0))]));
  return { leaf: less(all.leaf, part.leaf), innermost3: less(all.innermost3, part.innermost3) };
}

function estimatedShare({ contexts }: Profile): number {
  let [moved, all] = [0, 0];
  for (const { allocated, estimated } of contexts) {
    moved += allocated.bytes * estimated;
    all += allocated.bytes;
  }
  return all > 0 ? moved / all : 0;
}

run(JSON.parse(process.argv[2] ?? '{}') as LevelOptions).then((result) => {
  console.log(JSON.stringify(result));
});
