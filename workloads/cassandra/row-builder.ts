import type { Row } from './engine.js';
import { FIELDS } from './requests.js';

const ALL_FIELDS = (1 << FIELDS) - 1;

/** A row that is put together from what memtables and tables have of it, the newest first. */
export class RowBuilder {
  #values: string[] = [];
  #found = 0;
  #writeTime = 0;

  start(): void {
    this.#values = new Array(FIELDS).fill('');
    this.#found = 0;
    this.#writeTime = 0;
  }

  get isComplete(): boolean {
    return this.#found === ALL_FIELDS;
  }

  lacks(field: number): boolean {
    return (this.#found & (1 << field)) === 0;
  }

  add(field: number, value: string, time: number): void {
    this.#found |= 1 << field;
    this.#values[field] = value;
    if (time > this.#writeTime) this.#writeTime = time;
  }

  /** @returns undefined if nothing was found. */
  finish(): Row | undefined {
    return this.#found === 0 ? undefined : { values: this.#values, writeTime: this.#writeTime };
  }
}
