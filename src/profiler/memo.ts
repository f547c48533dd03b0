/**
 * Remembers what was worked out, as long as it is asked for: at most twice `most` values, of which those not looked at
 * since `most` others came in are let go. (An app that compiles code all the time has no end of scripts and frames.)
 */
export class Memo<V> {
  readonly #most: number;
  #recent = new Map<string, V>();
  #older = new Map<string, V>();

  /** @param most at least 1. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  /** Undefined where it was let go or never came in. Cost: a look into one map, or two. */
  get(key: string): V | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const older = this.#older.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: string, value: V): void {
    if (this.#recent.size >= this.#most) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(key, value);
    this.#older.delete(key);
  }
}
