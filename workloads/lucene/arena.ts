import {
  ARENA,
  ArenaHeap,
  ArenaHome,
  type ArenaWords,
  type EndedGroup,
  type FixedWords,
  type Placement,
} from '../common/index.js';
import { BUFFER_LEVEL } from './engine.js';
import type { SegmentHome } from './flat.js';
import type { FlatSegment } from './flat-segment.js';

/** The variant `arena`: a RAM buffer or segment is a generation, each run a block of it, named by its address. */
export class FixedSegments extends ArenaHome implements SegmentHome<FixedWords> {
  constructor(maxBytes: number) {
    super(new ArenaHeap(ARENA, maxBytes));
  }

  open(): FixedWords {
    return this.arena.openFixedWords();
  }

  wordsOf(): number {
    return 0;
  }

  close(segment: FlatSegment<FixedWords>): void {
    segment.words.end();
  }
}

/** The other variants on rolp's heap: each run a block with a ref, one group a RAM buffer and one a segment. */
export class ArenaSegments extends ArenaHome implements SegmentHome<ArenaWords> {
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

/** Frees a segment's runs one by one. */
class EndedSegment implements EndedGroup {
  readonly #words: ArenaWords;
  readonly #runs: Iterator<number>;

  constructor(segment: FlatSegment<ArenaWords>) {
    this.#words = segment.words;
    this.#runs = segment.runs();
  }

  freeOne(): boolean {
    const { done, value } = this.#runs.next();
    if (done) return false;
    this.#words.free(value);
    return true;
  }
}
