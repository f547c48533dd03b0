/** One process of bench/cache: `node child.js '<Spec as JSON>'`; the last line of its output is the Sample. */
import { writeSync } from 'node:fs';
import { GCProfiler } from 'node:v8';
import * as hdr from 'hdr-histogram-js';
import { hitRatio } from './hits.js';
import { type ClosedSpec, type Mix, type OpenSpec, type Sample, type Spec, WRITES } from './spec.js';
import { NotInstalled, openStore, type Store } from './stores.js';
import { changed, Draws, keyOf, type Value, valueMaker } from './values.js';
import { warmUp } from './warm-up.js';

/** An open loop finds its rate, and its histogram is then begun anew. */
const LEAD_IN_SECONDS = 0.3;
/** Operations between two looks at the clock. */
const BATCH = 500;
/** Latencies are recorded in units of so many ns. */
const UNIT_NS = 10;
const HIGHEST_UNITS = 2 ** 31 - 1;
/** Exit code: the store is not to be had here. */
const NOT_INSTALLED = 3;

/** Runs operations of one mix; what is read is looked at, so that nothing is left out. */
class Driver {
  missed: number = 0;
  checksum: number = 0;
  readonly #store: Store;
  readonly #draws: Draws;
  readonly #make: (id: number) => Value;

  constructor(store: Store, draws: Draws, make: (id: number) => Value) {
    this.#store = store;
    this.#draws = draws;
    this.#make = make;
  }

  one(mix: Mix): void {
    const draws = this.#draws;
    const write = draws.next(WRITES[mix]);
    const { key } = draws;
    if (write && mix !== 'F') {
      this.#store.set(key, this.#make(draws.id));
      return;
    }
    const value = this.#store.get(key);
    if (value === undefined) this.missed++;
    else {
      this.checksum += typeof value === 'object' && 'id' in value ? value.id : (value as string).length;
      if (write) this.#store.set(key, changed(value));
    }
  }

  warmUp(mix: Mix): void {
    const operate = (operations: number): void => {
      for (let i = 0; i < operations; i++) this.one(mix);
    };
    warmUp(operate, () => performance.now());
  }

  /** As many operations as go in `seconds`. @returns operations per second. */
  closed(mix: Mix, seconds: number): number {
    const startMs = performance.now();
    const endMs = startMs + seconds * 1000;
    let operations = 0;
    let now = startMs;
    while (now < endMs) {
      for (let i = 0; i < BATCH; i++) this.one(mix);
      operations += BATCH;
      now = performance.now();
    }
    return (operations / (now - startMs)) * 1000;
  }

  /** At a fixed rate, each operation timed from when it was due: a stop counts for all that it delays. */
  open(mix: Mix, seconds: number, perSecond: number, record: (ns: number) => void): void {
    const startMs = performance.now();
    const operations = Math.floor(seconds * perSecond);
    const perMs = perSecond / 1000;
    let now = startMs;
    for (let op = 0; op < operations; op++) {
      const due = startMs + op / perMs;
      // They are due within microseconds of each other: no sleep is so short.
      while (now < due) now = performance.now();
      this.one(mix);
      now = performance.now();
      record((now - due) * 1e6);
    }
  }
}

/** GC pauses, and the store's own stop work, since it was made. */
class Pauses {
  readonly #store: Store;
  readonly #gc: GCProfiler = new GCProfiler();

  constructor(store: Store) {
    this.#store = store;
    store.ownPauses?.();
    this.#gc.start();
  }

  end(): { worstPauseMs: number; pauseMs: number; worstOwnMs: number } {
    const gc = (this.#gc.stop()?.statistics ?? []).map(({ cost }) => cost / 1000);
    const own = this.#store.ownPauses?.() ?? [];
    const worstOwnMs = Math.max(0, ...own);
    return {
      worstPauseMs: Math.max(worstOwnMs, ...gc),
      pauseMs: [...gc, ...own].reduce((sum, ms) => sum + ms, 0),
      worstOwnMs,
    };
  }
}

function* pairs(entries: number, make: (id: number) => Value): Generator<readonly [string, Value]> {
  for (let id = 0; id < entries; id++) yield [keyOf(id), make(id)];
}

function load(store: Store, entries: number, make: (id: number) => Value): void {
  if (store.loadAll !== undefined) store.loadAll(pairs(entries, make));
  else for (let id = 0; id < entries; id++) store.set(keyOf(id), make(id));
}

async function prepare(spec: ClosedSpec | OpenSpec): Promise<{ store: Store; driver: Driver }> {
  const store = await openStore(spec.store, spec);
  const make = valueMaker(spec.value);
  const draws = new Draws(spec);
  load(store, spec.entries, make);
  return { store, driver: new Driver(store, draws, make) };
}

async function closed(spec: ClosedSpec): Promise<Sample> {
  const { store, driver } = await prepare(spec);
  const sample: Record<string, number> = {};
  for (const mix of spec.mixes) {
    driver.warmUp(mix);
    const pauses = new Pauses(store);
    const figures = { opsPerSecond: driver.closed(mix, spec.seconds), ...pauses.end() };
    const rssMiB = process.memoryUsage.rss() / 2 ** 20;
    for (const [name, value] of Object.entries({ ...figures, rssMiB })) sample[`${mix}.${name}`] = value;
  }
  store.close?.();
  if (driver.missed > 0) throw new Error(`${driver.missed} keys were missed in a store that was to hold all`);
  return sample;
}

async function open(spec: OpenSpec): Promise<Sample> {
  const { store, driver } = await prepare(spec);
  driver.warmUp(spec.mix);
  const histogram = hdr.build({
    bitBucketSize: 32,
    highestTrackableValue: HIGHEST_UNITS,
    numberOfSignificantValueDigits: 2,
  });
  const record = (ns: number): void =>
    histogram.recordValue(Math.max(1, Math.min(HIGHEST_UNITS, Math.round(ns / UNIT_NS))));
  driver.open(spec.mix, LEAD_IN_SECONDS, spec.operationsPerSecond, record);
  histogram.reset();
  const pauses = new Pauses(store);
  driver.open(spec.mix, spec.seconds, spec.operationsPerSecond, record);
  const { worstPauseMs } = pauses.end();
  const at = (percent: number): number => (histogram.getValueAtPercentile(percent) * UNIT_NS) / 1000;
  store.close?.();
  return { p50Us: at(50), p99Us: at(99), p999Us: at(99.9), maxUs: at(100), worstPauseMs };
}

async function run(spec: Spec): Promise<Sample> {
  if (spec.phase === 'hits') return hitRatio(spec);
  return spec.phase === 'closed' ? await closed(spec) : await open(spec);
}

run(JSON.parse(process.argv[2]!) as Spec).then(
  (sample) => console.log(JSON.stringify(sample)),
  (error: unknown) => {
    writeSync(2, `${error instanceof NotInstalled ? error.message : ((error as Error).stack ?? error)}\n`);
    process.exitCode = error instanceof NotInstalled ? NOT_INSTALLED : 1;
  },
);
