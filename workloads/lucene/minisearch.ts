import MiniSearch from 'minisearch';
import { type Engine, mixFloat, mixInt } from '../common/index.js';
import { type Hit, type SearchAnswer, TOP_HITS } from './ranking.js';
import { DELETE, type Requests, SEARCH_OR, UPDATE } from './requests.js';
import { isStopWord } from './tokens.js';

interface Document {
  readonly id: number;
  readonly text: string;
}

/**
 * The variant `minisearch`: what a user of a library would pick. It has the same updates, deletes and OR and AND
 * searches; it has no phrase search, for which an AND of the words stands here. It scores by BM25+ over one
 * field and never tells dead documents' terms apart until it vacuums, so its answers are its own.
 */
export class MiniSearchEngine implements Engine {
  readonly #requests: Requests;
  readonly #index = new MiniSearch<Document>({
    fields: ['text'],
    tokenize: (text) => text.toLowerCase().match(/[a-z0-9]+/g) ?? [],
    processTerm: (term) => (isStopWord(term) ? null : term),
  });

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  load(): void {
    for (let id = 0; id < this.#requests.documents; id++) this.#update(id, this.#requests.text(id));
  }

  apply(op: number): number {
    const slot = this.#requests.slot(op);
    const kind = this.#requests.kind(slot);
    if (kind === UPDATE) {
      this.#update(this.#requests.id(slot, op), this.#requests.text(slot));
      return UPDATE;
    }
    if (kind === DELETE) {
      const id = this.#requests.id(slot, op);
      if (this.#index.has(id)) this.#index.discard(id);
      return DELETE;
    }
    const answer = this.search(kind, this.#requests.text(slot));
    return answer.hits.reduce((sum, hit) => mixFloat(mixInt(sum, hit.id), hit.score), answer.total);
  }

  search(kind: number, query: string): SearchAnswer {
    const found = this.#index.search(query, { combineWith: kind === SEARCH_OR ? 'OR' : 'AND' });
    const hits: Hit[] = found.slice(0, TOP_HITS).map(({ id, score }) => ({ id: id as number, score }));
    return { total: found.length, hits };
  }

  /** Leaves the index to the collector: `removeAll` throws in a vacuuming that is under way. */
  close(): void {}

  stats(): Record<string, number> {
    return { documents: this.#index.documentCount, terms: this.#index.termCount };
  }

  #update(id: number, text: string): void {
    if (this.#index.has(id)) this.#index.replace({ id, text });
    else this.#index.add({ id, text });
  }
}
