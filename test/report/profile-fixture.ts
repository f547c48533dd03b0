import type { Estimate, LifetimeSummary, Profile, ProfileContext } from '../../src/profiler/index.js';

const exactly = (value: number): Estimate => ({ value, low: value, high: value });
const UNKNOWN: Estimate = { value: null, low: null, high: null };
const lifetime = (value: number): LifetimeSummary => ({
  mean: exactly(value),
  p50: exactly(value),
  p90: exactly(value * 2),
  p99: { value: null, low: value * 3, high: null },
  horizon: value * 10,
  beyond: 0.01,
});

/** A context of `bytes` in 16-byte objects of which `share` outlive each GC. */
export function contextFixture(name: string, bytes: number, share: number): ProfileContext {
  const objects = bytes / 16;
  return {
    id: `${name}-id`,
    kind: 'v8',
    frames: [
      { function: name, url: `src/${name}.js`, line: 12, column: 3 },
      { function: 'handle', url: 'src/server.js', line: 40, column: 1 },
    ],
    samples: 100,
    allocated: { objects, bytes },
    live: { objects: objects * share, bytes: bytes * share },
    survival: Array.from({ length: 16 }, (_, age) => objects * (age === 0 ? 1 : share)),
    deaths: { young: objects * (1 - share), old: 0 },
    lifetime: { gcCycles: lifetime(2), bytes: lifetime(2048), ms: lifetime(1500) },
    estimated: 0,
    generation: null,
    confidence: null,
    class: share > 0.25 ? 'long' : 'young',
    ageMarkCompacts: { value: null, low: null, high: null },
    decidedAt: null,
    decidedBy: null,
    conflict: null,
  };
}

/** A profile of three contexts: much garbage, a cache, and a little of both. */
export function profileFixture(changes: Partial<Profile> = {}): Profile {
  const pauses = { count: 10, sum: 20, p50: 1.5, p99: 4, max: 4.5, poll: 0.25 };
  return {
    schema: 'rolp-profile/1',
    process: {
      pid: 4321,
      threadId: 0,
      node: 'v24.0.0',
      v8: '13.6',
      argv: ['/usr/bin/node', '/srv/app.js'],
      startedAt: '2026-01-02T03:04:05.000Z',
      durationMs: 61_000,
    },
    sampler: {
      engine: 'native',
      limitation: null,
      intervalBytes: 524_288,
      stackDepth: 16,
      attribution: 'off',
      samples: 300,
      missed: 0,
      skipped: 12,
      cohorts: 9,
      polls: 11,
      pollNs: 1e6,
      files: 2,
      fileNs: 2e7,
      foldedContexts: 0,
    },
    epochs: [],
    windows: [],
    gc: {
      scavenges: 10,
      markCompacts: 0,
      gcCycles: 10,
      allocatedBytes: 3_000_000,
      pauseMs: {
        scavenge: pauses,
        markCompact: { count: 0, sum: 0, p50: null, p99: null, max: null, poll: 0 },
      },
      costs: { scavengeNsPerByte: exactly(1.5), markCompactNsPerByte: UNKNOWN },
    },
    contexts: [
      contextFixture('garbage', 2_000_000, 0),
      contextFixture('cached', 800_000, 0.9),
      contextFixture('mixed', 400_000, 0.2),
    ],
    advice: [],
    ...changes,
  };
}
