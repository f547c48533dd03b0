import * as module from 'node:module';
import { createRequire } from 'node:module';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { type Clock, ownClock, startRepeating, stopTimer, warnOnce } from '../base/index.js';
import type { AttributionLevel } from './aggregates.js';
import {
  type AttributionSetting,
  currentFlagEnvironment,
  DEFAULT_ATTRIBUTION,
  type FlagEnvironment,
  levelFlags,
  undoFlags,
} from './attribution.js';
import { type Coverage, watchCoverage } from './coverage.js';
import { type LevelBoard, processLevelBoard, soleLevelBoard } from './level-board.js';
import type { WindowNote } from './profile.js';
import type { SampleSource } from './sample-source.js';

const BYTES_PER_MB = 1e6;
/** What dropping optimised code costs by heap in use, before one's own windows tell: 0.55 to 0.85 was measured. */
const FIRST_MS_PER_MB = 0.85;
const CHECK_PERIOD_MS = 250;
/** A refused close is tried again after twice as many checks each time, at most once a minute. */
const MOST_CHECKS_BETWEEN_TRIES = 240;
const MAX_NOTES = 64;

/** What attribution needs from V8; replaced in tests. */
export interface Deoptimiser {
  readonly coverage: Coverage;
  readonly flags: FlagEnvironment;
  readonly setFlag: (flag: string) => void;
  readonly heapUsedBytes: () => number;
}

export interface AttributionOptions {
  readonly source: Pick<SampleSource, 'setLevel' | 'gcCycles'>;
  readonly setting?: AttributionSetting;
  /** Longest predicted pause at which a window is opened or closed. */
  readonly maxPauseMs?: number;
  readonly deoptimiser: Deoptimiser;
  /** Shared by the threads of a process: V8's flags are the process's, its code an isolate's. */
  readonly board?: LevelBoard;
  readonly clock?: Clock;
}

/** What became of a request to change the level. */
export type WindowOutcome =
  | { readonly changed: true; readonly pauseMs: number }
  | { readonly refused: string };

/**
 * The attribution level of this thread, and its windows. One per isolate; the main thread's sets V8's flags,
 * those of workers follow what it announces and drop their own isolate's code.
 */
export class AttributionControl {
  readonly #options: AttributionOptions;
  readonly #setting: AttributionSetting;
  readonly #maxPauseMs: number;
  readonly #clock: Clock;
  readonly #board: LevelBoard;
  readonly #notes: WindowNote[] = [];
  #level: AttributionLevel;
  #seen = 0;
  #closeAtCycle: number | null = null;
  #msPerMb = FIRST_MS_PER_MB;
  #timer: NodeJS.Timeout | undefined;
  #checksToWait = 0;
  #patience = 1;

  constructor(options: AttributionOptions) {
    this.#options = options;
    this.#setting = options.setting ?? DEFAULT_ATTRIBUTION;
    this.#maxPauseMs = options.maxPauseMs ?? 100;
    this.#clock = options.clock ?? ownClock;
    this.#board = options.board ?? soleLevelBoard();
    this.#level = this.#board.follows ? this.#board.read().level : this.#setting.level;
    this.#seen = this.#board.read().change;
  }

  /** The level in force: what the source must be started with. */
  get level(): AttributionLevel {
    return this.#level;
  }

  /** Why changes were refused, by the GC cycle at which they were: for the profile. */
  get notes(): readonly WindowNote[] {
    return this.#notes;
  }

  /** GC cycle at which the open window is to close; null when none is open or it has no end. */
  get closesAtCycle(): number | null {
    return this.#closeAtCycle;
  }

