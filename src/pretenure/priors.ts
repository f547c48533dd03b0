import { ALL_FEATURES, FEATURES, type FeatureSet, featureName, NO_FEATURES } from './features.js';
import type { PlacedContext } from './placed.js';

/** What an earlier run learnt of a placed context. Lifetimes are in bytes, so that a heap of another size can use it. */
export interface PlacedPrior {
  /** Name of the heap that it was learnt on: others go by it where nothing was learnt of a site on their own. */
  readonly heap?: string;
  readonly site: string;
  readonly features: Readonly<Record<string, string>>;
  /** Median lifetime in bytes allocated on the heap; null: longer than was observed. */
  readonly lifetimeBytes: number | null;
  /** Its lifetimes lie so far apart that no one generation fits them: it begins with one to itself. Default false. */
  readonly atHome?: boolean;
}

/** The priors that contexts make for a later run: what was learnt, or, where nothing was yet, what the run began with. */
export function priorsOf(contexts: readonly PlacedContext[]): PlacedPrior[] {
  const priors: PlacedPrior[] = [];
  for (const { heap, site, features, decision, cycleBytes, atHome, prior } of contexts) {
    if (decision?.generation != null) {
      const cycles = decision.medianCycles.value;
      const lifetimeBytes = cycles === null ? null : Math.max(cycles, 0.5) * cycleBytes;
      priors.push({ heap, site, features, lifetimeBytes, atHome });
    } else if (prior !== null) priors.push({ ...prior, heap });
  }
  return priors;
}

/** Whether a value is what `PlacedPrior` says: the caller's, or a file's. */
export function isPrior(value: unknown): value is PlacedPrior {
  if (typeof value !== 'object' || value === null) return false;
  const { heap, site, features, lifetimeBytes, atHome } = value as Record<keyof PlacedPrior, unknown>;
  return (
    (heap === undefined || typeof heap === 'string') &&
    typeof site === 'string' &&
    typeof features === 'object' &&
    features !== null &&
    Object.values(features).every((each) => typeof each === 'string') &&
    (lifetimeBytes === null || (Number.isFinite(lifetimeBytes) && (lifetimeBytes as number) >= 0)) &&
    (atHome === undefined || typeof atHome === 'boolean')
  );
}

/** Priors by site and by the values of their features. */
export class Priors {
  readonly #known: Map<string, PlacedPrior> = new Map();
  readonly #features: Map<string, FeatureSet> = new Map();
  readonly #cycleBytes: number;
  readonly #forCycles: (cycles: number) => number;

  /**
   * @param priors of equals the first stands, which a profile has by bytes.
   * @param forCycles the generation for a lifetime in heap cycles.
   */
  constructor(
    priors: readonly PlacedPrior[],
    heap: { readonly name: string; readonly cycleBytes: number },
    forCycles: (cycles: number) => number,
  ) {
    this.#cycleBytes = heap.cycleBytes;
    this.#forCycles = forCycles;
    const own = priors.filter((prior) => prior.heap === heap.name);
    const sites = new Set(own.map(({ site }) => site));
    const others = priors.filter((prior) => prior.heap !== heap.name && !sites.has(prior.site));
    for (const prior of [...own, ...others]) {
      const { site, features } = prior;
      const key = keyOf(site, features);
      if (!this.#known.has(key)) this.#known.set(key, prior);
      const set = setOf(Object.keys(features));
      if (set !== NO_FEATURES && !this.#features.has(site)) this.#features.set(site, set);
    }
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** The features by which the site was told apart. */
  featuresOf(site: string): FeatureSet {
    return this.#features.get(site) ?? NO_FEATURES;
  }

  /** The generation for a context, 0 if it was not seen, or had one to itself. */
  generationOf(site: string, features: Readonly<Record<string, string>>): number {
    const prior = this.get(site, features);
    if (prior === null || prior.atHome === true) return 0;
    const { lifetimeBytes } = prior;
    return this.#forCycles(
      lifetimeBytes === null ? Number.POSITIVE_INFINITY : lifetimeBytes / this.#cycleBytes,
    );
  }

  /** What is known of a context, null if it was not seen. */
  get(site: string, features: Readonly<Record<string, string>>): PlacedPrior | null {
    return this.#known.get(keyOf(site, features)) ?? null;
  }
}

function keyOf(site: string, features: Readonly<Record<string, string>>): string {
  const names = Object.keys(features).sort();
  return JSON.stringify([site, ...names.map((name) => [name, features[name]])]);
}

function setOf(names: readonly string[]): FeatureSet {
  let set = 0;
  for (let feature = 0; feature < FEATURES; feature++)
    if (names.includes(featureName(feature))) set |= 1 << feature;
  return set & ALL_FEATURES;
}
