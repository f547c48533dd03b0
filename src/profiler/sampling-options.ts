import { checkInteger, checkNumber, checkOneOf } from '../base/index.js';
import { LEVELS } from './aggregates.js';
import type { SampleSourceOptions } from './sample-source.js';

/**
 * Checks what a source is told, before V8 or the addon hears of it: V8 ends the process at an interval of 0, and the addon
 * keeps its tables by levels.
 *
 * @throws TypeError or RangeError naming the option.
 */
export function checkSampling(options: SampleSourceOptions): void {
  checkIntervalBytes(options.intervalBytes);
  checkInteger('stackDepth', options.stackDepth, 1, 1024);
  checkBudgetPercent(options.budgetPercent);
  checkInteger('maxContexts', options.maxContexts, 1, 2 ** 24);
  checkLevel(options.level);
  if (options.inclusion !== undefined) checkNumber('inclusion', options.inclusion, 0, 1);
  if (options.seed !== undefined) checkNumber('seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
}

/** @throws TypeError or RangeError. */
export function checkIntervalBytes(intervalBytes: unknown): void {
  checkNumber('intervalBytes', intervalBytes, 1, 2 ** 40);
}

/** @throws TypeError or RangeError. */
export function checkBudgetPercent(budgetPercent: unknown): void {
  checkNumber('budgetPercent', budgetPercent, 0, 100);
}

/** @throws TypeError. */
export function checkLevel(level: unknown): void {
  checkOneOf('level', level, LEVELS);
}
