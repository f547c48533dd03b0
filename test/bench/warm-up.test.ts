import { describe, expect, it } from 'vitest';
import { isSteady, warmUp } from '../../bench/cache/warm-up.js';

/** Warms up a store that has these speeds, operations a ms, chunk by chunk, the last for good. */
function warmed(speeds: readonly number[]): number {
  let nowMs = 0;
  let chunk = 0;
  return warmUp(
    (operations) => {
      nowMs += operations / speeds[Math.min(chunk++, speeds.length - 1)]!;
    },
    () => nowMs,
  );
}

describe('a warm-up', () => {
  it('ends once a store has stopped becoming faster', () => {
    expect(isSteady([1, 1, 1])).toBe(false);
    expect(isSteady([1, 1, 1, 1])).toBe(true);
    expect(isSteady([1, 1, 1, 1.1])).toBe(false);
    expect(warmed([1000])).toBe(400_000);
    expect(warmed([100, 200, 400, 800, 1000])).toBe(800_000);
  });

  it('counts operations, not time', () => {
    expect(warmed([10, 20, 40])).toBe(warmed([1000, 2000, 4000]));
  });

  it('is not misled by one slow chunk, and ends although a store goes on becoming faster', () => {
    expect(warmed([100, 50, 200, 400, 100, 400])).toBe(700_000);
    expect(warmed(Array.from({ length: 100 }, (_, i) => 1.1 ** i))).toBe(3_000_000);
  });
});
