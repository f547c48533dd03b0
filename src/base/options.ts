/**
 * Checks of user-given options. Each throws an error that names the option, says what was expected and shows
 * what came; `name` is the full name as the user wrote it (`GenerationalHeap.maxBytes`, `ROLP_INTERVAL`).
 */

function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  // As it is written, else `5n` is said to be no integer in the words "got 5".
  if (typeof value === 'bigint') return `${value}n`;
  // Its text would be the whole of its code.
  if (typeof value === 'function') return 'a function';
  return String(value);
}

/**
 * Checks that `options` is an object of options, each of which is one of `names`: one that nobody reads, a misspelt bound
 * above all, would go unnoticed. Leaves no garbage.
 *
 * @param what who takes them, as the user wrote it.
 * @throws TypeError naming the first that is none, and the one that may have been meant.
 */
export function checkNames(what: string, options: unknown, names: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${what} takes an object of options, got ${shown(options)}`);
  }
  for (const name in options) {
    // Not what a library has put on Object.prototype.
    if (!names.includes(name) && !(name in Object.prototype)) throw unknownOption(what, name, names);
  }
}

/** Slips of the pen in a name that is still taken for a known one. */
const MOST_SLIPS = 2;

function unknownOption(what: string, name: string, names: readonly string[]): TypeError {
  const meant = nameMeant(name, names);
  const hint = meant === null ? `there are ${names.join(', ')}` : `did you mean '${meant}'?`;
  return new TypeError(`${what} has no option '${name}'; ${hint}`);
}

/** @returns the one of `names` that `name` is spelt like, up to two slips; null: none. */
export function nameMeant(name: string, names: readonly string[]): string | null {
  const slips = names.map((known) => distance(name.toLowerCase(), known.toLowerCase()));
  const fewest = Math.min(...slips);
  return fewest <= MOST_SLIPS ? names[slips.indexOf(fewest)]! : null;
}

/** Letters to put in, take out or exchange to make `b` of `a` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(exchanged, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
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
