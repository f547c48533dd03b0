import type { AgeHistogram } from './age-histogram.js';
import { ageAtShare, type LifeTable, lifeTable, sharePast } from './life-table.js';
import { normalCdf } from './normal.js';
import { excessMass, splitModes } from './unimodal.js';

/** The generation of what outlives every numbered age: NG2C's Old. */
export const OLDEST_GENERATION = 15;

export interface InferenceOptions {
  /** Objects observed below which nothing is decided. Default 50 (old ROLP: 50; POLM2: 16). */
  readonly minObserved?: number;
  /** Least share of objects that counts as a lifetime of its own. Default 0.05 (ROLP: steps of 10 %). */
  readonly minModeShare?: number;
  /** Modes told of a conflict at most. Default 6. */
  readonly maxModes?: number;
}

/** One of several lifetimes that a context mixes. */
export interface LifetimeMode {
  /** Share of the context's objects. */
  readonly weight: number;
  readonly generation: number;
  /** Median lifetime in cycles; null: longer than could be observed. */
  readonly medianCycles: number | null;
  /** Ages between which this mode's objects die; `toCycles` is null where the end was not seen. */
  readonly fromCycles: number;
  readonly toCycles: number | null;
}

/** Several lifetimes in one context. */
export interface LifetimeConflict {
  /** Shortest first; weights sum to 1. */
  readonly modes: readonly LifetimeMode[];
  /** How sure it is that there is more than one, 0 to 1. */
  readonly confidence: number;
}

/** What is inferred of a placed context. */
export interface Decision {
  /** 1 to 15, in cycles: what dies about k cycles after its birth; 15: later. Null: too little is known. */
  readonly generation: number | null;
  /** Probability, 0 to 1, that more observations of the same program would give the same generation. */
  readonly confidence: number;
  /** Median lifetime in cycles with its 95 % interval; null where it lies beyond what was observed. */
  readonly medianCycles: {
    readonly value: number | null;
    readonly low: number;
    readonly high: number | null;
  };
  readonly conflict: LifetimeConflict | null;
  /** Objects that the decision rests on. */
  readonly observed: number;
}

const MIN_OBSERVED = 50;
const MIN_MODE_SHARE = 0.05;
const MAX_MODES = 6;
/** What must move to leave one mode is to exceed this over the root of the objects: three standard errors of a share of a half. */
const SIGNIFICANCE = 1.5;
/** A conflict is held until its evidence has fallen to this part of what declared it. */
const CONFLICT_HYSTERESIS = 0.6;
/** A generation is kept while it is this close to the median, relatively: an eighth is one in eight cycles. */
const GENERATION_HYSTERESIS = 0.125;
/** How far beyond the horizon the tail is thought to reach, as a natural logarithm: a thousandfold. */
const TAIL_REACH = Math.log(1000);
const Z_95 = 1.959964;

/**
 * rolp's own inference for placed contexts, which differs from the published rule where that is weak; see
 * docs/decisions/004-inference.md. Pure; one instance serves any number of contexts. Cost: some microseconds for a
 * table of 60 columns, once a window.
 */
export class LifetimeInference {
  readonly #minObserved: number;
  readonly #minModeShare: number;
  readonly #maxModes: number;

  constructor(options: InferenceOptions = {}) {
    this.#minObserved = options.minObserved ?? MIN_OBSERVED;
    this.#minModeShare = options.minModeShare ?? MIN_MODE_SHARE;
    this.#maxModes = options.maxModes ?? MAX_MODES;
  }

  /**
   * @param ages what became of the context's objects. @param previous the context's last decision, which is held on
   *   to where the new data do not contradict it.
   */
  decide(ages: AgeHistogram, previous?: Decision): Decision {
    const steps = this.decideInSteps(ages, previous);
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  }

