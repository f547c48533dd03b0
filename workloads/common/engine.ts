/** Bytes an engine holds outside V8's heap, as far as it knows. */
export interface OffHeapBytes {
  /** Bytes taken from the system. */
  readonly committed: number;
  /** Of these, bytes that hold data. */
  readonly used: number;
  /** The most of `used` since the last look, however shortly, where the engine keeps count of it. */
  readonly peak?: number;
}

/** `bytes`, and `own` more of each. */
export function withOwnBytes({ committed, used, peak }: OffHeapBytes, own: number): OffHeapBytes {
  const more = { committed: committed + own, used: used + own };
  return peak === undefined ? more : { ...more, peak: peak + own };
}

/** Work that stops the application and that V8 knows nothing of: an evacuation step, an index resize, a poll. */
export interface StopWork {
  readonly kind: string;
  readonly pauseNs: number;
}

/** The stop work between two looks at it. */
export interface StopWorkLog {
  readonly pauses: readonly StopWork[];
  /** How many more there were that the log had no room for. */
  readonly lost: number;
}

/**
 * One variant of a workload's engine. Variants of a workload differ in where their data lives and in nothing
 * else: for the same operations they give the same answers.
 */
export interface Engine {
  /** Fills the store, before anything is measured. */
  load(): void;
  /**
   * Serves one operation of the prepared stream: the request is made as a service would receive it (a string, a
   * key), the answer is built as a service would send it.
   *
   * @param op the operation's number, from 0; the stream starts again, shifted, when it is used up.
   * @returns an integer that depends on the whole answer. The harness mixes it into the run's checksum.
   */
  apply(op: number): number;
  /** Lets go of everything. No operation may follow. */
  close(): void;
  /** What lies outside V8's heap. A look: the next one's peak is counted from here. Absent where the engine has nothing there. */
  offHeap?(): OffHeapBytes;
  /** The stop work since the last call; absent where the engine has none. */
  takeStopWork?(): StopWorkLog | undefined;
  /**
   * Operations after which the engine's work begins over, absent where it has no such period: a rate of operations says
   * nothing unless each kind of work is in it, in its proportion.
   */
  periodOperations?(): number;
  /** Figures of the engine itself, for the report. Cheap enough to be called once a second. */
  stats?(): Record<string, number>;
}

/** How big a workload is, and what is drawn. */
export interface WorkloadOptions {
  /** About the megabytes that the live data of the `heap` variant takes. Other sizes follow from it. */
  readonly heapMb: number;
  /** Number of operations in the stream before it starts again. */
  readonly streamOps: number;
  readonly seed: number;
  /** One of the workload's `mixes`. */
  readonly mix: string;
}

/** A stream of operations built and kept outside the JS heap, ready to be served by any variant. */
export interface Prepared {
  /** @throws RangeError for a variant that the workload does not have. */
  open(variant: string): Engine;
  /** What was built, for the report: documents, rows, edges. */
  readonly facts: Record<string, number | string>;
}

export interface Workload {
  readonly name: string;
  readonly mixes: readonly string[];
  /** Every variant that `open` knows. */
  readonly variants: readonly string[];
  /** Variants whose answers are not those of the others: nothing kept, or another program altogether. */
  readonly incomparable: readonly string[];
  prepare(options: WorkloadOptions): Prepared;
  /**
   * Operations from the start until an engine of that size, whatever its variant, does no kind of work for the first time:
   * its warm-up. Absent where loading brings it there.
   */
  warmUpOperations?(heapMb: number): number;
}
