import { resolve } from 'node:path';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { ownClock } from '../base/index.js';
import { readDecisions, setProfileInput } from '../profiler/index.js';
import { beforeExitListeners } from './exit-path.js';
import { startPretenuring } from './pretenuring.js';
import type { ProfilePlace } from './profile-files.js';
import { fileShare, type Profiling, startProfiling } from './profiling.js';
import { type Origin, Recorder } from './recorder.js';
import { readSettings, type Settings } from './settings.js';
import { tellUser } from './stderr.js';
import { keepWriting, WriteSchedule } from './write-schedule.js';

/** What the main thread leaves for its workers, whose own environment may lack our variables. */
interface Inheritance {
  readonly settings: Settings;
  readonly origin: Origin;
  readonly place: ProfilePlace;
  /** One slot: whether a worker has told the user that it could not start. */
  readonly told: Int32Array;
}

const INHERITANCE = 'rolp.register';
/** In place of an inheritance: the main thread has told the user why rolp is off. */
const OFF = 'off';

/** Starts profiling this thread, or tells the user in one line why not. Never throws: the app runs on. */
export function start(): void {
  const inherited = isMainThread ? undefined : (getEnvironmentData(INHERITANCE) as unknown);
  if (inherited === OFF) return;
  try {
    const parent = inherited as Inheritance | undefined;
    refuseOtherRuntimes();
    const settings = parent?.settings ?? readSettings(process.env);
    const origin = parent?.origin ?? currentOrigin(settings);
    startFromEarlierRun(settings, origin);
    if (settings.pretenure) startPretenuring();
    const profiling = startProfiling(settings);
    let recorder: Recorder;
    try {
      recorder = new Recorder(profiling, settings, origin, parent?.place);
    } catch (error) {
      profiling.attribution.withdrawFlags();
      profiling.source.stop();
      throw error;
    }
    if (isMainThread) leaveToWorkers({ settings, origin, place: recorder.place, told: sharedSlot() });
    tellLimitation(profiling, settings);
    keepRecording(profiling, recorder, settings);
  } catch (error) {
    tellOff(error as Error, inherited as Inheritance | undefined);
  }
}

/** @throws Error naming the setting when the profile cannot be used. */
function startFromEarlierRun({ profileIn }: Settings, { directory }: Origin): void {
  if (profileIn === '') return;
  try {
    setProfileInput(readDecisions(resolve(directory, profileIn)));
  } catch (error) {
    throw new Error(`ROLP_PROFILE_IN: ${(error as Error).message}`);
  }
}

function currentOrigin(settings: Settings): Origin {
  const directory = process.cwd();
  return { directory, outDir: resolve(directory, settings.outDir), mainFile: process.argv[1] || undefined };
}

function leaveToWorkers(value: Inheritance | typeof OFF): void {
  setEnvironmentData(INHERITANCE, value as never);
}

function sharedSlot(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

function tellOff(error: Error, parent: Inheritance | undefined): void {
  if (parent !== undefined && Atomics.exchange(parent.told, 0, 1) === 1) return;
  if (isMainThread) leaveToWorkers(OFF);
  tellUser(`off${isMainThread ? '' : ' in a worker'}, the app runs on without it: ${error.message}`);
}

/** Once a process: what this sampler cannot see. The profile says it too. */
function tellLimitation({ source }: Profiling, { quiet }: Settings): void {
  if (source.limitation !== null && isMainThread && !quiet) tellUser(source.limitation);
}

/** Writes the profile now and then, on demand, and whichever way the thread ends. */
function keepRecording(profiling: Profiling, recorder: Recorder, settings: Settings): void {
  let summaryTold = false;
  const finish = (): void => {
    recorder.writeLast();
    const summary = recorder.summary();
    // A worker's stderr goes through the main thread, which may be gone: main speaks for all.
    if (summaryTold || summary === null || settings.quiet || !isMainThread) return;
    summaryTold = true;
    tellUser(summary);
  };
  beforeExitListeners(finish);
  if (settings.reportPeriodMs > 0) {
    const schedule = new WriteSchedule({
      periodMs: settings.reportPeriodMs,
      share: () => fileShare(settings) * profiling.adaptation.budgetPart,
      clock: { wallMs: () => ownClock.nowMs(), cpuMs: () => profiling.cpuMs() },
    });
    keepWriting({
      schedule,
      write: () => recorder.writeNow(),
      periodMs: settings.reportPeriodMs,
      glance: () => profiling.adaptation.glance(),
      failed: (error) => tellUser(`no more profiles are written while the app runs: ${error.message}`),
    });
  }
  if (!isMainThread) return;
  profiling.watchSignals?.((_signal, appListens) => {
    // An app that listens has its own plans, and ends in its own way.
    if (!appListens) finish();
  });
  if (settings.signal !== null) process.on(settings.signal, () => recorder.writeNow());
}

function refuseOtherRuntimes(): void {
  for (const runtime of ['bun', 'deno']) {
    if (runtime in process.versions) {
      throw new Error(`it profiles V8 inside Node.js and does not know ${runtime}'s heap`);
    }
  }
}
