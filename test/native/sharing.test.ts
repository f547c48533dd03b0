import inspector from 'node:inspector';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, leaf, withSource } from './helpers.js';

function makeShared(i: number): unknown {
  return { i };
}

function make(count: number): unknown[] {
  const made: unknown[] = [];
  for (let i = 0; i < count; i++) made.push(makeShared(i));
  return made;
}

/** Runs JavaScript long enough for V8 to serve an interrupt. */
function turn(): void {
  const until = Date.now() + 5;
  while (Date.now() < until);
}

describe('the native sampler beside another user of V8’s heap sampler', () => {
  let other: inspector.Session;
  const startOther = (samplingInterval: number) =>
    other.post('HeapProfiler.startSampling', { samplingInterval });
  const stopOther = () => other.post('HeapProfiler.stopSampling');
  const profile = (): unknown => {
    let got: unknown;
    other.post('HeapProfiler.getSamplingProfile', (_error, result) => {
      got = result;
    });
    return got;
  };

  beforeEach(() => {
    other = new inspector.Session();
    other.connect();
  });
  afterEach(() => other.disconnect());

  it('restarts in a new epoch when the other stops it, and censors the living', () => {
    withSource({ intervalBytes: 8 }, (source) => {
      const held = [make(300)];
      collect('minor');
      stopOther();
      collect('minor');
      turn();
      held.push(make(300));
      collect('minor');
      const counts = source.read();
      expect(counts.epochs.map((e) => e.reason)).toEqual(['start', 'foreign-stop']);
      expect(counts.epochs[0]!.censored).toBeGreaterThan(250);
      expect(counts.missed).toBe(0);
      const context = leaf(counts, 'makeShared');
      expect(context.samples).toBeGreaterThan(550);
      expect(context.gcCycles.reduce((sum, cell) => sum + cell[2], 0)).toBe(context.samples);
      expect(held.length).toBe(2);
    });
  });

  it('restarts by read() as well', () => {
    withSource({ intervalBytes: 8 }, (source) => {
      make(100);
      stopOther();
      source.read();
      turn();
      const held = make(200);
      const counts = source.read();
      expect(counts.epochs.map((e) => e.reason)).toEqual(['start', 'foreign-stop']);
      expect(leaf(counts, 'makeShared').live.samples).toBeGreaterThan(150);
      expect(held.length).toBe(200);
    });
  });

  it('keeps away from DevTools’ sampler, which has V8 collect all garbage at each look, until that is over', () => {
    withSource({ intervalBytes: 8 }, (source) => {
      const held = [make(300)];
      collect('minor');
      stopOther();
      startOther(64);
      held.push(make(100));
      collect('minor');
      turn();
      const before = source.read();
      expect(before.epochs.map((e) => [e.reason, e.endMs === null])).toEqual([['start', false]]);
      for (let i = 0; i < 5; i++) collect('minor');
      expect(source.read().markCompact.count - before.markCompact.count).toBeLessThanOrEqual(2);
      stopOther();
      expect(source.read().epochs.map((e) => e.reason)).toEqual(['start', 'foreign-stop']);
      held.push(make(100));
      collect('minor');
      const counts = source.read();
      expect(counts.missed).toBe(0);
      expect(leaf(counts, 'makeShared').live.samples).toBeGreaterThan(80);
      expect(held.length).toBe(3);
    });
  });

  it('does not stop a sampler that is not ours', () => {
    withSource({ intervalBytes: 8 }, () => {
      const held = [make(100)];
      collect('minor');
      stopOther();
      startOther(64);
      // Known by ids that come to mean other objects: it must have sampled something.
      held.push(make(100));
      collect('minor');
      expect(held.length).toBe(2);
    });
    expect(profile()).toBeDefined();
    stopOther();
  });

  it('refuses to start beside DevTools’ sampler, with the reason, and starts after it', () => {
    startOther(64);
    expect(() => withSource({ intervalBytes: 64 }, () => {})).toThrow(/in use by DevTools/);
    expect(profile()).toBeDefined();
    stopOther();
    withSource({ intervalBytes: 64 }, (source) => expect(source.read().epochs).toHaveLength(1));
  });
});

const pprof = await import('@datadog/pprof').catch(() => null);

describe.runIf(pprof !== null)('the native sampler beside @datadog/pprof', () => {
  it('adopts a sampler that runs already, says so, and leaves it running', () => {
    const { heap } = pprof!;
    heap.start(64, 16);
    const before = make(200);
    withSource({ intervalBytes: 64 }, (source) => {
      const held = make(300);
      collect('minor');
      const counts = source.read();
      expect(counts.epochs.map((e) => e.reason)).toEqual(['adopted']);
      expect(counts.missed).toBe(0);
      const made = counts.contexts.filter((c) => c.frames[0]?.function === 'makeShared');
      const births = made.reduce((sum, c) => sum + c.samples, 0);
      expect(births).toBeGreaterThan(80);
      // Those born before are live, but in no cohort.
      expect(made.reduce((sum, c) => sum + c.live.samples, 0)).toBeGreaterThan(births + 40);
      expect(counts.epochs[0]!.samples).toBe(counts.samples);
      expect(() => source.setInterval(1024)).toThrow(/another tool/);
      expect(held.length + before.length).toBe(500);
    });
    expect(heap.profile()).toBeDefined();
    heap.stop();
  });
});
