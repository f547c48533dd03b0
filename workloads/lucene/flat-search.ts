import type { WordStore } from '../common/index.js';
import { ID, NUMBER } from './doc-table.js';
import { type IndexView, isDisjunction, isPhrase } from './engine.js';
import { COUNTS, DOC, type FlatSegment, frequencyIn, lengthIn, NEXT, POSITIONS } from './flat-segment.js';
import { bm25, inverseDocumentFrequency, type SearchAnswer, TopHits } from './ranking.js';
import { COUNT, FIRST, NONE, TermKey } from './term-table.js';
import { TokenScanner } from './tokens.js';

/** Searches over flat segments. What it needs for a moment is made once. */
export class FlatSearch<W extends WordStore> {
  readonly #latest: Int32Array;
  readonly #query = new TokenScanner(1 << 10);
  readonly #key = new TermKey();
  readonly #top = new TopHits();
  readonly #idfs = new Float64Array(1 << 10);
  /** The query's terms in each segment, NONE where it lacks one. */
  #terms = new Int32Array(1 << 10);
  /** Each term's posting. */
  readonly #cursors = new Int32Array(1 << 10);
  #scores = new Float64Array(1 << 12);
  #touched = new Int32Array(1 << 12);

  /** @param latest the latest number of each document; an entry with another is dead */
  constructor(latest: Int32Array) {
    this.#latest = latest;
  }

  run(kind: number, query: string, view: IndexView<FlatSegment<W>>): SearchAnswer {
    this.#query.scan(query);
    this.#top.clear();
    this.#findTerms(view);
    const { segments, meanLength } = view;
    for (let s = 0; s < segments.length; s++) {
      const terms = s * this.#query.count;
      if (isDisjunction(kind)) this.#any(segments[s]!, terms, meanLength);
      else this.#all(segments[s]!, terms, meanLength, isPhrase(kind));
    }
    return this.#top.answer();
  }

  #findTerms({ segments, totalDocs }: IndexView<FlatSegment<W>>): void {
    const { count, bytes, starts, ends, hashes } = this.#query;
    const cells = segments.length * count;
    if (cells > this.#terms.length) this.#terms = new Int32Array(2 * cells);
    for (let at = 0; at < count; at++) {
      this.#key.set(bytes, starts[at]!, ends[at]!, hashes[at]!);
      let frequency = 0;
      for (let s = 0; s < segments.length; s++) {
        const { terms, words } = segments[s]!;
        const term = terms.find(this.#key);
        this.#terms[s * count + at] = term;
        if (term === NONE) continue;
        const word = words.locate(term);
        frequency += words.words[word + COUNT]!;
      }
      this.#idfs[at] = inverseDocumentFrequency(frequency, totalDocs);
    }
  }

  #collect({ words, table }: FlatSegment<W>, doc: number, score: number): void {
    const at = table.locate(doc);
    const own = words.words;
    const id = own[at + ID]!;
    if (this.#latest[id] === own[at + NUMBER]) this.#top.add(id, score);
  }

  /** @param terms where the segment's terms begin in `#terms` */
  #any(segment: FlatSegment<W>, terms: number, meanLength: number): void {
    if (segment.docs > this.#scores.length) {
      this.#scores = new Float64Array(2 * segment.docs);
      this.#touched = new Int32Array(2 * segment.docs);
    }
    const scores = this.#scores;
    const { words } = segment;
    let touched = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const term = this.#terms[terms + at]!;
      if (term === NONE) continue;
      const idf = this.#idfs[at]!;
      for (let posting = wordOf(words, term, FIRST); posting !== NONE; ) {
        const word = words.locate(posting);
        const own = words.words;
        const doc = own[word + DOC]!;
        const counts = own[word + COUNTS]!;
        const before = scores[doc]!;
        if (before === 0) this.#touched[touched++] = doc;
        scores[doc] = before + bm25(idf, frequencyIn(counts), lengthIn(counts), meanLength);
        posting = own[word + NEXT]!;
      }
    }
    for (let at = 0; at < touched; at++) {
      const doc = this.#touched[at]!;
      this.#collect(segment, doc, scores[doc]!);
      scores[doc] = 0;
    }
  }

  #all(segment: FlatSegment<W>, terms: number, meanLength: number, phrase: boolean): void {
    const { count } = this.#query;
    const { words } = segment;
    for (let at = 0; at < count; at++) {
      const term = this.#terms[terms + at]!;
      if (term === NONE) return;
      this.#cursors[at] = wordOf(words, term, FIRST);
    }
    if (count === 0) return;
    for (let first = this.#cursors[0]!; first !== NONE; ) {
      this.#cursors[0] = first;
      const word = words.locate(first);
      const own = words.words;
      const doc = own[word + DOC]!;
      first = own[word + NEXT]!;
      if (!this.#advanceAll(words, doc)) continue;
      const score = phrase ? this.#phraseScore(words, meanLength) : this.#sum(words, meanLength);
      if (score > 0) this.#collect(segment, doc, score);
    }
  }

  /** Moves every cursor but the first to `doc` or past it. */
  #advanceAll(words: W, doc: number): boolean {
    for (let at = 1; at < this.#query.count; at++) {
      let posting = this.#cursors[at]!;
      let found = -1;
      while (posting !== NONE) {
        const word = words.locate(posting);
        const own = words.words;
        found = own[word + DOC]!;
        if (found >= doc) break;
        posting = own[word + NEXT]!;
      }
      this.#cursors[at] = posting;
      if (found !== doc || posting === NONE) return false;
    }
    return true;
  }

  #sum(words: W, meanLength: number): number {
    let sum = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const counts = wordOf(words, this.#cursors[at]!, COUNTS);
      sum += bm25(this.#idfs[at]!, frequencyIn(counts), lengthIn(counts), meanLength);
    }
    return sum;
  }

  #phraseScore(words: W, meanLength: number): number {
    const first = this.#cursors[0]!;
    const counts = wordOf(words, first, COUNTS);
    let frequency = 0;
    for (let i = 0; i < frequencyIn(counts); i++) {
      if (this.#inARow(words, wordOf(words, first, POSITIONS + i))) frequency++;
    }
    if (frequency === 0) return 0;
    let idf = 0;
    for (let at = 0; at < this.#query.count; at++) idf += this.#idfs[at]!;
    return bm25(idf, frequency, lengthIn(counts), meanLength);
  }

  #inARow(words: W, start: number): boolean {
    const { count, positions } = this.#query;
    for (let at = 1; at < count; at++) {
      const word = words.locate(this.#cursors[at]!);
      const own = words.words;
      const wanted = start + positions[at]! - positions[0]!;
      const frequency = frequencyIn(own[word + COUNTS]!);
      let i = 0;
      while (i < frequency && own[word + POSITIONS + i] !== wanted) i++;
      if (i === frequency) return false;
    }
    return true;
  }
}

function wordOf(words: WordStore, run: number, at: number): number {
  const first = words.locate(run);
  return words.words[first + at]!;
}
