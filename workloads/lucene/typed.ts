import type { OffHeapBytes } from '../common/index.js';
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
import { grown, TermTable } from './term-table.js';
import { MAX_TERM_LENGTH, TokenScanner } from './tokens.js';

/**
 * The variant `typed`: each segment a handful of plain typed arrays, allocated when it is begun and left to the
 * collector when it is replaced.
 *
 * A posting is a record in the segment's pool: where the term's next record is (-1 for none), the document,
 * how often, and the positions.
 */
const NEXT = 0;
const DOC = 1;
const FREQUENCY = 2;
const POSITIONS = 3;

export class TypedSegment implements SegmentInfo {
  readonly level: number;
  docs = 0;
  tokens = 0;
  postings = 0;
  ids: Int32Array;
  numbers: Int32Array;
  lengths: Int32Array;
  pool: Int32Array;
  used = 0;
  readonly terms: TermTable;

  constructor(level: number, docs: number, terms: number, letters: number, pool: number) {
    this.level = level;
    this.ids = new Int32Array(docs);
    this.numbers = new Int32Array(docs);
    this.lengths = new Int32Array(docs);
    this.pool = new Int32Array(pool);
    this.terms = new TermTable(terms, letters);
  }

  get bytes(): number {
    return 12 * this.ids.length + 4 * this.pool.length + this.terms.bytes;
  }

  addDoc(id: number, number: number, length: number): void {
    if (this.docs === this.ids.length) {
      this.ids = grown(this.ids, this.docs * 2);
      this.numbers = grown(this.numbers, this.docs * 2);
      this.lengths = grown(this.lengths, this.docs * 2);
    }
    this.ids[this.docs] = id;
    this.numbers[this.docs] = number;
    this.lengths[this.docs] = length;
    this.docs++;
    this.tokens += length;
  }

  /** Begins a posting at the end of the term's list. @returns where its positions go. */
  addPosting(term: number, doc: number, frequency: number): number {
    const record = this.used;
    this.used += POSITIONS + frequency;
    if (this.used > this.pool.length) this.pool = grown(this.pool, Math.max(this.used, this.pool.length * 2));
    this.pool[record + NEXT] = -1;
    this.pool[record + DOC] = doc;
    this.pool[record + FREQUENCY] = frequency;
    if (this.terms.first[term] === -1) this.terms.first[term] = record;
    else this.pool[this.terms.last[term]! + NEXT] = record;
    this.terms.last[term] = record;
    this.terms.frequency[term]!++;
    this.postings++;
    return record + POSITIONS;
  }
}

export class TypedStore implements SegmentStore<TypedSegment> {
  readonly #latest: Int32Array;
  readonly #scanner = new TokenScanner();
  readonly #query = new TokenScanner(1 << 10);
  readonly #top = new TopHits();
  readonly #idfs = new Float64Array(1 << 10);
  readonly #cursors = new Int32Array(1 << 11);
  #scores = new Float64Array(1 << 12);
  #touched = new Int32Array(1 << 12);
  #live = new Set<TypedSegment>();

  /** @param documents document numbers are below it */
  constructor(documents: number) {
    this.#latest = new Int32Array(documents);
  }

  openBuffer(): TypedSegment {
    const buffer = new TypedSegment(BUFFER_LEVEL, 1 << 11, 1 << 14, 1 << 17, 1 << 18);
    this.#live.add(buffer);
    return buffer;
  }

