import {
  type AttributionLevel,
  COHORT_GROUPS,
  type ContextAggregate,
  type LifetimeCell,
  type RawFrame,
} from './aggregates.js';
import { contextIds } from './context-id.js';
import { Memo } from './memo.js';

/** As the addon deals them (GroupOf in native/src/contexts.h): at random beyond the first, by a hash (Murmur's finaliser). */
function groupOf(cohort: number): number {
  if (cohort < COHORT_GROUPS) return cohort;
  const mixed = Math.imul(cohort ^ (cohort >>> 16), 0x85ebca6b);
  return (Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) >>> 16) % COHORT_GROUPS;
}

/** A span (low, high] of a lifetime in each clock; high null: still alive at low. */
export interface Life {
  readonly gcCycles: readonly [low: number, high: number | null];
  readonly bytes: readonly [low: number, high: number | null];
  readonly ms: readonly [low: number, high: number | null];
}

type Cell = [low: number, high: number | null, samples: number, weight: number, weightSquared: number];

/**
 * Beyond this many cells new ones are rounded to powers of two, of which there are some hundred pairs: the table of an app
 * that runs for months must not grow for ever. As the addon does (native/src/lifetime_table.cc).
 */
const FINE_CELLS = 192;

type Round = typeof Math.floor | typeof Math.ceil;
type Scale = (value: number, round: Round) => number;

/** Rounds outwards to eighths of an octave. */
const octaves: Scale = (value, round) =>
  value < 1 ? (round === Math.ceil ? 1 : 0) : 2 ** (round(Math.log2(value) * 8) / 8);

/** GC cycles: exact up to 64, then whole cycles next to sixteenths of an octave. */
const cycles: Scale = (value, round) =>
  value <= 64 ? value : round(2 ** (round(Math.log2(value) * 16) / 16));

const coarse: Scale = (value, round) => (value < 1 ? value : 2 ** round(Math.log2(value)));

class CellTable {
  readonly #cells = new Map<string, Cell>();
  readonly #scale: Scale;

  constructor(scale: Scale) {
    this.#scale = scale;
  }

