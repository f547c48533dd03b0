import { ALL_FEATURES, FEATURES, type FeatureSet, featureName, NO_FEATURES } from './features.js';
import type { PlacedContext } from './placed.js';

/** What an earlier run learnt of a placed context. Lifetimes are in bytes, so that a heap of another size can use it. */
export interface PlacedPrior {
  readonly site: string;
  readonly features: Readonly<Record<string, string>>;
  /** Median lifetime in bytes allocated on the heap; null: longer than was observed. */
  readonly lifetimeBytes: number | null;
}

/** The priors that contexts make for a later run. */
export function priorsOf(contexts: readonly PlacedContext[]): PlacedPrior[] {
  return contexts
    .filter(({ decision }) => decision?.generation != null)
    .map(({ site, features, decision, cycleBytes }) => {
      const cycles = decision!.medianCycles.value;
      return { site, features, lifetimeBytes: cycles === null ? null : Math.max(cycles, 0.5) * cycleBytes };
    });
}

/** Priors by site and by the values of their features. */
export class Priors {
  readonly #generations: Map<string, number> = new Map();
  readonly #features: Map<string, FeatureSet> = new Map();

  /** @param forCycles the generation for a lifetime in heap cycles. */
  constructor(priors: readonly PlacedPrior[], cycleBytes: number, forCycles: (cycles: number) => number) {
    for (const { site, features, lifetimeBytes } of priors) {
      const names = Object.keys(features);
      const cycles = lifetimeBytes === null ? Number.POSITIVE_INFINITY : lifetimeBytes / cycleBytes;
      this.#generations.set(keyOf(site, features), forCycles(cycles));
      if (names.length > 0) this.#features.set(site, setOf(names));
    }
  }

  get isEmpty(): boolean {
    return this.#generations.size === 0;
  }

  /** The features by which the site was told apart. */
  featuresOf(site: string): FeatureSet {
    return this.#features.get(site) ?? NO_FEATURES;
  }

  /** The generation for a context, 0 if it was not seen. */
  generationOf(site: string, features: Readonly<Record<string, string>>): number {
    return this.#generations.get(keyOf(site, features)) ?? 0;
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
