import { spawnSync } from 'node:child_process';
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { openDoor } from '../../src/profiler/fallback-doors.js';
import { SampleWeights } from '../../src/profiler/fallback-poll.js';
import { FallbackSource } from '../../src/profiler/fallback-source.js';
import { buildProfile, currentProcess, type ThreadAggregates } from '../../src/profiler/index.js';

const gc = (globalThis as unknown as { gc: (options?: { type: 'minor' | 'major' }) => void }).gc;
const options = {
  intervalBytes: 512,
  stackDepth: 16,
  budgetPercent: 0,
  maxContexts: 500,
  level: 'off',
} as const;

const open: FallbackSource[] = [];
function openSource(): FallbackSource {
  const source = new FallbackSource(openDoor()!, new Session());
  open.push(source);
  return source;
}
afterEach(() => {
  for (const source of open.splice(0)) source.stop();
});

const made = {
  kept: (i: number) => ({ kept: i, more: [i] }),
  dropped: (i: number) => ({ dropped: i, more: [i] }),
};

/** A busy server: small steps between which timers run, a scavenge now and then. */
async function work(rounds: number, kept: unknown[] = []): Promise<unknown[]> {
  let sink: unknown;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 40; i++) {
      kept.push(made.kept(i));
      for (let j = 0; j < 3; j++) sink = made.dropped(j);
    }
    if (round % 40 === 39) gc({ type: 'minor' });
    if (round % 200 === 199) gc({ type: 'major' });
    await sleep(2);
  }
  return sink === undefined ? [] : kept;
}

function of(counts: ThreadAggregates, leaf: string) {
  return buildProfile(counts, currentProcess()).contexts.filter((c) => c.frames[0]!.function === leaf);
}

describe('the fallback source', () => {
  it('tells what lives from what dies, from births between timers', async () => {
    const source = openSource();
    source.start({ ...options, seed: 5 });
    const kept = await work(900);
    const counts = source.read();
    expect(kept.length).toBeGreaterThan(0);
    expect(counts).toMatchObject({ missed: null, engine: source.engine });
    expect(counts.cohorts).toBeGreaterThan(2);
    expect(counts.skipped).toBeGreaterThan(0);
    expect(counts.gcCycles).toBeGreaterThan(20);
    expect(counts.scavenge.count + counts.markCompact.count).toBe(counts.gcCycles);
    const sums = source.pauseSums();
    expect(sums.count).toBeGreaterThanOrEqual(counts.gcCycles);
    expect(sums.ns).toBeGreaterThanOrEqual(counts.scavenge.work!.ns + counts.markCompact.work!.ns);
    for (const context of counts.contexts) {
      for (const table of [context.gcCycles, context.lifeBytes, context.lifeMs]) {
        expect(table.reduce((sum, cell) => sum + cell[2], 0)).toBe(context.samples);
      }
    }
    const [living] = of(counts, 'kept');
    const [dead] = of(counts, 'dropped');
    expect(living!.samples).toBeGreaterThan(20);
    expect(living!.survival[2]! / living!.survival[0]!).toBeGreaterThan(0.9);
    expect(dead!.survival[2]! / dead!.survival[0]!).toBeLessThan(0.1);
    expect(living!.live.bytes).toBeGreaterThan(0);
    // Four objects of one size, one of them kept: bytes are scaled up to all births, in and out of cohorts.
    expect(dead!.allocated.bytes / living!.allocated.bytes).toBeGreaterThan(1.5);
    expect(dead!.allocated.bytes / living!.allocated.bytes).toBeLessThan(6);
  });

  it('censors the living and goes on where the interval changes or somebody stops V8’s sampler', async () => {
    const source = openSource();
    source.start({ ...options, seed: 5 });
    const kept = await work(100);
    source.setInterval(1024);
    await work(50, kept);
    openDoor()?.stop?.();
    const thief = new Session();
    thief.connect();
    thief.post('HeapProfiler.stopSampling');
    thief.disconnect();
    await work(150, kept);
    const counts = source.read();
    expect(counts.epochs.map((epoch) => epoch.reason).slice(0, 2)).toEqual(['start', 'interval']);
    expect(counts.epochs.slice(0, -1).every((epoch) => epoch.endMs !== null)).toBe(true);
    expect(counts.samples).toBeGreaterThan(counts.epochs.at(-1)!.samples);
    expect(kept.length).toBeGreaterThan(0);
  });

  it('still answers after it was stopped, and before only complains', () => {
    const source = openSource();
    expect(() => source.read()).toThrow(/before start/);
    source.start(options);
    source.stop();
    expect(source.read().epochs).toHaveLength(1);
    source.stop();
  });
});

describe('object counts from the inspector’s scaled sizes', () => {
  it('are V8’s where a size is the only one to give its product, and near where it is not', () => {
    const interval = 65_536;
    const weights = new SampleWeights(interval);
    let logError = 0;
    let sizes = 0;
    for (let size = 16; size <= 256; size += 8) {
      const count = Math.round(1 / (1 - Math.exp(-size / interval)));
      logError += Math.abs(Math.log(weights.of(size * count) / count));
      sizes++;
    }
    expect(Math.exp(logError / sizes)).toBeLessThan(2);
    expect(weights.of(3_000_000)).toBe(1);
  });
});

describe('without an addon', () => {
  it('one sentence says why nothing can be sampled', () => {
    const face = new URL('../../src/profiler/fallback-source.ts', import.meta.url).pathname;
    const dist = face.replace('/src/', '/dist/').replace(/\.ts$/, '.js');
    const program = `
      const inspector = require('node:inspector');
      inspector.Session.prototype.connect = () => { throw new Error('Access to this API has been restricted'); };
      import(${JSON.stringify(dist)}).then((m) => console.log(m.openFallbackSource().reason));
    `;
    const child = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    expect(child.stdout).toBe('the inspector cannot be used (Access to this API has been restricted)\n');
  });
});