  add(span: readonly [number, number | null], weight: number): void {
    let [low, high] = outwards(span, this.#scale);
    if (this.#cells.size >= FINE_CELLS && !this.#cells.has(`${low} ${high}`))
      [low, high] = outwards([low, high], coarse);
    const key = `${low} ${high}`;
    const cell = this.#cells.get(key) ?? [low, high, 0, 0, 0];
    cell[2]++;
    cell[3] += weight;
    cell[4] += weight * weight;
    this.#cells.set(key, cell);
  }

  scaled(factor: number): LifetimeCell[] {
    return [...this.#cells.values()].map(([low, high, n, w, w2]) => [
      low,
      high,
      n,
      w * factor,
      w2 * factor * factor,
    ]);
  }

  copy(): CellTable {
    const copy = new CellTable(this.#scale);
    for (const [key, cell] of this.#cells) copy.#cells.set(key, [...cell]);
    return copy;
  }
}

function outwards([low, high]: readonly [number, number | null], scale: Scale): [number, number | null] {
  return [scale(low, Math.floor), high === null ? null : scale(high, Math.ceil)];
}

/** What the fallback has counted of one context. */
export class FallbackContext {
  readonly frames: readonly RawFrame[];
  readonly level: AttributionLevel;
  readonly folded: 0 | 1 | 2;
  samples = 0;
  objects = 0;
  objectsSquared = 0;
  bytes = 0;
  bytesSquared = 0;
  young = 0;
  old = 0;
  #gcCycles = new CellTable(cycles);
  #bytes = new CellTable(octaves);
  #ms = new CellTable(octaves);
  #groups: [number, number][] = Array.from({ length: COHORT_GROUPS }, () => [0, 0]);

  constructor(frames: readonly RawFrame[], level: AttributionLevel, folded: 0 | 1 | 2) {
    this.frames = frames;
    this.level = level;
    this.folded = folded;
  }

  addBirth(weight: number, bytes: number): void {
    this.samples++;
    this.objects += weight;
    this.objectsSquared += weight * weight;
    this.bytes += bytes;
    this.bytesSquared += bytes * bytes;
  }

  addLife(life: Life, weight: number, cohort: number): void {
    this.#gcCycles.add(life.gcCycles, weight);
    this.#bytes.add(life.bytes, weight);
    this.#ms.add(life.ms, weight);
    const [low, high] = life.gcCycles;
    const group = this.#groups[groupOf(cohort)]!;
    group[0] += weight;
    group[1] += weight * (high === null ? low : (low + 1 + high) / 2);
  }

  /** To add the lives of objects still watched without touching what is counted. */
  copy(): FallbackContext {
    const copy = new FallbackContext(this.frames, this.level, this.folded);
    const { samples, objects, objectsSquared, bytes, bytesSquared, young, old } = this;
    Object.assign(copy, { samples, objects, objectsSquared, bytes, bytesSquared, young, old });
    copy.#gcCycles = this.#gcCycles.copy();
    copy.#bytes = this.#bytes.copy();
    copy.#ms = this.#ms.copy();
    copy.#groups = this.#groups.map(([weight, life]) => [weight, life]);
    return copy;
  }

  /** @param factor 1 / inclusion probability of the cohorts. */
  aggregate(factor: number, live: ContextAggregate['live']): ContextAggregate {
    return {
      frames: this.frames,
      level: this.level,
      folded: this.folded,
      samples: this.samples,
      objects: this.objects * factor,
      objectsSquared: this.objectsSquared * factor * factor,
      bytes: this.bytes * factor,
      bytesSquared: this.bytesSquared * factor * factor,
      groups: this.#groups.map(([weight, life]) => [weight * factor, life * factor]),
      live,
      deaths: { young: this.young * factor, old: this.old * factor },
      gcCycles: this.#gcCycles.scaled(factor),
      lifeBytes: this.#bytes.scaled(factor),
      lifeMs: this.#ms.scaled(factor),
    };
  }
}

/** Contexts by stack and level, bounded: past the cap new ones keep their leaf only, past twice the cap nothing. */
export class FallbackContexts {
  readonly #contexts = new Map<string, FallbackContext>();
  readonly #most: number;
  /** Those folded last, each of which is counted once, by shortened hashes: their stacks may have no end. */
  readonly #foldedIds: Memo<true>;
  #folded = 0;

  constructor(most: number) {
    this.#most = most;
    this.#foldedIds = new Memo(Math.max(1, most));
  }

  /** Contexts that were folded; one that was not seen for long is counted again. */
  get folded(): number {
    return this.#folded;
  }

  all(): Iterable<FallbackContext> {
    return this.#contexts.values();
  }

  of(stack: readonly RawFrame[], level: AttributionLevel): FallbackContext {
    const wholeKey = keyOf(stack, level, 0);
    const whole = this.#contexts.get(wholeKey);
    if (whole !== undefined) return whole;
    const { size } = this.#contexts;
    // Its leaf stands where that was kept when there was room for it.
    const hasLeaf = this.#contexts.has(keyOf(stack.slice(0, 1), level, 1));
    const folded = size < this.#most ? 0 : size < 2 * this.#most || hasLeaf ? 1 : 2;
    const frames = folded === 0 ? stack : stack.slice(0, 2 - folded);
    const key = keyOf(frames, level, folded);
    if (folded > 0) this.#countFolded(wholeKey);
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = new FallbackContext(frames, level, folded);
      this.#contexts.set(key, context);
    }
    return context;
  }

  /** Lets go of what no cohort has counted and nothing in `live` keeps alive: it tells nothing, and takes others' room. */
  letGoExcept(live: ReadonlyMap<FallbackContext, unknown>): void {
    for (const [key, context] of this.#contexts) {
      if (context.samples === 0 && !live.has(context)) this.#contexts.delete(key);
    }
  }

  #countFolded(key: string): void {
    const [id] = contextIds([key]);
    if (this.#foldedIds.get(id!) !== undefined) return;
    this.#foldedIds.set(id!, true);
    this.#folded++;
  }
}

function keyOf(frames: readonly RawFrame[], level: AttributionLevel, folded: number): string {
  return `${level} ${folded} ${frames.map((f) => `${f.function} ${f.url} ${f.line} ${f.column}`).join('\n')}`;
}
