import { ownProcess } from './own-globals.js';

const warned = new Set<string>();

/**
 * Tells the user of a library-level problem once per process, through `process.emitWarning`, so that
 * `--no-warnings` and `process.on('warning')` work as for Node's own.
 *
 * @param code `ROLP_…`: what a user can search for; later calls with the same code are silent.
 */
export function warnOnce(code: `ROLP_${string}`, message: string): void {
  if (warned.has(code)) return;
  warned.add(code);
  ownProcess.emitWarning(message, { type: 'RolpWarning', code });
}
