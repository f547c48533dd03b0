/**
 * Calls back once when the process (or the worker) is about to end: at its natural end, `process.exit` and an
 * uncaught exception. Node marks all three by `process._exiting` and then emits `exit`.
 *
 * Not by a listener: an app may remove all listeners, may count them, and is warned from the eleventh on. Nor by a
 * function around `process.emit`, which would stand in the app's stack traces. `emit` becomes an accessor, which Node
 * reads just before it emits; what it answers is the function that was there, or that others (signal-exit) put in
 * its place. So the callback runs before the app's exit listeners, one of which may call `process.exit` again,
 * which ends the process there and then.
 */
export function beforeExitListeners(callback: () => void): void {
  let replaced: unknown = Object.getOwnPropertyDescriptor(process, 'emit')?.value;
  let called = false;
  Object.defineProperty(process, 'emit', {
    configurable: true,
    enumerable: false,
    get(): unknown {
      if (!called && (process as { _exiting?: boolean })._exiting === true) {
        called = true;
        callback();
      }
      // The inherited one is looked up each time: `domain` replaces it.
      return replaced ?? (Object.getPrototypeOf(process) as NodeJS.Process).emit;
    },
    set(value: unknown) {
      replaced = value;
    },
  });
}
