import type {
  ContextAggregate,
  LifetimeCell,
  PauseAggregate,
  RawFrame,
  ThreadAggregates,
} from '../../src/profiler/index.js';

/** `name` at `url:line`, column 1. */
export function frame(name: string, url = '/nowhere/app.js', line = 1): RawFrame {
  return { function: name, url, line, column: 1 };
}

const NO_PAUSES: PauseAggregate = {
  count: 0,
  sumNs: 0,
  maxNs: 0,
  pollNs: 0,
  buckets: [],
  beforeBytes: 0,
  afterBytes: 0,
};

/** A context of `objects` objects of 100 bytes, one sample each, garbage unless cells are given. */
export function context(
  frames: readonly RawFrame[],
  objects = 10,
  over: Partial<ContextAggregate> = {},
): ContextAggregate {
  const cells: LifetimeCell[] = [[0, 1, objects, objects, objects]];
  return {
    frames,
    level: 'off',
    folded: 0,
    samples: objects,
    objects,
    objectsSquared: objects,
    bytes: objects * 100,
    bytesSquared: objects * 10_000,
    live: { samples: 0, objects: 0, bytes: 0 },
    deaths: { young: objects, old: 0 },
    gcCycles: cells,
    lifeBytes: [[0, 4096, objects, objects, objects]],
    lifeMs: [[0, 10, objects, objects, objects]],
    ...over,
  };
}

export function aggregates(
  contexts: readonly ContextAggregate[],
  over: Partial<ThreadAggregates> = {},
): ThreadAggregates {
  return {
    threadId: 0,
    startedAtUnixMs: Date.UTC(2026, 0, 2),
    durationMs: 1000,
    ended: false,
    engine: 'native',
    intervalBytes: 65_536,
    stackDepth: 16,
    samples: contexts.reduce((sum, { samples }) => sum + samples, 0),
    missed: 0,
    skipped: 0,
    cohorts: 10,
    polls: 12,
    pollNs: 1e6,
    gcCycles: 11,
    allocatedBytes: 1e6,
    scavenge: NO_PAUSES,
    markCompact: NO_PAUSES,
    epochs: [
      { index: 0, reason: 'start', intervalBytes: 65_536, startMs: 0, endMs: null, samples: 1, censored: 0 },
    ],
    windows: [{ level: 'off', startMs: 0, endMs: null, startGcCycle: 0, endGcCycle: null }],
    contexts,
    foldedContexts: 0,
    ...over,
  };
}
