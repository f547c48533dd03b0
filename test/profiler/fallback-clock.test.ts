import v8 from 'node:v8';
import { describe, expect, it } from 'vitest';
import { FallbackClock } from '../../src/profiler/fallback-clock.js';

const gc = (globalThis as unknown as { gc: (options?: { type: 'minor' }) => void }).gc;

describe('the clock of the fallback', () => {
  it('counts each GC once, those too that its own reading of the list sets off', () => {
    const truth = new v8.GCProfiler();
    gc();
    truth.start();
    const clock = new FallbackClock(() => performance.now());
    for (let i = 0; i < 3000; i++) gc({ type: 'minor' });
    // Megabytes to parse.
    const first = clock.read();
    // So that the rest sets off none.
    gc();
    const last = clock.read();
    const all = truth.stop().statistics.map(({ gcType }) => String(gcType));
    clock.stop();
    const majors = all.filter((type) => type === 'MarkSweepCompact').length;
    const minors = all.filter((type) => /^(Scavenge|MinorMark)/.test(type)).length;
    expect(first.gcCycles).toBeGreaterThanOrEqual(3000);
    expect(last).toMatchObject({ gcCycles: majors + minors, markCompacts: majors });
    expect(last.bytes).toBeGreaterThanOrEqual(first.bytes);
  });
});
