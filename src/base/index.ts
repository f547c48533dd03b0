/**
 * base: what every other folder may stand on. The addon loader, the clocks and timers, the random source, branded ids,
 * option checks and the once-only warning live here.
 *
 * What may not live here: anything that knows of profiles, heaps, caches or reports. Base imports nothing
 * of rolp's.
 */
export { type Addon, type AddonFailure, loadAddon } from './addon.js';
export { type Clock, systemClock } from './clock.js';
export type { Brand } from './ids.js';
export {
  checkBoolean,
  checkFunction,
  checkInteger,
  checkNames,
  checkNumber,
  checkOneOf,
  nameMeant,
} from './options.js';
export { ownClock, ownProcess, startRepeating, startTimer, stopTimer } from './own-globals.js';
export { mathRandom, type Random, seededRandom } from './random.js';
export { warnOnce } from './warn.js';
