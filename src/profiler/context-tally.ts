import type { AttributionLevel, ContextAggregate, LifetimeCell, RawFrame } from './aggregates.js';
import { type FrameResolver, frameKey, markerFrame, OWN_WORK } from './frames.js';
import type { ProfileFrame } from './profile.js';

/** A context as it is to be shown: its frames, leaf first, with what tells them apart. */
export interface ContextFrames {
  readonly frames: readonly ProfileFrame[];
  readonly keys: readonly string[];
  /** The whole context's key. */
  readonly key: string;
  /** V8 cut the stack at its outer end, so the outermost frame here need not be the program's. */
  readonly truncated: boolean;
  /** The stack begins in the event loop (a promise job, a timer, I/O): who asked for the work is not in it. */
  readonly fromEventLoop?: boolean;
}

/** What was counted of one context; counts can be added and moved in parts. */
export class ContextTally {
  readonly context: ContextFrames;
  samples = 0;
  objects = 0;
  bytes = 0;
  /** The part of `bytes` that was moved here by estimation. */
  estimatedBytes = 0;
  live: { samples: number; objects: number; bytes: number } = { samples: 0, objects: 0, bytes: 0 };
  deaths: { young: number; old: number } = { young: 0, old: 0 };
  gcCycles: LifetimeCell[] = [];
  lifeBytes: LifetimeCell[] = [];
  lifeMs: LifetimeCell[] = [];
  groups: [weight: number, weightedLife: number][] = [];

  constructor(context: ContextFrames) {
    this.context = context;
  }

  /** Adds `share` of what another counted. Cost: linear in its cells. */
  add(other: ContextAggregate | ContextTally, share = 1): void {
    this.samples += other.samples * share;
    this.objects += other.objects * share;
    this.bytes += other.bytes * share;
    if (other instanceof ContextTally) this.estimatedBytes += other.estimatedBytes * share;
    this.live.samples += other.live.samples * share;
    this.live.objects += other.live.objects * share;
    this.live.bytes += other.live.bytes * share;
    this.deaths.young += other.deaths.young * share;
    this.deaths.old += other.deaths.old * share;
    addCells(this.gcCycles, other.gcCycles, share);
    addCells(this.lifeBytes, other.lifeBytes, share);
    addCells(this.lifeMs, other.lifeMs, share);
    other.groups?.forEach(([weight, life], i) => {
      const group = this.groups[i] ?? [0, 0];
      group[0] += weight * share;
      group[1] += life * share;
      this.groups[i] = group;
    });
  }
}

function addCells(to: LifetimeCell[], from: readonly LifetimeCell[], share: number): void {
  for (const cell of from) {
    if (share === 1) to.push(cell);
    else to.push([cell[0], cell[1], cell[2] * share, cell[3] * share, cell[4] * share]);
  }
}

/**
 * Names, filters and merges contexts: frames that are not shown are folded into their callers, and contexts that
 * are the same then are one. Levels are kept apart, since they show the same program differently.
 *
 * @param stackDepth how many frames V8 keeps: a stack of that many is cut.
 */
export function tallyContexts(
  contexts: readonly ContextAggregate[],
  resolver: FrameResolver,
  stackDepth: number,
): Map<AttributionLevel, Map<string, ContextTally>> {
  const levels = new Map<AttributionLevel, Map<string, ContextTally>>();
  for (const aggregate of contexts) {
    const context = shownContext(aggregate, resolver, stackDepth);
    let tallies = levels.get(aggregate.level);
    if (tallies === undefined) {
      tallies = new Map();
      levels.set(aggregate.level, tallies);
    }
    tallyOf(tallies, context).add(aggregate);
  }
  return levels;
}

/** The tally of a context, made where it is missing. */
export function tallyOf(tallies: Map<string, ContextTally>, context: ContextFrames): ContextTally {
  let tally = tallies.get(context.key);
  if (tally === undefined) {
    tally = new ContextTally(context);
    tallies.set(context.key, tally);
  }
  return tally;
}

function shownContext(
  aggregate: ContextAggregate,
  resolver: FrameResolver,
  stackDepth: number,
): ContextFrames {
  const truncated = aggregate.frames.length >= stackDepth;
  if (aggregate.frames.some((raw) => resolver.isOwnWork(raw))) {
    const own = markerFrame(OWN_WORK);
    return { frames: [own], keys: [frameKey(own)], key: frameKey(own), truncated };
  }
  const fromEventLoop = !truncated && aggregate.folded === 0 && !startsInMain(aggregate.frames.at(-1));
  const frames: ProfileFrame[] = [];
  const keys: string[] = [];
  let hiddenAs: string | null = null;
  for (const raw of aggregate.frames) {
    const resolved = resolver.resolve(raw);
    if (resolved.hiddenAs === null) {
      frames.push(resolved.frame);
      keys.push(resolved.key);
    } else hiddenAs ??= resolved.hiddenAs;
  }
  const marker = aggregate.folded > 0 ? '(folded)' : frames.length > 0 ? null : (hiddenAs ?? '(unknown)');
  if (marker !== null) {
    frames.push(markerFrame(marker));
    keys.push(frameKey(frames.at(-1)!));
  }
  return { frames, keys, key: keys.join('\n'), truncated, fromEventLoop };
}

/** Node's loaders run the main module; whatever else begins a stack was called by the event loop. */
function startsInMain(outermost: RawFrame | undefined): boolean {
  return outermost !== undefined && /^node:internal\/(main|modules|process\/execution)/.test(outermost.url);
}
