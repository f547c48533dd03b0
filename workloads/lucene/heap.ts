import {
  BUFFER_LEVEL,
  type IndexView,
  isDisjunction,
  isPhrase,
  type Rewrite,
  type SegmentInfo,
  type SegmentStore,
} from './engine.js';
import { bm25, inverseDocumentFrequency, type SearchAnswer, TopHits } from './ranking.js';
import { SteppedRewrite } from './rewrite.js';
import { MAX_TERM_LENGTH, tokenise } from './tokens.js';

/**
 * The variant `heap`: maps, arrays and small objects, as a good engineer writes an index in JavaScript.
 */

interface Posting {
  doc: number;
  readonly positions: number[];
}

interface StoredDoc {
  readonly id: number;
  readonly number: number;
  readonly length: number;
}

class HeapSegment implements SegmentInfo {
  readonly level: number;
  readonly stored: StoredDoc[] = [];
  readonly terms = new Map<string, Posting[]>();
  tokens = 0;
  postings = 0;

  constructor(level: number) {
    this.level = level;
  }

  get docs(): number {
    return this.stored.length;
  }

  add(term: string, posting: Posting): void {
    const list = this.terms.get(term);
    if (list === undefined) this.terms.set(term, [posting]);
    else list.push(posting);
    this.postings++;
  }
}

/** A query's term with what it is worth. */
interface QueryTerm {
  readonly term: string;
  readonly position: number;
  readonly idf: number;
}

export class HeapStore implements SegmentStore<HeapSegment> {
  readonly #latest = new Map<number, number>();

  openBuffer(): HeapSegment {
    return new HeapSegment(BUFFER_LEVEL);
  }

  index(buffer: HeapSegment, id: number, number: number, text: string): void {
    const doc = buffer.stored.length;
    const tokens = tokenise(text);
    const postings = new Map<string, Posting>();
    for (const { term, position } of tokens) {
      const key = term.length > MAX_TERM_LENGTH ? term.slice(0, MAX_TERM_LENGTH) : term;
      const posting = postings.get(key);
      if (posting === undefined) postings.set(key, { doc, positions: [position] });
      else posting.positions.push(position);
    }
    for (const [term, posting] of postings) buffer.add(term, posting);
    buffer.stored.push({ id, number, length: tokens.length });
    buffer.tokens += tokens.length;
    this.#latest.set(id, number);
  }

  remove(id: number): void {
    this.#latest.delete(id);
  }

  search(kind: number, query: string, view: IndexView<HeapSegment>): SearchAnswer {
    const terms = this.#queryTerms(query, view);
    const top = new TopHits();
    for (const segment of view.segments) {
      const scores = isDisjunction(kind)
        ? this.#any(segment, terms, view.meanLength)
        : this.#all(segment, terms, view.meanLength, isPhrase(kind));
      for (const [doc, score] of scores) {
        const stored = segment.stored[doc]!;
        if (this.#isLive(stored)) top.add(stored.id, score);
      }
    }
    return top.answer();
  }

  startRewrite(inputs: readonly HeapSegment[], level: number): Rewrite<HeapSegment> {
    return new HeapRewrite(inputs, level, (doc) => this.#isLive(doc));
  }

  drop(): void {
    // Nothing refers to them any more: the collector finds out.
  }

  close(): void {
    this.#latest.clear();
  }

  #isLive(doc: StoredDoc): boolean {
    return this.#latest.get(doc.id) === doc.number;
  }

  #queryTerms(query: string, view: IndexView<HeapSegment>): QueryTerm[] {
    return tokenise(query).map(({ term, position }) => {
      let frequency = 0;
      for (const segment of view.segments) frequency += segment.terms.get(term)?.length ?? 0;
      return { term, position, idf: inverseDocumentFrequency(frequency, view.totalDocs) };
    });
  }

