import * as v8 from 'node:v8';
import type { PauseAggregate } from './aggregates.js';

/** Where the three clocks stand. */
export interface ClockReading {
  readonly gcCycles: number;
  /** GC cycles that were mark-compacts. */
  readonly markCompacts: number;
  readonly bytes: number;
  readonly ms: number;
}

type HeapStatistics = { readonly usedHeapSize: number };
interface HeapState {
  readonly heapStatistics: HeapStatistics;
  readonly heapSpaceStatistics: readonly { readonly spaceName: string; readonly spaceUsedSize: number }[];
}
interface GcEntry {
  readonly gcType: string;
  /** Microseconds. */
  readonly cost: number;
  readonly beforeGC: HeapState;
  readonly afterGC: HeapState;
}
interface Profiler {
  start(): void;
  stop(): { readonly statistics: readonly GcEntry[] } | undefined;
}

const BUCKETS_PER_OCTAVE = 8;

/**
 * GC cycles, bytes allocated and pauses without an addon: from `v8.GCProfiler`, which is read synchronously and
 * restarted each time, since it keeps every GC until then. (A PerformanceObserver reports late, and on Node 24
 * can set off GCs itself: nodejs/node #62721.)
 */
export class FallbackClock {
  readonly #nowMs: () => number;
  readonly #startMs: number;
  /** Two in turn: what V8 collects while the list of one is parsed stands in that of the other. */
  #profiler: Profiler = newProfiler();
  #spare: Profiler = newProfiler();
  readonly #scavenge = new Pauses();
  readonly #markCompact = new Pauses();
  /** Bytes allocated up to `#usedBytes` in use. */
  #bytes = 0;
  #usedBytes: number = usedHeap();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs();
    this.#profiler.start();
  }

  /** Takes in the GCs since the last reading. Cost: some microseconds, and linear in those GCs. */
  read(): ClockReading {
    const done = this.#profiler;
    [this.#profiler, this.#spare] = [this.#spare, done];
    this.#profiler.start();
    // Between the GCs of the one list and those of the other.
    const used = usedHeap();
    for (const entry of done.stop()?.statistics ?? []) this.#takeIn(entry);
    this.#bytes += Math.max(0, used - this.#usedBytes);
    this.#usedBytes = used;
    return {
      gcCycles: this.#scavenge.count + this.#markCompact.count,
      markCompacts: this.#markCompact.count,
      bytes: this.#bytes,
      ms: this.#nowMs() - this.#startMs,
    };
  }

  pauses(): { readonly scavenge: PauseAggregate; readonly markCompact: PauseAggregate } {
    return { scavenge: this.#scavenge.aggregate(), markCompact: this.#markCompact.aggregate() };
  }

  stop(): void {
    try {
      this.read();
    } finally {
      // It would keep every further GC.
      this.#profiler.stop();
    }
  }

  #takeIn({ gcType, cost, beforeGC, afterGC }: GcEntry): void {
    // IncrementalMarking and ProcessWeakCallbacks are steps of a cycle, not cycles.
    const isMajor = gcType === 'MarkSweepCompact';
    if (!isMajor && !/^(Scavenge|MinorMark)/.test(gcType)) return;
    const before = beforeGC.heapStatistics.usedHeapSize;
    const after = afterGC.heapStatistics.usedHeapSize;
    this.#bytes += Math.max(0, before - this.#usedBytes);
    this.#usedBytes = after;
    const pauses = isMajor ? this.#markCompact : this.#scavenge;
    pauses.add(cost * 1000, before, after, isMajor ? after : copiedBytes(beforeGC, afterGC));
  }
}

/** What a scavenge copied: what is young after it, and what has become old. Large objects change hands in place. */
function copiedBytes(before: HeapState, after: HeapState): number {
  const used = ({ heapSpaceStatistics }: HeapState, space: string): number =>
    heapSpaceStatistics.find(({ spaceName }) => spaceName === space)?.spaceUsedSize ?? 0;
  return used(after, 'new_space') + Math.max(0, used(after, 'old_space') - used(before, 'old_space'));
}

function newProfiler(): Profiler {
  return new v8.GCProfiler() as unknown as Profiler;
}

function usedHeap(): number {
  return v8.getHeapStatistics().used_heap_size;
}

class Pauses {
  count = 0;
  #sumNs = 0;
  #maxNs = 0;
  #beforeBytes = 0;
  #afterBytes = 0;
  readonly #buckets = new Map<number, number>();

  readonly #work = { bytes: 0, bytesSquared: 0, ns: 0, nsSquared: 0, product: 0 };

  add(ns: number, beforeBytes: number, afterBytes: number, workBytes: number): void {
    this.#work.bytes += workBytes;
    this.#work.bytesSquared += workBytes * workBytes;
    this.#work.ns += ns;
    this.#work.nsSquared += ns * ns;
    this.#work.product += workBytes * ns;
    this.count++;
    this.#sumNs += ns;
    this.#maxNs = Math.max(this.#maxNs, ns);
    this.#beforeBytes += beforeBytes;
    this.#afterBytes += afterBytes;
    const bucket = Math.ceil(Math.log2(Math.max(1, ns)) * BUCKETS_PER_OCTAVE);
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1);
  }

  aggregate(): PauseAggregate {
    const buckets = [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([bucket, count]): [number, number] => [2 ** (bucket / BUCKETS_PER_OCTAVE), count]);
    return {
      count: this.count,
      sumNs: this.#sumNs,
      maxNs: this.#maxNs,
      // Polls run beside the pauses here, never inside.
      pollNs: 0,
      buckets,
      beforeBytes: this.#beforeBytes,
      afterBytes: this.#afterBytes,
      work: { ...this.#work },
    };
  }
}
