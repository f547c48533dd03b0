import type { WordStore } from '../common/index.js';
import { ID, LENGTH, MOVED, NUMBER } from './doc-table.js';
import { COUNTS, DOC, type FlatSegment, frequencyIn, lengthIn, NEXT, POSITIONS } from './flat-segment.js';
import { SteppedRewrite } from './rewrite.js';
import { FIRST, NONE, TermKey } from './term-table.js';

/** What rewrites need for a moment, made once: nothing is allocated for a rewrite but its output. */
export class RewriteScratch {
  readonly key = new TermKey();
  readonly positions = new Int32Array(1 << 11);
}

export class FlatRewrite<W extends WordStore> extends SteppedRewrite<FlatSegment<W>> {
  readonly output: FlatSegment<W>;
  readonly #latest: Int32Array;
  readonly #scratch: RewriteScratch;
  /** The term that is copied, the one after it, and its next posting. */
  #term = NONE;
  #nextTerm = NONE;
  #posting = NONE;
  #into = NONE;
  /** The input whose terms these are. */
  #begun = -1;

  constructor(
    inputs: readonly FlatSegment<W>[],
    output: FlatSegment<W>,
    latest: Int32Array,
    scratch: RewriteScratch,
  ) {
    super(inputs);
    this.output = output;
    this.#latest = latest;
    this.#scratch = scratch;
  }

  protected copyDoc(input: number, doc: number): void {
    const { words, table } = this.inputs[input]!;
    let at = table.locate(doc);
    const own = words.words;
    const id = own[at + ID]!;
    const number = own[at + NUMBER]!;
    if (this.#latest[id] !== number) {
      own[at + MOVED] = -1;
      return;
    }
    this.output.addDoc(id, number, own[at + LENGTH]!);
    at = table.locate(doc);
    words.words[at + MOVED] = this.output.docs - 1;
  }

  protected copyPosting(input: number): boolean {
    const segment = this.inputs[input]!;
    if (this.#posting === NONE && !this.#toNextTerm(input)) return false;
    const { words, table } = segment;
    const at = words.locate(this.#posting);
    const own = words.words;
    this.#posting = own[at + NEXT]!;
    const counts = own[at + COUNTS]!;
    const frequency = frequencyIn(counts);
    const from = table.locate(own[at + DOC]!);
    const doc = words.words[from + MOVED]!;
    if (doc === -1) return true;
    // Copied aside first: an allocation may move the posting it is copied from.
    const { positions, key } = this.#scratch;
    for (let i = 0; i < frequency; i++) positions[i] = own[at + POSITIONS + i]!;
    // A term of dead documents only must not be taken over, so it is looked up at its first live posting.
    if (this.#into === NONE) {
      key.setFrom(words, this.#term);
      this.#into = this.output.terms.intern(key);
    }
    this.output.addPosting(this.#into, doc, lengthIn(counts), positions, frequency);
    return true;
  }

  /** Every term has a posting. @returns false past the input's last. */
  #toNextTerm(input: number): boolean {
    const { words, terms } = this.inputs[input]!;
    const term = this.#begun === input ? this.#nextTerm : terms.first;
    this.#begun = input;
    if (term === NONE) return false;
    this.#term = term;
    this.#nextTerm = terms.next(term);
    const at = words.locate(term);
    this.#posting = words.words[at + FIRST]!;
    this.#into = NONE;
    return true;
  }
}
