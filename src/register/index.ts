/**
 * register: the preload. `node --require rolp/register app.js` (by way of preload.cts; or --import, or NODE_OPTIONS)
 * profiles the app in the main thread and in each worker. Settings, when and where profiles are written, and every way in which a
 * process can end live here.
 *
 * What may not live here: how anything is sampled or estimated (profiler), how a profile is shown (report).
 * Importing this module is what starts it; the settings table can be imported without.
 */
import { start } from './start.js';

// One per isolate: a preload may be named twice, by path and by package name, which are two modules.
const STARTED = Symbol.for('rolp.register');

if (!(STARTED in globalThis)) {
  Object.defineProperty(globalThis, STARTED, { value: true });
  start();
}
