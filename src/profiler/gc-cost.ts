import type { PauseAggregate } from './aggregates.js';
import { normalCdf } from './inference/index.js';
import type { Estimate } from './profile.js';

/** Fewer pauses than this, and a line through them is guesswork. */
const FEW_PAUSES = 8;
/** No more pauses than this count as independent: neighbours were made by the same program at the same time. */
const INDEPENDENT_PAUSES = 8;
/**
 * What part of its pauses a program's bytes are to blame for, before anything is known of it: 0.74 to 0.85 in five programs whose
 * objects were really moved, the cores idle, and about 0.75 with both busy (bench/advice). The rest is waking threads and scanning
 * roots.
 */
const USUAL_SHARE = 0.75;
const USUAL_DEVIATION = 0.15;
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
 * The price of a byte, what a pause costs in any case (threads that are woken and waited for, roots that are scanned) set
 * aside. It is no more than time over bytes, and no less than if each pause were as short as three in four are longer, and
 * cost as much in any case as the shortest. Between the two, what is usual and the regression of pauses on their work
 * are weighed by what each knows: of pauses that are all alike, as a steady program makes them, the line knows next to
 * nothing, and by itself was off by a factor of two.
 */
export function costPerByte(pauses: PauseAggregate): Estimate {
  const { count, work } = pauses;
  if (work === undefined || count === 0 || !(work.bytes > 0)) return { value: null, low: null, high: null };
  const most = work.ns / work.bytes;
  const least = Math.min(most, leastCost(pauses, work));
  const mostHigh = most + ratioError(count, work);
  const usual = { mean: USUAL_SHARE * most, deviation: USUAL_DEVIATION * most };
  const line = lineThrough(count, work);
  // A line that falls where it must rise was drawn by a few pauses of little work that took long: it knows nothing.
  const isTelling = line !== null && line.mean + Z * line.deviation >= least;
  const { mean, deviation } = isTelling ? weighed(usual, line) : usual;
  const value = meanBetween(mean, deviation, least, most);
  return {
    value,
    low: Math.min(value, Math.max(least, mean - Z * deviation)),
    high: Math.max(value, Math.min(mean + Z * deviation, mostHigh)),
  };
}

/** What is known of a price. */
interface Belief {
  readonly mean: number;
  readonly deviation: number;
}

/** Two beliefs made one, each weighed by its precision. */
function weighed(a: Belief, b: Belief): Belief {
  if (b.deviation === 0) return b;
  const [atA, atB] = [1 / a.deviation ** 2, 1 / b.deviation ** 2];
  return { mean: (a.mean * atA + b.mean * atB) / (atA + atB), deviation: 1 / Math.sqrt(atA + atB) };
}

/**
 * What bytes must have cost: of the quarter point of the pauses, since what comes on top of some by chance is no byte's, the
 * part that the shortest does not explain. Polls are in the buckets, and may be all of the difference.
 */
function leastCost({ buckets, count, pollNs }: PauseAggregate, work: Work): number {
  let below = 0;
  let shortestNs: number | undefined;
  for (const [upperNs, inBucket] of buckets) {
    if (inBucket > 0) shortestNs ??= upperNs;
    below += inBucket;
    if (below < count / 4) continue;
    const quarterNs = upperNs * 2 ** (-1 / 8) - pollNs / count;
    return Math.max(0, (count * (quarterNs - shortestNs!)) / work.bytes);
  }
  return 0;
}

type Work = NonNullable<PauseAggregate['work']>;

/** What time over bytes may be off by. */
function ratioError(count: number, work: Work): number {
  const ratio = work.ns / work.bytes;
  if (count <= 2) return ratio;
  const residual = Math.max(0, work.nsSquared - 2 * ratio * work.product + ratio * ratio * work.bytesSquared);
  return ((Z + 2.4 / (count - 1)) * Math.sqrt((residual * count) / (count - 1))) / work.bytes;
}

/** The slope of the regression of pauses on bytes; null where pauses are few or all of the same work. */
function lineThrough(count: number, work: Work): Belief | null {
  const spread = work.bytesSquared - (work.bytes * work.bytes) / count;
  if (count < FEW_PAUSES || !(spread > 1e-9 * work.bytesSquared)) return null;
  const together = work.product - (work.bytes * work.ns) / count;
  const own = work.nsSquared - (work.ns * work.ns) / count;
  const slope = together / spread;
  const residual = Math.max(0, own - slope * together) / (count - 2);
  const error = Math.sqrt((residual / spread) * Math.max(1, count / INDEPENDENT_PAUSES));
  // Student's quantile, by its first correction.
  return { mean: slope, deviation: ((Z + 2.4 / (count - 2)) / Z) * error };
}

/** Mean of a normal distribution between two bounds: of no width, the value itself as far as the bounds allow. */
function meanBetween(mean: number, deviation: number, least: number, most: number): number {
  const clamped = Math.min(most, Math.max(least, mean));
  if (!(deviation > 0)) return clamped;
  const from = (least - mean) / deviation;
  const to = (most - mean) / deviation;
  const inside = normalCdf(to) - normalCdf(from);
  // So far out the distribution's tail is not known to the digits that it would take.
  if (inside < 1e-4 && to < -3) return clamped;
  if (inside < 1e-4) return (least + most) / 2;
  const shift = (density(from) - density(to)) / inside;
  return Math.min(most, Math.max(least, mean + deviation * shift));
}

function density(z: number): number {
  return Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
}
