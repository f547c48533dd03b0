import { describe, expect, it } from 'vitest';
import { NativeSource } from '../../src/profiler/index.js';

const gc = (globalThis as unknown as { gc: (options?: { type: 'minor' | 'major' }) => void }).gc;
const minor = (): void => gc({ type: 'minor' });

function makeTracked(i: number): unknown {
  return { i, pair: [i, i + 1] };
}

describe('the native sampler', () => {
  it('misses no birth and counts each sample in each of the three lifetime tables', () => {
    const source = new NativeSource();
    source.start({ intervalBytes: 256, stackDepth: 16, budgetPercent: 0, maxContexts: 1000, level: 'off' });
    const kept: unknown[] = [];
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 2000; i++) {
        const made = makeTracked(i);
        if (i % 4 === 0) kept.push(made);
      }
      minor();
    }
    const counts = source.read();
    source.stop();
    expect(counts.missed).toBe(0);
    expect(counts.skipped).toBe(0);
    expect(counts.samples).toBeGreaterThan(1000);
    expect(counts.gcCycles).toBeGreaterThanOrEqual(10);
    let births = 0;
    for (const context of counts.contexts) {
      births += context.samples;
      for (const table of [context.gcCycles, context.lifeBytes, context.lifeMs]) {
        expect(table.reduce((sum, cell) => sum + cell[2], 0)).toBe(context.samples);
      }
    }
    expect(births).toBe(counts.samples);
    expect(kept.length).toBe(5000);
  });
});
