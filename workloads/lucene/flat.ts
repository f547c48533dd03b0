import type { OffHeapBytes, StopWorkLog, WordStore } from '../common/index.js';
import {
  BUFFER_LEVEL,
  type IndexView,
  isDisjunction,
  isPhrase,
  type Rewrite,
  type SegmentStore,
} from './engine.js';
import { DOC, FlatSegment, FREQUENCY, NEXT, POSITIONS } from './flat-segment.js';
import { bm25, inverseDocumentFrequency, type SearchAnswer, TopHits } from './ranking.js';
import { SteppedRewrite } from './rewrite.js';
import { NONE } from './term-table.js';
import { MAX_TERM_LENGTH, TokenScanner } from './tokens.js';

/** Where segments' postings live: the one part in which `typed`, `single` and `arena` differ. */
export interface PostingsHome<W extends WordStore> {
  /** @param words how many the postings will take, about */
  open(words: number, level: number): W;
  /** How many words a segment's postings take, for its successor. */
  wordsOf(words: W): number;
  close(segment: FlatSegment<W>): void;
  offHeap(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
  verify?(): void;
}

/** Of a RAM buffer; it grows. */
const BUFFER = { docs: 1 << 11, terms: 1 << 14, letters: 1 << 17, words: 1 << 18 };

/** Segments without a JavaScript object per term, document or posting. */
export class FlatStore<W extends WordStore> implements SegmentStore<FlatSegment<W>> {
  readonly #home: PostingsHome<W>;
  readonly #latest: Int32Array;
  readonly #scanner = new TokenScanner();
  readonly #query = new TokenScanner(1 << 10);
  readonly #top = new TopHits();
  readonly #idfs = new Float64Array(1 << 10);
  /** The terms of a document being indexed; in a search, each term's posting. */
  readonly #cursors = new Int32Array(1 << 11);
  readonly #positions = new Int32Array(1 << 11);
  #scores = new Float64Array(1 << 12);
  #touched = new Int32Array(1 << 12);
  readonly #live = new Set<FlatSegment<W>>();

  /** @param documents document numbers are below it */
  constructor(home: PostingsHome<W>, documents: number) {
    this.#home = home;
    this.#latest = new Int32Array(documents);
  }

  openBuffer(): FlatSegment<W> {
    const { docs, terms, letters, words } = BUFFER;
    return this.#opened(
      new FlatSegment(this.#home.open(words, BUFFER_LEVEL), BUFFER_LEVEL, docs, terms, letters),
    );
  }

