import { threadId } from 'node:worker_threads';
import { type Addon, type Clock, loadAddon, ownClock } from '../base/index.js';
import { type AttributionLevel, LEVELS, type ThreadAggregates } from './aggregates.js';
import type { PauseSums, SampleSource, SampleSourceOptions } from './sample-source.js';
import { checkBudgetPercent, checkIntervalBytes, checkLevel, checkSampling } from './sampling-options.js';
import { aggregatesOf, type ThreadReading } from './thread-reading.js';

/** A thread as the process-wide store lists it. */
export interface ThreadRow {
  /** Names the thread's counts in the store; never used twice in a process. */
  readonly key: number;
  readonly threadId: number;
  /** True once the thread's isolate is gone. */
  readonly ended: boolean;
  /** Whether `markWritten` was called for what it holds now, or for the last time. */
  readonly written: boolean;
  /** Grows with everything counted. */
  readonly version: number;
  /** What profiling it has taken so far: polls and their ns, samples V8 took, profiles written and their CPU time in ns. */
  readonly polls: number;
  readonly pollNs: number;
  readonly samples: number;
  readonly files: number;
  readonly fileNs: number;
}

/** What this folder calls in native/src/addon.cc. */
interface NativeAddon {
  start(options: {
    intervalBytes: number;
    stackDepth: number;
    budgetPercent: number;
    inclusion: number;
    maxContexts: number;
    level: number;
    seed: number;
    threadId: number;
    unixMs: number;
  }): number;
  stop(): void;
  poll(): void;
  setLevel(level: number): void;
  setInterval(intervalBytes: number): void;
  setBudget(budgetPercent: number): void;
  gcCycles(): number;
  pauseSums(): [count: number, ns: number, nsSquared: number];
  threads(): ThreadRow[];
  read(key: number): ThreadReading | null;
  markWritten(key: number, isLast: boolean): void;
  countFile(key: number, cpuNs: number): void;
  threadCpuNs(): number;
  forget(key: number): void;
}

function nativeAddon(): NativeAddon {
  const addon = loadAddon();
  if ('reason' in addon && typeof addon.reason === 'string') throw new Error(addon.reason);
  return addon as Addon as unknown as NativeAddon;
}

/**
 * The sampler in the addon: it polls V8's samples in the GC prologue and misses none (docs/decisions/008-native-sampler.md).
 * All counting is done in C++; this class only hands over options and decodes what was counted.
 */
export class NativeSource implements SampleSource {
  readonly engine = 'native';
  readonly limitation = null;
  readonly #addon: NativeAddon;
  readonly #clock: Clock;
  #key: number | undefined;
  #running = false;

  /** @throws Error with the loader's reason when there is no addon for this Node. */
  constructor(clock: Clock = ownClock) {
    this.#addon = nativeAddon();
    this.#clock = clock;
  }

  /** This thread's key in the store, from `start` on. */
  get key(): number | undefined {
    return this.#key;
  }

  start(options: SampleSourceOptions): void {
    checkSampling(options);
    this.#key = this.#addon.start({
      intervalBytes: options.intervalBytes,
      stackDepth: options.stackDepth,
      budgetPercent: options.budgetPercent,
      inclusion: options.inclusion ?? 0,
      maxContexts: options.maxContexts,
      level: LEVELS.indexOf(options.level),
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      threadId,
      unixMs: this.#clock.unixMs(),
    });
    this.#running = true;
  }

  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#addon.stop();
  }

  setLevel(level: AttributionLevel): void {
    checkLevel(level);
    this.#addon.setLevel(LEVELS.indexOf(level));
  }

  /** @throws Error when V8's sampler was started by another tool: its interval is not ours to change. */
  setInterval(intervalBytes: number): void {
    checkIntervalBytes(intervalBytes);
    this.#addon.setInterval(intervalBytes);
  }

  setBudget(budgetPercent: number): void {
    checkBudgetPercent(budgetPercent);
    if (this.#running) this.#addon.setBudget(budgetPercent);
  }

  gcCycles(): number {
    return this.#running ? this.#addon.gcCycles() : this.read().gcCycles;
  }

  /** None before `start` and after `stop`. */
  pauseSums(): PauseSums {
    const [count, ns, nsSquared] = this.#running ? this.#addon.pauseSums() : [0, 0, 0];
    return { count, ns, nsSquared };
  }

  read(): ThreadAggregates {
    if (this.#key === undefined) throw new Error('NativeSource.read() before start()');
    if (this.#running) this.#addon.poll();
    const reading = this.#addon.read(this.#key);
    if (reading === null) throw new Error('NativeSource.read(): the counts of this thread were forgotten');
    return aggregatesOf(reading);
  }
}

/** The counts of all threads of this process, running or gone, from whichever thread asks. */
export interface ThreadStore {
  threads(): readonly ThreadRow[];
  /** As of the thread's last poll; null for a key that was forgotten. Cost: linear in its contexts, under a lock that the thread's next poll waits for. */
  read(key: number): ThreadAggregates | null;
  /**
   * Ended threads that were written make room first: the store keeps at most 1024 ended threads and 64 MiB of them.
   *
   * @param isLast it stays written, whatever the thread's end still counts: the thread itself has told all, of which nobody
   *   else knows a part.
   */
  markWritten(key: number, isLast?: boolean): void;
  /** Accounts for a profile of the thread that was written while it ran on. */
  countFile(key: number, cpuNs: number): void;
  /** CPU time of the calling thread. */
  threadCpuNs(): number;
  forget(key: number): void;
}

/** @throws Error with the loader's reason when there is no addon for this Node. */
export function nativeThreadStore(): ThreadStore {
  const addon = nativeAddon();
  return {
    threads: () => addon.threads(),
    read(key) {
      const reading = addon.read(key);
      return reading === null ? null : aggregatesOf(reading);
    },
    markWritten: (key, isLast = false) => addon.markWritten(key, isLast),
    countFile: (key, cpuNs) => addon.countFile(key, cpuNs),
    threadCpuNs: () => addon.threadCpuNs(),
    forget: (key) => addon.forget(key),
  };
}
