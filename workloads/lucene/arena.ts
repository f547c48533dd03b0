import { ArenaHeap, ArenaHome, type ArenaWords, type EndedGroup, type Placement } from '../common/index.js';
import { BUFFER_LEVEL } from './engine.js';
import type { PostingsHome } from './flat.js';
import { type FlatSegment, NEXT } from './flat-segment.js';
import { NONE } from './term-table.js';

/** The variants on rolp's heap: each posting a block, one group a RAM buffer and one a segment. */
export class ArenaPostings extends ArenaHome implements PostingsHome<ArenaWords> {
  constructor(placement: Placement, maxBytes: number) {
    super(new ArenaHeap(placement, maxBytes));
  }

  open(_words: number, level: number): ArenaWords {
    return this.arena.openWords(level === BUFFER_LEVEL ? 'postings of a buffer' : 'postings of a segment');
  }

  wordsOf(): number {
    return 0;
  }

  close(segment: FlatSegment<ArenaWords>): void {
    segment.words.end(new EndedSegment(segment));
  }
}

/** Frees a segment's postings along its terms' lists. */
class EndedSegment implements EndedGroup {
  readonly #segment: FlatSegment<ArenaWords>;
  #term = 0;
  #posting = NONE;

  constructor(segment: FlatSegment<ArenaWords>) {
    this.#segment = segment;
  }

  freeOne(): boolean {
    const { terms, words } = this.#segment;
    while (this.#posting === NONE) {
      if (this.#term === terms.count) return false;
      this.#posting = terms.first[this.#term++]!;
    }
    const posting = this.#posting;
    const at = words.locate(posting);
    this.#posting = words.words[at + NEXT]!;
    words.free(posting);
    return true;
  }
}
