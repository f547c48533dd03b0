import { checkFunction, checkNames, checkOneOf, mathRandom, type Random } from '../../base/index.js';
import type { GenerationalHeap } from '../heap.js';
import type { SiteId } from '../types.js';

/** What a map or list holds: refs of the same heap, 32-bit unsigned integers, or doubles. */
export type NumberKind = 'ref' | 'u32' | 'f64';
export const NUMBER_KINDS: readonly NumberKind[] = ['ref', 'u32', 'f64'];

/** Where a collection's blocks are placed. */
export interface Placement {
  /** Allocation site, by name or as `heap.site` gave it. */
  readonly site?: string | SiteId;
  /** Generation by hand; left out: the site's, the placement policy's, or the current one. */
  readonly generation?: number;
}

/** @throws TypeError if there is no heap, or an option that is none of `names`. */
export function checkCollection(
  what: string,
  heap: GenerationalHeap,
  options: unknown,
  names: readonly string[],
): void {
  if (typeof heap?.allocate !== 'function') throw new TypeError(`${what}: a GenerationalHeap is needed`);
  checkNames(what, options, names);
}

export function siteOf(heap: GenerationalHeap, placement: Placement, what: string): SiteId {
  const { site } = placement;
  return typeof site === 'number' ? site : heap.site(site ?? what);
}

/** The seed of a map's hash. @throws TypeError if `random` is no function. */
export function seedOf(random: Random | undefined): number {
  return (checkFunction<Random>('HeapMap.random', random ?? mathRandom)() * 2 ** 32) | 0;
}

/** @throws TypeError naming `name`. */
export function checkKind(name: string, kind: unknown): NumberKind {
  return checkOneOf(name, kind, NUMBER_KINDS);
}

/** Whether a kind may hold `value`. */
export function holds(kind: NumberKind, value: number): boolean {
  if (kind === 'f64') return typeof value === 'number';
  return value >>> 0 === value && (kind === 'u32' || value <= 0x7fffffff);
}

export function wrongNumber(what: string, kind: NumberKind, value: unknown): TypeError {
  const wanted = { ref: 'a ref', u32: 'an integer from 0 to 4294967295', f64: 'a number' }[kind];
  const came = typeof value === 'object' ? typeof value : String(value);
  return new TypeError(`${what} must be ${wanted}, got ${came}`);
}
