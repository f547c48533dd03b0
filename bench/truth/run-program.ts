/**
 * One truth program in this process: `node run-program.js '{"program": …}'`. Prints one JSON line with what weak
 * handles saw and what the sampler counted, by label.
 */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import {
  type AttributionLevel,
  attributionOfThread,
  buildProfile,
  type ContextAggregate,
  createFrameResolver,
  currentProcess,
  type LifetimeCell,
  NativeSource,
  type ProfileContext,
} from 'rolp/profiler';
import { lastMade, PROGRAMS, type TruthProgram } from './programs.js';

export interface RunOptions {
  readonly program: string;
  readonly iterations: number;
  readonly level: AttributionLevel;
  /** Probability of a cohort; 1: every GC is polled. */
  readonly inclusion: number;
  readonly intervalBytes: number;
  readonly trackEvery: number;
  readonly seed: number;
}

export interface LabelResult {
  readonly label: string;
  readonly calls: number;
  readonly objectsPerCall: number | null;
  /** Lifetimes by weak handles, in GC cycles, as cells of the sampler's kind. */
  readonly exact: readonly LifetimeCell[];
  readonly estimated: readonly LifetimeCell[];
  readonly samples: number;
  readonly objects: number;
  readonly profile: Pick<ProfileContext, 'lifetime' | 'survival' | 'deaths'> | null;
  /** What was decided of the label's own context among all others of the program; null where it was not seen. */
  readonly decision: Pick<
    ProfileContext,
    'samples' | 'generation' | 'confidence' | 'class' | 'decidedAt' | 'conflict'
  > | null;
}

export interface RunResult {
  readonly node: string;
  readonly options: RunOptions;
  readonly gcCycles: number;
  readonly missed: number | null;
  readonly skipped: number;
  readonly cohorts: number;
  readonly samples: number;
  readonly labels: readonly LabelResult[];
  /** Objects that the program's own file made but at no label's context. */
  readonly elsewhere: number;
}

interface TruthAddon {
  track(object: unknown, label: string | number, everyNth: number): void;
  report(): {
    labels: Record<string, { calls: number; births: number; deaths: number[]; liveAges: number[] }>;
  };
}

const require = createRequire(import.meta.url);
const PROGRAM_FILE = /truth\/programs\.js$/;

async function run(options: RunOptions): Promise<RunResult> {
  const program = PROGRAMS[options.program];
  if (program === undefined) throw new Error(`no truth program is called ${options.program}`);
  const { modules } = process.versions;
  const truth = require(`../../../native/build/${modules}/rolp_truth.node`) as TruthAddon;
  const source = new NativeSource();
  const control = attributionOfThread(source, { level: options.level, cycles: null });
  control.applyFlags();
  // V8's own pretenuring would move objects of the very sites that are measured.
  setFlagsFromString('--no-allocation-site-pretenuring');
  source.start({
    intervalBytes: options.intervalBytes,
    stackDepth: 16,
    budgetPercent: 0,
    inclusion: options.inclusion,
    maxContexts: 10_000,
    level: options.level,
    seed: options.seed,
  });
  const numbers = new Map(Object.keys(program.labels).map((label, i) => [label, i]));
  const { track } = truth;
  const { trackEvery } = options;
  await program.run((object, label) => track(object, numbers.get(label)!, trackEvery), options.iterations);
  // In this order: reading the counts makes enough garbage for a GC, which the truth would then have seen alone.
  const report = truth.report();
  const counts = source.read();
  source.stop();
  if (lastMade() === undefined) throw new Error('the program made nothing');
  const sorted = byLabel(program, counts.contexts);
  const profile = buildProfile({ ...counts, contexts: sorted.labelled }, currentProcess(), {
    resolver: createFrameResolver(),
  });
  const whole = buildProfile(counts, currentProcess(), { resolver: createFrameResolver() });
  return {
    node: process.version,
    options,
    gcCycles: counts.gcCycles,
    missed: counts.missed,
    skipped: counts.skipped,
    cohorts: counts.cohorts,
    samples: counts.samples,
    elsewhere: sorted.elsewhere,
    labels: Object.entries(program.labels).map(([label, { leaf, caller, objectsPerCall }]) => {
      const own = sorted.labelled.filter((context) => context.frames[0]!.function === label);
      const exact = report.labels[String(numbers.get(label))];
      return {
        label,
        calls: exact?.calls ?? 0,
        objectsPerCall,
        exact: exactCells(exact),
        estimated: own.flatMap((context) => context.gcCycles),
        samples: own.reduce((sum, { samples }) => sum + samples, 0),
        objects: own.reduce((sum, { objects }) => sum + objects, 0),
        profile: profile.contexts.find((context) => context.frames[0]!.function === label) ?? null,
        decision: decisionOn(whole.contexts, leaf, caller),
      };
    }),
  };
}

/** The decision on the label's context with the most samples: builtins may stand before the allocating function. */
function decisionOn(
  contexts: readonly ProfileContext[],
  leaf: string,
  caller: string | undefined,
): LabelResult['decision'] {
  const own = contexts.filter(({ frames }) => {
    const at = frames.findIndex((frame) => frame.function === leaf);
    return at >= 0 && at <= 1 && (caller === undefined || frames[at + 1]?.function === caller);
  });
  if (own.length === 0) return null;
  const {
    samples,
    generation,
    confidence,
    class: named,
    decidedAt,
    conflict,
  } = own.reduce((a, b) => (b.samples > a.samples ? b : a));
  return { samples, generation, confidence, class: named, decidedAt, conflict };
}

/** Renames each context of the program's to its label, so that the profile has one context a label. */
function byLabel(
  program: TruthProgram,
  contexts: readonly ContextAggregate[],
): { labelled: ContextAggregate[]; elsewhere: number } {
  const labelled: ContextAggregate[] = [];
  let elsewhere = 0;
  for (const context of contexts) {
    const own = context.frames.filter(({ url }) => PROGRAM_FILE.test(url));
    const label = Object.entries(program.labels).find(
      ([, { leaf, caller }]) =>
        own[0]?.function === leaf && (caller === undefined || own[1]?.function === caller),
    )?.[0];
    if (label === undefined) {
      if (own.length > 0) elsewhere += context.objects;
      continue;
    }
    labelled.push({ ...context, frames: [{ function: label, url: 'label', line: 1, column: 1 }] });
  }
  return { labelled, elsewhere };
}

function exactCells(row: { deaths: number[]; liveAges: number[] } | undefined): LifetimeCell[] {
  const cells: LifetimeCell[] = [];
  row?.deaths.forEach((n, age) => {
    if (n > 0) cells.push([age - 1, age, n, n, n]);
  });
  row?.liveAges.forEach((n, age) => {
    if (n > 0) cells.push([age, null, n, n, n]);
  });
  return cells;
}

run(JSON.parse(process.argv[2] ?? '{}') as RunOptions).then((result) => {
  console.log(JSON.stringify(result));
});
