/**
 * common: what the three workloads share. The interface between an engine and the harness, the checksum by
 * which variants are compared, the generators of requests, and the corpora that requests are drawn from.
 *
 * What may not live here: anything that knows how one of the engines stores its data, or how time is taken.
 */
export { ArenaHeap, ArenaHome, type ArenaWords, type EndedGroup, type FixedWords } from './arena.js';
export { PLACEMENTS } from './auto.js';
export { mixFloat, mixInt, mixString } from './checksum.js';
export { type Corpus, loadCorpus, loadPointers, type PointerGraph } from './corpus.js';
export {
  type Engine,
  type OffHeapBytes,
  type Prepared,
  type StopWork,
  type StopWorkLog,
  type Workload,
  type WorkloadOptions,
  withOwnBytes,
} from './engine.js';
export { ARENA, ARENA_REFS, type Placement, SINGLE } from './placement.js';
export { TypedWords, type ValueStore, type WordStore } from './words.js';
export { invertibleHash, Latest, ScrambledZipfian, Zipfian } from './ycsb.js';
