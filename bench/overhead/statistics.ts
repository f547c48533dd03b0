/** A median with its 95 % interval. */
export interface MedianInterval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Median of `values` with the distribution-free 95 % interval between two order statistics (the sign test turned
 * round). Below 6 values no such interval exists: its ends are then infinite.
 */
export function medianInterval(values: readonly number[]): MedianInterval {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  const median = n % 2 === 1 ? sorted[(n - 1) / 2]! : (sorted[n / 2 - 1]! + sorted[n / 2]!) / 2;
  // The largest rank r with P(Binomial(n, 1/2) < r) <= 2.5 %.
  let rank = 0;
  let tail = 0.5 ** n;
  for (let term = tail; tail <= 0.025; ) {
    rank++;
    term *= (n - rank + 1) / rank;
    tail += term;
  }
  if (rank === 0) return { median, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  return { median, low: sorted[rank - 1]!, high: sorted[n - rank]! };
}

export type Verdict = 'met' | 'short' | 'undecided';

/** Whether an interval lies below `limit`, above it, or on both sides. */
export function verdict({ low, high }: MedianInterval, limit: number): Verdict {
  if (high < limit) return 'met';
  return low >= limit ? 'short' : 'undecided';
}

/** Ratio of means with a 95 % bootstrap interval over pairs: unlike a median it holds what happens now and then. */
export function ratioOfMeans(
  pairs: readonly (readonly [value: number, base: number])[],
  random: () => number,
): MedianInterval {
  const ratio = (draw: () => readonly [number, number]): number => {
    let value = 0;
    let base = 0;
    for (let i = 0; i < pairs.length; i++) {
      const pair = draw();
      value += pair[0];
      base += pair[1];
    }
    return value / base;
  };
  let next = 0;
  const observed = ratio(() => pairs[next++]!);
  const draws = Array.from({ length: 2000 }, () =>
    ratio(() => pairs[Math.floor(random() * pairs.length)]!),
  ).sort((a, b) => a - b);
  return { median: observed, low: draws[49]!, high: draws[1949]! };
}
