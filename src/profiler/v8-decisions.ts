import type { LifetimeCell, WindowAggregate } from './aggregates.js';
import type { ContextTally } from './context-tally.js';
import { generationOfMedian, normalCdf } from './inference/index.js';
import {
  type LifetimeDistribution,
  lifetimeDistribution,
  lifetimeQuantile,
  type Precision,
  precisionOf,
  survivalAt,
} from './lifetime.js';
import type { ContextConflict, Estimate, LifetimeClass } from './profile.js';

/** ROLP's table has ages 0 to 15. */
const AGES = 16;
/** Objects that live through two GC cycles have left V8's young generation. */
const YOUNG_CYCLES = 2;
/** A context is young while fewer of its objects than this are promoted. */
export const PROMOTED_SHARE = 0.25;
/** Sampled births that a decision needs. */
export const MIN_SAMPLES = 400;
/** Sampled births that a caller needs to be told apart from others. */
const MIN_PART_SAMPLES = 50;
/** Promoted shares between these are a mixture of lifetimes (ROLP's floor is 10 % too). */
const MIXED: readonly [number, number] = [0.1, 0.9];
/** Two callers differ when their promoted shares do by so many standard errors: many pairs are looked at. */
const CALLERS_DIFFER = 3.3;
/** GC cycles that a window at level calls must have lasted to count as having shown what inlining hides. */
const WINDOW_SHOWS = 16;

/** What the samples say of where a context's objects belong. */
export interface V8Decision {
  /** 0: young. 1 to 15 where the samples carry it. Null: not young, or undecided (then confidence is null too). */
  readonly generation: number | null;
  readonly confidence: number | null;
  /** Null: undecided. */
  readonly class: LifetimeClass | null;
  /** Mark-compacts that the promoted objects see until they are collected (median). */
  readonly ageMarkCompacts: Estimate;
  /** Frames, leaf first, that decide: the least number that tells its lifetime from that of other callers'. */
  readonly decidedAt: number | null;
  readonly conflict: ContextConflict | null;
}

/** What decisions need to know of the process. */
export interface V8Facts {
  readonly gcCycles: number;
  readonly markCompacts: number;
  /** Share of births that lay in cohorts, and how many cohorts there were. */
  readonly inclusion: number;
  readonly cohorts: number;
  readonly windows: readonly WindowAggregate[];
}

const UNKNOWN: Estimate = { value: null, low: null, high: null };

const UNDECIDED: V8Decision = {
  generation: null,
  confidence: null,
  class: null,
  ageMarkCompacts: UNKNOWN,
  decidedAt: null,
  conflict: null,
};

/**
 * Decides for V8's contexts: young or not, from the samples' own tables. Sites (functions) are decided whole, as in
 * ROLP; where callers of a site differ it is split by as many callers as tell its lifetimes apart, which costs
 * nothing, since every sample has its stack. What no caller tells apart is a conflict.
 *
 * Cost: linear in contexts x frames, plus one fit a decision.
 */
export function decideV8(tallies: readonly ContextTally[], facts: V8Facts): Map<ContextTally, V8Decision> {
  const decisions = new Map<ContextTally, V8Decision>();
  for (const site of groupBy(tallies, (tally) => tally.context.keys[0]!).values()) {
    decideSite(site.map(promotionOf), 1, facts, decisions);
  }
  return decisions;
}

/** A context with how many of its samples were promoted. */
interface Member {
  readonly tally: ContextTally;
  readonly young: number;
  readonly promoted: number;
  readonly squared: number;
  readonly samples: number;
}

interface Share {
  readonly value: number;
  readonly error: number;
  readonly samples: number;
}

function promotionOf(tally: ContextTally): Member {
  let [young, promoted, squared] = [0, 0, 0];
  for (const [low, high, , weight, weightSquared] of tally.gcCycles) {
    if (low >= YOUNG_CYCLES) promoted += weight;
    else if (high !== null && high <= YOUNG_CYCLES) young += weight;
    // Too young still to tell, or dead on either side of the border.
    else continue;
    squared += weightSquared;
  }
  return { tally, young, promoted, squared, samples: tally.samples };
}

