import { type Engine, mixInt } from '../common/index.js';
import { TOP_HITS } from './ranking.js';
import { DELETE, type Requests, UPDATE } from './requests.js';
import { TokenScanner } from './tokens.js';

/**
 * The variant `floor`: takes the same requests, reads every word of them, sends answers of the same shape, and
 * keeps nothing. Its pauses are those that no store can remove. Its answers are made up.
 */
export class LuceneFloor implements Engine {
  readonly #requests: Requests;
  readonly #scanner = new TokenScanner();

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  load(): void {}

  apply(op: number): number {
    const slot = this.#requests.slot(op);
    const kind = this.#requests.kind(slot);
    if (kind === DELETE) return DELETE;
    this.#scanner.scan(this.#requests.text(slot));
    if (kind === UPDATE) return UPDATE;
    const hits: { id: number; score: number }[] = [];
    for (let i = 0; i < TOP_HITS; i++)
      hits.push({ id: slot + i, score: this.#scanner.hashes[0]! / (i + 1.5) });
    const answer = { total: hits.length, hits };
    return answer.hits.reduce((checksum, hit) => mixInt(checksum, hit.id), answer.total);
  }

  close(): void {}
}
