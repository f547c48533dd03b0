import {
  ArenaHeap,
  type BlockGroup,
  type OffHeapBytes,
  type Placement,
  type StopWork,
} from '../common/index.js';
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
 * The variants `single` and `arena`: each posting is a block of rolp's heap, one group a RAM buffer and one a
 * segment. Terms and the documents' numbers are in typed arrays.
 *
 * A posting's words: the ref of the term's next posting (0 for none), the document, how often, the positions.
 */
const NEXT = 0;
const DOC = 1;
const FREQUENCY = 2;
const POSITIONS = 3;
/** `TermTable` says -1 where a term has no posting yet. */
const NONE = -1;

class ArenaSegment implements SegmentInfo {
  readonly level: number;
  readonly group: BlockGroup;
  readonly terms: TermTable;
  docs = 0;
  tokens = 0;
  postings = 0;
  ids: Int32Array;
  numbers: Int32Array;
  lengths: Int32Array;

  constructor(group: BlockGroup, level: number, docs: number, terms: number, letters: number) {
    this.group = group;
    this.level = level;
    this.terms = new TermTable(terms, letters);
    this.ids = new Int32Array(docs);
    this.numbers = new Int32Array(docs);
    this.lengths = new Int32Array(docs);
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
}

export class ArenaStore implements SegmentStore<ArenaSegment> {
  readonly #arena: ArenaHeap;
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

  /** @param documents document numbers are below it */
  constructor(placement: Placement, documents: number, maxBytes: number) {
    this.#arena = new ArenaHeap(placement, maxBytes);
    this.#latest = new Int32Array(documents);
  }

  openBuffer(): ArenaSegment {
    return new ArenaSegment(this.#arena.openGroup(), BUFFER_LEVEL, 1 << 11, 1 << 14, 1 << 17);
  }

  index(buffer: ArenaSegment, id: number, number: number, text: string): void {
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
      if (term === NONE) continue;
      let frequency = 0;
      for (let other = at; other < count; other++) {
        if (this.#cursors[other] !== term) continue;
        this.#positions[frequency++] = positions[other]!;
        this.#cursors[other] = NONE;
      }
      addPosting(this.#arena, buffer, term, buffer.docs, this.#positions, frequency);
    }
    buffer.addDoc(id, number, count);
    this.#latest[id] = number;
  }

  remove(id: number): void {
    this.#latest[id] = 0;
  }

  search(kind: number, query: string, view: IndexView<ArenaSegment>): SearchAnswer {
    this.#query.scan(query);
    this.#top.clear();
    this.#weigh(view);
    for (const segment of view.segments) {
      if (isDisjunction(kind)) this.#any(segment, view.meanLength);
      else this.#all(segment, view.meanLength, isPhrase(kind));
    }
    return this.#top.answer();
  }

  startRewrite(inputs: readonly ArenaSegment[], level: number): Rewrite<ArenaSegment> {
    return new ArenaRewrite(this.#arena, inputs, level, this.#latest);
  }

  drop(segments: readonly ArenaSegment[]): void {
    for (const segment of segments) this.#arena.endGroup(segment.group);
  }

  close(): void {}

  offHeap(): OffHeapBytes {
    return this.#arena.offHeap();
  }

  takeStopWork(): StopWork[] {
    return this.#arena.takeStopWork();
  }

  stats(): Record<string, number> {
    return this.#arena.stats();
  }

  verify(): void {
    this.#arena.verify();
  }

  #termIn(segment: ArenaSegment, at: number): number {
    const { bytes, starts, ends, hashes } = this.#query;
    return segment.terms.find(bytes, starts[at]!, ends[at]!, hashes[at]!);
  }

  #weigh(view: IndexView<ArenaSegment>): void {
    for (let at = 0; at < this.#query.count; at++) {
      let frequency = 0;
      for (const segment of view.segments) {
        const term = this.#termIn(segment, at);
        if (term !== -1) frequency += segment.terms.frequency[term]!;
      }
      this.#idfs[at] = inverseDocumentFrequency(frequency, view.totalDocs);
    }
  }

  #collect(segment: ArenaSegment, doc: number, score: number): void {
    if (this.#latest[segment.ids[doc]!] === segment.numbers[doc]) this.#top.add(segment.ids[doc]!, score);
  }

  #any(segment: ArenaSegment, meanLength: number): void {
    if (segment.docs > this.#scores.length) {
      this.#scores = new Float64Array(2 * segment.docs);
      this.#touched = new Int32Array(2 * segment.docs);
    }
    const arena = this.#arena;
    const { memory } = arena;
    let touched = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const term = this.#termIn(segment, at);
      if (term === -1) continue;
      const idf = this.#idfs[at]!;
      for (let posting = segment.terms.first[term]!; posting > 0; ) {
        const address = arena.addressOf(posting);
        const words = memory.i32[address >>> memory.slabShift]!;
        const word = arena.wordAt(address);
        const doc = words[word + DOC]!;
        if (this.#scores[doc] === 0) this.#touched[touched++] = doc;
        this.#scores[doc]! += bm25(idf, words[word + FREQUENCY]!, segment.lengths[doc]!, meanLength);
        posting = words[word + NEXT]!;
      }
    }
    for (let at = 0; at < touched; at++) {
      const doc = this.#touched[at]!;
      this.#collect(segment, doc, this.#scores[doc]!);
      this.#scores[doc] = 0;
    }
  }

