/**
 * What `--require rolp/register` loads: the preload, which is an ES module, by way of CommonJS. A preload that throws
 * ends the app before it begins; here that is told in one line instead, and the app runs on.
 */
const threads = require('node:worker_threads') as typeof import('node:worker_threads') & {
  /** Node 22.14 and later, which the types at hand do not know. */
  readonly isInternalThread?: boolean;
};

// Hooks of an ES module loader (`module.register`) have a thread to themselves. It runs nothing of the app's, and on Node 22
// no ES module can be required there: tracers and TypeScript loaders would have ended with the app.
if (threads.isInternalThread !== true) load();

function load(): void {
  try {
    require('./index.js');
  } catch (error) {
    // In other threads it loads if it did in the main one, but for the hooks' thread of a Node that cannot tell us which it is.
    if (threads.isMainThread) tellOff(error as NodeJS.ErrnoException);
  }
}

function tellOff({ code, message }: NodeJS.ErrnoException): void {
  const reason =
    code === 'ERR_REQUIRE_ESM'
      ? 'ES modules cannot be required here; use --import rolp/register'
      : String(message).split('\n', 1)[0];
  try {
    const { writeSync } = require('node:fs') as typeof import('node:fs');
    writeSync(2, `rolp: off, the app runs on without it: ${reason}\n`);
  } catch {
    // Nobody listens.
  }
}
