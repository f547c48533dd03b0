import type { PauseAggregate } from './aggregates.js';
import type { Estimate } from './profile.js';

/** Fewer pauses than this, and a line through them is guesswork. */
const FEW_PAUSES = 8;
const Z = 1.959964;

/** What a byte costs this process in pauses, ns, each with a 95 % interval; null where there was no such pause. */
export interface GcCosts {
  /** Per byte that a scavenge copies. */
  readonly scavengeNsPerByte: Estimate;
  /** Per byte that is alive at a mark-compact. Marking beside the program, on V8's own threads, costs no pause. */
  readonly markCompactNsPerByte: Estimate;
}

/** The two prices, measured on this process's own pauses. */
export function gcCosts(pauses: {
  readonly scavenge: PauseAggregate;
  readonly markCompact: PauseAggregate;
}): GcCosts {
  return {
    scavengeNsPerByte: costPerByte(pauses.scavenge),
    markCompactNsPerByte: costPerByte(pauses.markCompact),
  };
}

/**
 * The price of a byte from the regression of pauses on their work: the slope, so that what a pause costs in any case
 * is not blamed on bytes. Where the slope is not told from zero, or pauses are few, it is time over bytes, an
 * upper bound, with an interval that reaches down to nothing.
 */
export function costPerByte({ count, work }: PauseAggregate): Estimate {
  if (work === undefined || count === 0 || !(work.bytes > 0)) return { value: null, low: null, high: null };
  const ratio = work.ns / work.bytes;
  const spread = work.bytesSquared - (work.bytes * work.bytes) / count;
  if (count >= FEW_PAUSES && spread > 1e-9 * work.bytesSquared) {
    const together = work.product - (work.bytes * work.ns) / count;
    const own = work.nsSquared - (work.ns * work.ns) / count;
    const slope = together / spread;
    const residual = Math.max(0, own - slope * together) / (count - 2);
    // Student's quantile, by its first correction.
    const error = (Z + 2.4 / (count - 2)) * Math.sqrt(residual / spread);
    // Beyond time over bytes a pause without work would take less than no time: chance, then.
    if (slope - error > 0) {
      return { value: Math.min(slope, ratio), low: Math.min(slope - error, ratio), high: slope + error };
    }
  }
  const residual = Math.max(0, work.nsSquared - 2 * ratio * work.product + ratio * ratio * work.bytesSquared);
  const error =
    count > 2 ? ((Z + 2.4 / (count - 1)) * Math.sqrt((residual * count) / (count - 1))) / work.bytes : ratio;
  return { value: ratio, low: 0, high: ratio + error };
}
