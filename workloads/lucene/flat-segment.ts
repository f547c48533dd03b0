import type { WordStore } from '../common/index.js';
import { DocTable } from './doc-table.js';
import type { SegmentInfo } from './engine.js';
import { COUNT, FIRST, LAST, NONE, TermTable } from './term-table.js';

/**
 * A posting's words: the term's next posting (NONE for none), the document, its length and how often the term is in it,
 * and the term's positions there. The length is the document's, said again where scores are made: looked up there, it
 * was the half of a search.
 */
export const NEXT = 0;
export const DOC = 1;
export const COUNTS = 2;
export const POSITIONS = 3;

/** Texts are shorter than the scanner's 2^12 letters. */
const LENGTH_SHIFT = 12;

export function frequencyIn(counts: number): number {
  return counts & ((1 << LENGTH_SHIFT) - 1);
}

export function lengthIn(counts: number): number {
  return counts >>> LENGTH_SHIFT;
}

/** A segment as runs of words: postings, terms and documents lie in one store, which is the segment's own. */
export class FlatSegment<W extends WordStore = WordStore> implements SegmentInfo {
  readonly level: number;
  readonly words: W;
  readonly terms: TermTable<W>;
  readonly table: DocTable<W>;
  tokens = 0;
  postings = 0;

  /** @param terms expected, about */
  constructor(words: W, level: number, terms: number) {
    this.words = words;
    this.level = level;
    this.terms = new TermTable(words, terms);
    this.table = new DocTable(words);
  }

  get docs(): number {
    return this.table.count;
  }

  addDoc(id: number, number: number, length: number): void {
    this.table.add(id, number, length);
    this.tokens += length;
  }

  /** Puts a posting at the end of its term's list. @param length of the document, in words */
  addPosting(term: number, doc: number, length: number, positions: Int32Array, frequency: number): void {
    const { words } = this;
    const posting = words.allocate(POSITIONS + frequency);
    const at = words.locate(posting);
    const own = words.words;
    own[at + NEXT] = NONE;
    own[at + DOC] = doc;
    own[at + COUNTS] = (length << LENGTH_SHIFT) | frequency;
    for (let i = 0; i < frequency; i++) own[at + POSITIONS + i] = positions[i]!;
    this.#append(term, posting);
    this.postings++;
  }

  #append(term: number, posting: number): void {
    const { words } = this;
    const at = words.locate(term);
    const own = words.words;
    const last = own[at + LAST]!;
    own[at + LAST] = posting;
    own[at + COUNT]!++;
    if (last === NONE) {
      own[at + FIRST] = posting;
    } else {
      const before = words.locate(last);
      words.words[before + NEXT] = posting;
    }
  }

  /** Every run of the segment. Each may be freed before the next is asked for. */
  *runs(): Generator<number> {
    const { words, terms, table } = this;
    for (let term = terms.first; term !== NONE; ) {
      const next = terms.next(term);
      const at = words.locate(term);
      let posting = words.words[at + FIRST]!;
      yield term;
      while (posting !== NONE) {
        const run = posting;
        const word = words.locate(run);
        posting = words.words[word + NEXT]!;
        yield run;
      }
      term = next;
    }
    yield* terms.directory;
    yield* table.runs;
  }
}
