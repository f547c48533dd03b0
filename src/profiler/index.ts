/**
 * profiler: ROLP's half. What samples V8's allocations, and what estimates from them how long the objects of
 * an allocation context live: sample sources, cohorts, attribution levels and windows, the object lifetime
 * distribution, its estimators and the profile document.
 *
 * What may not live here: where objects are placed (heap, pretenure), how a profile is shown (report), when
 * one is written (register). The profiler knows nothing of rolp's heap.
 */

export { Adaptation, type AdaptationOptions } from './adaptation.js';
export type * from './aggregates.js';
export {
  type AttributionSetting,
  DEFAULT_ATTRIBUTION,
  formatAttribution,
  parseAttribution,
  whatLevelHides,
} from './attribution.js';
export {
  AttributionControl,
  type AttributionOptions,
  attributionOfThread,
  type WindowOutcome,
} from './attribution-control.js';
export { buildProfile, currentProcess, type ProcessInfo, type ProfileOptions } from './build-profile.js';
export { contextIds } from './context-id.js';
export { diffProfiles, type ProfileDiff, type ProfileDiffRow } from './diff-profiles.js';
export { openFallbackSource } from './fallback-source.js';
export { parseFramePatterns } from './frame-filter.js';
export { createFrameResolver, type FrameOptions, type FrameResolver } from './frames.js';
export type { GcCosts } from './gc-cost.js';
export * from './inference/index.js';
export { commonestClass, type MergedContexts, mergeContexts } from './merge-contexts.js';
export { mergeProfiles } from './merge-profiles.js';
export { NativeSource, nativeThreadStore, type ThreadRow, type ThreadStore } from './native-source.js';
export { openSampleSource } from './open-source.js';
export { placedContexts, providePlacedContexts } from './placed-contexts.js';
export * from './profile.js';
export { findProfileFiles, ProfileFileError, readProfile } from './profile-file.js';
export {
  DecisionTable,
  decisionsOf,
  profileInput,
  readDecisions,
  type StoredDecision,
  setProfileInput,
} from './profile-input.js';
export { profileText } from './profile-text.js';
export type { SampleSource, SampleSourceOptions } from './sample-source.js';
