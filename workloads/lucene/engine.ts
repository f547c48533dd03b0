import { type Engine, mixFloat, mixInt, type OffHeapBytes, type StopWorkLog } from '../common/index.js';
import type { Hit, SearchAnswer } from './ranking.js';
import { DELETE, type Requests, SEARCH_AND, SEARCH_OR, UPDATE } from './requests.js';
import { RewriteSchedule } from './schedule.js';

/** What the index must know of a segment, wherever its postings live. A RAM buffer is a segment still open. */
export interface SegmentInfo {
  /** Documents in it, those deleted since included, as in Lucene. */
  docs: number;
  /** Their words, stop words left out. */
  tokens: number;
  /** Entries in its postings lists. */
  postings: number;
  /** 0 for a flushed buffer; one more than its inputs' for a merge. */
  readonly level: number;
}

/** A flush or merge under way: rewrites `inputs` into one segment without the documents that are dead. */
export interface Rewrite<S extends SegmentInfo> {
  readonly inputs: readonly S[];
  readonly output: S;
  /**
   * Does a bounded amount of work: one unit for a document looked at, one for a postings entry looked at.
   * @returns whether all is done.
   */
  step(units: number): boolean;
}

export interface LucenePolicy {
  /** Documents after which the RAM buffer is sealed and flushed. */
  readonly bufferDocs: number;
  /** Segments of one level after which they are merged. */
  readonly mergeFactor: number;
  /**
   * All segments are merged when they hold this many times the live documents (Lucene's deletesPctAllowed of 33 %):
   * it bounds what dead ones take.
   */
  readonly maxDocsPerLive: number;
  /**
   * Units of flushing and merging done with each update; must outrun what updates cause (40, measured), but not by far: the work
   * is then done evenly.
   */
  readonly unitsPerUpdate: number;
}

export const DEFAULT_POLICY: LucenePolicy = {
  bufferDocs: 2000,
  mergeFactor: 8,
  maxDocsPerLive: 1.5,
  unitsPerUpdate: 80,
};

/** What a search looks at. */
export interface IndexView<S extends SegmentInfo> {
  /** Oldest first; the open buffer is the last. */
  readonly segments: readonly S[];
  /** Lucene's docCount: documents in all segments, deleted ones not yet merged away included. */
  readonly totalDocs: number;
  /** Mean words of a document, stop words left out. */
  readonly meanLength: number;
}

/** Where segments live: the one part of an index in which the variants differ. */
export interface SegmentStore<S extends SegmentInfo> {
  openBuffer(): S;
  /** Indexes a document into an open buffer and remembers `number` as its latest. */
  index(buffer: S, id: number, number: number, text: string): void;
  /** Forgets the document, wherever it is. */
  remove(id: number): void;
  search(kind: number, query: string, view: IndexView<S>): SearchAnswer;
  startRewrite(inputs: readonly S[], level: number): Rewrite<S>;
  /** The segments were replaced and no search will look at them again. */
  drop(segments: readonly S[]): void;
  close(): void;
  offHeap?(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
}

/**
 * An inverted index after Lucene's: a RAM buffer that is flushed into immutable segments, segments of like
 * size merged, deletes by marking, all of it searchable at any moment. Lucene flushes and merges in other
 * threads; here each update does a bounded share, flushes and small merges first, so that no operation stops for a
 * whole merge.
 *
 * Whether a document is alive is decided as in a log-structured store: an entry in a segment counts if it
 * carries its document's latest number. Answers, scores included, depend on the order of operations alone.
 */
export class LuceneEngine<S extends SegmentInfo> implements Engine, IndexView<S> {
  /** Levels never rise from left to right; the open buffer is the last. */
  readonly segments: S[];
  readonly #requests: Requests;
  readonly #store: SegmentStore<S>;
  readonly #policy: LucenePolicy;
  readonly #schedule = new RewriteSchedule<S>();
  /** Whether `segments` have changed since it was last asked what to rewrite. */
  #mayStart = false;
  #nextNumber = 1;
  #totalDocs = 0;
  readonly #live: Uint8Array;
  #liveDocs = 0;
  #totalTokens = 0;

  constructor(requests: Requests, store: SegmentStore<S>, policy: LucenePolicy = DEFAULT_POLICY) {
    this.#requests = requests;
    this.#store = store;
    this.#policy = policy;
    this.segments = [store.openBuffer()];
    this.#live = new Uint8Array(requests.documents);
  }

  get totalDocs(): number {
    return this.#totalDocs;
  }

  get meanLength(): number {
    return this.#totalTokens / Math.max(1, this.#totalDocs);
  }

