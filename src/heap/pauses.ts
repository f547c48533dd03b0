import type { Clock } from '../base/index.js';

/**
 * What rolp stops the program for: evacuation steps, sweeps of released regions, resizes of tables, a policy's
 * decisions; and of a cache, evictions and the removal of what has expired.
 */
export type PauseKind = 'evacuate' | 'release' | 'resize' | 'evict' | 'decide' | 'expire';
const KINDS: readonly PauseKind[] = ['evacuate', 'release', 'resize', 'evict', 'decide', 'expire'];
const BUCKETS = 40;
const RING = 4096;

/** Pauses of one kind. Bucket i of `histogram` counts pauses of [2^i, 2^(i+1)) ns. */
export interface PauseSummary {
  readonly count: number;
  readonly sumNs: number;
  readonly maxNs: number;
  readonly histogram: readonly number[];
}

/**
 * rolp's own stop work. Everything is allocated beforehand, so that recording leaves no garbage; the last
 * 4096 pauses can be drained one by one.
 */
export class PauseLog {
  readonly #clock: Clock;
  readonly #counts: Float64Array = new Float64Array(KINDS.length);
  readonly #sums: Float64Array = new Float64Array(KINDS.length);
  readonly #maxima: Float64Array = new Float64Array(KINDS.length);
  readonly #histogram: Float64Array = new Float64Array(KINDS.length * BUCKETS);
  readonly #ringNs: Float64Array = new Float64Array(RING);
  readonly #ringKind: Uint8Array = new Uint8Array(RING);
  #ringTotal: number = 0;
  #drained: number = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  static readonly bytes: number = 8 * (3 * KINDS.length + KINDS.length * BUCKETS + RING) + RING;

  /** The time now, in ms, to hand to `record`. */
  start(): number {
    return this.#clock.nowMs();
  }

  /** Records a pause that began at `startMs`. */
  record(kind: PauseKind, startMs: number): void {
    const k = KINDS.indexOf(kind);
    const ns = Math.max(0, (this.#clock.nowMs() - startMs) * 1e6);
    this.#counts[k]!++;
    this.#sums[k]! += ns;
    if (ns > this.#maxima[k]!) this.#maxima[k] = ns;
    const bucket = Math.min(BUCKETS - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, ns)))));
    this.#histogram[k * BUCKETS + bucket]!++;
    const at = this.#ringTotal++ % RING;
    this.#ringNs[at] = ns;
    this.#ringKind[at] = k;
  }

  /** Of all pauses of a kind since the heap was made. */
  summary(kind: PauseKind): PauseSummary {
    const k = KINDS.indexOf(kind);
    return {
      count: this.#counts[k]!,
      sumNs: this.#sums[k]!,
      maxNs: this.#maxima[k]!,
      histogram: Array.from(this.#histogram.subarray(k * BUCKETS, (k + 1) * BUCKETS)),
    };
  }

  /**
   * Calls `visit` with each pause since the last drain, oldest first.
   *
   * @returns how many were lost because more than 4096 came between two drains.
   */
  drain(visit: (kind: PauseKind, ns: number) => void): number {
    const total = this.#ringTotal;
    const from = Math.max(this.#drained, total - RING);
    const lost = from - this.#drained;
    for (let i = from; i < total; i++) visit(KINDS[this.#ringKind[i % RING]!]!, this.#ringNs[i % RING]!);
    this.#drained = total;
    return lost;
  }
}
