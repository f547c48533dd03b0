import { describe, expect, it } from 'vitest';
import { warmUpLines } from '../../bench/pretenure/warm-up.js';

/** Rounds of 40 points: the first four cost that a byte, the rest are steady. */
function runs(first: number, steady: number): { points: number[] }[] {
  return Array.from({ length: 7 }, () => ({
    points: Array.from({ length: 40 }, (_, at) => (at < 4 ? first : steady)),
  }));
}

describe('what a profile spares of the warm-up', () => {
  it('is told where the steady state costs nothing, too', () => {
    const [, none, met, short] = warmUpLines({
      'from nothing': runs(0.4, 0),
      'with a profile': runs(0.00001, 0),
      'with one of Node v24': runs(0.2, 0),
    });
    expect(none).toBe('  from nothing: 0.400');
    expect(met).toMatch(/^met .*with a profile: 0\.0000100, of the warm-up's cost: 0\.0000250 /);
    expect(short).toMatch(/^short .*of the warm-up's cost: 0\.500 /);
    expect(warmUpLines({ 'from nothing': runs(0.1, 0.1), 'with a profile': runs(0.1, 0.1) })[2]).toMatch(
      /nothing to spare/,
    );
  });
});
