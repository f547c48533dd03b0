/**
 * Inference (ROLP, EuroSys'19): from how old a context's objects become to the generation they belong in. The
 * published rule, and rolp's own. Pure functions of tables of ages: nothing here knows who filled them.
 */
export {
  type AgeHistogram,
  ageEdges,
  columnOfAge,
  emptyAges,
  fromSurvivors,
} from './age-histogram.js';
export {
  type Decision,
  generationOfMedian,
  type InferenceOptions,
  type LifetimeConflict,
  LifetimeInference,
  type LifetimeMode,
  OLDEST_GENERATION,
} from './lifetime-inference.js';
export { normalCdf } from './normal.js';
export {
  InferenceWindows,
  inferPublished,
  PUBLISHED_AGES,
  type PublishedDecision,
  WINDOW_CYCLES,
  type WindowEvent,
} from './published.js';