  index(buffer: FlatSegment<W>, id: number, number: number, text: string): void {
    const scanner = this.#scanner;
    scanner.scan(text);
    const { count, starts, ends, hashes, positions } = scanner;
    for (let at = 0; at < count; at++) {
      const end = Math.min(ends[at]!, starts[at]! + MAX_TERM_LENGTH);
      const hash = end === ends[at] ? hashes[at]! : scanner.hashOf(starts[at]!, end);
      this.#cursors[at] = buffer.terms.intern(scanner.bytes, starts[at]!, end, hash);
    }
    for (let at = 0; at < count; at++) {
      const term = this.#cursors[at]!;
      if (term === -1) continue;
      let frequency = 0;
      for (let other = at; other < count; other++) {
        if (this.#cursors[other] !== term) continue;
        this.#positions[frequency++] = positions[other]!;
        this.#cursors[other] = -1;
      }
      buffer.addPosting(term, buffer.docs, this.#positions, frequency);
    }
    buffer.addDoc(id, number, count);
    this.#latest[id] = number;
  }

  remove(id: number): void {
    this.#latest[id] = 0;
  }

  search(kind: number, query: string, view: IndexView<FlatSegment<W>>): SearchAnswer {
    this.#query.scan(query);
    this.#top.clear();
    this.#weigh(view);
    for (const segment of view.segments) {
      if (isDisjunction(kind)) this.#any(segment, view.meanLength);
      else this.#all(segment, view.meanLength, isPhrase(kind));
    }
    return this.#top.answer();
  }

  startRewrite(inputs: readonly FlatSegment<W>[], level: number): Rewrite<FlatSegment<W>> {
    const sum = (size: (input: FlatSegment<W>) => number): number =>
      inputs.reduce((total, input) => total + size(input), 0);
    const output = new FlatSegment(
      this.#home.open(
        sum((input) => this.#home.wordsOf(input.words)),
        level,
      ),
      level,
      sum((input) => input.docs),
      sum((input) => input.terms.count),
      sum((input) => input.terms.letters),
    );
    return new FlatRewrite(inputs, this.#opened(output), this.#latest);
  }

  drop(segments: readonly FlatSegment<W>[]): void {
    for (const segment of segments) {
      this.#live.delete(segment);
      this.#home.close(segment);
    }
  }

  close(): void {
    this.#live.clear();
  }

  offHeap(): OffHeapBytes {
    let { committed, used } = this.#home.offHeap();
    committed += this.#latest.byteLength;
    used += this.#latest.byteLength;
    for (const { tableBytes } of this.#live) {
      committed += tableBytes;
      used += tableBytes;
    }
    return { committed, used };
  }

  takeStopWork(): StopWorkLog {
    return this.#home.takeStopWork?.() ?? { pauses: [], lost: 0 };
  }

  stats(): Record<string, number> {
    return this.#home.stats?.() ?? {};
  }

  verify(): void {
    this.#home.verify?.();
  }

  #opened(segment: FlatSegment<W>): FlatSegment<W> {
    this.#live.add(segment);
    return segment;
  }

  #termIn(segment: FlatSegment<W>, at: number): number {
    const { bytes, starts, ends, hashes } = this.#query;
    return segment.terms.find(bytes, starts[at]!, ends[at]!, hashes[at]!);
  }

  #weigh(view: IndexView<FlatSegment<W>>): void {
    for (let at = 0; at < this.#query.count; at++) {
      let frequency = 0;
      for (const segment of view.segments) {
        const term = this.#termIn(segment, at);
        if (term !== -1) frequency += segment.terms.frequency[term]!;
      }
      this.#idfs[at] = inverseDocumentFrequency(frequency, view.totalDocs);
    }
  }

  #collect(segment: FlatSegment<W>, doc: number, score: number): void {
    if (this.#latest[segment.ids[doc]!] === segment.numbers[doc]) this.#top.add(segment.ids[doc]!, score);
  }

  #any(segment: FlatSegment<W>, meanLength: number): void {
    if (segment.docs > this.#scores.length) {
      this.#scores = new Float64Array(2 * segment.docs);
      this.#touched = new Int32Array(2 * segment.docs);
    }
    const { words, lengths } = segment;
    let touched = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const term = this.#termIn(segment, at);
      if (term === -1) continue;
      const idf = this.#idfs[at]!;
      for (let posting = segment.terms.first[term]!; posting !== NONE; ) {
        const word = words.locate(posting);
        const own = words.words;
        const doc = own[word + DOC]!;
        if (this.#scores[doc] === 0) this.#touched[touched++] = doc;
        this.#scores[doc]! += bm25(idf, own[word + FREQUENCY]!, lengths[doc]!, meanLength);
        posting = own[word + NEXT]!;
      }
    }
    for (let at = 0; at < touched; at++) {
      const doc = this.#touched[at]!;
      this.#collect(segment, doc, this.#scores[doc]!);
      this.#scores[doc] = 0;
    }
  }

  #all(segment: FlatSegment<W>, meanLength: number, phrase: boolean): void {
    const terms = this.#query.count;
    for (let at = 0; at < terms; at++) {
      const term = this.#termIn(segment, at);
      if (term === -1) return;
      this.#cursors[at] = segment.terms.first[term]!;
    }
    if (terms === 0) return;
    const { words } = segment;
    for (let first = this.#cursors[0]!; first !== NONE; first = wordOf(words, first, NEXT)) {
      this.#cursors[0] = first;
      const doc = wordOf(words, first, DOC);
      if (!this.#advanceAll(words, doc)) continue;
      const score = phrase
        ? this.#phraseScore(segment, doc, meanLength)
        : this.#sum(segment, doc, meanLength);
      if (score > 0) this.#collect(segment, doc, score);
    }
  }

