/** What one process is told to do. */
export interface ProcessSpec {
  readonly workload: string;
  readonly mix: string;
  /** The bench's name of the variant; `engine` is the workload's. */
  readonly variant: string;
  readonly engine: string;
  readonly nodeFlags: readonly string[];
  readonly node: string;
  readonly phase: 'closed' | 'open';
  readonly repeat: number;
  readonly heapMb: number;
  readonly streamOps: number;
  readonly seed: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Operations a second; open loop only. */
  readonly rate?: number;
  /** Seconds of closed loop after the open one. */
  readonly burstSeconds?: number;
}

/** Of what a pause consists: V8's collections, and work of the store's own that stops the program. */
export type PauseKind = 'scavenge' | 'mark-compact' | 'incremental' | 'other' | 'rolp';

export interface Pause {
  readonly kind: PauseKind;
  /**
   * When it began, in milliseconds from the start of measuring; negative in the warm-up. Of rolp's own pauses, and of V8's
   * where `pauseSource` is 'v8.GCProfiler', when they were collected: within the second after they were.
   */
  readonly atMs: number;
  readonly ms: number;
  /** What rolp did, as its pause log has it ('evacuate', 'release', ...); absent of V8's. */
  readonly work?: string;
}

/** Taken once a second. */
export interface Sample {
  readonly atMs: number;
  readonly rssMb: number;
  readonly heapUsedMb: number;
  readonly offHeapUsedMb: number;
  /**
   * The most in use since the last sample; of an engine that keeps no count of it, what is in use now. Absent in the lines
   * of runs from before it was kept, which are judged by what was in use at their samples.
   */
  readonly offHeapPeakMb?: number;
  readonly offHeapCommittedMb: number;
}

/** What one process found: a line of runs.jsonl. */
export interface ProcessResult {
  readonly spec: ProcessSpec;
  readonly nodeVersion: string;
  readonly v8Version: string;
  readonly facts: Record<string, number | string>;
  readonly loadMs: number;
  readonly operations: number;
  /** Operations a second over the time measured. */
  readonly throughput: number;
  /** Open loop: operations a second of the closed loop that follows it. */
  readonly burstThroughput?: number;
  readonly pauseSource: 'addon' | 'v8.GCProfiler';
  readonly pauses: readonly Pause[];
  /** Compressed HDR histograms (base64) of latencies in units of 100 ns; open loop only. */
  readonly latency?: string;
  readonly warmupLatency?: string;
  /** Pauses that were not recorded since they came too fast. */
  readonly pausesLost: number;
  /** Why the figures mean nothing; absent where they do. Such a run is left out of all of them. */
  readonly invalidBecause?: string;
  /** The least lag behind schedule within each second, in ms. */
  readonly backlogMs: readonly number[];
  readonly eventLoopDelayMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Of all threads; waiting for the next operation is sleep and takes none. */
  readonly cpuMs: number;
  readonly peakRssMb: number;
  readonly samples: readonly Sample[];
  /** Checksum after 2^k operations, k from 8. */
  readonly checksums: readonly number[];
  readonly engineStats: Record<string, number>;
}

/** Names a process within a run, so that a finished one is not repeated. */
export function keyOf(spec: ProcessSpec): string {
  const { node, workload, mix, variant, phase, repeat } = spec;
  return [node, workload, mix, variant, phase, repeat].join('|');
}

export const LATENCY_UNIT_MS = 1e-4;