  /**
   * The same in steps of a few thousand operations, for whoever may not stop for long: telling apart the lifetimes of a
   * conflict takes hundreds of them. `ages` must not change before the last.
   */
  *decideInSteps(ages: AgeHistogram, previous?: Decision): Generator<undefined, Decision> {
    const table = lifeTable(ages);
    if (table.observed < this.#minObserved) return previous ?? undecided(table.observed);
    yield;
    const median = medianOf(table);
    const generation = held(generationOfMedian(median.value), median, previous);
    const confidence = confidenceIn(generation, table);
    yield;
    return {
      generation,
      confidence,
      medianCycles: { ...median, value: Number.isFinite(median.value) ? median.value : null },
      conflict: yield* this.#conflictIn(table, previous),
      observed: table.observed,
    };
  }

  *#conflictIn(
    table: LifeTable,
    previous: Decision | undefined,
  ): Generator<undefined, LifetimeConflict | null> {
    const { mass, width } = onLogScale(table);
    const excess = excessMass(mass, width);
    const needed = Math.max(this.#minModeShare, SIGNIFICANCE / Math.sqrt(table.support));
    const hold = previous?.conflict != null ? CONFLICT_HYSTERESIS : 1;
    if (excess < needed * hold) return null;
    yield;
    const borders = yield* splitModes(mass, width, mass.length, needed * hold, this.#maxModes);
    const modes = mergeAlike(modesBetween(table, borders));
    if (modes.length < 2) return null;
    const deviations = 2 * excess * Math.sqrt(table.support) - 2;
    return { modes, confidence: Math.min(1, Math.max(0.5, normalCdf(deviations))) };
  }
}

function undecided(observed: number): Decision {
  return {
    generation: null,
    confidence: 0,
    medianCycles: { value: null, low: 0, high: null },
    conflict: null,
    observed,
  };
}

/** The generation for what lives about so many cycles. */
export function generationOfMedian(cycles: number): number {
  return cycles >= OLDEST_GENERATION - 0.5 ? OLDEST_GENERATION : Math.max(1, Math.round(cycles));
}

interface Median {
  readonly value: number;
  readonly low: number;
  readonly high: number | null;
}

/** Where survival, give or take its error, crosses one half. */
function medianOf(table: LifeTable): Median {
  const error = (Z_95 * 0.5) / Math.sqrt(table.support);
  const high = ageAtShare(table, Math.min(1, 0.5 + error));
  return {
    value: ageAtShare(table, 0.5),
    low: Math.min(ageAtShare(table, Math.max(0, 0.5 - error)), table.edges[table.columns]!),
    high: Number.isFinite(high) ? high : null,
  };
}

/** The previous generation where the data allow it, else the new one: a decision that flickers costs more than it gains. */
function held(generation: number, median: Median, previous: Decision | undefined): number {
  const before = previous?.generation ?? null;
  if (before === null || before === generation) return generation;
  const slack = Math.max(0.5, GENERATION_HYSTERESIS * Math.min(median.value, OLDEST_GENERATION));
  const above = before >= OLDEST_GENERATION ? Number.POSITIVE_INFINITY : before;
  const fits = above >= median.low - slack && before <= (median.high ?? Number.POSITIVE_INFINITY) + slack;
  return fits ? before : generation;
}

/** Probability that the true median lies within half a cycle (or an eighth of the generation) of the generation. */
function confidenceIn(generation: number, table: LifeTable): number {
  const slack = Math.max(0.5, GENERATION_HYSTERESIS * generation);
  // Ages are whole: what dies at age k lies in [k, k + 1).
  const from = generation <= 1 ? 0 : generation - slack + 0.5;
  const shareBefore = 1 - sharePast(table, from);
  const shareAfter = sharePast(table, generation + slack + 0.5);
  const error = 0.5 / Math.sqrt(table.support);
  const notBefore = generation <= 1 ? 1 : normalCdf((0.5 - shareBefore) / error);
  const notAfter = generation >= OLDEST_GENERATION ? 1 : normalCdf((0.5 - shareAfter) / error);
  return Math.max(0, notBefore + notAfter - 1);
}

/**
 * Columns on the scale log(1 + age), on which lifetimes of half a cycle and of fifty are as distinct as of
 * five and of five hundred, and on which exponential, uniform, fixed and heavy-tailed lifetimes all have one mode. The tail
 * is one more column, wide, so that a slowly falling one is no mode of its own.
 */
function onLogScale({ edges, columns, mass, tail }: LifeTable): { mass: Float64Array; width: Float64Array } {
  const withTail = tail > 1e-9;
  const count = columns + (withTail ? 1 : 0);
  const width = new Float64Array(count);
  for (let i = 0; i < columns; i++) width[i] = Math.log((1 + edges[i + 1]!) / (1 + edges[i]!));
  const all = new Float64Array(count);
  all.set(mass.subarray(0, columns));
  if (withTail) {
    all[columns] = tail;
    width[columns] = TAIL_REACH;
  }
  return { mass: all, width };
}

function modesBetween(table: LifeTable, borders: readonly number[]): LifetimeMode[] {
  const modes: LifetimeMode[] = [];
  for (let i = 0; i + 1 < borders.length; i++) {
    const from = borders[i]!;
    const last = i + 2 === borders.length;
    const to = last ? table.columns : borders[i + 1]!;
    let weight = last ? table.tail : 0;
    for (let column = from; column < to; column++) weight += table.mass[column]!;
    if (weight <= 0) continue;
    const median = ageAtShare(table, 0.5, from, to);
    modes.push({
      weight,
      generation: generationOfMedian(median),
      medianCycles: Number.isFinite(median) ? median : null,
      fromCycles: table.edges[from]!,
      toCycles: last && table.tail > 1e-9 ? null : table.edges[to]!,
    });
  }
  return modes;
}

/** Lifetimes that would go to one generation are one, as far as placement goes. */
function mergeAlike(modes: readonly LifetimeMode[]): LifetimeMode[] {
  const merged: LifetimeMode[] = [];
  for (const mode of modes) {
    const before = merged.at(-1);
    if (before === undefined || before.generation !== mode.generation) merged.push(mode);
    else {
      const heavier = before.weight >= mode.weight ? before : mode;
      merged[merged.length - 1] = {
        ...heavier,
        weight: before.weight + mode.weight,
        fromCycles: before.fromCycles,
        toCycles: mode.toCycles,
      };
    }
  }
  return merged;
}