function decideSite(
  members: readonly Member[],
  depth: number,
  facts: V8Facts,
  into: Map<ContextTally, V8Decision>,
): void {
  const precision = precisionOf(cellsOf(members), groupsOf(members), facts.inclusion, facts.cohorts);
  const separated = separateByCallers(members, depth, precision);
  if (separated !== null) {
    for (const part of separated.parts) decideSite(part, separated.depth, facts, into);
    return;
  }
  const decision = decideTogether(members, depth, precision, facts);
  for (const { tally } of members) into.set(tally, decision);
}

/** The least number of frames that parts the members into some that are young and some that are not, both surely. */
function separateByCallers(
  members: readonly Member[],
  depth: number,
  precision: Precision,
): { readonly depth: number; readonly parts: readonly Member[][] } | null {
  if (members.length < 2) return null;
  const deepest = Math.max(...members.map(({ tally }) => tally.context.keys.length));
  for (let frames = depth + 1; frames <= deepest; frames++) {
    const parts = groupBy(members, ({ tally }) => tally.context.keys.slice(0, frames).join('\n'));
    if (parts.size < 2) continue;
    const shares = [...parts.values()]
      .map((part) => shareOf(part, precision))
      .filter(({ samples }) => samples >= MIN_PART_SAMPLES)
      .sort((a, b) => a.value - b.value);
    const [least, most] = [shares[0], shares.at(-1)];
    if (least === undefined || most === undefined) continue;
    const apart = (most.value - least.value) / Math.hypot(least.error, most.error);
    const onBothSides =
      least.value + 2 * least.error < PROMOTED_SHARE && most.value - 2 * most.error > PROMOTED_SHARE;
    if (onBothSides && apart > CALLERS_DIFFER) return { depth: frames, parts: [...parts.values()] };
  }
  return null;
}

/** Promoted share with its standard error. Half an object is added on each side, so that none of 10 is no certainty. */
function shareOf(members: readonly Member[], { designEffect: effect, unseen }: Precision): Share {
  let [young, promoted, squared, samples] = [0, 0, 0, 0];
  for (const member of members) {
    young += member.young;
    promoted += member.promoted;
    squared += member.squared;
    samples += member.samples;
  }
  const known = young + promoted;
  const size = squared > 0 ? (known * known) / squared / effect : 0;
  const value = size > 0 ? ((promoted / known) * size + 0.5) / (size + 1) : 0.5;
  const error = Math.hypot(
    Math.sqrt((value * (1 - value)) / (size + 1)),
    unseen * Math.max(value, 1 - value),
  );
  return { value, error, samples };
}

function decideTogether(
  members: readonly Member[],
  depth: number,
  precision: Precision,
  facts: V8Facts,
): V8Decision {
  const share = shareOf(members, precision);
  if (share.samples < MIN_SAMPLES) return UNDECIDED;
  const distribution = lifetimeDistribution(cellsOf(members), 'discrete', precision);
  if (distribution === null) return UNDECIDED;
  const young = share.value < PROMOTED_SHARE;
  const named = classOf(distribution);
  const conflict = conflictOf(members, share, distribution, facts);
  return {
    // A mixture has no one age.
    generation: young ? 0 : conflict === null ? carriedGeneration(distribution, facts) : null,
    confidence: normalCdf(Math.abs(share.value - PROMOTED_SHARE) / share.error),
    // The rule of classes and the decision look at one figure, but for what rounding does at the border.
    class: young ? 'young' : named === 'young' ? 'middle' : named,
    ageMarkCompacts: young ? UNKNOWN : ageOfPromoted(distribution, facts),
    decidedAt: depth,
    conflict,
  };
}

/**
 * The simple rule: `young` when fewer than a quarter of the objects live through two GC cycles (V8 copies
 * those twice), `long` when at least half of those that do are still there at age 15 or at the end of what was
 * observed, `middle` between. Without samples: `young`, which is what V8 assumes too.
 */
export function classOf(distribution: LifetimeDistribution | null): LifetimeClass {
  if (distribution === null) return 'young';
  const survivors = survivalAt(distribution, YOUNG_CYCLES);
  if (survivors < PROMOTED_SHARE) return 'young';
  return survivalAt(distribution, AGES - 1) >= survivors / 2 ? 'long' : 'middle';
}

/**
 * The generation where V8's own clock does not hide it: an old object is seen dead at a mark-compact only, so its true
 * age at death lies anywhere between two of them. Told where both ends agree to within one generation.
 */
