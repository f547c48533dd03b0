import { writeSync } from 'node:fs';

/**
 * One line for the user on stderr, at once, since the process may be ending. `process.stderr` is left alone:
 * touching it would create the stream, and an app may have replaced it. A stderr that is closed, full or not
 * there is nobody's fault and must not become the app's error.
 */
export function tellUser(message: string): void {
  try {
    writeSync(2, `rolp: ${message}\n`);
  } catch {
    // Nobody listens.
  }
}