  /** Moves every cursor but the first to `doc` or past it. */
  #advanceAll(words: W, doc: number): boolean {
    for (let at = 1; at < this.#query.count; at++) {
      let posting = this.#cursors[at]!;
      while (posting !== NONE && wordOf(words, posting, DOC) < doc) posting = wordOf(words, posting, NEXT);
      this.#cursors[at] = posting;
      if (posting === NONE || wordOf(words, posting, DOC) !== doc) return false;
    }
    return true;
  }

  #sum({ words, lengths }: FlatSegment<W>, doc: number, meanLength: number): number {
    let sum = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const frequency = wordOf(words, this.#cursors[at]!, FREQUENCY);
      sum += bm25(this.#idfs[at]!, frequency, lengths[doc]!, meanLength);
    }
    return sum;
  }

  #phraseScore({ words, lengths }: FlatSegment<W>, doc: number, meanLength: number): number {
    const first = this.#cursors[0]!;
    const starts = wordOf(words, first, FREQUENCY);
    let frequency = 0;
    for (let i = 0; i < starts; i++) {
      if (this.#inARow(words, wordOf(words, first, POSITIONS + i))) frequency++;
    }
    if (frequency === 0) return 0;
    let idf = 0;
    for (let at = 0; at < this.#query.count; at++) idf += this.#idfs[at]!;
    return bm25(idf, frequency, lengths[doc]!, meanLength);
  }

  #inARow(words: W, start: number): boolean {
    const { count, positions } = this.#query;
    for (let at = 1; at < count; at++) {
      const posting = this.#cursors[at]!;
      const wanted = start + positions[at]! - positions[0]!;
      const frequency = wordOf(words, posting, FREQUENCY);
      let i = 0;
      while (i < frequency && wordOf(words, posting, POSITIONS + i) !== wanted) i++;
      if (i === frequency) return false;
    }
    return true;
  }
}

function wordOf(words: WordStore, posting: number, at: number): number {
  const first = words.locate(posting);
  return words.words[first + at]!;
}

class FlatRewrite<W extends WordStore> extends SteppedRewrite<FlatSegment<W>> {
  readonly output: FlatSegment<W>;
  readonly #latest: Int32Array;
  readonly #positions = new Int32Array(1 << 11);
  #term = 0;
  #posting = NONE;
  #into = -1;

  constructor(inputs: readonly FlatSegment<W>[], output: FlatSegment<W>, latest: Int32Array) {
    super(inputs);
    this.output = output;
    this.#latest = latest;
  }

  protected copyDoc(input: FlatSegment<W>, doc: number): number {
    const id = input.ids[doc]!;
    if (this.#latest[id] !== input.numbers[doc]) return -1;
    this.output.addDoc(id, input.numbers[doc]!, input.lengths[doc]!);
    return this.output.docs - 1;
  }

  protected copyPosting(input: FlatSegment<W>, renumbered: Int32Array): boolean {
    while (this.#posting === NONE) {
      if (this.#term === input.terms.count) {
        this.#term = 0;
        return false;
      }
      this.#posting = input.terms.first[this.#term++]!;
      this.#into = -1;
    }
    const word = input.words.locate(this.#posting);
    const { words } = input.words;
    this.#posting = words[word + NEXT]!;
    const doc = renumbered[words[word + DOC]!]!;
    if (doc === -1) return true;
    const frequency = words[word + FREQUENCY]!;
    // Copied aside first: an allocation may move the posting it is copied from.
    for (let i = 0; i < frequency; i++) this.#positions[i] = words[word + POSITIONS + i]!;
    // A term of dead documents only must not be taken over, so it is looked up at its first live posting.
    if (this.#into === -1) this.#into = this.output.terms.internFrom(input.terms, this.#term - 1);
    this.output.addPosting(this.#into, doc, this.#positions, frequency);
    return true;
  }
}
