import { SHORT_TTL_MS } from './ttl.js';

/** Classes of remaining ttls: four to a doubling, from 1 ms to SHORT_TTL_MS. */
const CLASSES = 4 * 30;
const NONE = -1;

/** Which class a remaining ttl is of: by its highest bit and the two bits behind. */
export function ttlClass(remainingMs: number): number {
  const ms = Math.min(SHORT_TTL_MS, Math.max(1, Math.floor(remainingMs)));
  const doubling = 31 - Math.clz32(ms);
  const quarter = doubling >= 2 ? (ms >>> (doubling - 2)) & 3 : (ms << (2 - doubling)) & 3;
  return doubling * 4 + quarter;
}

/**
 * Segcache's ttl buckets (Yang et al., NSDI'21, section 3.2), log-spaced, but given out as ttls come up: a cache
 * mostly sees a few ttls, each of which then has a bucket to itself; when all buckets are taken, further ttls go to
 * the nearest. The last bucket is for ttls past SHORT_TTL_MS, whose words must not mix with those of short ones.
 */
export class TtlBuckets {
  readonly count: number;
  readonly #bucketOf: Int8Array = new Int8Array(CLASSES).fill(NONE);
  readonly #classOf: Int16Array;
  readonly #isEmpty: (bucket: number) => boolean;

  /** @param count 0, or at least 2. */
  constructor(count: number, isEmpty: (bucket: number) => boolean) {
    this.count = count;
    this.#classOf = new Int16Array(Math.max(0, count - 1)).fill(NONE);
    this.#isEmpty = isEmpty;
  }

  /** The bucket of long ttls. */
  get long(): number {
    return this.count - 1;
  }

  /** The bucket for a new entry with so much time left. */
  of(remainingMs: number): number {
    const wanted = ttlClass(remainingMs);
    const bucket = this.#bucketOf[wanted]!;
    return bucket !== NONE ? bucket : this.#assign(wanted);
  }

  /**
   * The bucket for an entry that has used up part of its ttl: any of up to twice the time left will do, since such
   * entries have every rest there is, and a bucket for each would leave many regions open.
   */
  near(remainingMs: number): number {
    const wanted = ttlClass(remainingMs);
    for (let c = wanted; c <= wanted + 4 && c < CLASSES; c++) {
      if (this.#bucketOf[c] !== NONE) return this.#bucketOf[c]!;
    }
    return this.#assign(wanted);
  }

  #assign(wanted: number): number {
    const classes = this.#classOf;
    let nearest = 0;
    let distance = CLASSES;
    for (let bucket = 0; bucket < classes.length; bucket++) {
      const held = classes[bucket]!;
      if (held === NONE || this.#isEmpty(bucket)) {
        if (held !== NONE) this.#bucketOf[held] = NONE;
        classes[bucket] = wanted;
        this.#bucketOf[wanted] = bucket;
        return bucket;
      }
      if (Math.abs(held - wanted) >= distance) continue;
      nearest = bucket;
      distance = Math.abs(held - wanted);
    }
    return nearest;
  }
}
