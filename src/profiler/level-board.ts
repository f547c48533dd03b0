import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { type AttributionLevel, LEVELS } from './aggregates.js';

const KEY = 'rolp:attribution';

/** Where the thread that sets V8's flags announces the level, and where the threads it starts read it. */
export interface LevelBoard {
  /** This thread reads only. */
  readonly follows: boolean;
  announce(level: AttributionLevel): void;
  /** The level announced last, and how many announcements there were. */
  read(): { readonly level: AttributionLevel; readonly change: number };
}

/** A board for one thread alone. */
export function soleLevelBoard(): LevelBoard {
  return boardOn(new Int32Array(2), false);
}

/**
 * The process's board: shared memory that worker threads inherit as environment data. A worker whose parent
 * has none (rolp was loaded in the worker alone) leads itself.
 */
export function processLevelBoard(): LevelBoard {
  const inherited = getEnvironmentData(KEY);
  if (!isMainThread && inherited instanceof Int32Array) return boardOn(inherited, true);
  if (inherited instanceof Int32Array) return boardOn(inherited, false);
  const words = new Int32Array(new SharedArrayBuffer(8));
  setEnvironmentData(KEY, words);
  return boardOn(words, false);
}

function boardOn(words: Int32Array, follows: boolean): LevelBoard {
  return {
    follows,
    announce(level) {
      Atomics.store(words, 0, LEVELS.indexOf(level));
      Atomics.add(words, 1, 1);
    },
    read: () => ({ level: LEVELS[Atomics.load(words, 0)] ?? 'off', change: Atomics.load(words, 1) }),
  };
}
