import type { Session } from 'node:inspector';
import { createRequire } from 'node:module';
import { threadId } from 'node:worker_threads';
import {
  type Clock,
  mathRandom,
  ownClock,
  type Random,
  seededRandom,
  startTimer,
  stopTimer,
  warnOnce,
} from '../base/index.js';
import type {
  AttributionLevel,
  ContextAggregate,
  EpochAggregate,
  ThreadAggregates,
  WindowAggregate,
} from './aggregates.js';
import { type ClockReading, FallbackClock } from './fallback-clock.js';
import { type FallbackContext, FallbackContexts, type Life } from './fallback-contexts.js';
import { openDoor, type SamplerDoor } from './fallback-doors.js';
import { type Poll, pollInspector, SampleWeights } from './fallback-poll.js';
import type { PauseSums, SampleSource, SampleSourceOptions } from './sample-source.js';
import { checkBudgetPercent, checkIntervalBytes, checkLevel, checkSampling } from './sampling-options.js';

/** Pause between two polls of a cohort, and between looks for the first GC after it. */
const STEP_MS = 20;
const STEPS_TO_FIRST_GC = 100;
const SHORTEST_PERIOD_MS = 1000;
const PERIOD_WITHOUT_BUDGET_MS = 100;
const LONGEST_PERIOD_MS = 60_000;
/** Between two looks at V8's list of GCs, which holds some KB of JSON for each of them until it is read. */
const LONGEST_WAIT_MS = 1000;
/** Epochs and windows listed: of more, which only a long series of restarts makes, the oldest two become one. */
const MOST_LISTED = 256;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A sample of a cohort whose object is not known to be dead. */
interface Watched {
  readonly context: FallbackContext;
  readonly weight: number;
  readonly cohort: number;
  readonly born: ClockReading;
  lastSeen: ClockReading;
}

/**
 * V8's samples without an addon: started by another door (see fallback-doors.ts), looked at through the inspector
 * on a timer, never inside a GC. Two polls with no GC between them see every birth between them, since nothing
 * dies without a GC: such a pair is a cohort, and its births are unbiased. Births outside are counted, not
 * attributed; synchronous stretches longer than a GC cycle are never in a cohort.
 */
export class FallbackSource implements SampleSource {
  readonly engine: 'v8-heap-profile' | 'pprof';
  readonly limitation: string =
    'Without the native addon, rolp only sees births in short stretches between timers: those inside long synchronous work are missing, object counts are rough, and deaths are dated between polls.';
  readonly #door: SamplerDoor;
  readonly #session: Session;
  readonly #clock: Clock;
  #options: SampleSourceOptions | undefined;
  #random: Random = mathRandom;
  #gcClock: FallbackClock | undefined;
  #weights = new SampleWeights(1);
  #contexts = new FallbackContexts(0);
  #watched = new Map<number, Watched>();
  /** Of the last poll: the ids of V8's live samples, and their bytes. */
  #alive: ReadonlyMap<number, number> = new Map();
  #level: AttributionLevel = 'off';
  /** Whether V8's sampler was started here: one that was adopted is another's. */
  #isOwn = false;
  #epochs: Mutable<EpochAggregate>[] = [];
  #windows: Mutable<WindowAggregate>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastOrdinal = 0;
  #samplesBefore = 0;
  #inCohorts = 0;
  #cohorts = 0;
  #polls = 0;
  #pollMs = 0;
  #startedAtUnixMs = 0;
  #lastRead: ClockReading = { gcCycles: 0, markCompacts: 0, bytes: 0, ms: 0 };

  constructor(door: SamplerDoor, session: Session, clock: Clock = ownClock) {
    this.engine = door.engine;
    this.#door = door;
    this.#session = session;
    this.#clock = clock;
  }

  start(options: SampleSourceOptions): void {
    checkSampling(options);
    this.#session.connect();
    this.#options = options;
    this.#random = options.seed === undefined ? mathRandom : seededRandom(options.seed);
    this.#contexts = new FallbackContexts(options.maxContexts);
    this.#level = options.level;
    this.#startedAtUnixMs = this.#clock.unixMs();
    this.#gcClock = new FallbackClock(() => this.#clock.nowMs());
    try {
      this.#beginEpoch('start', options.intervalBytes);
    } catch (error) {
      this.#gcClock.stop();
      this.#gcClock = undefined;
      this.#session.disconnect();
      throw error;
    }
    this.#windows = [{ level: options.level, startMs: 0, endMs: null, startGcCycle: 0, endGcCycle: null }];
    this.#schedule();
  }

