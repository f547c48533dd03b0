import type { WordStore } from '../common/index.js';
import type { SegmentInfo } from './engine.js';
import { grown, NONE, TermTable } from './term-table.js';

/**
 * A posting's words: the term's next posting (0 for none), the document, how often the term is in it, and its
 * positions there.
 */
export const NEXT = 0;
export const DOC = 1;
export const FREQUENCY = 2;
export const POSITIONS = 3;

/** A segment in typed arrays, but for its postings, which lie in a word store of the variant's. */
export class FlatSegment<W extends WordStore = WordStore> implements SegmentInfo {
  readonly level: number;
  readonly words: W;
  readonly terms: TermTable;
  docs = 0;
  tokens = 0;
  postings = 0;
  ids: Int32Array;
  numbers: Int32Array;
  lengths: Int32Array;

  constructor(words: W, level: number, docs: number, terms: number, letters: number) {
    this.words = words;
    this.level = level;
    this.terms = new TermTable(terms, letters);
    this.ids = new Int32Array(docs);
    this.numbers = new Int32Array(docs);
    this.lengths = new Int32Array(docs);
  }

  /** Of all but the postings. */
  get tableBytes(): number {
    return 12 * this.ids.length + this.terms.bytes;
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

  /** Puts a posting at the end of its term's list. */
  addPosting(term: number, doc: number, positions: Int32Array, frequency: number): void {
    const { words, terms } = this;
    const posting = words.allocate(POSITIONS + frequency);
    const at = words.locate(posting);
    const own = words.words;
    own[at + NEXT] = NONE;
    own[at + DOC] = doc;
    own[at + FREQUENCY] = frequency;
    for (let i = 0; i < frequency; i++) own[at + POSITIONS + i] = positions[i]!;
    if (terms.first[term] === NONE) {
      terms.first[term] = posting;
    } else {
      const last = words.locate(terms.last[term]!);
      words.words[last + NEXT] = posting;
    }
    terms.last[term] = posting;
    terms.frequency[term]!++;
    this.postings++;
  }
}
