type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean;

/**
 * Calls back when the process (or the worker) is about to end: at its natural end, `process.exit` and an
 * uncaught exception, which all emit `exit`.
 *
 * Not by a listener: an app may remove all listeners, may count them, and is warned from the eleventh on. `emit`
 * itself is wrapped, as signal-exit does, and the callback runs before the app's own exit listeners, since one
 * of those may call `process.exit` again, which ends the process there and then.
 */
export function beforeExitListeners(callback: () => void): void {
  const own = Object.getOwnPropertyDescriptor(process, 'emit')?.value as Emit | undefined;
  const wrapped: Emit = function emit(event, ...args) {
    if (event === 'exit' && this === process) callback();
    // Looked up at each call: others (domain) replace the inherited one later.
    const next = own ?? (Object.getPrototypeOf(process) as { emit: Emit }).emit;
    return Reflect.apply(next, this, [event, ...args]);
  };
  Object.defineProperty(process, 'emit', {
    value: wrapped,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
