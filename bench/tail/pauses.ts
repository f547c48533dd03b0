import { GCProfiler } from 'node:v8';
import type { StopWorkLog } from '../../workloads/common/index.js';
import type { Pause, PauseKind } from './spec.js';

interface PauseAddon {
  recordPauses(capacity: number, nowMs: number): void;
  takePauses(): Float64Array;
  /** How many were overwritten since the last take. */
  pausesDropped(): number;
}

/** Columns of what `takePauses` returns: kind, start, ns, the sampler's share, heap before, after. */
const COLUMNS = 6;
const RING = 1 << 16;

/** Collects every GC pause of the process, and what the engine reports of its own. */
export class PauseRecorder {
  readonly source: 'addon' | 'v8.GCProfiler';
  readonly pauses: Pause[] = [];
  /** Pauses of V8 or of the engine that nobody recorded. */
  lost = 0;
  readonly #addon: PauseAddon | undefined;
  #profiler: GCProfiler | undefined;

  /** @param addon what rolp's loader found: with it each pause has its own time; without, its second. */
  constructor(addon: Readonly<Record<string, unknown>>) {
    if (typeof addon.recordPauses === 'function') {
      this.#addon = addon as unknown as PauseAddon;
      this.source = 'addon';
    } else {
      this.source = 'v8.GCProfiler';
    }
  }

  start(): void {
    if (this.#addon !== undefined) this.#addon.recordPauses(RING, performance.now());
    else this.#restartProfiler();
  }

  /** Takes over what has happened since the last call. Once a second, so that little has to be kept aside. */
  collect(nowMs: number, stopWork: StopWorkLog | undefined): void {
    if (this.#addon !== undefined) this.#collectFromAddon(this.#addon);
    else this.#collectFromProfiler(nowMs);
    if (stopWork === undefined) return;
    this.lost += stopWork.lost;
    for (const { kind, pauseNs } of stopWork.pauses) {
      this.pauses.push({ kind: 'rolp', work: kind, atMs: nowMs, ms: pauseNs / 1e6 });
    }
  }

  stop(): void {
    this.#addon?.recordPauses(0, performance.now());
    this.#profiler?.stop();
    this.#profiler = undefined;
  }

  #collectFromAddon(addon: PauseAddon): void {
    // Before the take, which begins a new count.
    this.lost += addon.pausesDropped();
    const rows = addon.takePauses();
    for (let at = 0; at < rows.length; at += COLUMNS) {
      this.pauses.push({ kind: kindOfType(rows[at]!), atMs: rows[at + 1]!, ms: rows[at + 2]! / 1e6 });
    }
  }

  #collectFromProfiler(nowMs: number): void {
    const result = this.#profiler?.stop();
    for (const { gcType, cost } of result?.statistics ?? []) {
      this.pauses.push({ kind: kindOfName(gcType), atMs: nowMs, ms: cost / 1000 });
    }
    this.#restartProfiler();
  }

  #restartProfiler(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
  }
}

/** v8::GCType. */
function kindOfType(type: number): PauseKind {
  if (type === 1 || type === 2) return 'scavenge';
  if (type === 4) return 'mark-compact';
  return type === 8 ? 'incremental' : 'other';
}

function kindOfName(name: string): PauseKind {
  if (name === 'Scavenge' || name.startsWith('MinorMark')) return 'scavenge';
  if (name === 'MarkSweepCompact') return 'mark-compact';
  return name === 'IncrementalMarking' ? 'incremental' : 'other';
}
