import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clustered,
  estimate,
  intervalText,
  median,
  paired,
  ratio,
  report,
  verdict,
} from '../../bench/lib/compare.js';
import { seededRandom } from '../../src/base/index.js';

/** A repeatable source of normally distributed numbers. */
function normals(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

describe('the median of repeats', () => {
  it('has an interval that holds it as often as it says', () => {
    expect(estimate([3, 1, 2, 5, 4, 6])).toMatchObject({ value: 3.5, low: 1, high: 6 });
    expect(estimate([3, 1, 2, 5, 4, 6]).confidence).toBeCloseTo(0.969, 3);
    expect(estimate([3, 1, 2]).confidence).toBeCloseTo(0.75, 3);
    expect(estimate(Array.from({ length: 9 }, (_, i) => i))).toMatchObject({ value: 4, low: 1, high: 7 });
    expect(estimate([]).value).toBeNaN();
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 6, maxLength: 40 }), (values) => {
        const { low, value, high, confidence } = estimate(values);
        expect(low <= value && value <= high).toBe(true);
        expect(confidence).toBeGreaterThanOrEqual(0.95);
      }),
      { seed: 1 },
    );
  });
});

describe('figures in pairs', () => {
  it('tell their ratio although the machine differs from round to round', () => {
    const normal = normals(7);
    const rounds = Array.from({ length: 9 }, () => Math.exp(0.5 * normal()));
    const a = rounds.map((speed) => speed * 1.2 * (1 + 0.02 * normal()));
    const { value, low, high, confidence } = paired(a, rounds);
    expect(value).toBeCloseTo(1.2, 1);
    expect(low).toBeGreaterThan(1.1);
    expect(high).toBeLessThan(1.3);
    expect(confidence).toBeGreaterThan(0.95);
    const alone = ratio(a, rounds);
    expect(alone.high - alone.low).toBeGreaterThan(3 * (high - low));
  });

  it('must be pairs', () => {
    expect(() => paired([1, 2], [1])).toThrow(RangeError);
  });
});

describe('figures in clusters', () => {
  /** The share of 100 experiments that have the true median, 1, in the interval; five figures a cluster. */
  function held(
    clusters: number,
    between: number,
    interval: (figures: number[][]) => [number, number],
  ): number {
    const normal = normals(clusters);
    let inside = 0;
    for (let experiment = 0; experiment < 100; experiment++) {
      const figures = Array.from({ length: clusters }, () => {
        const centre = 1 + between * normal();
        return Array.from({ length: 5 }, () => centre + 0.05 * normal());
      });
      const [low, high] = interval(figures);
      if (low <= 1 && 1 <= high) inside++;
    }
    return inside / 100;
  }

  it('have an interval that holds the truth although figures of a cluster are alike', () => {
    const random = seededRandom(1);
    const redrawn = (figures: number[][]): [number, number] => {
      const { low, high } = clustered(figures, median, random);
      return [low, high];
    };
    const asIfAlone = (figures: number[][]): [number, number] => {
      const { low, high } = estimate(figures.flat());
      return [low, high];
    };
    // 95 %, less what 100 experiments may differ by.
    expect(held(6, 0.1, redrawn)).toBeGreaterThan(0.87);
    expect(held(12, 0.1, redrawn)).toBeGreaterThan(0.87);
    expect(held(10, 0, redrawn)).toBeGreaterThan(0.87);
    expect(held(12, 0.1, asIfAlone)).toBeLessThan(0.8);
  });

  it('have none when there are fewer than six clusters, however many figures', () => {
    const few = clustered(
      Array.from({ length: 5 }, () => [1, 1.01, 0.99]),
      median,
    );
    expect(few).toMatchObject({ value: 1, confidence: 0 });
    expect(verdict(few, 2, 'at most')).toBe('undecided');
    expect(intervalText(few)).toBe('1.00 (too few for an interval)');
  });
});

describe('a verdict', () => {
  const figure = { value: 0.5, low: 0.4, high: 0.6, confidence: 0.97 };

  it('is undecided while its interval straddles the figure, or tells too little', () => {
    expect(verdict(figure, 0.7, 'at most')).toBe('met');
    expect(verdict(figure, 0.5, 'at most')).toBe('undecided');
    expect(verdict(figure, 0.3, 'at most')).toBe('short');
    expect(verdict(figure, 0.3, 'at least')).toBe('met');
    expect(verdict(figure, 0.7, 'at least')).toBe('short');
    expect(verdict(estimate([]), 0.7, 'at most')).toBe('undecided');
    expect(verdict(estimate([0.1, 0.1, 0.1]), 0.7, 'at most')).toBe('undecided');
    expect(verdict(ratio([1, 1, 1], [2, 2, 2]), 0.7, 'at most')).toBe('undecided');
    expect(verdict(ratio([1, 1, 1, 1, 1], [2, 2, 2, 2, 2]), 0.7, 'at most')).toBe('met');
  });

  it('stands first in a line that says all', () => {
    expect(report('CPU', figure, 'at most', 0.7)).toBe('met        CPU: 0.500 [0.400, 0.600], at most 0.7');
    expect(intervalText(estimate([1, 2, 3]))).toBe('2.00 [1.00, 3.00] with 75 %');
  });
});
