/**
 * pretenure: the loop from what is learnt about lifetimes to where objects go (ROLP, EuroSys'19). The
 * learning placement policy for the generational heap lives here: its table of placed contexts, the search for what
 * resolves a conflict, adaptation, and what is told of placed contexts.
 *
 * What may not live here: how a lifetime is inferred from ages (profiler), how blocks are placed (heap), how files are
 * read or written (register).
 */
export type { CallerFrame } from './callers.js';
export type { PretenureOptions } from './options.js';
export type { PlacedContext } from './placed.js';
export { Pretenurer, type PretenureStats, pretenure } from './pretenure.js';
export { type PlacedPrior, priorsOf } from './priors.js';
export { priorsOfDecisions, profileContexts } from './profile-contexts.js';
export type { Verdict } from './site-state.js';
