import { OWN_TTL, TTL_MASK, TTL_SHIFT } from './entry.js';

const OWN: number = OWN_TTL >>> TTL_SHIFT;

/**
 * The ttls that entries share. A program mostly sets a few; six of them have a number, which an entry keeps in its mark
 * instead of the ttl's word. Numbers are given out as ttls come up, and anew once no entry has them; a ttl that finds all
 * taken stands in its entry. What is set often keeps its number, since there always is an entry with it; what is rare
 * loses it again.
 */
export class CommonTtls {
  /** By number: a ttl as in ttl.ts. */
  readonly #words: Int32Array = new Int32Array(OWN + 1);
  /** By number: how many entries have it. */
  readonly #entries: Int32Array = new Int32Array(OWN + 1);

  /** The bits for the mark of an entry that is about to get this ttl: a number, or OWN_TTL. Until the next call only. */
  flagsFor(word: number): number {
    let free = OWN;
    for (let n = 1; n < OWN; n++) {
      if (this.#words[n] === word) return n << TTL_SHIFT;
      if (free === OWN && this.#entries[n] === 0) free = n;
    }
    if (free !== OWN) this.#words[free] = word;
    return free << TTL_SHIFT;
  }

  /** The ttl of entries with this mark, which is not OWN_TTL. */
  wordOf(mark: number): number {
    return this.#words[(mark & TTL_MASK) >>> TTL_SHIFT]!;
  }

  /** There is one entry more with this mark. */
  entered(mark: number): void {
    this.#entries[(mark & TTL_MASK) >>> TTL_SHIFT]!++;
  }

  /** There is one entry less with this mark. */
  left(mark: number): void {
    this.#entries[(mark & TTL_MASK) >>> TTL_SHIFT]!--;
  }

  /** There is no entry any more. */
  clear(): void {
    this.#entries.fill(0);
  }
}