  index(buffer: TypedSegment, id: number, number: number, text: string): void {
    const scanner = this.#scanner;
    scanner.scan(text);
    const { count, starts, ends, hashes, positions } = scanner;
    const doc = buffer.docs;
    for (let at = 0; at < count; at++) {
      const end = Math.min(ends[at]!, starts[at]! + MAX_TERM_LENGTH);
      const hash = end === ends[at] ? hashes[at]! : scanner.hashOf(starts[at]!, end);
      this.#cursors[at] = buffer.terms.intern(scanner.bytes, starts[at]!, end, hash);
    }
    for (let at = 0; at < count; at++) {
      const term = this.#cursors[at]!;
      if (term === -1) continue;
      let frequency = 0;
      for (let other = at; other < count; other++) if (this.#cursors[other] === term) frequency++;
      let to = buffer.addPosting(term, doc, frequency);
      for (let other = at; other < count; other++) {
        if (this.#cursors[other] !== term) continue;
        buffer.pool[to++] = positions[other]!;
        this.#cursors[other] = -1;
      }
    }
    buffer.addDoc(id, number, count);
    this.#latest[id] = number;
  }

  remove(id: number): void {
    this.#latest[id] = 0;
  }

  search(kind: number, query: string, view: IndexView<TypedSegment>): SearchAnswer {
    this.#query.scan(query);
    this.#top.clear();
    this.#weigh(view);
    for (const segment of view.segments) {
      if (isDisjunction(kind)) this.#any(segment, view.meanLength);
      else this.#all(segment, view.meanLength, isPhrase(kind));
    }
    return this.#top.answer();
  }

  startRewrite(inputs: readonly TypedSegment[], level: number): Rewrite<TypedSegment> {
    const rewrite = new TypedRewrite(inputs, level, this.#latest);
    this.#live.add(rewrite.output);
    return rewrite;
  }

  drop(segments: readonly TypedSegment[]): void {
    for (const segment of segments) this.#live.delete(segment);
  }

  close(): void {
    this.#live.clear();
  }

  offHeap(): OffHeapBytes {
    let committed = this.#latest.byteLength;
    let used = committed;
    for (const segment of this.#live) {
      committed += segment.bytes;
      used += 4 * segment.used + 12 * segment.docs + segment.terms.bytes;
    }
    return { committed, used };
  }

  #termIn(segment: TypedSegment, at: number): number {
    const { bytes, starts, ends, hashes } = this.#query;
    return segment.terms.find(bytes, starts[at]!, ends[at]!, hashes[at]!);
  }

  #weigh(view: IndexView<TypedSegment>): void {
    for (let at = 0; at < this.#query.count; at++) {
      let frequency = 0;
      for (const segment of view.segments) {
        const term = this.#termIn(segment, at);
        if (term !== -1) frequency += segment.terms.frequency[term]!;
      }
      this.#idfs[at] = inverseDocumentFrequency(frequency, view.totalDocs);
    }
  }

  #collect(segment: TypedSegment, doc: number, score: number): void {
    if (this.#latest[segment.ids[doc]!] === segment.numbers[doc]) this.#top.add(segment.ids[doc]!, score);
  }

  #any(segment: TypedSegment, meanLength: number): void {
    if (segment.docs > this.#scores.length) {
      this.#scores = new Float64Array(2 * segment.docs);
      this.#touched = new Int32Array(2 * segment.docs);
    }
    const { pool, lengths } = segment;
    let touched = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const term = this.#termIn(segment, at);
      if (term === -1) continue;
      const idf = this.#idfs[at]!;
      for (let record = segment.terms.first[term]!; record !== -1; record = pool[record + NEXT]!) {
        const doc = pool[record + DOC]!;
        if (this.#scores[doc] === 0) this.#touched[touched++] = doc;
        this.#scores[doc]! += bm25(idf, pool[record + FREQUENCY]!, lengths[doc]!, meanLength);
      }
    }
    for (let at = 0; at < touched; at++) {
      const doc = this.#touched[at]!;
      this.#collect(segment, doc, this.#scores[doc]!);
      this.#scores[doc] = 0;
    }
  }

  #all(segment: TypedSegment, meanLength: number, phrase: boolean): void {
    const terms = this.#query.count;
    for (let at = 0; at < terms; at++) {
      const term = this.#termIn(segment, at);
      if (term === -1) return;
      this.#cursors[at] = segment.terms.first[term]!;
    }
    if (terms === 0) return;
    const { pool } = segment;
    while (this.#cursors[0] !== -1) {
      const doc = pool[this.#cursors[0]! + DOC]!;
      if (this.#advanceAll(pool, doc)) {
        const score = phrase
          ? this.#phraseScore(segment, doc, meanLength)
          : this.#sum(segment, doc, meanLength);
        if (score > 0) this.#collect(segment, doc, score);
      }
      this.#cursors[0] = pool[this.#cursors[0]! + NEXT]!;
    }
  }

