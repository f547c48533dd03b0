import * as hdr from 'hdr-histogram-js';
import { LATENCY_UNIT_MS } from './spec.js';

/** A quantile is told only with this many samples beyond it. */
export const SAMPLES_BEYOND = 10;

export interface Estimate {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** How sure it is that the true median lies from low to high. */
  readonly confidence: number;
}

/**
 * The median of repeats and the interval between two of them that holds the true median with at least 95 %
 * (order statistics, no distribution assumed). Fewer than six repeats cannot give 95 %: their whole range
 * is told, with the confidence that it has.
 */
export function estimate(values: readonly number[]): Estimate {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  if (n === 0) return { median: Number.NaN, low: Number.NaN, high: Number.NaN, confidence: 0 };
  const median = (sorted[Math.floor((n - 1) / 2)]! + sorted[Math.ceil((n - 1) / 2)]!) / 2;
  let cut = 0;
  while (cut + 1 < n / 2 && coverage(n, cut + 1) >= 0.95) cut++;
  return { median, low: sorted[cut]!, high: sorted[n - 1 - cut]!, confidence: coverage(n, cut) };
}

/** The chance that the median lies between the values `cut` places from either end. */
function coverage(n: number, cut: number): number {
  let outside = 0;
  let ways = 1;
  for (let k = 0; k <= cut; k++) {
    outside += ways;
    ways = (ways * (n - k)) / (k + 1);
  }
  return Math.max(0, 1 - (2 * outside) / 2 ** n);
}

/** @returns the quantile of sorted values, or undefined if fewer than SAMPLES_BEYOND lie beyond it. */
export function quantile(sorted: readonly number[], q: number): number | undefined {
  if (sorted.length * (1 - q) < SAMPLES_BEYOND - 1e-9) return undefined;
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}

/** The same of an encoded latency histogram, in ms. */
export function latencyQuantile(histogram: hdr.Histogram, q: number): number | undefined {
  if (histogram.totalCount * (1 - q) < SAMPLES_BEYOND - 1e-9) return undefined;
  return histogram.getValueAtPercentile(q * 100) * LATENCY_UNIT_MS;
}

/** All repeats' latencies in one histogram. */
export function mergedLatency(encoded: readonly string[]): hdr.Histogram {
  const [first, ...others] = encoded.map((text) => hdr.decodeFromCompressedBase64(text, 32));
  for (const other of others) first!.add(other);
  return first!;
}