  /**
   * Sets the flags of the starting level, before app code is hot: nothing is dropped. Call it before the source
   * starts; the window's end, if the setting has one, is counted from `watch()` on.
   */
  applyFlags(): void {
    if (this.#board.follows) return;
    for (const flag of levelFlags(this.#level, this.#options.deoptimiser.flags)) {
      this.#options.deoptimiser.setFlag(flag);
    }
    this.#board.announce(this.#level);
  }

  /**
   * Stops, and takes back what `applyFlags` did: where sampling cannot start after all, the app is to run as fast as without.
   * Nothing is dropped, since app code has not run yet.
   */
  withdrawFlags(): void {
    this.stop();
    if (this.#board.follows) return;
    for (const flag of undoFlags(this.#level, this.#options.deoptimiser.flags)) {
      this.#options.deoptimiser.setFlag(flag);
    }
    this.#level = 'off';
    this.#board.announce('off');
  }

  /** Starts the cheap check (four times a second, unref'd) that closes windows in time. Call it after the source started. */
  watch(): void {
    if (!this.#board.follows && this.#setting.cycles !== null) {
      this.#closeAtCycle = this.#options.source.gcCycles() + this.#setting.cycles;
    }
    this.#timer ??= startRepeating(() => this.#checkSafely(), CHECK_PERIOD_MS);
  }

  stop(): void {
    stopTimer(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Opens a window: `level` for the next `cycles` GC cycles, then `off`. Costs a pause that grows with the V8
   * heap and some seconds of re-optimisation; refused where the pause is predicted past the limit, while anybody
   * takes coverage, without an inspector, and in worker threads, which follow the main thread.
   *
   * @throws RangeError when `cycles` is less than 1.
   */
  openWindow(level: Exclude<AttributionLevel, 'off'>, cycles: number): WindowOutcome {
    if (!(cycles >= 1))
      throw new RangeError(`cycles of an attribution window must be at least 1, got ${cycles}`);
    const outcome = this.#board.follows
      ? this.#refuse('open', level, 'worker threads follow the main thread')
      : this.#change('open', level);
    if ('changed' in outcome) {
      this.#closeAtCycle = this.#options.source.gcCycles() + cycles;
      this.#checkSoon();
    }
    return outcome;
  }

  /** Closes the open window now. A close refused leaves the code as it is, is noted and tried again by `watch`. */
  closeWindow(): WindowOutcome {
    const outcome = this.#board.follows
      ? this.#refuse('close', 'off', 'worker threads follow the main thread')
      : this.#change('close', 'off');
    if ('changed' in outcome) {
      this.#closeAtCycle = null;
      this.#checkSoon();
    } else this.#closeAtCycle ??= this.#options.source.gcCycles();
    return outcome;
  }

  /** Predicted pause of a change of level now. */
  predictedPauseMs(): number {
    return (this.#options.deoptimiser.heapUsedBytes() / BYTES_PER_MB) * this.#msPerMb;
  }

  /** What the timer does; public for programs that block their event loop. */
  check(): void {
    if (this.#checksToWait > 0) {
      this.#checksToWait--;
      return;
    }
    const outcome = this.#board.follows ? this.#follow() : this.#closeWhenDue();
    if (outcome === null || 'changed' in outcome) {
      this.#checkSoon();
      return;
    }
    this.#checksToWait = this.#patience;
    this.#patience = Math.min(this.#patience * 2, MOST_CHECKS_BETWEEN_TRIES);
  }

  /** What was refused before says nothing of the window that is open now. */
  #checkSoon(): void {
    this.#checksToWait = 0;
    this.#patience = 1;
  }

  /** What a timer throws would end the app. */
  #checkSafely(): void {
    try {
      this.check();
    } catch (error) {
      this.stop();
      warnOnce('ROLP_ATTRIBUTION', `attribution stays as it is: ${(error as Error).message}`);
    }
  }

  #closeWhenDue(): WindowOutcome | null {
    if (this.#closeAtCycle === null || this.#options.source.gcCycles() < this.#closeAtCycle) return null;
    return this.closeWindow();
  }

  #follow(): WindowOutcome | null {
    const { level, change } = this.#board.read();
    if (change === this.#seen) return null;
    const outcome = this.#change(level === 'off' ? 'close' : 'open', level);
    if ('changed' in outcome) this.#seen = change;
    return outcome;
  }

  #change(what: 'open' | 'close', level: AttributionLevel): WindowOutcome {
    const { deoptimiser, source } = this.#options;
    if (level === this.#level) return { changed: true, pauseMs: 0 };
    const inUse = deoptimiser.coverage.inUseBy();
    if (inUse !== null) return this.#refuse(what, level, inUse);
    const predictedMs = this.predictedPauseMs();
    if (predictedMs > this.#maxPauseMs) {
      const reason = `it would pause the app for about ${Math.round(predictedMs)} ms, more than ROLP_WINDOW_PAUSE_MS=${this.#maxPauseMs}`;
      return this.#refuse(what, level, reason);
    }
    const before = this.#level;
    if (!this.#board.follows) this.#setFlags(level, before);
    const startMs = this.#clock.nowMs();
    try {
      deoptimiser.coverage.dropOptimisedCode();
    } catch (error) {
      if (!this.#board.follows) this.#setFlags(before, level);
      return this.#refuse(what, level, error instanceof Error ? error.message : String(error));
    }
    const pauseMs = this.#clock.nowMs() - startMs;
    this.#learn(pauseMs);
    this.#level = level;
    source.setLevel(level);
    if (!this.#board.follows) this.#board.announce(level);
    return { changed: true, pauseMs };
  }

  #setFlags(level: AttributionLevel, from: AttributionLevel): void {
    for (const flag of levelFlags(level, this.#options.deoptimiser.flags, from)) {
      this.#options.deoptimiser.setFlag(flag);
    }
  }

  /** A small heap's pause is mostly fixed cost, which would pass for a high price a MB. */
  #learn(pauseMs: number): void {
    const mb = this.#options.deoptimiser.heapUsedBytes() / BYTES_PER_MB;
    if (mb >= 20) this.#msPerMb = (this.#msPerMb + pauseMs / mb) / 2;
  }

  #refuse(what: string, level: AttributionLevel, reason: string): WindowOutcome {
    const text = `attribution could not ${what === 'open' ? `be raised to ${level}` : `go back to ${level}`}: ${reason}`;
    const last = this.#notes.at(-1);
    // A close that is tried again and again is told once.
    if (last === undefined || withoutNumbers(last.text) !== withoutNumbers(text)) {
      this.#notes.push({ gcCycle: this.#options.source.gcCycles(), text });
      if (this.#notes.length > MAX_NOTES) this.#notes.shift();
    }
    return { refused: reason };
  }
}

function withoutNumbers(text: string): string {
  return text.replace(/\d+/g, '#');
}

/** The running isolate's V8. */
export function realDeoptimiser(coverage: Coverage, flags: FlagEnvironment): Deoptimiser {
  return {
    coverage,
    flags,
    setFlag: setFlagsFromString,
    heapUsedBytes: () => getHeapStatistics().used_heap_size,
  };
}

/**
 * The control of this thread, on the real V8: flags by `v8.setFlagsFromString`, code dropped by the inspector.
 * Notices coverage that the app takes from now on.
 *
 * @param source only asked once the control is used, so it may start later.
 */
export function attributionOfThread(
  source: AttributionOptions['source'],
  setting: AttributionSetting = DEFAULT_ATTRIBUTION,
  maxPauseMs?: number,
): AttributionControl {
  const coverage = watchCoverage(loadInspector());
  const flags = currentFlagEnvironment(compileCacheDirectory());
  return new AttributionControl({
    source,
    setting,
    ...(maxPauseMs === undefined ? {} : { maxPauseMs }),
    deoptimiser: realDeoptimiser(coverage, flags),
    board: processLevelBoard(),
  });
}

function loadInspector(): typeof import('node:inspector') | null {
  try {
    return createRequire(import.meta.url)('node:inspector');
  } catch {
    // Node can be built without it; a window is then refused with that reason.
    return null;
  }
}

/** Node 22.1 and later tell; before, there is no compile cache. */
function compileCacheDirectory(): string | undefined {
  return (module as { getCompileCacheDir?: () => string | undefined }).getCompileCacheDir?.();
}
