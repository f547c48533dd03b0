/** One process of the bench: `node child.js '<ProcessSpec as JSON>'`; the last line of its output is the result. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as hdr from 'hdr-histogram-js';
import type { Engine } from '../../workloads/common/index.js';
import { loadAddon } from './addon.js';
import { closedLoop, openLoop, type Schedule, Server } from './loops.js';
import { PauseRecorder } from './pauses.js';
import { LATENCY_UNIT_MS, type Pause, type ProcessResult, type ProcessSpec, type Sample } from './spec.js';
import { workloadNamed } from './variants.js';

/** A lag that is never below this within a second, late in a run, is a backlog that does not go away. */
const BACKLOG_LIMIT_MS = 100;
/** A window shorter than this says nothing of a backlog: its few operations may all have met one pause. */
const SHORTEST_WINDOW_MS = 500;
const HIGHEST_UNITS = 2 ** 31 - 1;

async function main(spec: ProcessSpec): Promise<void> {
  const prepared = workloadNamed(spec.workload).prepare(spec);
  collectGarbage();
  const engine = prepared.open(spec.engine);
  const loadStart = performance.now();
  engine.load();
  const loadMs = performance.now() - loadStart;
  engine.takeStopWork?.();
  const run = new Run(spec, engine, new PauseRecorder(await loadAddon()));
  const figures = spec.phase === 'closed' ? await run.closed() : await run.open();
  const result: ProcessResult = {
    spec,
    nodeVersion: process.version,
    v8Version: process.versions.v8,
    facts: prepared.facts,
    loadMs,
    ...figures,
    engineStats: engine.stats?.() ?? {},
  };
  engine.close();
  process.stdout.write(`\n${JSON.stringify(result)}\n`);
}

/**
 * What preparing left behind is nobody's garbage. Of the kind that gives memory back, where V8 has it (Node 20 has not): else V8
 * does so eight seconds later, and a mark-compact of 30 ms, most of it the unmapping of what loading had taken, fell into the
 * window of whatever allocates little, floor included.
 */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: object) => void;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

type Figures = Omit<ProcessResult, 'spec' | 'nodeVersion' | 'v8Version' | 'facts' | 'loadMs' | 'engineStats'>;

class Run {
  readonly #spec: ProcessSpec;
  readonly #engine: Engine;
  readonly #server: Server;
  readonly #pauses: PauseRecorder;
  readonly #samples: Sample[] = [];
  readonly #delay = monitorEventLoopDelay({ resolution: 5 });
  readonly #backlog: number[] = [];
  #leastLag = Number.POSITIVE_INFINITY;
  #windowStart = 0;
  #peakRss = 0;

  constructor(spec: ProcessSpec, engine: Engine, pauses: PauseRecorder) {
    this.#spec = spec;
    this.#engine = engine;
    this.#server = new Server(engine);
    this.#pauses = pauses;
  }

