import type { ThreadAggregates, WindowAggregate } from './aggregates.js';
import { contextIds } from './context-id.js';
import { type ContextTally, tallyContexts } from './context-tally.js';
import { createFrameResolver, type FrameResolver } from './frames.js';
import {
  type LifetimeDistribution,
  lifetimeDistribution,
  precisionOf,
  summariseLifetime,
  survivalAt,
} from './lifetime.js';
import { summarisePauses } from './pauses.js';
import {
  type LifetimeClass,
  PROFILE_SCHEMA,
  type Profile,
  type ProfileContext,
  type WindowNote,
} from './profile.js';
import { shareInlined } from './share-inlined.js';

/** ROLP's table has ages 0 to 15. */
const AGES = 16;
/** Objects that live through two GC cycles have left V8's young generation. */
const YOUNG_CYCLES = 2;

/** What a profile says of the process besides its samples. */
export interface ProcessInfo {
  readonly pid: number;
  readonly node: string;
  readonly v8: string;
  readonly argv: readonly string[];
}

export interface ProfileOptions {
  /** The attribution setting as the user gave it. Default: the level of the first window, else `off`. */
  readonly attribution?: string;
  /** The source's sentence on what it cannot see. */
  readonly limitation?: string | null;
  /** Why changes of level did not happen: AttributionControl.notes. */
  readonly windowNotes?: readonly WindowNote[];
  /** Default: one made for this process with default options. Keep one across periodic profiles: it remembers. */
  readonly resolver?: FrameResolver;
}

/** The running process, as a profile tells it. */
export function currentProcess(): ProcessInfo {
  return { pid: process.pid, node: process.version, v8: process.versions.v8, argv: process.argv };
}

/**
 * Estimates a profile from what a sample source counted. Pure but for the resolver's reading of source maps.
 * Cost: some tens of microseconds a context.
 */
export function buildProfile(
  aggregates: ThreadAggregates,
  info: ProcessInfo,
  options: ProfileOptions = {},
): Profile {
  const resolver = options.resolver ?? createFrameResolver();
  const levels = tallyContexts(aggregates.contexts, resolver, aggregates.stackDepth);
  const tallies = [...shareInlined(levels).values()];
  const ids = contextIds(tallies.map((tally) => tally.context.key));
  const inclusion = inclusionOf(aggregates);
  return {
    schema: PROFILE_SCHEMA,
    process: {
      pid: info.pid,
      threadId: aggregates.threadId,
      node: info.node,
      v8: info.v8,
      argv: info.argv,
      startedAt: new Date(aggregates.startedAtUnixMs).toISOString(),
      durationMs: aggregates.durationMs,
    },
    sampler: {
      engine: aggregates.engine,
      limitation: options.limitation ?? null,
      intervalBytes: aggregates.intervalBytes,
      stackDepth: aggregates.stackDepth,
      attribution: options.attribution ?? aggregates.windows[0]?.level ?? 'off',
      samples: aggregates.samples,
      missed: aggregates.missed,
      skipped: aggregates.skipped,
      cohorts: aggregates.cohorts,
      polls: aggregates.polls,
      pollNs: aggregates.pollNs,
      foldedContexts: aggregates.foldedContexts,
    },
    epochs: aggregates.epochs.map((epoch) => ({ ...epoch })),
    windows: profileWindows(aggregates.windows, options.windowNotes ?? []),
    gc: {
      scavenges: aggregates.scavenge.count,
      markCompacts: aggregates.markCompact.count,
      gcCycles: aggregates.gcCycles,
      allocatedBytes: aggregates.allocatedBytes,
      pauseMs: {
        scavenge: summarisePauses(aggregates.scavenge),
        markCompact: summarisePauses(aggregates.markCompact),
      },
    },
    contexts: tallies
      .map((tally, i) => profileContext(ids[i]!, tally, inclusion, aggregates.cohorts))
      .sort((a, b) => b.allocated.bytes - a.allocated.bytes || (a.id < b.id ? -1 : 1)),
  };
}

/** Each note goes to the last window that had begun by then. */
function profileWindows(
  windows: readonly WindowAggregate[],
  notes: readonly WindowNote[],
): Profile['windows'] {
  return windows.map((window, index) => {
    const next = windows[index + 1]?.startGcCycle ?? Number.POSITIVE_INFINITY;
    const from = index === 0 ? Number.NEGATIVE_INFINITY : window.startGcCycle;
    const texts = notes.filter(({ gcCycle }) => gcCycle >= from && gcCycle < next).map(({ text }) => text);
    return texts.length === 0 ? { ...window } : { ...window, note: texts.join('; ') };
  });
}

/** Share of sampled births that lay in cohorts. */
function inclusionOf(aggregates: ThreadAggregates): number {
  let inCohorts = 0;
  for (const context of aggregates.contexts) inCohorts += context.samples;
  const all = inCohorts + aggregates.skipped;
  return all > 0 ? inCohorts / all : 1;
}

function profileContext(id: string, tally: ContextTally, inclusion: number, cohorts: number): ProfileContext {
  const precision = precisionOf(tally.gcCycles, tally.groups, inclusion, cohorts);
  const gcCycles = lifetimeDistribution(tally.gcCycles, 'discrete', precision);
  return {
    id,
    kind: 'v8',
    frames: tally.context.frames,
    samples: Math.round(tally.samples),
    allocated: { objects: tally.objects, bytes: tally.bytes },
    live: { objects: tally.live.objects, bytes: tally.live.bytes },
    survival: survivalTable(gcCycles, tally.objects),
    deaths: tally.deaths,
    lifetime: {
      gcCycles: summariseLifetime(gcCycles),
      bytes: summariseLifetime(lifetimeDistribution(tally.lifeBytes, 'continuous', precision)),
      ms: summariseLifetime(lifetimeDistribution(tally.lifeMs, 'continuous', precision)),
    },
    estimated: tally.bytes > 0 ? Math.min(1, tally.estimatedBytes / tally.bytes) : 0,
    generation: null,
    confidence: null,
    class: classOf(gcCycles),
  };
}

function survivalTable(distribution: LifetimeDistribution | null, objects: number): number[] {
  return Array.from({ length: AGES }, (_, age) =>
    distribution === null ? 0 : objects * survivalAt(distribution, age),
  );
}

/**
 * The simple rule of now: `young` when fewer than a quarter of the objects live through two GC cycles (V8 copies
 * those twice), `long` when at least half of those that do are still there at age 15 or at the end of what was
 * observed, `middle` between. Without samples: `young`, which is what V8 assumes too.
 */
export function classOf(distribution: LifetimeDistribution | null): LifetimeClass {
  if (distribution === null) return 'young';
  const survivors = survivalAt(distribution, YOUNG_CYCLES);
  if (survivors < 0.25) return 'young';
  return survivalAt(distribution, AGES - 1) >= survivors / 2 ? 'long' : 'middle';
}
