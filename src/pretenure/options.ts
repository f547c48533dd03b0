import { checkBoolean, checkInteger, checkNames, checkNumber } from '../base/index.js';
import type { GenerationalHeap } from '../heap/index.js';
import { ContextTable } from './context-table.js';
import { isPrior, type PlacedPrior } from './priors.js';
import { scopesAreCheap } from './scopes.js';

export interface PretenureOptions {
  /** Contexts held at most, 16 to 65534; the coldest beyond count to their site. Default: what 0.25 % of maxBytes holds, 64 to 1024. */
  readonly maxContexts?: number;
  /**
   * Share of time that capturing callers may take, where only callers tell a site's lifetimes apart. Default 0.02. Where it
   * would take more the conflict is reported ('dear') and left.
   */
  readonly callerBudget?: number;
  /** Follow `scope(name, fn)` through asynchronous work. Default: from Node 24 on, where it is cheap. */
  readonly asyncScopes?: boolean;
  /** What an earlier run learnt, to start with: see `priorsOf`. */
  readonly priors?: readonly PlacedPrior[];
}

const NAMES: readonly string[] = Object.keys({
  maxContexts: true,
  callerBudget: true,
  asyncScopes: true,
  priors: true,
} satisfies Record<keyof PretenureOptions, true>);

export interface PretenureConfig {
  readonly maxContexts: number;
  readonly callerBudget: number;
  readonly asyncScopes: boolean;
  readonly priors: readonly PlacedPrior[];
  /** Bytes of all tables at their largest, reserved in the heap's budget. */
  readonly tableBytes: number;
}

const MOST_CONTEXTS = 1024;
const USUAL_LEAST_CONTEXTS = 64;
const LEAST_CONTEXTS = 16;
const SHARE_OF_HEAP = 0.0025;
/** A heap too small for the usual least gives this much. */
const MOST_SHARE_OF_HEAP = 0.02;

/** @throws TypeError, RangeError naming the option. */
export function resolveOptions(heap: GenerationalHeap, options: PretenureOptions): PretenureConfig {
  if (typeof heap?.setPlacementPolicy !== 'function') {
    throw new TypeError('pretenure: a GenerationalHeap is needed; that of a cache is cache.heap');
  }
  checkNames('pretenure', options, NAMES);
  const perRow = ContextTable.bytesFor(1);
  const within = (share: number): number => Math.floor((heap.maxBytes * share) / perRow);
  const usual = Math.min(MOST_CONTEXTS, Math.max(USUAL_LEAST_CONTEXTS, within(SHARE_OF_HEAP)));
  const maxContexts = checkInteger(
    'pretenure.maxContexts',
    options.maxContexts ?? Math.max(LEAST_CONTEXTS, Math.min(usual, within(MOST_SHARE_OF_HEAP))),
    LEAST_CONTEXTS,
    65534,
  );
  return {
    maxContexts,
    callerBudget: checkNumber('pretenure.callerBudget', options.callerBudget ?? 0.02, 0, 1e6),
    asyncScopes: checkBoolean('pretenure.asyncScopes', options.asyncScopes ?? scopesAreCheap()),
    priors: checkPriors(options.priors ?? []),
    tableBytes: ContextTable.bytesFor(maxContexts),
  };
}

function checkPriors(priors: unknown): readonly PlacedPrior[] {
  if (Array.isArray(priors) && priors.every(isPrior)) return priors;
  throw new TypeError('pretenure.priors must be a list of what priorsOf(contexts) makes');
}
