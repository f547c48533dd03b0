// The dictionary: the full-text index over all glosses, and the senses of each word.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import MiniSearch from 'minisearch';
import { readSynsets } from './wordnet.js';

const BATCH = 500;

export class Dictionary {
  #index = new MiniSearch({
    fields: ['words', 'definition', 'examples'],
    stringifyField: (value) => (Array.isArray(value) ? value.join(' ') : String(value)),
    storeFields: ['words', 'partOfSpeech', 'definition'],
    searchOptions: { boost: { words: 3 }, combineWith: 'AND' },
  });
  #senses = new Map();
  #results = new LRUCache({ max: 20_000, ttl: 5 * 60_000 });
  #documents = 0;
  #ready = false;

  get status() {
    return {
      ready: this.#ready,
      documents: this.#documents,
      words: this.#senses.size,
      cachedResults: this.#results.size,
    };
  }

  /** Indexes all of WordNet, a batch a turn, so that the server answers meanwhile. */
  async load() {
    let batch = [];
    for await (const synset of readSynsets()) {
      batch.push(synset);
      if (batch.length === BATCH) {
        this.#add(batch);
        batch = [];
        await nextTurn();
      }
    }
    this.#add(batch);
    this.#ready = true;
  }

  #add(synsets) {
    this.#index.addAll(synsets);
    for (const synset of synsets) {
      for (const word of synset.words) {
        const key = word.toLowerCase();
        const known = this.#senses.get(key);
        if (known) known.push(synset);
        else this.#senses.set(key, [synset]);
      }
    }
    this.#documents += synsets.length;
  }

  search(query, { limit, page, prefix }) {
    const normalised = query.trim().toLowerCase().replace(/\s+/g, ' ');
    const key = `${normalised}\n${prefix}`;
    let found = this.#results.get(key);
    const cached = found !== undefined;
    if (!cached) {
      found = this.#run(normalised, prefix);
      this.#results.set(key, found);
    }
    return {
      query: normalised,
      cached,
      total: found.total,
      results: found.hits.slice(page * limit, (page + 1) * limit),
    };
  }

  #run(query, prefix) {
    const hits = this.#index.search(query, {
      prefix: prefix && ((_term, i, terms) => i === terms.length - 1),
    });
    return {
      total: hits.length,
      hits: hits.slice(0, 50).map(({ id, score, terms, words, partOfSpeech, definition }) => ({
        id,
        score: Math.round(score * 1000) / 1000,
        words,
        partOfSpeech,
        snippet: highlight(definition, terms),
      })),
    };
  }

  word(word) {
    const senses = this.#senses.get(word.toLowerCase());
    if (!senses) return undefined;
    const synonyms = new Set(senses.flatMap((sense) => sense.words));
    synonyms.delete(word);
    return { word, senses, synonyms: [...synonyms].sort() };
  }
}

function highlight(text, terms) {
  const wanted = new Set(terms);
  return text
    .split(/(\W+)/)
    .map((piece) => (wanted.has(piece.toLowerCase()) ? `<em>${piece}</em>` : piece))
    .join('');
}