  async closed(): Promise<Figures> {
    this.#pauses.start();
    await closedLoop(this.#server, this.#spec.warmupSeconds * 1000, (now) => this.#tick(now));
    const begin = this.#begin();
    const tick = (now: number): void => this.#tick(now);
    await closedLoop(this.#server, this.#spec.seconds * 1000, tick, this.#engine.periodOperations?.());
    return { ...this.#finish(begin), checksums: this.#server.checksums };
  }

  async open(): Promise<Figures> {
    const perMs = this.#spec.rate! / 1000;
    const warmup = latencyHistogram();
    const latency = latencyHistogram();
    this.#pauses.start();
    const tick = (now: number): void => this.#tick(now);
    const scheduleFrom = (startMs: number): Schedule => ({ startMs, perMs });
    const warmStart = performance.now();
    const warmEnd = warmStart + this.#spec.warmupSeconds * 1000;
    await openLoop(this.#server, scheduleFrom(warmStart), warmEnd, (ms) => record(warmup, ms), tick);
    // A new schedule: what unoptimised code was late with is not the measured code's to catch up.
    const begin = this.#begin();
    const onLatency = (ms: number, lagMs: number): void => {
      record(latency, ms);
      if (lagMs < this.#leastLag) this.#leastLag = lagMs;
    };
    const end = begin.atMs + this.#spec.seconds * 1000;
    await openLoop(this.#server, scheduleFrom(begin.atMs), end, onLatency, tick);
    const figures = this.#finish(begin);
    const late = figures.backlogMs.slice(-Math.max(2, Math.ceil(this.#spec.seconds / 4)));
    const backlog =
      Math.max(0, ...late) < BACKLOG_LIMIT_MS ? '' : 'its backlog does not go away: lower --rate';
    return {
      ...figures,
      ...reasonOf([backlog, lossIn(figures.pausesLost)]),
      ...(await this.#burst()),
      latency: hdr.encodeIntoCompressedBase64(latency),
      warmupLatency: hdr.encodeIntoCompressedBase64(warmup),
      checksums: this.#server.checksums,
    };
  }

  /** Throughput of a store that has been in use for a while, after all else was measured. */
  async #burst(): Promise<{ burstThroughput?: number }> {
    const seconds = this.#spec.burstSeconds ?? 0;
    if (seconds === 0) return {};
    const [operations, start] = [this.#server.operations, performance.now()];
    const drop = (): void => void this.#engine.takeStopWork?.();
    await closedLoop(this.#server, seconds * 1000, drop, this.#engine.periodOperations?.());
    return {
      burstThroughput: ((this.#server.operations - operations) / (performance.now() - start)) * 1000,
    };
  }

  #begin(): { atMs: number; operations: number; cpu: NodeJS.CpuUsage } {
    // What the warm-up still owes is told as its own.
    this.#tick(performance.now());
    this.#delay.enable();
    this.#leastLag = Number.POSITIVE_INFINITY;
    this.#backlog.length = 0;
    this.#windowStart = performance.now();
    return { atMs: performance.now(), operations: this.#server.operations, cpu: process.cpuUsage() };
  }

  #finish(begin: {
    atMs: number;
    operations: number;
    cpu: NodeJS.CpuUsage;
  }): Omit<Figures, 'checksums' | 'invalidBecause'> {
    const cpu = process.cpuUsage(begin.cpu);
    const now = performance.now();
    const seconds = (now - begin.atMs) / 1000;
    this.#delay.disable();
    this.#tick(now);
    this.#pauses.stop();
    const operations = this.#server.operations - begin.operations;
    const since = <T extends { atMs: number }>(entry: T): T => ({
      ...entry,
      atMs: round(entry.atMs - begin.atMs),
    });
    return {
      operations,
      throughput: operations / seconds,
      pauseSource: this.#pauses.source,
      pausesLost: this.#pauses.lost,
      pauses: this.#pauses.pauses.map((pause: Pause) => ({ ...since(pause), ms: round(pause.ms) })),
      backlogMs: this.#backlog.map(round),
      eventLoopDelayMs: {
        p50: round(this.#delay.percentile(50) / 1e6),
        p99: round(this.#delay.percentile(99) / 1e6),
        max: round(this.#delay.max / 1e6),
      },
      cpuMs: round((cpu.user + cpu.system) / 1000),
      peakRssMb: round(this.#peakRss / 1e6),
      samples: this.#samples.map(since),
    };
  }

  #tick(now: number): void {
    this.#pauses.collect(now, this.#engine.takeStopWork?.());
    const memory = process.memoryUsage();
    const offHeap = this.#engine.offHeap?.() ?? { committed: 0, used: 0 };
    this.#peakRss = Math.max(this.#peakRss, memory.rss);
    this.#samples.push({
      atMs: now,
      rssMb: round(memory.rss / 1e6),
      heapUsedMb: round(memory.heapUsed / 1e6),
      offHeapUsedMb: round(offHeap.used / 1e6),
      offHeapPeakMb: round((offHeap.peak ?? offHeap.used) / 1e6),
      offHeapCommittedMb: round(offHeap.committed / 1e6),
    });
    const enough = now - this.#windowStart >= SHORTEST_WINDOW_MS;
    if (enough && this.#leastLag !== Number.POSITIVE_INFINITY) this.#backlog.push(this.#leastLag);
    this.#leastLag = Number.POSITIVE_INFINITY;
    this.#windowStart = now;
  }
}

function lossIn(lost: number): string {
  return lost === 0 ? '' : `${lost} pauses came too fast to be recorded`;
}

function reasonOf(reasons: readonly string[]): { invalidBecause?: string } {
  const invalidBecause = reasons.filter((reason) => reason !== '').join('; ');
  return invalidBecause === '' ? {} : { invalidBecause };
}

function latencyHistogram(): hdr.Histogram {
  return hdr.build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_UNITS,
    numberOfSignificantValueDigits: 3,
  });
}

function record(histogram: hdr.Histogram, ms: number): void {
  histogram.recordValue(Math.min(HIGHEST_UNITS, Math.max(1, Math.round(ms / LATENCY_UNIT_MS))));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

await main(JSON.parse(process.argv[2]!) as ProcessSpec);