  #any(segment: HeapSegment, terms: QueryTerm[], meanLength: number): Map<number, number> {
    const scores = new Map<number, number>();
    for (const { term, idf } of terms) {
      for (const { doc, positions } of segment.terms.get(term) ?? []) {
        const part = bm25(idf, positions.length, segment.stored[doc]!.length, meanLength);
        scores.set(doc, (scores.get(doc) ?? 0) + part);
      }
    }
    return scores;
  }

  #all(segment: HeapSegment, terms: QueryTerm[], meanLength: number, phrase: boolean): Map<number, number> {
    const scores = new Map<number, number>();
    const lists: Posting[][] = [];
    for (const { term } of terms) {
      const list = segment.terms.get(term);
      if (list === undefined) return scores;
      lists.push(list);
    }
    if (lists.length === 0) return scores;
    const cursors = lists.map(() => 0);
    for (const first of lists[0]!) {
      const found = matchesOf(first, lists, cursors);
      if (found === undefined) continue;
      const length = segment.stored[first.doc]!.length;
      const score = phrase
        ? phraseScore(found, terms, length, meanLength)
        : terms.reduce(
            (sum, { idf }, at) => sum + bm25(idf, found[at]!.positions.length, length, meanLength),
            0,
          );
      if (score > 0) scores.set(first.doc, score);
    }
    return scores;
  }
}

/** Each term's posting for the document of `first`, if all have it. The cursors only move on. */
function matchesOf(first: Posting, lists: Posting[][], cursors: number[]): Posting[] | undefined {
  const found = [first];
  for (let at = 1; at < lists.length; at++) {
    const list = lists[at]!;
    while (cursors[at]! < list.length && list[cursors[at]!]!.doc < first.doc) cursors[at]!++;
    const posting = list[cursors[at]!];
    if (posting?.doc !== first.doc) return undefined;
    found.push(posting);
  }
  return found;
}

/** A phrase counts as one term, as rare as its words together; 0 where the words are not in a row. */
function phraseScore(found: Posting[], terms: QueryTerm[], length: number, meanLength: number): number {
  const base = terms[0]!.position;
  const frequency = found[0]!.positions.filter((start) =>
    found.every(({ positions }, at) => positions.includes(start + terms[at]!.position - base)),
  ).length;
  if (frequency === 0) return 0;
  const idf = terms.reduce((sum, term) => sum + term.idf, 0);
  return bm25(idf, frequency, length, meanLength);
}

class HeapRewrite extends SteppedRewrite<HeapSegment> {
  readonly output: HeapSegment;
  readonly #isLive: (doc: StoredDoc) => boolean;
  /** For each input, its documents' new numbers; -1 for the dead. */
  readonly #renumbered: Int32Array[];
  #lists: Iterator<[string, Posting[]]> | undefined;
  #list: [string, Posting[]] | undefined;
  #entry = 0;

  constructor(inputs: readonly HeapSegment[], level: number, isLive: (doc: StoredDoc) => boolean) {
    super(inputs);
    this.output = new HeapSegment(level);
    this.#isLive = isLive;
    this.#renumbered = inputs.map((input) => new Int32Array(input.docs));
  }

  protected copyDoc(input: number, doc: number): void {
    const stored = this.inputs[input]!.stored[doc]!;
    if (!this.#isLive(stored)) {
      this.#renumbered[input]![doc] = -1;
      return;
    }
    this.output.tokens += stored.length;
    this.#renumbered[input]![doc] = this.output.stored.push(stored) - 1;
  }

  protected copyPosting(input: number): boolean {
    this.#lists ??= this.inputs[input]!.terms.entries();
    this.#list ??= this.#lists.next().value;
    if (this.#list === undefined) {
      this.#lists = undefined;
      return false;
    }
    const [term, postings] = this.#list;
    const { doc, positions } = postings[this.#entry++]!;
    const moved = this.#renumbered[input]![doc]!;
    // The positions of a document never change, so that segments can share them.
    if (moved !== -1) this.output.add(term, { doc: moved, positions });
    if (this.#entry === postings.length) {
      this.#list = undefined;
      this.#entry = 0;
    }
    return true;
  }
}
