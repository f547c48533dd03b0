/**
 * lucene: an in-memory inverted index after Apache Lucene's, fed with WordNet's glosses and the Brown corpus; 80 %
 * updates, 20 % searches.
 *
 * What may not live here: how time is taken, and what another workload needs.
 */
import {
  type Engine,
  loadCorpus,
  PLACEMENTS,
  type Prepared,
  type Workload,
  type WorkloadOptions,
} from '../common/index.js';
import { ArenaSegments, FixedSegments } from './arena.js';
import { DEFAULT_POLICY, LuceneEngine, type LucenePolicy } from './engine.js';
import { FlatStore } from './flat.js';
import { LuceneFloor } from './floor.js';
import { HeapStore } from './heap.js';
import { MiniSearchEngine } from './minisearch.js';
import { Requests } from './requests.js';
import { TypedSegments } from './typed.js';

export { LuceneEngine, type LucenePolicy } from './engine.js';
export type { MiniSearchEngine } from './minisearch.js';
export { bm25, inverseDocumentFrequency, type SearchAnswer, TOP_HITS } from './ranking.js';
export { DELETE, Requests, SEARCH_AND, SEARCH_OR, SEARCH_PHRASE, UPDATE } from './requests.js';
export { type Token, TokenScanner, tokenise } from './tokens.js';

/** What a document costs in the variant `heap`, measured: about ten postings of 105 bytes and its own object. */
const HEAP_BYTES_PER_DOCUMENT = 1200;

export const LUCENE_VARIANTS = [
  'heap',
  'minisearch',
  'typed',
  'single',
  'auto',
  'arena-refs',
  'arena',
  'floor',
] as const;

/**
 * Bytes for each document at the worst moment, measured with blocks that have refs (800, and the table of refs): a merge of
 * nearly all, its inputs still there, and the dead ones among them. Fixed blocks take 600.
 */
const PEAK_BYTES_PER_DOCUMENT = 900;

/** What an operator would give the store: a quarter over what lives in it. The same for all placements. */
function arenaBytes(documents: number): number {
  return Math.max(32 * 2 ** 20, Math.ceil(1.25 * documents * PEAK_BYTES_PER_DOCUMENT));
}

/** @throws RangeError for an unknown variant. */
export function openLucene(
  variant: string,
  requests: Requests,
  policy: LucenePolicy = DEFAULT_POLICY,
): Engine {
  const { documents } = requests;
  switch (variant) {
    case 'heap':
      return new LuceneEngine(requests, new HeapStore(), policy);
    case 'minisearch':
      return new MiniSearchEngine(requests);
    case 'typed':
      return new LuceneEngine(requests, new FlatStore(new TypedSegments(), documents), policy);
    case 'single':
    case 'auto':
    case 'arena-refs': {
      const home = new ArenaSegments(PLACEMENTS[variant], arenaBytes(documents));
      return new LuceneEngine(requests, new FlatStore(home, documents), policy);
    }
    case 'arena': {
      const home = new FixedSegments(arenaBytes(documents));
      return new LuceneEngine(requests, new FlatStore(home, documents), policy);
    }
    case 'floor':
      return new LuceneFloor(requests);
    default:
      throw new RangeError(`lucene has no variant '${variant}', it has ${LUCENE_VARIANTS.join(', ')}`);
  }
}

/** The stream of requests for an index of that size. */
export function openRequests({ heapMb, streamOps, seed }: WorkloadOptions): Requests {
  const documents = Math.max(1000, Math.round((heapMb * 1e6) / HEAP_BYTES_PER_DOCUMENT));
  return new Requests(loadCorpus(), documents, streamOps, seed);
}

export const lucene: Workload = {
  name: 'lucene',
  mixes: ['80-20'],
  variants: LUCENE_VARIANTS,
  incomparable: ['minisearch', 'floor'],
  prepare(options: WorkloadOptions): Prepared {
    const requests = openRequests(options);
    return {
      open: (variant) => openLucene(variant, requests),
      facts: { documents: requests.documents, streamMb: Math.round(requests.bytes / 1e6) },
    };
  },
};