  stop(): void {
    if (this.#gcClock === undefined) return;
    this.#poll();
    this.#turnOff();
    this.#stopOwn();
  }

  setLevel(level: AttributionLevel): void {
    checkLevel(level);
    if (level === this.#level || this.#gcClock === undefined) return;
    const now = this.#gcClock.read();
    Object.assign(this.#windows.at(-1)!, { endMs: now.ms, endGcCycle: now.gcCycles });
    this.#windows.push({ level, startMs: now.ms, endMs: null, startGcCycle: now.gcCycles, endGcCycle: null });
    if (this.#windows.length > MOST_LISTED) {
      const { startMs, startGcCycle } = this.#windows.shift()!;
      Object.assign(this.#windows[0]!, { startMs, startGcCycle });
    }
    this.#level = level;
  }

  /** @throws Error when V8's sampler was started by another tool: its interval is not ours to change. */
  setInterval(intervalBytes: number): void {
    checkIntervalBytes(intervalBytes);
    if (this.#gcClock === undefined) throw new Error('FallbackSource.setInterval() before start()');
    this.#poll();
    if (!this.#isOwn)
      throw new Error(
        "rolp: another tool has started V8's heap sampler, whose interval rolp must leave alone",
      );
    this.#door.stop();
    this.#beginEpoch('interval', intervalBytes);
  }

  setBudget(budgetPercent: number): void {
    checkBudgetPercent(budgetPercent);
    if (this.#options !== undefined) this.#options = { ...this.#options, budgetPercent };
  }

  pauseSums(): PauseSums {
    this.#gcClock?.read();
    const { scavenge, markCompact } = this.#gcClock?.pauses() ?? emptyPauses();
    const sum = (of: 'ns' | 'nsSquared'): number =>
      (scavenge.work?.[of] ?? 0) + (markCompact.work?.[of] ?? 0);
    return { count: scavenge.count + markCompact.count, ns: sum('ns'), nsSquared: sum('nsSquared') };
  }

  gcCycles(): number {
    if (this.#gcClock !== undefined) this.#lastRead = this.#gcClock.read();
    return this.#lastRead.gcCycles;
  }

  read(): ThreadAggregates {
    const options = this.#options;
    if (options === undefined) throw new Error('FallbackSource.read() before start()');
    const poll = this.#gcClock === undefined ? null : this.#poll();
    const born = this.#samplesBefore + this.#lastOrdinal;
    const factor = this.#inCohorts > 0 ? born / this.#inCohorts : 1;
    return {
      threadId,
      startedAtUnixMs: this.#startedAtUnixMs,
      durationMs: this.#lastRead.ms,
      ended: false,
      engine: this.engine,
      intervalBytes: this.#epochs.at(-1)!.intervalBytes,
      stackDepth: options.stackDepth,
      samples: born,
      missed: null,
      skipped: born - this.#inCohorts,
      cohorts: this.#cohorts,
      polls: this.#polls,
      pollNs: Math.round(this.#pollMs * 1e6),
      gcCycles: this.#lastRead.gcCycles,
      allocatedBytes: this.#lastRead.bytes,
      ...this.#pauses,
      epochs: this.#epochs.map((epoch, i) =>
        i === this.#epochs.length - 1 ? { ...epoch, samples: this.#lastOrdinal } : { ...epoch },
      ),
      windows: this.#windows.map((window) => ({ ...window })),
      contexts: this.#aggregates(poll, factor),
      foldedContexts: this.#contexts.folded,
    };
  }

  #pauses: ReturnType<FallbackClock['pauses']> = emptyPauses();

  #aggregates(poll: Poll | null, factor: number): ContextAggregate[] {
    const live = new Map<FallbackContext, { samples: number; objects: number; bytes: number }>();
    for (const { ordinal, scaledBytes, nodeId } of poll?.samples ?? []) {
      const context =
        this.#watched.get(ordinal)?.context ?? this.#contexts.of(poll!.stackOf(nodeId), this.#level);
      const counts = live.get(context) ?? { samples: 0, objects: 0, bytes: 0 };
      counts.samples++;
      counts.objects += this.#weights.of(scaledBytes);
      counts.bytes += scaledBytes;
      live.set(context, counts);
    }
    this.#contexts.letGoExcept(live);
    const withLiving = new Map<FallbackContext, FallbackContext>();
    for (const { context, weight, cohort, born, lastSeen } of this.#watched.values()) {
      const copy = withLiving.get(context) ?? context.copy();
      withLiving.set(context, copy);
      copy.addLife(lifeOf(born, lastSeen, null), weight, cohort);
    }
    return [...this.#contexts.all()].map((context) =>
      (withLiving.get(context) ?? context).aggregate(
        factor,
        live.get(context) ?? { samples: 0, objects: 0, bytes: 0 },
      ),
    );
  }

  #beginEpoch(reason: EpochAggregate['reason'], intervalBytes: number): void {
    const last = this.#epochs.at(-1);
    const now = this.#gcClock!.read();
    // One that is adopted runs already, and is not ours to stop or start.
    this.#isOwn = reason !== 'adopted';
    if (this.#isOwn) this.#door.start(intervalBytes, this.#options!.stackDepth);
    if (last !== undefined) {
      // V8 forgets its samples: what lived is censored, never again looked for.
      Object.assign(last, { endMs: now.ms, samples: this.#lastOrdinal, censored: this.#watched.size });
      for (const { context, weight, cohort, born, lastSeen } of this.#watched.values()) {
        context.addLife(lifeOf(born, lastSeen, null), weight, cohort);
      }
      this.#watched.clear();
      this.#samplesBefore += this.#lastOrdinal;
      this.#lastOrdinal = 0;
    }
    this.#weights = new SampleWeights(intervalBytes);
    this.#epochs.push({
      index: last === undefined ? 0 : last.index + 1,
      reason,
      intervalBytes,
      startMs: now.ms,
      endMs: null,
      samples: 0,
      censored: 0,
    });
    if (this.#epochs.length > MOST_LISTED) this.#mergeOldestEpochs();
  }

  #mergeOldestEpochs(): void {
    const { startMs, samples, censored } = this.#epochs.shift()!;
    const first = this.#epochs[0]!;
    first.startMs = startMs;
    first.samples += samples;
    first.censored += censored;
  }

  /** Looks at V8's samples and takes in deaths. @returns null when there was nothing to look at. */
  #poll(): Poll | null {
    const startMs = this.#clock.nowMs();
    const poll = pollInspector(this.#session);
    if (poll === null) {
      this.#restart();
      return null;
    }
    if (this.#sawRestart(poll)) this.#beginEpoch('adopted', this.#epochs.at(-1)!.intervalBytes);
    const now = this.#gcClock!.read();
    this.#pauses = this.#gcClock!.pauses();
    const alive = new Map<number, number>();
    for (const { ordinal, scaledBytes } of poll.samples) alive.set(ordinal, scaledBytes);
    this.#alive = alive;
    for (const [ordinal, watched] of this.#watched) {
      if (alive.has(ordinal)) watched.lastSeen = now;
      else {
        this.#takeInDeath(watched, now);
        this.#watched.delete(ordinal);
      }
    }
    for (const { ordinal } of poll.samples) this.#lastOrdinal = Math.max(this.#lastOrdinal, ordinal);
    this.#lastRead = now;
    this.#polls++;
    this.#pollMs += this.#clock.nowMs() - startMs;
    return poll;
  }

  #takeInDeath({ context, weight, cohort, born, lastSeen }: Watched, now: ClockReading): void {
    const life = lifeOf(born, lastSeen, now);
    context.addLife(life, weight, cohort);
    if (now.markCompacts > lastSeen.markCompacts) context.old += weight;
    else context.young += weight;
  }

  /** Whether somebody stopped V8's sampler and started it between two polls: an id then names another object. */
  #sawRestart({ samples }: Poll): boolean {
    // Each look sees all that lives: what had an id by then was in it.
    return samples.some(
      ({ ordinal, scaledBytes }) => ordinal <= this.#lastOrdinal && this.#alive.get(ordinal) !== scaledBytes,
    );
  }

  /** Somebody stopped V8's sampler: start anew, once a poll. */
  #restart(): void {
    // Also where it was another's: the door remembers that it was opened.
    try {
      this.#door.stop();
    } catch {
      // It is stopped already; pprof says so by an error.
    }
    try {
      this.#beginEpoch('foreign-stop', this.#epochs.at(-1)!.intervalBytes);
    } catch (error) {
      this.#turnOff();
      warnOnce('ROLP_SAMPLER_LOST', `V8's heap sampler cannot be started again: ${(error as Error).message}`);
    }
  }

  #stopOwn(): void {
    if (this.#isOwn) this.#door.stop();
  }

  #turnOff(): void {
    stopTimer(this.#timer);
    const gcClock = this.#gcClock;
    this.#gcClock = undefined;
    this.#session.disconnect();
    gcClock?.stop();
  }

  /** What a timer throws would end the app: sampling ends instead, with what was counted so far. */
  #giveUp(error: Error): void {
    for (const end of [() => this.#turnOff(), () => this.#stopOwn()]) {
      try {
        end();
      } catch {
        // Whatever was wrong before may still be.
      }
    }
    warnOnce(
      'ROLP_SAMPLER_LOST',
      `the heap sampler was turned off, since a look at it failed: ${error.message}`,
    );
  }

  #schedule(): void {
    const period = this.#periodMs();
    this.#later(period * (0.5 + this.#random()), () => this.#boundary());
  }

  /** The period at which three polls a cohort stay within the budget. */
  #periodMs(): number {
    const { budgetPercent } = this.#options!;
    if (budgetPercent === 0) return PERIOD_WITHOUT_BUDGET_MS;
    const pollMs = this.#polls > 0 ? this.#pollMs / this.#polls : 20;
    const period = (3 * pollMs * 100) / budgetPercent;
    return Math.min(LONGEST_PERIOD_MS, Math.max(SHORTEST_PERIOD_MS, period));
  }

  #later(ms: number, step: () => void): void {
    const safely = (): void => {
      try {
        if (ms <= LONGEST_WAIT_MS) step();
        else {
          // An app that collects often would have a minute of them parsed at one stroke.
          this.#gcClock?.read();
          this.#later(ms - LONGEST_WAIT_MS, step);
        }
      } catch (error) {
        this.#giveUp(error as Error);
      }
    };
    this.#timer = startTimer(safely, Math.min(ms, LONGEST_WAIT_MS));
  }

  #boundary(): void {
    if (this.#poll() === null) {
      if (this.#gcClock !== undefined) this.#schedule();
      return;
    }
    const boundary = { ordinal: this.#lastOrdinal, at: this.#lastRead, epoch: this.#epochs.at(-1)!.index };
    this.#later(STEP_MS, () => this.#births(boundary));
  }

  #births(boundary: { ordinal: number; at: ClockReading; epoch: number }): void {
    const poll = this.#poll();
    const lost = poll === null || boundary.epoch !== this.#epochs.at(-1)!.index;
    if (this.#gcClock === undefined) return;
    if (lost || this.#lastRead.gcCycles !== boundary.at.gcCycles) {
      this.#schedule();
      return;
    }
    this.#takeInCohort(poll, boundary);
    this.#firstSurvival(this.#lastRead.gcCycles, STEPS_TO_FIRST_GC);
  }

  #takeInCohort(poll: Poll, boundary: { ordinal: number; at: ClockReading }): void {
    const cohort = this.#cohorts++;
    const now = this.#lastRead;
    const born: ClockReading = {
      ...now,
      bytes: (boundary.at.bytes + now.bytes) / 2,
      ms: (boundary.at.ms + now.ms) / 2,
    };
    for (const { ordinal, scaledBytes, nodeId } of poll.samples) {
      if (ordinal <= boundary.ordinal) continue;
      const context = this.#contexts.of(poll.stackOf(nodeId), this.#level);
      const weight = this.#weights.of(scaledBytes);
      context.addBirth(weight, scaledBytes);
      this.#inCohorts++;
      this.#watched.set(ordinal, { context, weight, cohort, born, lastSeen: now });
    }
  }

  /** Waits for the first GC after a cohort, by cheap looks at the clock, to poll before the second. */
  #firstSurvival(bornAtCycle: number, stepsLeft: number): void {
    this.#later(STEP_MS, () => {
      if (this.#gcClock === undefined) return;
      if (this.gcCycles() > bornAtCycle || stepsLeft === 0) {
        this.#poll();
        if (this.#gcClock !== undefined) this.#schedule();
      } else this.#firstSurvival(bornAtCycle, stepsLeft - 1);
    });
  }
}

/** The span in which a life ended, by the clocks at birth, when last seen and when gone. */
function lifeOf(born: ClockReading, seen: ClockReading, gone: ClockReading | null): Life {
  const low = seen.gcCycles - born.gcCycles;
  let high = gone === null ? null : Math.max(low + 1, gone.gcCycles - born.gcCycles);
  // What lived through two GC cycles is old and dies at no scavenge: see LifetimeCell.
  if (high !== null && low < 2 && gone!.markCompacts === seen.markCompacts) high = Math.min(high, 2);
  const span = (clock: 'bytes' | 'ms'): readonly [number, number | null] => [
    Math.max(0, seen[clock] - born[clock]),
    gone === null ? null : Math.max(1, gone[clock] - born[clock]),
  ];
  return { gcCycles: [low, high], bytes: span('bytes'), ms: span('ms') };
}

function emptyPauses(): ReturnType<FallbackClock['pauses']> {
  const none = { count: 0, sumNs: 0, maxNs: 0, pollNs: 0, buckets: [], beforeBytes: 0, afterBytes: 0 };
  return { scavenge: none, markCompact: none };
}

/** The fallback, or a sentence on why it cannot be. */
export function openFallbackSource(): SampleSource | { readonly reason: string } {
  let session: Session;
  try {
    const inspector: typeof import('node:inspector') = createRequire(import.meta.url)('node:inspector');
    session = new inspector.Session();
    // The permission model refuses here.
    session.connect();
    session.disconnect();
  } catch (error) {
    return { reason: `the inspector cannot be used (${(error as Error).message})` };
  }
  const door = openDoor();
  if (door === null)
    return { reason: 'without it rolp needs Node 26, or @datadog/pprof installed beside the app' };
  return new FallbackSource(door, session);
}
