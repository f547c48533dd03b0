import * as hdr from 'hdr-histogram-js';
import { LATENCY_UNIT_MS } from './spec.js';

/** A quantile is told only with this many samples beyond it. */
export const SAMPLES_BEYOND = 10;

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
