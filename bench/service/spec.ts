import type { Pause } from '../tail/spec.js';

/** What a server is told to serve, and the driver to ask for. */
export interface ServiceSpec {
  readonly workload: 'lucene' | 'cassandra';
  readonly mix: string;
  readonly variant: string;
  readonly heapMb: number;
  readonly streamOps: number;
  readonly seed: number;
  /** Requests a second. */
  readonly rate: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** Between the end of the warm-up and the end. */
export interface ServerFigures {
  readonly pauses: readonly Pick<Pause, 'kind' | 'ms'>[];
  readonly pausesLost: number;
  readonly peakRssMb: number;
}

export interface DriverFigures {
  readonly requests: number;
  /** Answers that are no 2xx or 404, time-outs and broken connections. */
  readonly failures: number;
  /** Encoded HdrHistogram in microseconds, corrected for coordinated omission. */
  readonly latency: string;
}
