import { createHash } from 'node:crypto';
import type { GenerationalHeap } from '../heap/index.js';
import type { Decision } from '../profiler/inference/index.js';
import { COLUMNS, EDGES } from './ages.js';
import type { CallerFrame, CallerIds } from './callers.js';
import type { ContextTable } from './context-table.js';
import {
  CALLER,
  CALLER_DEPTH,
  FEATURES,
  type FeatureSet,
  featureName,
  has,
  KEY,
  SCOPE,
  valueText,
} from './features.js';
import type { Homes } from './homes.js';
import type { GenerationLadder } from './ladder.js';
import type { PlacedPrior, Priors } from './priors.js';
import type { AsyncScopes } from './scopes.js';
import type { SiteState, Verdict } from './site-state.js';

/** A placed allocation context, as it stands. */
export interface PlacedContext {
  /** Hash of heap, site and features: equal across processes. */
  readonly id: string;
  readonly heap: string;
  readonly site: string;
  /** By name (`ttl`, `size`, `key`, `caller0` to `caller6`, `scope`) the value that sets this context apart from its site's others. */
  readonly features: Readonly<Record<string, string>>;
  /** The frames by which it is told apart, the allocating function first; empty where no caller is a feature. */
  readonly frames: readonly CallerFrame[];
  /** Sampled blocks followed, faded: what the decision rests on. */
  readonly samples: number;
  /** Estimates since the context was first seen. */
  readonly allocated: { readonly objects: number; readonly bytes: number };
  readonly live: { readonly bytes: number };
  /** survival[k]: estimated share that lived to k heap cycles, k from 0 to 15. */
  readonly survival: readonly number[];
  /** 1 to 15; null: not decided. */
  readonly generation: number | null;
  readonly decision: Decision | null;
  /** Bytes per heap cycle: what turns its lifetimes into bytes. */
  readonly cycleBytes: number;
  /** How the site's conflict stands. */
  readonly verdict: Verdict;
  /** Whether its blocks lie in a generation to themselves, since no one generation fits their lifetimes, or none is known. */
  readonly atHome: boolean;
  /** What an earlier run had learnt of it. */
  readonly prior: PlacedPrior | null;
}

export interface PlacedSources {
  readonly heap: GenerationalHeap;
  readonly table: ContextTable;
  readonly ladder: GenerationLadder;
  readonly homes: Homes;
  readonly callers: CallerIds;
  readonly scopes: AsyncScopes;
  readonly priors: Priors;
}

/** All contexts of a site. Cost: some microseconds each. */
export function placedContexts(sources: PlacedSources, state: SiteState): PlacedContext[] {
  return state.placing.map((row) => placedContext(sources, state, row));
}

function placedContext(sources: PlacedSources, state: SiteState, row: number): PlacedContext {
  const { heap, table, homes, priors } = sources;
  const { rows } = table;
  rows.touch(row, heap.cycle);
  const set = table.features[row]!;
  const features: Record<string, string> = {};
  for (let feature = 0; feature < FEATURES; feature++) {
    if (has(set, feature)) features[featureName(feature)] = featureValue(sources, row, feature);
  }
  const decision = state.decisions.get(row) ?? null;
  return {
    id: idOf(heap.name, state.name, features),
    heap: heap.name,
    site: state.name,
    features,
    frames: framesOfRow(sources, row, set),
    samples: Math.round(rows.births[row]!),
    allocated: { objects: rows.objects[row]!, bytes: rows.bytes[row]! },
    live: { bytes: rows.liveBytes[row]! },
    survival: survivalOf(table, row),
    generation: generationNumber(sources, table.generation[row]!, decision),
    decision,
    cycleBytes: heap.cycleBytes,
    verdict: state.verdict,
    atHome: homes.has(table.generation[row]!),
    prior: priors.get(state.name, features),
  };
}

/** 1 to 15 for where a context is placed, null while nothing is decided. What lives at home goes by its decision. */
export function generationNumber(
  { ladder, homes }: Pick<PlacedSources, 'ladder' | 'homes'>,
  generation: number,
  decision: Decision | null,
): number | null {
  if (homes.has(generation)) return decision?.generation ?? null;
  return generation === 0 ? null : ladder.numberOf(generation);
}

/** A feature's value as text that is the same in another process. */
export function featureValue(
  { heap, table, callers, scopes }: Pick<PlacedSources, 'heap' | 'table' | 'callers' | 'scopes'>,
  row: number,
  feature: number,
): string {
  const value = table.values[row * FEATURES + feature]!;
  if (feature === SCOPE) return scopes.nameOf(value);
  if (feature === KEY) return heap.placementKeyNames.get(value) ?? String(value);
  if (feature < CALLER) return valueText(feature, value);
  return callers.framesOf(value).map(frameText).join(' < ');
}

/** Without the directories that differ between checkouts. */
function frameText({ function: name, url, line, column }: CallerFrame): string {
  return `${name} ${url.split('/').slice(-2).join('/')}:${line}:${column}`;
}

function framesOfRow({ table, callers }: PlacedSources, row: number, set: FeatureSet): CallerFrame[] {
  for (let depth = CALLER_DEPTH - 1; depth >= 0; depth--) {
    if (has(set, CALLER + depth)) return callers.framesOf(table.values[row * FEATURES + CALLER + depth]!);
  }
  return [];
}

function idOf(heap: string, site: string, features: Readonly<Record<string, string>>): string {
  return createHash('sha256')
    .update(JSON.stringify([heap, site, features]))
    .digest('hex')
    .slice(0, 16);
}

function survivalOf(table: ContextTable, row: number): number[] {
  const { deathsByAge, liveByAge } = table.rows.histogram(row);
  let atRisk = 0;
  for (let column = 0; column < COLUMNS; column++) atRisk += deathsByAge[column]! + liveByAge[column]!;
  const survival: number[] = [];
  let share = 1;
  for (let column = 0; EDGES[column]! < 16; column++) {
    survival.push(share);
    const watched = atRisk - liveByAge[column]! / 2;
    if (watched > 0) share *= 1 - Math.min(1, deathsByAge[column]! / watched);
    atRisk -= deathsByAge[column]! + liveByAge[column]!;
  }
  return survival;
}
