import type { AttributionLevel } from './aggregates.js';
import { type ContextFrames, type ContextTally, tallyOf } from './context-tally.js';

const DETAIL: Record<AttributionLevel, number> = { off: 0, sites: 1, calls: 2 };

/**
 * An inlined function all but vanishes from its context. One that merely does less than in the window, since the app
 * does other things now, does not: without this limit, what drifts is taken for what is hidden (measured on the
 * search service: leaf overlap 0.73 instead of the 0.90 of no sharing at all).
 */
const STILL_SEEN = 0.25;

/**
 * A context carries another's births when it is seen outside at no less than this share of what the window saw of
 * the other. Low, since passing over the right carrier blames a function further out, which is the worse error.
 */
const CARRIES = 0.05;

/** A context with how fast it allocates under two levels, in its bytes per byte allocated by the program. */
interface Rates {
  readonly tally: ContextTally;
  /** Where nothing (or less) was hidden: in the window. */
  readonly shown: number;
  /** Where optimised code hides inlined functions. */
  readonly hidden: number;
}

/**
 * Brings the levels of a profile together. V8 shows an allocation of an inlined function at the function it was
 * inlined into. A window shows both apart, so that what an outer function allocates outside the window beyond what
 * it allocated inside is the work of the inner contexts that the window saw there and that are now seen less.
 *
 * For each outer context P: its inner contexts Q are those that look like P once some frames are inlined and that
 * have all but vanished outside. P and its Qs are taken to keep their proportions and to do more or less as a whole: what
 * that leaves P over is moved to the Qs that lack it, but never more than P's own growth against the whole program, so
 * that a program which changed its ways is not mistaken for one that was inlined. A Q has
 * one P: the innermost that can carry it. Totals are conserved; what was moved counts as
 * estimated at its new place.
 *
 * @returns the contexts of all levels by key. Cost: linear in contexts x frames, plus the pairs that match.
 */
export function shareInlined(
  levels: ReadonlyMap<AttributionLevel, ReadonlyMap<string, ContextTally>>,
): Map<string, ContextTally> {
  const merged = new Map<string, ContextTally>();
  const ordered = [...levels.keys()].sort((a, b) => DETAIL[b] - DETAIL[a]);
  const reference = ordered[0] === undefined ? undefined : levels.get(ordered[0])!;
  for (const level of ordered) {
    const tallies = levels.get(level)!;
    const moves = reference === undefined || tallies === reference ? [] : findMoves(reference, tallies);
    const kept = new Map<string, number>();
    for (const { from, to, share } of moves) {
      kept.set(from.context.key, (kept.get(from.context.key) ?? 1) - share);
      const target = tallyOf(merged, to);
      target.add(from, share);
      target.estimatedBytes += from.bytes * share;
    }
    for (const [key, tally] of tallies) {
      const share = kept.get(key) ?? 1;
      // What rounding leaves of a context that was moved whole is none.
      if (share > 1e-9) tallyOf(merged, tally.context).add(tally, share);
    }
  }
  return merged;
}

/** That `share` of the births of `from` are taken for births in `to`. */
export interface Move {
  readonly from: ContextTally;
  readonly to: ContextFrames;
  readonly share: number;
}

/** See shareInlined. Shares of one `from` sum to at most 1. Cost: contexts x frames, plus the pairs that match. */
export function findMoves(
  reference: ReadonlyMap<string, ContextTally>,
  outside: ReadonlyMap<string, ContextTally>,
): Move[] {
  const shownTotal = totalBytes(reference);
  const hiddenTotal = totalBytes(outside);
  if (!(shownTotal > 0 && hiddenTotal > 0)) return [];
  const ratesOf = (tally: ContextTally): Rates => ({
    tally,
    shown: (reference.get(tally.context.key)?.bytes ?? 0) / shownTotal,
    hidden: (outside.get(tally.context.key)?.bytes ?? 0) / hiddenTotal,
  });
  const vanished = [...reference.values()]
    .map(ratesOf)
    .filter(({ shown, hidden }) => hidden < shown * STILL_SEEN);
  const byLeaf = groupByLeaf(outside, ratesOf);
  const inner = new Map<Rates, Rates[]>();
  for (const q of vanished) {
    const p = carrierOf(q, byLeaf);
    if (p === null) continue;
    const list = inner.get(p);
    if (list === undefined) inner.set(p, [q]);
    else list.push(q);
  }
  return [...inner].flatMap(([p, qs]) => movesOf(p, qs));
}

/**
 * Where the births of a vanished context show now: at the innermost of its frames that is a leaf outside with enough
 * of its own to carry them. Further out, they would be taken from a function that never had them.
 */
function carrierOf(q: Rates, byLeaf: ReadonlyMap<string, readonly Rates[]>): Rates | null {
  for (const key of q.tally.context.keys) {
    let best: Rates | null = null;
    for (const p of byLeaf.get(key) ?? []) {
      if (p.hidden < q.shown * CARRIES || !collapsesTo(q.tally.context, p.tally.context)) continue;
      if (p.tally.context.key === q.tally.context.key) continue;
      if (best === null || p.tally.context.keys.length > best.tally.context.keys.length) best = p;
    }
    if (best !== null) return best;
  }
  return null;
}

function groupByLeaf(
  tallies: ReadonlyMap<string, ContextTally>,
  ratesOf: (tally: ContextTally) => Rates,
): Map<string, Rates[]> {
  const groups = new Map<string, Rates[]>();
  for (const tally of tallies.values()) {
    const leaf = tally.context.keys[0]!;
    const list = groups.get(leaf);
    if (list === undefined) groups.set(leaf, [ratesOf(tally)]);
    else list.push(ratesOf(tally));
  }
  return groups;
}

function movesOf(p: Rates, inner: readonly Rates[]): Move[] {
  const excess = p.hidden - p.shown;
  if (!(excess > 0)) return [];
  const sumOf = (figure: 'shown' | 'hidden'): number => inner.reduce((sum, q) => sum + q[figure], p[figure]);
  const scale = sumOf('hidden') / sumOf('shown');
  const deficits = inner.map((q) => Math.max(0, q.shown * scale - q.hidden));
  const sum = deficits.reduce((total, deficit) => total + deficit, 0);
  if (!(sum > 0)) return [];
  const moved = Math.min(excess, sum);
  return inner.map((q, i) => ({
    from: p.tally,
    to: q.tally.context,
    share: (moved / p.hidden) * (deficits[i]! / sum),
  }));
}

function totalBytes(tallies: ReadonlyMap<string, ContextTally>): number {
  let total = 0;
  for (const { bytes } of tallies.values()) total += bytes;
  return total;
}

/**
 * Whether `inner` looks like `outer` once some of its frames are inlined: outer's frames are among inner's in
 * the same order, and both start at the same outermost frame. Where V8 cut inner's stack, outer (which has fewer
 * frames and so reaches further out) may go on beyond inner's end.
 */
export function collapsesTo(inner: ContextFrames, outer: ContextFrames): boolean {
  let matched = 0;
  for (const key of inner.keys) {
    if (matched < outer.keys.length && key === outer.keys[matched]) matched++;
  }
  if (matched === 0 || inner.keys.at(-1) !== outer.keys[matched - 1]) return false;
  return inner.truncated || matched === outer.keys.length;
}
