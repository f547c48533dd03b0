import { startTimer } from '../base/index.js';

/** Soon after the start, so that an app which dies young leaves something; then at growing distances. */
const FIRST_WRITE_MS = 10_000;
/** An app that idles uses so little CPU time that its share pays for no file: it is written all the same, after so many periods. */
const MOST_PERIODS = 10;
/**
 * The part of the first file's cost that later ones have too: the first reads all source maps, and runs code that V8 has
 * not seen yet (measured on the search service: 203 ms, then 45; 146, then 35). Counted whole it would put off the second
 * by minutes.
 */
const FIRST_REPEATED = 0.25;
/** Between two looks at how far CPU time has come. */
const LEAST_WAIT_MS = 20;
/** And at most: a timer of more than 25 days would fire at once, again and again, with a warning on the app's stderr. */
const MOST_WAIT_MS = 3_600_000;

/** Two clocks, ms. Of CPU time only differences mean anything. */
export interface WorkClock {
  wallMs(): number;
  /** Of this thread. */
  cpuMs(): number;
}

export interface WriteScheduleOptions {
  readonly periodMs: number;
  /** Share of wall time, and of this thread's CPU time, that writing may take now. */
  readonly share: () => number;
  readonly clock: WorkClock;
}

/**
 * When the next profile is due: when the time since the last one is up, and what that one took is no more than the
 * share of wall time, and of CPU time, that has passed since. Measured on the file itself: one of 5000 contexts costs
 * a hundred times as much as one of fifty.
 */
export class WriteSchedule {
  readonly #options: WriteScheduleOptions;
  #delayMs: number;
  #lastWallMs: number;
  #lastCpuMs: number;
  #costWallMs = 0;
  #costCpuMs = 0;
  #isFirst = true;

  constructor(options: WriteScheduleOptions) {
    this.#options = options;
    this.#delayMs = Math.min(options.periodMs, FIRST_WRITE_MS);
    this.#lastWallMs = options.clock.wallMs();
    this.#lastCpuMs = options.clock.cpuMs();
  }

  /** @returns ms until a file is due or, where that hangs on CPU time or is far off, until one should ask again; 0: now. */
  waitMs(): number {
    return Math.min(this.#untilDueMs(), MOST_WAIT_MS);
  }

  #untilDueMs(): number {
    const { clock, periodMs } = this.#options;
    const share = this.#options.share();
    const passedMs = clock.wallMs() - this.#lastWallMs;
    const leastMs = Math.max(this.#delayMs, this.#costWallMs / share);
    if (passedMs < leastMs) return leastMs - passedMs;
    const spentMs = clock.cpuMs() - this.#lastCpuMs;
    const neededMs = this.#costCpuMs / share;
    const mostMs = Math.max(leastMs, MOST_PERIODS * periodMs);
    if (spentMs >= neededMs || passedMs >= mostMs) return 0;
    // As fast as CPU time was used so far.
    const expectedMs = passedMs * (neededMs / Math.max(spentMs, 1e-3) - 1);
    return Math.min(Math.max(expectedMs, LEAST_WAIT_MS), periodMs, mostMs - passedMs);
  }

  /** Has `write` write a file, and learns what that takes. */
  run(write: () => void): void {
    const { clock, periodMs } = this.#options;
    const wallMs = clock.wallMs();
    const cpuMs = clock.cpuMs();
    write();
    this.#lastWallMs = clock.wallMs();
    this.#lastCpuMs = clock.cpuMs();
    const counted = this.#isFirst ? FIRST_REPEATED : 1;
    this.#costWallMs = (this.#lastWallMs - wallMs) * counted;
    this.#costCpuMs = (this.#lastCpuMs - cpuMs) * counted;
    this.#isFirst = false;
    this.#delayMs = Math.min(periodMs, this.#delayMs * 2);
  }
}

export interface WritingOptions {
  readonly schedule: WriteSchedule;
  readonly write: () => void;
  readonly periodMs: number;
  /** Called every period, file or none: at rest files are rare, and what ends the rest must be seen before one. */
  readonly glance: () => void;
  /** Called once with what any of the above threw, which in a timer would end the app; there is no further file then. */
  readonly failed: (error: Error) => void;
  /** Replaced in tests. */
  readonly later?: (step: () => void, ms: number) => void;
}

/** Writes whenever the schedule says so; holds no process up and throws nothing. */
export function keepWriting({
  schedule,
  write,
  periodMs,
  glance,
  failed,
  later = startTimer,
}: WritingOptions): void {
  const check = (): void => {
    try {
      glance();
      if (schedule.waitMs() <= 0) schedule.run(write);
      later(check, Math.ceil(Math.min(schedule.waitMs(), periodMs)));
    } catch (error) {
      failed(error as Error);
    }
  };
  check();
}