  load(): void {
    for (let id = 0; id < this.#requests.documents; id++) this.update(id, this.#requests.text(id));
  }

  apply(op: number): number {
    const slot = this.#requests.slot(op);
    const kind = this.#requests.kind(slot);
    if (kind === UPDATE) {
      this.update(this.#requests.id(slot, op), this.#requests.text(slot));
      return UPDATE;
    }
    if (kind === DELETE) {
      this.remove(this.#requests.id(slot, op));
      return DELETE;
    }
    return checksumOf(this.search(kind, this.#requests.text(slot)));
  }

  /** Replaces the document `id`, or adds it. */
  update(id: number, text: string): void {
    const buffer = this.segments.at(-1)!;
    const before = buffer.tokens;
    this.#setLive(id, 1);
    this.#store.index(buffer, id, this.#nextNumber++, text);
    this.#totalDocs++;
    this.#totalTokens += buffer.tokens - before;
    if (buffer.docs >= this.#policy.bufferDocs) {
      this.segments.push(this.#store.openBuffer());
      this.#mayStart = true;
    }
    this.#maintain();
  }

  remove(id: number): void {
    this.#setLive(id, 0);
    this.#store.remove(id);
  }

  #setLive(id: number, live: 0 | 1): void {
    this.#liveDocs += live - this.#live[id]!;
    this.#live[id] = live;
  }

  /** @param kind SEARCH_OR, SEARCH_AND or SEARCH_PHRASE */
  search(kind: number, query: string): SearchAnswer {
    return this.#store.search(kind, query, this);
  }

  close(): void {
    this.#schedule.clear();
    this.segments.length = 0;
    this.#store.close();
  }

  offHeap(): OffHeapBytes {
    return this.#store.offHeap?.() ?? { committed: 0, used: 0 };
  }

  takeStopWork(): StopWorkLog | undefined {
    return this.#store.takeStopWork?.();
  }

  stats(): Record<string, number> {
    return {
      segments: this.segments.length,
      documents: this.#totalDocs,
      postings: this.segments.reduce((sum, segment) => sum + segment.postings, 0),
      rewriting: this.#schedule.count,
      ...this.#store.stats?.(),
    };
  }

  #maintain(): void {
    if (this.#mayStart || this.#isDueForAll()) this.#startRewrites();
    const done = this.#schedule.step(this.#policy.unitsPerUpdate);
    if (done !== undefined) this.#replace(done);
  }

  #replace({ inputs, output }: Rewrite<S>): void {
    this.segments.splice(this.segments.indexOf(inputs[0]!), inputs.length, output);
    for (const input of inputs) {
      this.#totalDocs -= input.docs;
      this.#totalTokens -= input.tokens;
    }
    this.#totalDocs += output.docs;
    this.#totalTokens += output.tokens;
    this.#store.drop(inputs);
    this.#mayStart = true;
  }

  #startRewrites(): void {
    this.#mayStart = false;
    for (;;) {
      const chosen = this.#chooseRewrite();
      if (chosen === undefined) return;
      this.#schedule.add(chosen);
    }
  }

  #chooseRewrite(): Rewrite<S> | undefined {
    const buffers = this.segments.findIndex((segment) => segment.level === BUFFER_LEVEL);
    for (const sealed of this.segments.slice(buffers, -1)) {
      if (!this.#schedule.rewrites(sealed)) return this.#store.startRewrite([sealed], 0);
    }
    const merged = this.segments.slice(0, buffers);
    if (this.#isDueForAll()) return this.#store.startRewrite(merged, Math.max(1, merged[0]!.level));
    const { mergeFactor } = this.#policy;
    for (let first = buffers - mergeFactor; first >= 0; first--) {
      const inputs = merged.slice(first, first + mergeFactor);
      const { level } = inputs[0]!;
      if (inputs.some((input) => input.level !== level || this.#schedule.rewrites(input))) continue;
      return this.#store.startRewrite(inputs, level + 1);
    }
    return undefined;
  }

  /** All can be merged only while nothing else is. */
  #isDueForAll(): boolean {
    const { maxDocsPerLive, bufferDocs } = this.#policy;
    if (this.#totalDocs <= maxDocsPerLive * this.#liveDocs + 2 * bufferDocs) return false;
    return !this.#schedule.hasMerge && this.segments[0]!.level !== BUFFER_LEVEL;
  }
}

/** The level of a RAM buffer, open or sealed. */
export const BUFFER_LEVEL = -1;

/** Whether a query's terms are alternatives, or must all be there (a phrase must have them in a row, too). */
export function isDisjunction(kind: number): boolean {
  return kind === SEARCH_OR;
}

export function isPhrase(kind: number): boolean {
  return kind !== SEARCH_OR && kind !== SEARCH_AND;
}

function checksumOf(answer: SearchAnswer): number {
  let checksum = mixInt(0, answer.total);
  for (const hit of answer.hits) checksum = mixHit(checksum, hit);
  return checksum;
}

function mixHit(checksum: number, hit: Hit): number {
  return mixFloat(mixInt(checksum, hit.id), hit.score);
}
