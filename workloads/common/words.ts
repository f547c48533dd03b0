/**
 * Runs of 32-bit words, each named by a number that stays valid: where an engine's many small things live, in
 * plain typed arrays or in rolp's heap. Inner loops read and write `words` where `locate` says. A run starts at
 * an even word, so that a double may lie there.
 */
export interface WordStore {
  /** What the run that was located last lies in. */
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  /** @returns a new run's name, never 0. Its words are unspecified. */
  allocate(words: number): number;
  /** Where in `words` a run begins, until the next call of either method. */
  locate(run: number): number;
}

/** Runs that begin with a double, read and written at random: one by one, without a look at `words`. */
export interface ValueStore extends WordStore {
  value(run: number): number;
  setValue(run: number, value: number): void;
  word(run: number, at: number): number;
  setWord(run: number, at: number, word: number): void;
}

/** Runs in one typed array that grows by doubling. A run's name is half its place. */
export class TypedWords implements ValueStore {
  words: Int32Array;
  doubles: Float64Array;
  /** Place 0 names no run. */
  #used = 2;

  constructor(words: number) {
    this.words = new Int32Array(words + 2 + (words & 1));
    this.doubles = new Float64Array(this.words.buffer as ArrayBuffer);
  }

  get usedBytes(): number {
    return 4 * this.#used;
  }

  get usedWords(): number {
    return this.#used;
  }

  get bytes(): number {
    return this.words.byteLength;
  }

  allocate(words: number): number {
    const run = this.#used;
    this.#used += words + (words & 1);
    if (this.#used > this.words.length) this.#grow();
    return run >>> 1;
  }

  locate(run: number): number {
    return run << 1;
  }

  value(run: number): number {
    return this.doubles[run]!;
  }

  setValue(run: number, value: number): void {
    this.doubles[run] = value;
  }

  word(run: number, at: number): number {
    return this.words[(run << 1) + at]!;
  }

  setWord(run: number, at: number, word: number): void {
    this.words[(run << 1) + at] = word;
  }

  /** Forgets all runs and keeps the memory. */
  clear(): void {
    this.#used = 2;
  }

  #grow(): void {
    const longer = new Int32Array(2 * Math.max(this.words.length, this.#used));
    longer.set(this.words);
    this.words = longer;
    this.doubles = new Float64Array(longer.buffer as ArrayBuffer);
  }
}