  /** Moves every cursor but the first to `doc` or past it. */
  #advanceAll(pool: Int32Array, doc: number): boolean {
    for (let at = 1; at < this.#query.count; at++) {
      let record = this.#cursors[at]!;
      while (record !== -1 && pool[record + DOC]! < doc) record = pool[record + NEXT]!;
      this.#cursors[at] = record;
      if (record === -1 || pool[record + DOC] !== doc) return false;
    }
    return true;
  }

  #sum(segment: TypedSegment, doc: number, meanLength: number): number {
    let sum = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const frequency = segment.pool[this.#cursors[at]! + FREQUENCY]!;
      sum += bm25(this.#idfs[at]!, frequency, segment.lengths[doc]!, meanLength);
    }
    return sum;
  }

  #phraseScore(segment: TypedSegment, doc: number, meanLength: number): number {
    const { pool } = segment;
    const first = this.#cursors[0]!;
    let frequency = 0;
    for (let i = 0; i < pool[first + FREQUENCY]!; i++) {
      if (this.#inARow(pool, pool[first + POSITIONS + i]!)) frequency++;
    }
    if (frequency === 0) return 0;
    let idf = 0;
    for (let at = 0; at < this.#query.count; at++) idf += this.#idfs[at]!;
    return bm25(idf, frequency, segment.lengths[doc]!, meanLength);
  }

  #inARow(pool: Int32Array, start: number): boolean {
    const { count, positions } = this.#query;
    for (let at = 1; at < count; at++) {
      const record = this.#cursors[at]!;
      const wanted = start + positions[at]! - positions[0]!;
      let i = 0;
      const frequency = pool[record + FREQUENCY]!;
      while (i < frequency && pool[record + POSITIONS + i] !== wanted) i++;
      if (i === frequency) return false;
    }
    return true;
  }
}

class TypedRewrite implements Rewrite<TypedSegment> {
  readonly inputs: readonly TypedSegment[];
  readonly output: TypedSegment;
  readonly #latest: Int32Array;
  readonly #renumbered: Int32Array[];
  #input = 0;
  #doc = 0;
  #term = 0;
  #record = -1;
  #into = -1;

  constructor(inputs: readonly TypedSegment[], level: number, latest: Int32Array) {
    this.inputs = inputs;
    this.#latest = latest;
    this.#renumbered = inputs.map((input) => new Int32Array(input.docs));
    const sum = (size: (input: TypedSegment) => number): number =>
      inputs.reduce((total, input) => total + size(input), 0);
    this.output = new TypedSegment(
      level,
      sum((input) => input.docs),
      sum((input) => input.terms.count),
      sum((input) => input.terms.letters),
      sum((input) => input.used),
    );
  }

  step(units: number): boolean {
    let left = units;
    while (left > 0 && this.#doc >= 0) left = this.#copyDocs(left);
    while (left > 0 && this.#input < this.inputs.length) left = this.#copyPostings(left);
    return this.#doc < 0 && this.#input >= this.inputs.length;
  }

  #copyDocs(units: number): number {
    const input = this.inputs[this.#input]!;
    const numbers = this.#renumbered[this.#input]!;
    const end = Math.min(input.docs, this.#doc + units);
    const left = units - (end - this.#doc);
    for (; this.#doc < end; this.#doc++) {
      const id = input.ids[this.#doc]!;
      const live = this.#latest[id] === input.numbers[this.#doc];
      numbers[this.#doc] = live ? this.output.docs : -1;
      if (live) this.output.addDoc(id, input.numbers[this.#doc]!, input.lengths[this.#doc]!);
    }
    if (end === input.docs) {
      this.#doc = 0;
      if (++this.#input === this.inputs.length) {
        this.#doc = -1;
        this.#input = 0;
      }
    }
    return left;
  }

  #copyPostings(units: number): number {
    const input = this.inputs[this.#input]!;
    if (this.#record === -1) {
      if (this.#term === input.terms.count) {
        this.#term = 0;
        this.#input++;
        return units;
      }
      this.#record = input.terms.first[this.#term]!;
      this.#into = -1;
    }
    let left = units;
    for (; left > 0 && this.#record !== -1; left--) this.#copyRecord(input);
    if (this.#record === -1) this.#term++;
    return left;
  }

  #copyRecord(input: TypedSegment): void {
    const record = this.#record;
    this.#record = input.pool[record + NEXT]!;
    const doc = this.#renumbered[this.#input]![input.pool[record + DOC]!]!;
    if (doc === -1) return;
    // A term of dead documents only must not be taken over, so it is looked up at its first live posting.
    if (this.#into === -1) this.#into = this.output.terms.internFrom(input.terms, this.#term);
    const frequency = input.pool[record + FREQUENCY]!;
    const to = this.output.addPosting(this.#into, doc, frequency);
    const from = record + POSITIONS;
    for (let i = 0; i < frequency; i++) this.output.pool[to + i] = input.pool[from + i]!;
  }
}
