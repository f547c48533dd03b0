import {
  ArenaHeap,
  type ArenaWords,
  type EndedGroup,
  type OffHeapBytes,
  type Placement,
  type StopWorkLog,
} from '../common/index.js';
import { BUFFER_LEVEL } from './engine.js';
import type { PostingsHome } from './flat.js';
import { type FlatSegment, NEXT } from './flat-segment.js';
import { NONE } from './term-table.js';

/** The variants on rolp's heap: each posting a block, one group a RAM buffer and one a segment. */
export class ArenaPostings implements PostingsHome<ArenaWords> {
  readonly #arena: ArenaHeap;

  constructor(placement: Placement, maxBytes: number) {
    this.#arena = new ArenaHeap(placement, maxBytes);
  }

  open(_words: number, level: number): ArenaWords {
    return this.#arena.openWords(level === BUFFER_LEVEL ? 'postings of a buffer' : 'postings of a segment');
  }

  wordsOf(): number {
    return 0;
  }

  close(segment: FlatSegment<ArenaWords>): void {
    segment.words.end(new EndedSegment(segment));
  }

  offHeap(): OffHeapBytes {
    return this.#arena.offHeap();
  }

  takeStopWork(): StopWorkLog {
    return this.#arena.takeStopWork();
  }

  stats(): Record<string, number> {
    return this.#arena.stats();
  }

  verify(): void {
    this.#arena.verify();
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
