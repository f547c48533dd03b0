import { type Random, seededRandom } from '../../src/base/random.js';
import type { Corpus } from '../common/index.js';
import { isStopWord } from './tokens.js';

/**
 * The stream of requests, in typed arrays: documents drawn from the corpora's own word statistics, and queries
 * whose terms are neither on every page nor nowhere.
 */

export const UPDATE = 0;
export const DELETE = 1;
export const SEARCH_OR = 2;
export const SEARCH_AND = 3;
export const SEARCH_PHRASE = 4;

/** The papers' 20,000 updates to 5,000 searches. Of the updates, one in 50 only deletes. */
const SEARCH_SHARE = 0.2;
const DELETE_SHARE = 0.8 / 50;

/** Words of documents come in runs from the corpora, so that phrases occur; this is a run's mean length. */
const MEAN_RUN = 4;
const MAX_WORDS = 64;

export class Requests {
  /** Documents that `load` adds: numbers 0 to documents - 1. */
  readonly documents: number;
  readonly #kinds: Uint8Array;
  readonly #ids: Uint32Array;
  readonly #starts: Float64Array;
  readonly #text: Buffer;

  constructor(corpus: Corpus, documents: number, streamOps: number, seed: number) {
    this.documents = documents;
    const random = seededRandom(seed);
    const writer = new TextWriter(corpus, random);
    const total = documents + streamOps;
    this.#kinds = new Uint8Array(total);
    this.#ids = new Uint32Array(total);
    this.#starts = new Float64Array(total + 1);
    for (let at = 0; at < total; at++) {
      const kind = at < documents ? UPDATE : drawKind(random);
      this.#kinds[at] = kind;
      this.#ids[at] = at < documents ? at : Math.floor(random() * documents);
      this.#starts[at] = writer.length;
      if (kind === UPDATE && at < corpus.glosses && at < documents) writer.gloss(at);
      else if (kind === UPDATE) writer.document();
      else if (kind === SEARCH_PHRASE) writer.phrase();
      else if (kind !== DELETE) writer.terms(2);
    }
    this.#starts[total] = writer.length;
    this.#text = writer.finish();
  }

  get streamOps(): number {
    return this.#kinds.length - this.documents;
  }

  /** The place of operation `op` in the stream. */
  slot(op: number): number {
    return this.documents + (op % this.streamOps);
  }

  kind(slot: number): number {
    return this.#kinds[slot]!;
  }

  /** Each time round, the stream's documents replace others than before. */
  id(slot: number, op: number): number {
    const round = Math.floor(op / this.streamOps);
    return (this.#ids[slot]! + round * 7919) % this.documents;
  }

  /** The request's text: a fresh string, as it comes out of a socket. */
  text(slot: number): string {
    return this.#text.toString('latin1', this.#starts[slot], this.#starts[slot + 1]);
  }

  get bytes(): number {
    return this.#text.length + this.#kinds.length * 13;
  }
}

function drawKind(random: Random): number {
  const draw = random();
  if (draw < SEARCH_SHARE) return [SEARCH_OR, SEARCH_AND, SEARCH_PHRASE][Math.floor(random() * 3)]!;
  return draw < SEARCH_SHARE + DELETE_SHARE ? DELETE : UPDATE;
}

/** Draws words and writes them, separated by spaces, into one growing buffer. */
class TextWriter {
  length = 0;
  #bytes: Buffer = Buffer.alloc(1 << 20);
  readonly #corpus: Corpus;
  readonly #random: Random;
  readonly #stop: Uint8Array;

  constructor(corpus: Corpus, random: Random) {
    this.#corpus = corpus;
    this.#random = random;
    this.#stop = new Uint8Array(corpus.counts.length);
    for (let word = 0; word < this.#stop.length; word++) {
      const letters = corpus.wordBytes.toString(
        'latin1',
        corpus.wordStarts[word],
        corpus.wordStarts[word + 1],
      );
      this.#stop[word] = isStopWord(letters) ? 1 : 0;
    }
  }

  /** WordNet's gloss of that number, as it stands. */
  gloss(index: number): void {
    const { textStarts } = this.#corpus;
    this.#run(textStarts[index]!, Math.min(textStarts[index + 1]!, textStarts[index]! + MAX_WORDS));
  }

  /** As long as some text of the corpora, made of runs from all over them. */
  document(): void {
    const { textStarts, tokens } = this.#corpus;
    const model = Math.floor(this.#random() * (textStarts.length - 1));
    let left = Math.min(MAX_WORDS, textStarts[model + 1]! - textStarts[model]!);
    while (left > 0) {
      const length = Math.min(left, 1 + Math.floor(this.#random() * (2 * MEAN_RUN - 1)));
      const from = Math.floor(this.#random() * (tokens.length - length));
      this.#run(from, from + length);
      left -= length;
    }
  }

  /** Words as often as they are used, except those so common or so rare that the query would be idle. */
  terms(count: number): void {
    for (let i = 0; i < count; i++) {
      let at: number;
      do at = Math.floor(this.#random() * this.#corpus.tokens.length);
      while (!this.#selective(at, 0.0005));
      this.#run(at, at + 1);
    }
  }

  /** Two neighbours from the corpora. */
  phrase(): void {
    let at: number;
    do at = Math.floor(this.#random() * (this.#corpus.tokens.length - 1));
    while (!(this.#selective(at, 0.002) && this.#selective(at + 1, 0.002)));
    this.#run(at, at + 2);
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.length));
  }

  #selective(at: number, maxShare: number): boolean {
    const { tokens, counts } = this.#corpus;
    const word = tokens[at]!;
    return this.#stop[word] === 0 && counts[word]! >= 5 && counts[word]! / tokens.length <= maxShare;
  }

  #run(from: number, to: number): void {
    const { tokens, wordBytes, wordStarts } = this.#corpus;
    for (let at = from; at < to; at++) {
      const start = wordStarts[tokens[at]!]!;
      const end = wordStarts[tokens[at]! + 1]!;
      this.#reserve(end - start + 1);
      this.length += wordBytes.copy(this.#bytes, this.length, start, end);
      this.#bytes[this.length++] = 32;
    }
  }

  #reserve(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return;
    const grown = Buffer.alloc(this.#bytes.length * 2);
    this.#bytes.copy(grown);
    this.#bytes = grown;
  }
}
