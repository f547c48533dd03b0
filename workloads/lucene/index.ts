/**
 * lucene: an in-memory inverted index after Apache Lucene's, fed with WordNet's glosses and the Brown corpus; 80 %
 * updates, 20 % searches.
 *
 * What may not live here: how time is taken, and what another workload needs.
 */
import {
  type Engine,
  loadCorpus,
  type Prepared,
  type Workload,
  type WorkloadOptions,
} from '../common/index.js';
import { ArenaStore } from './arena.js';
import { DEFAULT_POLICY, LuceneEngine, type LucenePolicy } from './engine.js';
import { LuceneFloor } from './floor.js';
import { HeapStore } from './heap.js';
import { Requests } from './requests.js';
import { TypedStore } from './typed.js';

export { LuceneEngine, type LucenePolicy } from './engine.js';
export { bm25, inverseDocumentFrequency, type SearchAnswer, TOP_HITS } from './ranking.js';
export { Requests, SEARCH_AND, SEARCH_OR, SEARCH_PHRASE } from './requests.js';
export { type Token, TokenScanner, tokenise } from './tokens.js';

/** What a document costs in the variant `heap`, measured: about ten postings of 105 bytes and its own object. */
const HEAP_BYTES_PER_DOCUMENT = 1200;

export const LUCENE_VARIANTS = ['heap', 'typed', 'single', 'arena', 'floor'] as const;

/** Room for postings of live and dead documents and for one merge of them all; the same for both variants. */
function arenaBytes(documents: number): number {
  return Math.max(64 * 2 ** 20, documents * 2000);
}

/** @throws RangeError for an unknown variant. */
export function openLucene(
  variant: string,
  requests: Requests,
  policy: LucenePolicy = DEFAULT_POLICY,
): Engine {
  switch (variant) {
    case 'heap':
      return new LuceneEngine(requests, new HeapStore(), policy);
    case 'typed':
      return new LuceneEngine(requests, new TypedStore(requests.documents), policy);
    case 'single':
    case 'arena': {
      const store = new ArenaStore(variant, requests.documents, arenaBytes(requests.documents));
      return new LuceneEngine(requests, store, policy);
    }
    case 'floor':
      return new LuceneFloor(requests);
    default:
      throw new RangeError(`lucene has no variant '${variant}', it has ${LUCENE_VARIANTS.join(', ')}`);
  }
}

export const lucene: Workload = {
  name: 'lucene',
  mixes: ['80-20'],
  variants: LUCENE_VARIANTS,
  incomparable: ['floor'],
  prepare(options: WorkloadOptions): Prepared {
    const documents = Math.max(1000, Math.round((options.heapMb * 1e6) / HEAP_BYTES_PER_DOCUMENT));
    const requests = new Requests(loadCorpus(), documents, options.streamOps, options.seed);
    return {
      open: (variant) => openLucene(variant, requests),
      facts: { documents, streamMb: Math.round(requests.bytes / 1e6) },
    };
  },
};
