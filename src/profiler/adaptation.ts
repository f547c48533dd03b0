import type { ThreadAggregates } from './aggregates.js';
import type { AttributionControl } from './attribution-control.js';
import { WINDOW_CYCLES } from './inference/index.js';
import type { Profile, ProfileContext } from './profile.js';
import type { PauseSums, SampleSource } from './sample-source.js';

/** GC cycles of a window that a conflict opens by itself. */
const WINDOW_GC_CYCLES = 64;
/** A conflict must concern this share of the bytes that survive before it is worth slowing the app down. */
const WORTH_A_WINDOW = 0.02;
/** Looks at unchanged decisions, a window or more apart, after which they count as stable. */
const STABLE_LOOKS = 2;
/** Confidence from which a decision that has changed counts as another, and not as one that wavers at the border. */
const SURE = 0.95;
/** Mean pause growth that ends the rest (ROLP's launch-time default). */
const WAKE_GROWTH = 0.1;
/** Share of the budget that is left at rest. */
const REST_SHARE = 0.1;
/** Fewer pauses do not tell a mean and how sure it is. */
const LEAST_PAUSES = 8;
const Z = 1.959964;

export interface AdaptationOptions {
  readonly source: Pick<SampleSource, 'setBudget' | 'pauseSums'>;
  readonly attribution: Pick<AttributionControl, 'level' | 'openWindow' | 'closeWindow'>;
  /** Poll budget when awake, per cent of wall time; 0 (every GC) never rests: who asks for everything gets it. */
  readonly budgetPercent: number;
  /** Windows that may be opened without being asked for. */
  readonly maxWindows: number;
}

interface PauseMean {
  readonly value: number;
  readonly error: number;
}

/**
 * What ROLP does once decisions are made: opens a window of call tracking where a conflict asks for one, closes it
 * when decisions are stable, lets survivor tracking rest while they stay so, and wakes it when pauses grow
 * (EuroSys'19). One per thread; looks whenever a profile is made, and at rest, when that is rare, glances at the
 * pauses. Windows are refused by the attribution control where their pause is predicted too long, which the profile then
 * notes, with the command that would open one.
 */
export class Adaptation {
  readonly #options: AdaptationOptions;
  #lastCycle = 0;
  /** Whether each context is young, by id, as of the last look. */
  #decisions: ReadonlyMap<string, boolean> = new Map();
  #unchanged = 0;
  #windows = 0;
  #windowOpen = false;
  /** Sums when the pauses were last judged, and the mean pause while last awake. */
  #before: PauseSums = { count: 0, ns: 0, nsSquared: 0 };
  #awakeMean: PauseMean | null = null;
  #resting = false;

  constructor(options: AdaptationOptions) {
    this.#options = options;
  }

  /** Whether polls are rare now. */
  get resting(): boolean {
    return this.#resting;
  }

  /** The part of the budget that may be used now: 1, less at rest. */
  get budgetPart(): number {
    return this.#resting ? REST_SHARE : 1;
  }

  /** Looks at a profile just made of `counted`. Looks less than 16 GC cycles after the last one are passed over. */
  look(profile: Profile, counted: ThreadAggregates): void {
    if (counted.gcCycles < this.#lastCycle + WINDOW_CYCLES) return;
    this.#lastCycle = counted.gcCycles;
    if (this.#resting) {
      this.glance();
      return;
    }
    this.#awakeMean = this.#meanSinceLast() ?? this.#awakeMean;
    const decisions = decisionsAfter(this.#decisions, profile.contexts);
    this.#unchanged = decisions.size > 0 && areEqual(decisions, this.#decisions) ? this.#unchanged + 1 : 0;
    this.#decisions = decisions;
    this.#mindWindow(profile.contexts);
    if (this.#unchanged >= STABLE_LOOKS && !this.#windowOpen) this.#rest();
  }

  /** At rest: wakes if pauses have grown. Looks at nothing else, so that it may be asked every period: no poll, no profile. */
  glance(): void {
    if (!this.#resting) return;
    const mean = this.#meanSinceLast();
    if (mean !== null && this.#awakeMean !== null && hasGrown(this.#awakeMean, mean)) this.#wake();
  }

  /** Of the pauses since the last that were judged; null while those are few: they are judged with the next. */
  #meanSinceLast(): PauseMean | null {
    const now = this.#options.source.pauseSums();
    const before = this.#before;
    const count = now.count - before.count;
    if (count < LEAST_PAUSES) return null;
    this.#before = now;
    const value = (now.ns - before.ns) / count;
    const squares = (now.nsSquared - before.nsSquared) / count;
    return { value, error: Math.sqrt(Math.max(0, squares - value * value) / count) };
  }

  #mindWindow(contexts: readonly ProfileContext[]): void {
    const { attribution, maxWindows } = this.#options;
    // It may have run out by itself.
    if (attribution.level !== 'calls') this.#windowOpen = false;
    if (this.#windowOpen) {
      if (this.#unchanged >= STABLE_LOOKS && 'changed' in attribution.closeWindow()) this.#windowOpen = false;
      return;
    }
    if (attribution.level === 'calls' || this.#windows >= maxWindows || !asksForWindow(contexts)) return;
    // Counted also when refused: a heap too large for a window now will hardly shrink.
    this.#windows++;
    this.#windowOpen = 'changed' in attribution.openWindow('calls', WINDOW_GC_CYCLES);
  }

  #rest(): void {
    const { source, budgetPercent } = this.#options;
    if (budgetPercent === 0) return;
    this.#resting = true;
    source.setBudget(budgetPercent * REST_SHARE);
  }

  #wake(): void {
    const { source, budgetPercent } = this.#options;
    this.#resting = false;
    this.#unchanged = 0;
    this.#decisions = new Map();
    source.setBudget(budgetPercent);
  }
}

/** Whether conflicts that a window may resolve concern enough of what survives. */
function asksForWindow(contexts: readonly ProfileContext[]): boolean {
  let [conflicting, all] = [0, 0];
  for (const { kind, allocated, survival, conflict } of contexts) {
    // What rolp's heaps hold is no part of what V8 keeps.
    if (kind !== 'v8') continue;
    const survived = survival[0]! > 0 ? (allocated.bytes * survival[1]!) / survival[0]! : 0;
    all += survived;
    if (conflict?.resolution === 'window') conflicting += survived;
  }
  return all > 0 && conflicting / all >= WORTH_A_WINDOW;
}

/**
 * Whether V8's contexts are young, by id. One whose share of promoted objects lies at the border is decided now one way,
 * now the other, as samples come in: it stays as it was `before` until it surely is not.
 */
function decisionsAfter(
  before: ReadonlyMap<string, boolean>,
  contexts: readonly ProfileContext[],
): ReadonlyMap<string, boolean> {
  const after = new Map<string, boolean>();
  for (const { id, kind, decidedBy, generation, confidence } of contexts) {
    if (kind !== 'v8' || decidedBy !== 'samples') continue;
    const isSure = (confidence ?? 0) >= SURE;
    after.set(id, isSure ? generation === 0 : (before.get(id) ?? generation === 0));
  }
  return after;
}

function areEqual(a: ReadonlyMap<string, boolean>, b: ReadonlyMap<string, boolean>): boolean {
  return a.size === b.size && [...a].every(([id, isYoung]) => b.get(id) === isYoung);
}

/** Grown by a tenth, beyond what both means' own intervals explain. */
export function hasGrown(before: PauseMean, now: PauseMean): boolean {
  return (
    now.value - before.value * (1 + WAKE_GROWTH) > Z * Math.hypot(before.error * (1 + WAKE_GROWTH), now.error)
  );
}
