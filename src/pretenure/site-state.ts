import type { Decision } from '../profiler/inference/index.js';
import { type FeatureSet, NO_FEATURES } from './features.js';

/** How a site's conflict stands. */
export type Verdict =
  /** One lifetime, or none known yet. */
  | 'none'
  /** Several; the features that tell them apart are being looked for. */
  | 'open'
  /** Told apart by the site's features. */
  | 'resolved'
  /** Callers would tell them apart, but capturing them would cost more than the budget. */
  | 'dear'
  /** Nothing that was tried tells them apart. */
  | 'unresolvable';

/** One sampled birth in so many is followed where a site rests. */
const RESTING_STRIDE = 8;

/** What is known of one allocation site. */
export class SiteState {
  readonly site: number;
  readonly name: string;
  /** The row of the site as a whole. */
  readonly base: number;
  /** When it was first seen. */
  readonly openedCycle: number;
  /** Rows of the contexts that the site's features tell apart. */
  groups: number[] = [];
  features: FeatureSet = NO_FEATURES;
  verdict: Verdict = 'none';
  /** The features with which the verdict was told last. */
  toldFeatures: FeatureSet = NO_FEATURES;
  readonly decisions: Map<number, Decision> = new Map();
  /** Rows told apart by every feature, while the site is being probed. */
  probe: Probe | null = null;
  /** The features that would resolve the conflict, were they not too dear. */
  dearFeatures: FeatureSet = NO_FEATURES;
  /** More values of its features came than code has, after it was told apart by them. */
  outgrown: boolean = false;
  /** Features with more values than code has: data. */
  excluded: FeatureSet = NO_FEATURES;
  futileProbes: number = 0;
  nextProbeCycle: number = 0;
  /** Blocks asked for since `asksSinceMs`: what capturing a caller each time would cost. */
  asks: number = 0;
  asksSinceMs: number = 0;
  /** Consecutive windows in which nothing changed. */
  stableWindows: number = 0;
  /** Windows for which all groups had one generation. */
  alikeWindows: number = 0;
  resting: boolean = false;
  skipped: number = 0;
  /** Bytes found live in fragmented regions of the site's generations, in this window. */
  fragmentedBytes: number = 0;
  /** Whether that was much, as of the last window. */
  isFragmented: boolean = false;
  /** Bytes born until the last window. */
  bytesBefore: number = 0;
  conflictCycle: number | null = null;
  resolvedCycle: number | null = null;

  constructor(site: number, name: string, base: number, openedCycle: number) {
    this.site = site;
    this.name = name;
    this.base = base;
    this.openedCycle = openedCycle;
  }

  /** One sampled birth in so many is followed: where births are compared, those of a site at rest stand for more. */
  get stride(): number {
    if (this.probe !== null && !this.probe.over) return this.probe.stride;
    return this.resting ? RESTING_STRIDE : 1;
  }

  /** The rows that decide placement. */
  get placing(): readonly number[] {
    return this.groups.length > 0 ? this.groups : [this.base];
  }
}

/** The search for features that resolve a conflict. */
export interface Probe {
  readonly startCycle: number;
  /** Contexts by all features. */
  readonly rows: number[];
  readonly features: FeatureSet;
  nextLook: number;
  /** When it was last looked at. */
  startMs: number;
  /** Whether the site's groups are this probe's. */
  adopted: boolean;
  /** Looks since the answer last changed. */
  steadyLooks: number;
  /** One sampled birth in so many is followed, to stay within the callers' budget. */
  stride: number;
  turn: number;
  /** There were more contexts than a probe holds. */
  crowded: boolean;
  /** It is being given up: blocks count as if there were no probe. */
  over: boolean;
  /** Whether inference says conflict, rather than only lifetimes that lie far apart. */
  readonly isConflict: boolean;
  /** Heap cycles after which it has failed. */
  readonly patience: number;
}
