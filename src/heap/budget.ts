/** Most that is kept for tables, as a share of the budget. */
const MOST_KEPT = 1 / 64;
/** Part of what is kept that is let go of with each heap cycle. */
const FADE = 1 / 16;

/** The one account of everything the heap holds. Nothing is allocated that was not taken from here first. */
export class Budget {
  readonly max: number;
  committed: number = 0;
  /** The most of `used` since the heap was made, or `resetPeak`. */
  peakUsed: number = 0;
  #reserved: number = 0;
  #unheld: number = 0;
  #kept: number = 0;
  /** Of `committed`, bytes of free regions. */
  #free: number = 0;

  constructor(max: number) {
    this.max = max;
  }

  get left(): number {
    return this.max - this.committed;
  }

  /** Of `committed`, all but free regions and what is reserved but not held. */
  get used(): number {
    return this.committed - this.#free - this.#unheld;
  }

  resetPeak(): void {
    this.peakUsed = this.used;
  }

  #notePeak(): void {
    const { used } = this;
    if (used > this.peakUsed) this.peakUsed = used;
  }

  /** Takes `bytes`, which must be left, for regions that are free. */
  takeFree(bytes: number): void {
    this.committed += bytes;
    this.#free += bytes;
  }

  /** Gives `bytes` of free regions back. */
  giveFree(bytes: number): void {
    this.committed -= bytes;
    this.#free -= bytes;
  }

  /** Of the free regions, `bytes` come into use. */
  use(bytes: number): void {
    this.#free -= bytes;
    this.#notePeak();
  }

  /** Regions of `bytes` are free again. */
  unuse(bytes: number): void {
    this.#free += bytes;
  }

  /** Of `committed`, what owners reserved for their own tables. */
  get reserved(): number {
    return this.#reserved;
  }

  /** Of `reserved`, what is there for tables to grow into: nobody else may have it, but it holds no memory. */
  get unheld(): number {
    return this.#unheld;
  }

  /**
   * Bytes that regions should not grow into, since owners' tables had them, or are growing: a table that comes back
   * would find all of it turned into slabs, and slabs must be emptied before they can be given back.
   */
  get kept(): number {
    return this.#kept;
  }

  /** Takes `bytes` if they are left; says whether. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.committed += bytes;
    this.#notePeak();
    return true;
  }

  give(bytes: number): void {
    this.committed -= bytes;
  }

  /** Takes `bytes`, which must be left, for an owner's tables, of which it holds `heldBytes` now. */
  reserve(bytes: number, heldBytes: number): void {
    this.committed += bytes;
    this.#reserved += bytes;
    this.#unheld += bytes - heldBytes;
    this.#notePeak();
    this.#kept = Math.max(0, this.#kept - bytes);
  }

  /** `bytes` more of what is reserved are held from now on. */
  hold(bytes: number): void {
    this.#unheld -= bytes;
    this.#notePeak();
  }

  /** Ends a reservation of `bytes`, which are held. */
  unreserve(bytes: number): void {
    this.committed -= bytes;
    this.#reserved -= bytes;
    this.keep(this.#kept + bytes);
  }

  /** Keeps `bytes` for tables, if that is not too much, for a time. */
  keep(bytes: number): void {
    this.#kept = Math.min(bytes, Math.floor(this.max * MOST_KEPT));
  }

  keepNothing(): void {
    this.#kept = 0;
  }

  /** `cycles` heap cycles have passed. */
  fade(cycles: number): void {
    this.#kept = Math.floor(this.#kept * (1 - FADE) ** cycles);
  }
}
