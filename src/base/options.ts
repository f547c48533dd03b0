/**
 * Checks of user-given options. Each throws an error that names the option, says what was expected and shows
 * what came; `name` is the full name as the user wrote it (`GenerationalHeap.maxBytes`, `ROLP_INTERVAL`).
 */

function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

/**
 * @returns `value` as an integer within [min, max].
 * @throws TypeError when it is no integer, RangeError when it is out of bounds.
 */
export function checkInteger(
  name: string,
  value: unknown,
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new TypeError(`${name} must be an integer, got ${shown(value)}`);
  }
  return inRange(name, value, min, max);
}

/**
 * @returns `value` as a finite number within [min, max].
 * @throws TypeError when it is no finite number, RangeError when it is out of bounds.
 */
export function checkNumber(
  name: string,
  value: unknown,
  min: number = Number.NEGATIVE_INFINITY,
  max: number = Number.POSITIVE_INFINITY,
): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new TypeError(`${name} must be a finite number, got ${shown(value)}`);
  }
  return inRange(name, value, min, max);
}

function inRange(name: string, value: number, min: number, max: number): number {
  if (value < min || value > max) {
    throw new RangeError(`${name} must lie between ${min} and ${max}, got ${value}`);
  }
  return value;
}

/** @throws TypeError when `value` is no boolean. */
export function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false, got ${shown(value)}`);
  return value;
}

/** @throws TypeError when `value` is no function. */
export function checkFunction<F extends (...args: never[]) => unknown>(name: string, value: unknown): F {
  if (typeof value !== 'function') throw new TypeError(`${name} must be a function, got ${shown(value)}`);
  return value as F;
}

/** @throws TypeError when `value` is none of `choices`. */
export function checkOneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (typeof value !== 'string' || !choices.includes(value as T)) {
    throw new TypeError(
      `${name} must be one of ${choices.map((c) => `'${c}'`).join(', ')}, got ${shown(value)}`,
    );
  }
  return value as T;
}
