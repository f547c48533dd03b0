import type { Rewrite, SegmentInfo } from './engine.js';

/**
 * The flushes and merges under way. Flushes go first, then the smallest merge, while larger ones wait, as Lucene's
 * ConcurrentMergeScheduler has it: were a merge of everything not to be interrupted, unflushed buffers and small segments would
 * pile up behind it, and it would have to be hurried to keep them few.
 */
export class RewriteSchedule<S extends SegmentInfo> {
  /** In the order in which they are worked at. */
  readonly #queue: Rewrite<S>[] = [];
  readonly #inputs = new Set<S>();

  get count(): number {
    return this.#queue.length;
  }

  /** Of the segments, whether it is being rewritten. */
  rewrites(segment: S): boolean {
    return this.#inputs.has(segment);
  }

  get hasMerge(): boolean {
    return this.#queue.length > 0 && !isFlush(this.#queue.at(-1)!);
  }

  add(rewrite: Rewrite<S>): void {
    for (const input of rewrite.inputs) this.#inputs.add(input);
    const size = sizeOf(rewrite);
    let at = this.#queue.length;
    while (at > 0 && sizeOf(this.#queue[at - 1]!) > size) at--;
    this.#queue.splice(at, 0, rewrite);
  }

  /** Does some units of the first one. @returns it when it is done, and then no longer under way. */
  step(units: number): Rewrite<S> | undefined {
    if (this.#queue[0]?.step(units) !== true) return undefined;
    const done = this.#queue.shift()!;
    for (const input of done.inputs) this.#inputs.delete(input);
    return done;
  }

  clear(): void {
    this.#queue.length = 0;
    this.#inputs.clear();
  }
}

/** The postings it reads; 0 for flushes, which stay in the order of their buffers. */
function sizeOf<S extends SegmentInfo>(rewrite: Rewrite<S>): number {
  return isFlush(rewrite) ? 0 : rewrite.inputs.reduce((sum, input) => sum + input.postings, 1);
}

function isFlush<S extends SegmentInfo>(rewrite: Rewrite<S>): boolean {
  return rewrite.output.level === 0;
}
