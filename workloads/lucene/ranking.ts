export interface Hit {
  readonly id: number;
  readonly score: number;
}

export interface SearchAnswer {
  /** Live documents that match. */
  readonly total: number;
  /** The best of them, best first. */
  readonly hits: readonly Hit[];
}

export const TOP_HITS = 10;

const K1 = 1.2;
const B = 0.75;

/** Lucene's BM25Similarity: how much a term that `documentFrequency` of `totalDocs` documents have tells. */
export function inverseDocumentFrequency(documentFrequency: number, totalDocs: number): number {
  return Math.log(1 + (totalDocs - documentFrequency + 0.5) / (documentFrequency + 0.5));
}

/** One term's part of a document's score, `length` and `meanLength` in words. */
export function bm25(idf: number, termFrequency: number, length: number, meanLength: number): number {
  const norm = K1 * (1 - B + (B * length) / meanLength);
  return (idf * termFrequency * (K1 + 1)) / (termFrequency + norm);
}

/** The best hits so far, best first; equal scores in the order of their document's number. */
export class TopHits {
  total = 0;
  readonly #ids = new Int32Array(TOP_HITS);
  readonly #scores = new Float64Array(TOP_HITS);
  #count = 0;

  clear(): void {
    this.total = 0;
    this.#count = 0;
  }

  add(id: number, score: number): void {
    this.total++;
    if (this.#count === TOP_HITS && !this.#worse(TOP_HITS - 1, id, score)) return;
    if (this.#count < TOP_HITS) this.#count++;
    let at = this.#count - 1;
    while (at > 0 && this.#worse(at - 1, id, score)) {
      this.#ids[at] = this.#ids[at - 1]!;
      this.#scores[at] = this.#scores[at - 1]!;
      at--;
    }
    this.#ids[at] = id;
    this.#scores[at] = score;
  }

  answer(): SearchAnswer {
    const hits: Hit[] = [];
    for (let at = 0; at < this.#count; at++) hits.push({ id: this.#ids[at]!, score: this.#scores[at]! });
    return { total: this.total, hits };
  }

  #worse(at: number, id: number, score: number): boolean {
    const other = this.#scores[at]!;
    return other < score || (other === score && this.#ids[at]! > id);
  }
}
