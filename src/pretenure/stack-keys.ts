import { loadAddon } from '../base/index.js';

interface StackAddon {
  callerKey(frames: number): number;
  learnInterpreter(): boolean;
}

/** A power of two; when it is three quarters full the table starts over. */
const SLOTS = 4096;
const MOST_KEYS: number = (SLOTS * 3) / 4;

/**
 * What the addon's numbers for call stacks stand for: for some tens of nanoseconds, a capture that V8 takes microseconds
 * for needs to be made only once per way through the program's code. See native/src/callers.cc.
 */
export class StackKeys {
  readonly #callerKey: ((frames: number) => number) | null;
  readonly #keys: Int32Array = new Int32Array(SLOTS);
  readonly #rows: Int32Array = new Int32Array(SLOTS);
  #count: number = 0;
  /** Values of each row, `width` of them. */
  #values: Int32Array;
  readonly #width: number;
  /** The number of the stack asked for last, 0 if it has none. */
  #key: number = 0;

  constructor(width: number, addon: unknown = loadAddon()) {
    this.#width = width;
    this.#values = new Int32Array(16 * width);
    this.#callerKey = prepare(addon as Partial<StackAddon>);
  }

  get available(): boolean {
    return this.#callerKey !== null;
  }

  /** Whether the stack from here, `frames` functions deep, is known: then its values go to `into`. */
  find(frames: number, into: Int32Array): boolean {
    if (this.#callerKey === null) return false;
    const key = this.#callerKey(frames);
    this.#key = key;
    if (key === 0) return false;
    const slot = this.#slotOf(key);
    if (this.#keys[slot] === 0) return false;
    const from = this.#rows[slot]! * this.#width;
    for (let i = 0; i < this.#width; i++) into[i] = this.#values[from + i]!;
    return true;
  }

  /** Remembers `values` for the stack that was not found last. */
  learn(values: Int32Array): void {
    if (this.#key === 0) return;
    if (this.#count === MOST_KEYS) this.forget();
    const slot = this.#slotOf(this.#key);
    if (this.#keys[slot] !== 0) return;
    if ((this.#count + 1) * this.#width > this.#values.length) {
      const grown = new Int32Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#keys[slot] = this.#key;
    this.#rows[slot] = this.#count;
    this.#values.set(values.subarray(0, this.#width), this.#count * this.#width);
    this.#count++;
  }

  /** Forgets all: code may have been replaced by other code at the same address. */
  forget(): void {
    this.#keys.fill(0);
    this.#count = 0;
  }

  #slotOf(key: number): number {
    let slot = (key ^ (key >>> 12)) & (SLOTS - 1);
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }
}

function prepare(addon: Partial<StackAddon>): ((frames: number) => number) | null {
  if (addon.callerKey === undefined || addon.learnInterpreter === undefined) return null;
  // Three functions that run once are interpreted, all with the same return address. (The addon learns it once a thread:
  // later these may have been compiled.)
  const innermost = (learn: () => boolean): boolean => learn();
  const middle = (learn: () => boolean): boolean => innermost(learn);
  const outermost = (learn: () => boolean): boolean => middle(learn);
  return outermost(addon.learnInterpreter) ? addon.callerKey : null;
}
