import type { Clock } from './clock.js';

/**
 * Node's timers, clock and process as they were when this module was loaded: under the preload, before any code of the
 * app's. The app, or its test runner, may replace the global ones. On fake timers ours would be work that the app's tests count
 * and that never comes to an end; a browser's, which jsdom puts there, return numbers that have no `unref`.
 */
const { setTimeout, setInterval, clearTimeout, process } = globalThis;
const now = performance.now.bind(performance);
const unixNow = Date.now;

/**
 * `process`, which an app takes away to play a browser, and of which Jest has a copy in its place. (Not by
 * `import 'node:process'`: that reads every property, and reading `process.stdin` opens it, after which a synchronous read
 * from it fails.)
 */
export const ownProcess: NodeJS.Process = process;

/** A timer that holds no process up. */
export function startTimer(step: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(step, ms).unref();
}

/** The same, again and again. */
export function startRepeating(step: () => void, ms: number): NodeJS.Timeout {
  return setInterval(step, ms).unref();
}

/** Stops either kind. */
export function stopTimer(timer: NodeJS.Timeout | undefined): void {
  clearTimeout(timer);
}

/** `systemClock`, but never one that the app has put in its place. For what runs beside the app. */
export const ownClock: Clock = { nowMs: () => now(), unixMs: () => unixNow() };
