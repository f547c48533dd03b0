import { type OffHeapBytes, type StopWorkLog, type WordStore, withOwnBytes } from '../common/index.js';
import { BUFFER_LEVEL, type IndexView, type Rewrite, type SegmentStore } from './engine.js';
import { FlatRewrite, RewriteScratch } from './flat-rewrite.js';
import { FlatSearch } from './flat-search.js';
import { FlatSegment } from './flat-segment.js';
import type { SearchAnswer } from './ranking.js';
import { NONE, TermKey } from './term-table.js';
import { MAX_TERM_LENGTH, TokenScanner } from './tokens.js';

/** Where segments live, whole: the one part in which `typed`, `single`, `auto` and `arena` differ. */
export interface SegmentHome<W extends WordStore> {
  /** @param words how many the segment will take, about */
  open(words: number, level: number): W;
  /** How many words a segment takes, for its successor. */
  wordsOf(words: W): number;
  close(segment: FlatSegment<W>): void;
  offHeap(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
  verify?(): void;
}

/** Of a RAM buffer; both grow, or fill up. */
const BUFFER = { terms: 1 << 13, words: 3 << 17 };

/** Segments without a JavaScript object per term, document or posting. */
export class FlatStore<W extends WordStore> implements SegmentStore<FlatSegment<W>> {
  readonly #home: SegmentHome<W>;
  readonly #latest: Int32Array;
  readonly #search: FlatSearch<W>;
  readonly #scanner = new TokenScanner();
  readonly #key = new TermKey();
  /** The terms of a document being indexed. */
  readonly #terms = new Int32Array(1 << 11);
  readonly #positions = new Int32Array(1 << 11);
  readonly #scratch = new RewriteScratch();

  /** @param documents document numbers are below it */
  constructor(home: SegmentHome<W>, documents: number) {
    this.#home = home;
    this.#latest = new Int32Array(documents);
    this.#search = new FlatSearch(this.#latest);
  }

  openBuffer(): FlatSegment<W> {
    return new FlatSegment(this.#home.open(BUFFER.words, BUFFER_LEVEL), BUFFER_LEVEL, BUFFER.terms);
  }

  index(buffer: FlatSegment<W>, id: number, number: number, text: string): void {
    const scanner = this.#scanner;
    scanner.scan(text);
    const { count, starts, ends, hashes, positions } = scanner;
    const terms = this.#terms;
    for (let at = 0; at < count; at++) {
      const end = Math.min(ends[at]!, starts[at]! + MAX_TERM_LENGTH);
      const hash = end === ends[at] ? hashes[at]! : scanner.hashOf(starts[at]!, end);
      this.#key.set(scanner.bytes, starts[at]!, end, hash);
      terms[at] = buffer.terms.intern(this.#key);
    }
    for (let at = 0; at < count; at++) {
      const term = terms[at]!;
      if (term === NONE) continue;
      let frequency = 0;
      for (let other = at; other < count; other++) {
        if (terms[other] !== term) continue;
        this.#positions[frequency++] = positions[other]!;
        terms[other] = NONE;
      }
      buffer.addPosting(term, buffer.docs, count, this.#positions, frequency);
    }
    buffer.addDoc(id, number, count);
    this.#latest[id] = number;
  }

  remove(id: number): void {
    this.#latest[id] = 0;
  }

  search(kind: number, query: string, view: IndexView<FlatSegment<W>>): SearchAnswer {
    return this.#search.run(kind, query, view);
  }

  startRewrite(inputs: readonly FlatSegment<W>[], level: number): Rewrite<FlatSegment<W>> {
    let words = 0;
    let terms = 0;
    let mostTerms = 0;
    for (const input of inputs) {
      words += this.#home.wordsOf(input.words);
      terms += input.terms.count;
      mostTerms = Math.max(mostTerms, input.terms.count);
    }
    // Segments have most of their terms in common.
    const expected = Math.min(terms, 2 * mostTerms);
    const output = new FlatSegment(this.#home.open(words, level), level, expected);
    return new FlatRewrite(inputs, output, this.#latest, this.#scratch);
  }

  drop(segments: readonly FlatSegment<W>[]): void {
    for (const segment of segments) this.#home.close(segment);
  }

  close(): void {}

  offHeap(): OffHeapBytes {
    return withOwnBytes(this.#home.offHeap(), this.#latest.byteLength);
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
}