  #all(segment: ArenaSegment, meanLength: number, phrase: boolean): void {
    const terms = this.#query.count;
    for (let at = 0; at < terms; at++) {
      const term = this.#termIn(segment, at);
      if (term === -1) return;
      this.#cursors[at] = segment.terms.first[term]!;
    }
    if (terms === 0) return;
    for (let first = this.#cursors[0]!; first > 0; first = this.#word(first, NEXT)) {
      this.#cursors[0] = first;
      const doc = this.#word(first, DOC);
      if (!this.#advanceAll(doc)) continue;
      const score = phrase
        ? this.#phraseScore(segment, doc, meanLength)
        : this.#sum(segment, doc, meanLength);
      if (score > 0) this.#collect(segment, doc, score);
    }
  }

  /** Moves every cursor but the first to `doc` or past it. */
  #advanceAll(doc: number): boolean {
    for (let at = 1; at < this.#query.count; at++) {
      let posting = this.#cursors[at]!;
      while (posting > 0 && this.#word(posting, DOC) < doc) posting = this.#word(posting, NEXT);
      this.#cursors[at] = posting;
      if (posting <= 0 || this.#word(posting, DOC) !== doc) return false;
    }
    return true;
  }

  #sum(segment: ArenaSegment, doc: number, meanLength: number): number {
    let sum = 0;
    for (let at = 0; at < this.#query.count; at++) {
      const frequency = this.#word(this.#cursors[at]!, FREQUENCY);
      sum += bm25(this.#idfs[at]!, frequency, segment.lengths[doc]!, meanLength);
    }
    return sum;
  }

  #phraseScore(segment: ArenaSegment, doc: number, meanLength: number): number {
    const first = this.#cursors[0]!;
    const starts = this.#word(first, FREQUENCY);
    let frequency = 0;
    for (let i = 0; i < starts; i++) {
      if (this.#inARow(this.#word(first, POSITIONS + i))) frequency++;
    }
    if (frequency === 0) return 0;
    let idf = 0;
    for (let at = 0; at < this.#query.count; at++) idf += this.#idfs[at]!;
    return bm25(idf, frequency, segment.lengths[doc]!, meanLength);
  }

  #inARow(start: number): boolean {
    const { count, positions } = this.#query;
    for (let at = 1; at < count; at++) {
      const posting = this.#cursors[at]!;
      const wanted = start + positions[at]! - positions[0]!;
      const frequency = this.#word(posting, FREQUENCY);
      let i = 0;
      while (i < frequency && this.#word(posting, POSITIONS + i) !== wanted) i++;
      if (i === frequency) return false;
    }
    return true;
  }

  #word(posting: number, at: number): number {
    return wordOf(this.#arena, posting, at);
  }
}

function wordOf(arena: ArenaHeap, posting: number, at: number): number {
  const { memory } = arena;
  const address = arena.addressOf(posting);
  return memory.i32[address >>> memory.slabShift]![arena.wordAt(address) + at]!;
}

/** Puts a posting at the end of its term's list. */
function addPosting(
  arena: ArenaHeap,
  segment: ArenaSegment,
  term: number,
  doc: number,
  positions: Int32Array,
  frequency: number,
): void {
  const posting = arena.allocate(segment.group, 4 * (POSITIONS + frequency));
  const { memory } = arena;
  const address = arena.addressOf(posting);
  const words = memory.i32[address >>> memory.slabShift]!;
  const word = arena.wordAt(address);
  words[word + NEXT] = 0;
  words[word + DOC] = doc;
  words[word + FREQUENCY] = frequency;
  for (let i = 0; i < frequency; i++) words[word + POSITIONS + i] = positions[i]!;
  const { terms } = segment;
  if (terms.first[term] === NONE) {
    terms.first[term] = posting;
  } else {
    const last = arena.addressOf(terms.last[term]!);
    memory.i32[last >>> memory.slabShift]![arena.wordAt(last) + NEXT] = posting;
  }
  terms.last[term] = posting;
  terms.frequency[term]!++;
  segment.postings++;
}

class ArenaRewrite implements Rewrite<ArenaSegment> {
  readonly inputs: readonly ArenaSegment[];
  readonly output: ArenaSegment;
  readonly #arena: ArenaHeap;
  readonly #latest: Int32Array;
  /** For each input, its documents' new numbers; -1 for the dead. */
  readonly #renumbered: Int32Array[];
  readonly #positions = new Int32Array(1 << 11);
  #input = 0;
  #doc = 0;
  #term = 0;
  #posting = 0;
  #into = -1;

  constructor(arena: ArenaHeap, inputs: readonly ArenaSegment[], level: number, latest: Int32Array) {
    this.#arena = arena;
    this.inputs = inputs;
    this.#latest = latest;
    this.#renumbered = inputs.map((input) => new Int32Array(input.docs));
    const sum = (size: (input: ArenaSegment) => number): number =>
      inputs.reduce((total, input) => total + size(input), 0);
    this.output = new ArenaSegment(
      arena.openGroup(),
      level,
      sum((input) => input.docs),
      sum((input) => input.terms.count),
      sum((input) => input.terms.letters),
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
    if (this.#posting <= 0) {
      if (this.#term === input.terms.count) {
        this.#term = 0;
        this.#input++;
        return units;
      }
      this.#posting = input.terms.first[this.#term]!;
      this.#into = -1;
    }
    let left = units;
    for (; left > 0 && this.#posting > 0; left--) this.#copyPosting(input);
    if (this.#posting <= 0) this.#term++;
    return left;
  }

  #copyPosting(input: ArenaSegment): void {
    const arena = this.#arena;
    const { memory } = arena;
    const address = arena.addressOf(this.#posting);
    const words = memory.i32[address >>> memory.slabShift]!;
    const word = arena.wordAt(address);
    this.#posting = words[word + NEXT]!;
    const doc = this.#renumbered[this.#input]![words[word + DOC]!]!;
    if (doc === -1) return;
    const frequency = words[word + FREQUENCY]!;
    // Copied aside first: the allocation may move the posting it is copied from.
    for (let i = 0; i < frequency; i++) this.#positions[i] = words[word + POSITIONS + i]!;
    // A term of dead documents only must not be taken over, so it is looked up at its first live posting.
    if (this.#into === -1) this.#into = this.output.terms.internFrom(input.terms, this.#term);
    addPosting(arena, this.output, this.#into, doc, this.#positions, frequency);
  }
}
