import type { Random } from '../../src/base/random.js';

/**
 * The generators of YCSB (Cooper et al., SoCC 2010; the zipfian one after Gray et al., SIGMOD 1994), in which
 * the papers' Cassandra mixes are stated. The one npm package of that name (zipfian-integer) has neither
 * the scrambled nor the latest distribution and draws another law, so they are here.
 */

/** YCSB's constant: how skewed "zipfian" is. */
const ZIPFIAN_CONSTANT = 0.99;

/** Draws 0 to items - 1; item 0 most often, item i about (i + 1)^-0.99 as often. Set-up costs O(items). */
export class Zipfian {
  readonly items: number;
  readonly #random: Random;
  readonly #zetan: number;
  readonly #alpha: number;
  readonly #eta: number;
  readonly #theta: number;

  constructor(items: number, random: Random, theta: number = ZIPFIAN_CONSTANT) {
    this.items = items;
    this.#random = random;
    this.#theta = theta;
    this.#zetan = zeta(items, theta);
    this.#alpha = 1 / (1 - theta);
    this.#eta = (1 - (2 / items) ** (1 - theta)) / (1 - zeta(2, theta) / this.#zetan);
  }

  next(): number {
    const uniform = this.#random();
    const scaled = uniform * this.#zetan;
    if (scaled < 1) return 0;
    if (scaled < 1 + 0.5 ** this.#theta) return Math.min(1, this.items - 1);
    const item = Math.floor(this.items * (this.#eta * uniform - this.#eta + 1) ** this.#alpha);
    return Math.min(item, this.items - 1);
  }
}

function zeta(items: number, theta: number): number {
  let sum = 0;
  for (let i = 1; i <= items; i++) sum += i ** -theta;
  return sum;
}

/** Zipfian popularity, and which item has which rank. */
abstract class RankedItems {
  readonly items: number;
  readonly #ranks: Zipfian;

  constructor(items: number, random: Random) {
    this.items = items;
    this.#ranks = new Zipfian(items, random);
  }

  next(): number {
    return this.itemOf(this.#ranks.next());
  }

  /** @param rank 0 for the hottest */
  protected abstract itemOf(rank: number): number;
}

/** Zipfian popularity spread over the whole key space by FNV-1a, as in YCSB: hot keys are not neighbours. */
export class ScrambledZipfian extends RankedItems {
  protected itemOf(rank: number): number {
    return Number(fnv1a64(rank) % BigInt(this.items));
  }
}

/** The newest items most often: item items - 1 is the hottest. */
export class Latest extends RankedItems {
  protected itemOf(rank: number): number {
    return this.items - 1 - rank;
  }
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

function fnv1a64(value: number): bigint {
  let hash = FNV_OFFSET;
  let rest = value;
  for (let octet = 0; octet < 8; octet++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(rest & 0xff)) * FNV_PRIME);
    rest = Math.floor(rest / 256);
  }
  return hash;
}

/**
 * An invertible hash of 32 bits (MurmurHash3's finaliser): different inputs have different outputs, so that
 * hashed record numbers can be keys without collisions.
 */
export function invertibleHash(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
