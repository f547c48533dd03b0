import { ownProcess } from '../base/index.js';
import { adviseMoves } from './advice.js';
import type { ThreadAggregates, WindowAggregate } from './aggregates.js';
import { contextIds } from './context-id.js';
import { type ContextTally, tallyContexts } from './context-tally.js';
import { createFrameResolver, type FrameResolver } from './frames.js';
import { gcCosts } from './gc-cost.js';
import {
  type LifetimeDistribution,
  lifetimeDistribution,
  precisionOf,
  summariseLifetime,
  survivalAt,
} from './lifetime.js';
import { summarisePauses } from './pauses.js';
import { PROFILE_SCHEMA, type Profile, type ProfileContext, type WindowNote } from './profile.js';
import { type DecisionTable, decisionForHeap } from './profile-input.js';
import { shareInlined } from './share-inlined.js';
import { classOf, decideV8, type V8Decision } from './v8-decisions.js';

/** ROLP's table has ages 0 to 15. */
const AGES = 16;

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
  /** Decisions of an earlier run, which stand until this run's samples say more. */
  readonly prior?: DecisionTable | null;
  /** Contexts of another kind, counted elsewhere. */
  readonly placed?: readonly ProfileContext[];
}

/** The running process, as a profile tells it. */
export function currentProcess(): ProcessInfo {
  const { pid, version, versions, argv } = ownProcess;
  return { pid, node: version, v8: versions.v8, argv };
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
  const decisions = decideV8(tallies, {
    gcCycles: aggregates.gcCycles,
    markCompacts: aggregates.markCompact.count,
    inclusion,
    cohorts: aggregates.cohorts,
    windows: aggregates.windows,
  });
  // A few cycles say little of how often they come.
  const bytesPerCycle = aggregates.gcCycles >= 4 ? aggregates.allocatedBytes / aggregates.gcCycles : null;
  const contexts = tallies.map((tally, i) => ({
    context: withPrior(
      profileContext(ids[i]!, tally, inclusion, aggregates.cohorts, decisions.get(tally)!),
      options.prior,
      bytesPerCycle,
    ),
    cells: tally.gcCycles,
  }));
  const costs = gcCosts(aggregates);
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
      files: aggregates.files ?? 0,
      fileNs: aggregates.fileNs ?? 0,
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
      costs,
    },
    contexts: [...contexts.map(({ context }) => context), ...(options.placed ?? [])].sort(
      (a, b) => b.allocated.bytes - a.allocated.bytes || (a.id < b.id ? -1 : 1),
    ),
    advice: adviseMoves(contexts, {
      gcCycles: aggregates.gcCycles,
      markCompacts: aggregates.markCompact.count,
      costs,
      copiedBytes: aggregates.scavenge.work?.bytes ?? null,
      markedBytes: aggregates.markCompact.work?.bytes ?? null,
      pausesMs: ownPausesMs(aggregates),
    }),
  };
}

/** Pauses of both kinds without rolp's own polls. */
function ownPausesMs({ scavenge, markCompact }: ThreadAggregates): number {
  return (scavenge.sumNs - scavenge.pollNs + markCompact.sumNs - markCompact.pollNs) / 1e6;
}

/** An earlier run's decision where this one has none yet. */
function withPrior(
  context: ProfileContext,
  prior: DecisionTable | null | undefined,
  bytesPerCycle: number | null,
): ProfileContext {
  if (context.confidence !== null) return context;
  const earlier = prior?.get(context.id, 'v8');
  if (earlier === undefined || earlier.confidence === null) return context;
  return {
    ...context,
    ...decisionForHeap(earlier, bytesPerCycle),
    confidence: earlier.confidence,
    ageMarkCompacts: earlier.ageMarkCompacts,
    decidedAt: earlier.decidedAt,
    decidedBy: 'profile',
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

function profileContext(
  id: string,
  tally: ContextTally,
  inclusion: number,
  cohorts: number,
  decision: V8Decision,
): ProfileContext {
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
    ...decision,
    class: decision.class ?? classOf(gcCycles),
    decidedBy: decision.confidence === null ? null : 'samples',
  };
}

function survivalTable(distribution: LifetimeDistribution | null, objects: number): number[] {
  return Array.from({ length: AGES }, (_, age) =>
    distribution === null ? 0 : objects * survivalAt(distribution, age),
  );
}
