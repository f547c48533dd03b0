import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Engine, mixInt } from '../../workloads/common/index.js';

/** Called about once a second between operations. */
export type Ticker = (nowMs: number) => void;

/** Operations between two looks at the clock in the closed loop. */
const BATCH = 16;
/** The event loop gets its turn at least this often. */
const TURN_MS = 2;
export const FIRST_CHECKPOINT = 256;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Serves operations one after another and keeps the checksum of all answers. */
export class Server {
  operations = 0;
  checksum = 0;
  /** The checksum after FIRST_CHECKPOINT operations, twice as many, and so on. */
  readonly checksums: number[] = [];
  readonly #engine: Engine;
  #checkpoint = FIRST_CHECKPOINT;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  serve(): void {
    this.checksum = mixInt(this.checksum, this.#engine.apply(this.operations++));
    if (this.operations === this.#checkpoint) {
      this.checksums.push(this.checksum);
      this.#checkpoint *= 2;
    }
  }
}

/**
 * As many operations as go: the capacity.
 *
 * @param period goes on till so many operations, or a multiple of that, were served (to a batch)
 */
export async function closedLoop(server: Server, ms: number, tick: Ticker, period = 1): Promise<void> {
  const end = performance.now() + ms;
  const first = server.operations;
  let last = Number.POSITIVE_INFINITY;
  let nextTick = performance.now() + 1000;
  for (;;) {
    const turnEnd = performance.now() + TURN_MS;
    let now: number;
    do {
      for (let i = 0; i < BATCH; i++) server.serve();
      now = performance.now();
    } while (now < turnEnd);
    if (now >= nextTick) {
      tick(now);
      nextTick += 1000;
    }
    if (now >= end && last === Number.POSITIVE_INFINITY) {
      last = first + Math.ceil((server.operations - first) / period) * period;
    }
    if (server.operations >= last) return;
    await nextTurn();
  }
}

/** Operation i, from 0, should begin at `startMs + i / perMs`, whatever became of those before it. */
export interface Schedule {
  readonly startMs: number;
  readonly perMs: number;
}

/**
 * Operations at a fixed rate. Each is timed from when it should have begun, so that a stop counts for all
 * operations that it delays (no coordinated omission).
 *
 * @param record is given each operation's latency and its lag behind schedule at its start, in ms
 */
export async function openLoop(
  server: Server,
  schedule: Schedule,
  untilMs: number,
  record: (latencyMs: number, lagMs: number, nowMs: number) => void,
  tick: Ticker,
): Promise<void> {
  let nextTick = performance.now() + 1000;
  let op = 0;
  for (;;) {
    let now = performance.now();
    const turnEnd = now + TURN_MS;
    while (now < turnEnd) {
      const due = schedule.startMs + op / schedule.perMs;
      if (due >= untilMs) return;
      if (due > now) {
        // Asleep, not looking at the clock: what the process burns is then its work, and V8's threads may use the
        // core. It oversleeps by some 0.06 ms, in every variant, and then serves all that has come due.
        Atomics.wait(sleeper, 0, 0, Math.min(due, turnEnd) - now);
        now = performance.now();
        continue;
      }
      server.serve();
      const end = performance.now();
      record(end - due, now - due, end);
      now = end;
      op++;
    }
    if (now >= nextTick) {
      tick(now);
      nextTick += 1000;
    }
    await nextTurn();
  }
}
