import { ownProcess } from '../base/index.js';

/**
 * Calls back once when the process (or the worker) is about to end: at its natural end, `process.exit` and an
 * uncaught exception. Node marks all three by `process._exiting` and then emits `exit`.
 *
 * Not by a listener: an app may remove all listeners, may count them, and is warned from the eleventh on. Nor by a
 * function around `process.emit`, which would stand in the app's stack traces. `emit` becomes an accessor, which Node
 * reads just before it emits; what it answers is the function that was there, or that others (signal-exit) put in
 * its place. So the callback runs before the app's exit listeners, one of which may call `process.exit` again,
 * which ends the process there and then.
 *
 * Copies of `process` (Jest makes one for each test file) and objects that inherit from it get the accessor too: what
 * they are given is theirs, as without it, and does not reach `process`.
 */
export function beforeExitListeners(callback: () => void): void {
  let replaced: unknown = Object.getOwnPropertyDescriptor(ownProcess, 'emit')?.value;
  let called = false;
  Object.defineProperty(ownProcess, 'emit', {
    configurable: true,
    enumerable: false,
    get(): unknown {
      if (!called && (ownProcess as { _exiting?: boolean })._exiting === true) {
        called = true;
        callback();
      }
      // The inherited one is looked up each time: `domain` replaces it.
      return replaced ?? (Object.getPrototypeOf(ownProcess) as NodeJS.Process).emit;
    },
    set(this: object, value: unknown) {
      if (this === ownProcess) replaced = value;
      else
        Object.defineProperty(this, 'emit', { value, writable: true, enumerable: true, configurable: true });
    },
  });
}
