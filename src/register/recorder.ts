import { isMainThread, threadId } from 'node:worker_threads';
import {
  buildProfile,
  createFrameResolver,
  currentProcess,
  type FrameResolver,
  formatAttribution,
  type Profile,
  type ProfileContext,
  placedContexts,
  profileInput,
  profileText,
  readProfile,
  type ThreadAggregates,
  type WindowNote,
} from '../profiler/index.js';
import { claimPlace, type ProfilePlace, profilePath, writeProfile } from './profile-files.js';
import type { Profiling } from './profiling.js';
import type { Settings } from './settings.js';
import { tellUser } from './stderr.js';

/** What a recorder needs to know of the process, as it was when the app started. */
export interface Origin {
  /** Absolute. */
  readonly outDir: string;
  /** What relative patterns in the settings are relative to. */
  readonly directory: string;
  readonly mainFile: string | undefined;
}

/** Writes this thread's profile and, in the main thread, those of workers that can no longer write theirs. */
export class Recorder {
  readonly #profiling: Profiling;
  readonly #settings: Settings;
  readonly #resolver: FrameResolver;
  readonly #place: ProfilePlace;
  #failed = false;
  /** Of the last profile only what is told of it: kept whole it would be old by the next one, and a mark-compact the sooner. */
  #last: { readonly path: string; readonly contexts: number; readonly gcCycles: number } | undefined;
  #workersWritten = 0;

  /**
   * @param place where to write; absent: taken for this process now, with a first, empty profile.
   * @throws Error naming the directory when no file can be written.
   */
  constructor(profiling: Profiling, settings: Settings, origin: Origin, place?: ProfilePlace) {
    this.#profiling = profiling;
    this.#settings = settings;
    this.#resolver = createFrameResolver({
      include: settings.include,
      exclude: settings.exclude,
      directory: origin.directory,
      ...(origin.mainFile === undefined ? {} : { mainFile: origin.mainFile }),
    });
    this.#place =
      place ??
      claimPlace(
        origin.outDir,
        process.pid,
        threadId,
        profileText(this.#ownProfile(profiling.source.read())),
      );
  }

  get place(): ProfilePlace {
    return this.#place;
  }

  /** While the app runs on: this thread's profile, and those of workers that ended without writing theirs. */
  writeNow(): void {
    const { adaptation, store, ownKey, cpuMs } = this.#profiling;
    this.#guard(() => {
      const startMs = cpuMs();
      const { profile, aggregates } = this.#writeOwn(false);
      if (isMainThread) this.#writeWorkers((row) => row.ended);
      adaptation.look(profile, aggregates);
      const key = ownKey();
      if (key !== undefined) store?.countFile(key, (cpuMs() - startMs) * 1e6);
    });
  }

  /** When the thread is about to end. Its workers, if it is the main thread, end with it. */
  writeLast(): void {
    this.#guard(() => {
      this.#writeOwn(true);
      if (isMainThread) this.#writeWorkers(() => true);
    });
  }

  /** The line for the user at the end, or `null` when nothing could be written. */
  summary(): string | null {
    if (this.#last === undefined) return null;
    const { path, contexts, gcCycles } = this.#last;
    const workers =
      this.#workersWritten === 0
        ? ''
        : ` (and ${this.#workersWritten} of its workers', in the same directory)`;
    return `${contexts} allocation contexts over ${gcCycles} GC cycles: ${path}${workers}`;
  }

  #ownProfile(aggregates: ThreadAggregates): Profile {
    return this.#profile(aggregates, this.#profiling.attribution.notes, placedContexts());
  }

  #profile(
    aggregates: ThreadAggregates,
    windowNotes: readonly WindowNote[] = [],
    placed: readonly ProfileContext[] = [],
  ): Profile {
    return buildProfile(aggregates, currentProcess(), {
      attribution: formatAttribution(this.#settings.attribution),
      limitation: this.#profiling.source.limitation,
      resolver: this.#resolver,
      windowNotes,
      placed,
      prior: profileInput(),
    });
  }

  #writeOwn(isLast: boolean): { readonly profile: Profile; readonly aggregates: ThreadAggregates } {
    const aggregates = this.#profiling.source.read();
    const profile = this.#ownProfile(aggregates);
    const path = writeProfile(this.#place, threadId, profileText(profile));
    this.#last = { path, contexts: profile.contexts.length, gcCycles: profile.gc.gcCycles };
    const { store, ownKey } = this.#profiling;
    const key = ownKey();
    if (store !== null && key !== undefined) store.markWritten(key, isLast);
    return { profile, aggregates };
  }

  #writeWorkers(wanted: (row: { ended: boolean }) => boolean): void {
    const { store, ownKey } = this.#profiling;
    if (store === null) return;
    for (const row of store.threads()) {
      if (row.key === ownKey() || !wanted(row)) continue;
      const aggregates = row.written ? null : store.read(row.key);
      if (aggregates !== null) {
        const placed = placedIn(profilePath(this.#place, row.threadId));
        writeProfile(this.#place, row.threadId, profileText(this.#profile(aggregates, [], placed)));
      }
      if (row.ended) store.forget(row.key);
      this.#workersWritten++;
    }
  }

  /** The app must not feel what goes wrong here: told once, then silent. */
  #guard(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (this.#failed) return;
      this.#failed = true;
      tellUser(`the profile could not be written: ${(error as Error).message}`);
    }
  }
}

/** What a worker's own file tells of its heaps, which nobody else can look into once it is gone. */
function placedIn(path: string): readonly ProfileContext[] {
  try {
    return readProfile(path).contexts.filter(({ kind }) => kind === 'placed');
  } catch {
    // It had not come to write one.
    return [];
  }
}
