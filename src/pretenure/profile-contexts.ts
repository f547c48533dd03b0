import type {
  ContextConflict,
  Estimate,
  LifetimeClass,
  LifetimeSummary,
  ProfileContext,
  ProfileFrame,
  StoredDecision,
} from '../profiler/index.js';
import type { PlacedContext } from './placed.js';
import { isPrior, type PlacedPrior } from './priors.js';

const UNKNOWN: Estimate = { value: null, low: null, high: null };

/** Placed contexts as a profile tells them, kind `placed`: lifetimes in heap cycles and in bytes. */
export function profileContexts(contexts: readonly PlacedContext[]): ProfileContext[] {
  return contexts.map(profileContext);
}

function profileContext(context: PlacedContext): ProfileContext {
  const { allocated, decision, cycleBytes, generation, frames } = context;
  const median = decision?.generation == null ? medianOfPrior(context) : decision.medianCycles;
  const liveObjects = allocated.bytes > 0 ? context.live.bytes * (allocated.objects / allocated.bytes) : 0;
  return {
    id: context.id,
    kind: 'placed',
    frames: frames.length > 0 ? frames : [siteFrame(context.site)],
    samples: context.samples,
    allocated,
    live: { bytes: context.live.bytes, objects: liveObjects },
    survival: context.survival.map((share) => share * allocated.objects),
    deaths: { young: 0, old: Math.max(0, allocated.objects - liveObjects) },
    lifetime: { gcCycles: summary(median, 1), bytes: summary(median, cycleBytes), ms: summary(UNKNOWN, 1) },
    estimated: 0,
    generation,
    confidence: generation === null ? null : (decision?.confidence ?? 0),
    class: classOf(generation),
    ageMarkCompacts: UNKNOWN,
    decidedAt: frames.length > 0 ? frames.length : null,
    decidedBy: generation === null ? null : decision?.generation == null ? 'profile' : 'samples',
    conflict: conflictOf(context),
    placed: {
      heap: context.heap,
      site: context.site,
      features: context.features,
      cycleBytes,
      verdict: context.verdict,
      atHome: context.atHome,
    },
  };
}

/** A run too short to learn hands on what it began with: else a profile of it would have objects live for good. */
function medianOfPrior({ prior, cycleBytes }: PlacedContext): Estimate {
  const lifetimeBytes = prior?.lifetimeBytes ?? null;
  return lifetimeBytes === null ? UNKNOWN : { ...UNKNOWN, value: lifetimeBytes / cycleBytes };
}

/** A site has a name instead of a place in the program. */
function siteFrame(site: string): ProfileFrame {
  return { function: site === '' ? '(unnamed site)' : site, url: '', line: null, column: null };
}

function summary({ value, low, high }: Estimate, unit: number): LifetimeSummary {
  const times = (cycles: number | null): number | null => (cycles === null ? null : cycles * unit);
  return {
    mean: UNKNOWN,
    p50: { value: times(value), low: times(low), high: times(high) },
    p90: UNKNOWN,
    p99: UNKNOWN,
    horizon: null,
    beyond: 0,
  };
}

function conflictOf({ verdict, decision, site }: PlacedContext): ContextConflict | null {
  const modes = decision?.conflict?.modes ?? [];
  if (modes.length < 2 || (verdict !== 'dear' && verdict !== 'unresolvable')) return null;
  const isDear = verdict === 'dear';
  return {
    resolution: 'unresolvable',
    reason: isDear
      ? 'its callers tell the lifetimes apart, but capturing them would take more time than pretenure may'
      : 'neither time to live, size, key, callers nor async scope tell the lifetimes apart',
    command: isDear
      ? `give each caller of ${site === '' ? 'the unnamed site' : `site '${site}'`} a site of its own: heap.site(name)`
      : null,
    modes: modes.map((mode) => ({
      weight: Math.min(1, mode.weight),
      class: classOf(mode.generation),
      medianGcCycles: mode.medianCycles,
    })),
  };
}

function classOf(generation: number | null): LifetimeClass {
  if (generation === null || generation <= 1) return 'young';
  return generation >= 15 ? 'long' : 'middle';
}

/**
 * What the decisions of an earlier run tell `pretenure`. Lifetimes are taken in bytes: the heap may be of another size. What
 * a damaged file has in their place is left out.
 */
export function priorsOfDecisions(decisions: readonly StoredDecision[]): PlacedPrior[] {
  const priors: PlacedPrior[] = [];
  for (const { placed, lifetime, generation } of decisions) {
    if (placed === undefined || generation === null) continue;
    const { heap, site, features, atHome } = placed;
    const prior = { heap, site, features, lifetimeBytes: lifetime.bytes.p50.value, atHome };
    if (isPrior(prior)) priors.push(prior);
  }
  return priors;
}
