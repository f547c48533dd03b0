import { type Engine, mixString } from '../common/index.js';
import { FIELDS, type Requests } from './requests.js';

/**
 * The variant `floor`: takes the same requests, answers with rows of the same shape, and keeps nothing. Its
 * pauses are those that no store can remove. Its answers are made up.
 */
export class CassandraFloor implements Engine {
  readonly #requests: Requests;

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  load(): void {}

  apply(op: number): number {
    const field = this.#requests.field(op);
    const key = this.#requests.key(op);
    if (field < FIELDS) return mixString(field, key) ^ this.#requests.value(op).length;
    const values: string[] = [];
    for (let at = 0; at < FIELDS; at++) values.push(this.#requests.value(op + at));
    const row = { values, writeTime: op };
    return row.values.reduce(mixString, mixString(0, key));
  }

  close(): void {}
}
