import type { PauseAggregate } from './aggregates.js';
import type { ProfilePauses } from './profile.js';

const NS_PER_MS = 1e6;

/** Pauses in ms for the profile; quantiles from the buckets, straight lines inside them. */
export function summarisePauses(pauses: PauseAggregate): ProfilePauses {
  const known = pauses.count > 0;
  return {
    count: pauses.count,
    sum: pauses.sumNs / NS_PER_MS,
    p50: known ? quantileNs(pauses, 0.5) / NS_PER_MS : null,
    p99: known ? quantileNs(pauses, 0.99) / NS_PER_MS : null,
    max: known ? pauses.maxNs / NS_PER_MS : null,
    poll: pauses.pollNs / NS_PER_MS,
  };
}

function quantileNs({ buckets, maxNs, count }: PauseAggregate, share: number): number {
  const rank = share * count;
  let below = 0;
  for (const [upperNs, inBucket] of buckets) {
    if (inBucket > 0 && below + inBucket >= rank) {
      // Buckets are an eighth of an octave wide: what lies under this one is not told where buckets are sparse.
      const lowerNs = upperNs / 2 ** (1 / 8);
      return Math.min(maxNs, lowerNs + (upperNs - lowerNs) * ((rank - below) / inBucket));
    }
    below += inBucket;
  }
  return maxNs;
}