function carriedGeneration(distribution: LifetimeDistribution, facts: V8Facts): number | null {
  const { low, high } = lifetimeQuantile(distribution, 0.5);
  if (low === null) return null;
  const between = facts.markCompacts > 0 ? facts.gcCycles / facts.markCompacts : Number.POSITIVE_INFINITY;
  const youngest = generationOfMedian(
    low <= YOUNG_CYCLES + 1 ? low : Math.max(YOUNG_CYCLES + 1, low - between),
  );
  const oldest = generationOfMedian(high ?? Number.POSITIVE_INFINITY);
  return oldest - youngest <= 1 ? oldest : null;
}

/** Median number of mark-compacts that promoted objects face, that which collects them included. */
function ageOfPromoted(distribution: LifetimeDistribution, { gcCycles, markCompacts }: V8Facts): Estimate {
  if (gcCycles === 0 || markCompacts === 0) return UNKNOWN;
  const { value, low, high } = lifetimeQuantile(distribution, medianOfPromoted(distribution));
  const inMarkCompacts = (cycles: number | null): number | null =>
    cycles === null ? null : (cycles * markCompacts) / gcCycles;
  return { value: inMarkCompacts(value), low: inMarkCompacts(low), high: inMarkCompacts(high) };
}

/** Share of all objects that are dead once half of the promoted ones are. */
function medianOfPromoted(distribution: LifetimeDistribution): number {
  return 1 - survivalAt(distribution, YOUNG_CYCLES) / 2;
}

function conflictOf(
  members: readonly Member[],
  share: Share,
  distribution: LifetimeDistribution,
  facts: V8Facts,
): ContextConflict | null {
  if (share.value - 2 * share.error < MIXED[0] || share.value + 2 * share.error > MIXED[1]) return null;
  const promoted = survivalAt(distribution, YOUNG_CYCLES);
  const named = classOf(distribution);
  return {
    ...resolutionOf(members, facts),
    modes: [
      { weight: 1 - promoted, class: 'young', medianGcCycles: medianOfYoung(distribution) },
      {
        weight: promoted,
        class: named === 'young' ? longOrMiddle(distribution) : named,
        medianGcCycles: lifetimeQuantile(distribution, medianOfPromoted(distribution)).value,
      },
    ],
  };
}

function longOrMiddle(distribution: LifetimeDistribution): LifetimeClass {
  return survivalAt(distribution, AGES - 1) >= survivalAt(distribution, YOUNG_CYCLES) / 2 ? 'long' : 'middle';
}

function medianOfYoung(distribution: LifetimeDistribution): number | null {
  return lifetimeQuantile(distribution, (1 - survivalAt(distribution, YOUNG_CYCLES)) / 2).value;
}

/** What could still tell such lifetimes apart. */
function resolutionOf(
  members: readonly Member[],
  { windows }: V8Facts,
): Pick<ContextConflict, 'resolution' | 'reason' | 'command'> {
  const shown = windows.some(
    ({ level, startGcCycle, endGcCycle }) =>
      level === 'calls' && (endGcCycle ?? Number.POSITIVE_INFINITY) - startGcCycle >= WINDOW_SHOWS,
  );
  if (!shown) {
    return {
      resolution: 'window',
      reason: 'the callers seen do not tell its lifetimes apart, and inlining may hide others',
      command: 'ROLP_ATTRIBUTION=calls:64',
    };
  }
  const fromEventLoop = members.every(({ tally }) => tally.context.fromEventLoop === true);
  return {
    resolution: 'unresolvable',
    reason: fromEventLoop
      ? 'its stacks begin in the event loop, and V8’s samples do not say which asynchronous work they belong to'
      : 'the same callers make objects of both lifetimes, so that data decides, not code',
    command: null,
  };
}

function cellsOf(members: readonly Member[]): readonly LifetimeCell[] {
  return members.length === 1 ? members[0]!.tally.gcCycles : members.flatMap(({ tally }) => tally.gcCycles);
}

function groupsOf(members: readonly Member[]): (readonly [number, number])[] {
  const sums: [number, number][] = [];
  for (const { tally } of members) {
    tally.groups.forEach(([weight, life], i) => {
      const sum = sums[i] ?? [0, 0];
      sum[0] += weight;
      sum[1] += life;
      sums[i] = sum;
    });
  }
  return sums;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
