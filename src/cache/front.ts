import type { Address } from '../heap/index.js';
import type { KeyScratch } from './key.js';

const WAYS = 4;
/** Objects and arrays in a value beyond these are not worth a walk: it stays a copy. */
const MAX_NODES = 256;
const MAX_DEPTH = 16;

/**
 * Decoded values of the entries asked for most, so that a hot key's get needs neither the index nor the codec. Sets
 * of four ways in typed arrays, found by the key's hash; only the values themselves are V8's. An entry gets a way
 * when it is asked for twice running among those of its set that have none, so what is asked for once never
 * displaces anything nor grows old on V8's heap.
 *
 * A value in the front is shared by all who get it. Only what is plain through and through is kept (objects, arrays,
 * primitives): the others come back as copies as ever. Where `freezes`, plain values are frozen on their way out,
 * whether kept or not, so that whoever changes one learns of it at the first try.
 */
export class Front<V> {
  readonly #keys: KeyScratch;
  readonly #freezes: boolean;
  readonly #setMask: number;
  readonly #hashes: Int32Array;
  /** Address + 1; 0: the way is empty. */
  readonly #addresses: Int32Array;
  readonly #used: Uint8Array;
  /** By set: the hash that was last refused a way. */
  readonly #candidates: Int32Array;
  readonly #values: (V | undefined)[];
  /** Where `find` found something last. */
  #slot: number = 0;
  #hand: number = 0;

  /** @param entries how many values at most; rounded up to a power of two. */
  constructor(keys: KeyScratch, entries: number, freezes: boolean) {
    this.#keys = keys;
    this.#freezes = freezes;
    const sets = 2 ** Math.ceil(Math.log2(Math.max(1, entries / WAYS)));
    this.#setMask = sets - 1;
    this.#hashes = new Int32Array(sets * WAYS);
    this.#addresses = new Int32Array(sets * WAYS);
    this.#used = new Uint8Array(sets * WAYS);
    this.#candidates = new Int32Array(sets);
    this.#values = new Array<V | undefined>(sets * WAYS).fill(undefined);
  }

  /** The first way of the set for a hash. */
  #base(hash: number): number {
    return ((hash >>> 7) & this.#setMask) * WAYS;
  }

  /** The address of the entry with the loaded key if its value is here, else -1. */
  find(): Address | -1 {
    const hash = this.#keys.hash;
    const base = this.#base(hash);
    const hashes = this.#hashes;
    for (let slot = base; slot < base + WAYS; slot++) {
      if (hashes[slot] !== hash) continue;
      const address = this.#addresses[slot]! - 1;
      if (address === -1 || !this.#keys.matchesAt(address)) continue;
      this.#slot = slot;
      return address as Address;
    }
    return -1;
  }

  /** Whether `value` has the value of the entry at `address`, which `find` has just found. */
  holds(address: Address): boolean {
    return this.#addresses[this.#slot] === address + 1;
  }

  /** The value that `find` found. */
  value(): V {
    const slot = this.#slot;
    if (this.#used[slot] === 0) this.#used[slot] = 1;
    return this.#values[slot] as V;
  }

  /**
   * Takes note of a value that was decoded, for the loaded key, and may keep it.
   *
   * @param plain what the codec says of it, if it knows.
   */
  offer(address: Address, value: V, plain: (() => boolean) | undefined): void {
    if (this.#freezes && !isPlain(value, true)) return;
    const hash = this.#keys.hash;
    const base = this.#base(hash);
    const set = base / WAYS;
    if (this.#candidates[set] !== hash) {
      this.#candidates[set] = hash;
      return;
    }
    if (!this.#freezes && !(plain === undefined ? isPlain(value, false) : plain())) return;
    this.#candidates[set] = 0;
    const slot = this.#freeWay(base);
    this.#hashes[slot] = hash;
    this.#addresses[slot] = address + 1;
    this.#used[slot] = 0;
    this.#values[slot] = value;
  }

  #freeWay(base: number): number {
    for (let slot = base; slot < base + WAYS; slot++) if (this.#addresses[slot] === 0) return slot;
    for (;;) {
      const slot = base + (this.#hand++ & (WAYS - 1));
      if (this.#used[slot] === 0) return slot;
      this.#used[slot] = 0;
    }
  }

  #slotOf(hash: number, address: Address): number {
    const base = this.#base(hash);
    for (let slot = base; slot < base + WAYS; slot++) if (this.#addresses[slot] === address + 1) return slot;
    return -1;
  }

  /** The entry at `address` has gone, or has another value. */
  drop(hash: number, address: Address): void {
    const slot = this.#slotOf(hash, address);
    if (slot === -1) return;
    this.#addresses[slot] = 0;
    this.#values[slot] = undefined;
  }

  /** The entry at `from` lies at `to` now. */
  moved(hash: number, from: Address, to: Address): void {
    const slot = this.#slotOf(hash, from);
    if (slot !== -1) this.#addresses[slot] = to + 1;
  }

  clear(): void {
    this.#addresses.fill(0);
    this.#values.fill(undefined);
  }
}

/**
 * Whether a value is of plain objects, arrays and primitives only, and not large. What is not (Map, Date, a Buffer)
 * can be changed however frozen it is.
 *
 * @param freezes freezes it, too, if it is.
 */
function isPlain(value: unknown, freezes: boolean): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function';
  const met: object[] = [];
  if (!collectPlain(value, met, 0)) return false;
  if (freezes) for (const object of met) Object.freeze(object);
  return true;
}

/** Lists the objects of a value. False if one is not plain or they are too many, as those of a cycle are. */
function collectPlain(object: object, met: object[], depth: number): boolean {
  if (depth > MAX_DEPTH || met.length >= MAX_NODES) return false;
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== Array.prototype && prototype !== null) return false;
  met.push(object);
  for (const key in object) {
    const child: unknown = (object as Record<string, unknown>)[key];
    if (typeof child === 'function') return false;
    if (typeof child === 'object' && child !== null && !collectPlain(child, met, depth + 1)) return false;
  }
  return true;
}
