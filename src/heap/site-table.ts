import { warnOnce } from '../base/index.js';
import type { Budget } from './budget.js';
import { type HotWords, SITE_COUNT } from './hot-words.js';
import { AGE_COLUMNS, MAX_SITES } from './layout.js';
import type { SiteId } from './types.js';

const FIRST_SITES = 16;
const BYTES_PER_SITE = 4 + 4 + 8 + 4 * AGE_COLUMNS;

/** Interned allocation sites, with what the heap counts by site: ages at death and bytes that had to move. */
export class SiteTable {
  readonly names: string[] = [''];
  /** The generation given by hand to each site, 0 if none. */
  generations: Int32Array = new Int32Array(FIRST_SITES);
  /**
   * What each allocation without a generation reads: that of all the site's blocks, as last asked for; 0: ask. It may be
   * emptied at any time. Another array once the table has grown.
   */
  chosen: Int32Array = new Int32Array(FIRST_SITES);
  /** Bytes of the site that were found live in fragmented regions. */
  fragmentedBytes: Float64Array = new Float64Array(FIRST_SITES);
  /** Ages at death of the site's sampled blocks, AGE_COLUMNS a site. */
  ages: Uint32Array = new Uint32Array(FIRST_SITES * AGE_COLUMNS);
  readonly #budget: Budget;
  readonly #hot: HotWords;
  readonly #ids: Map<string, SiteId> = new Map([['', 0 as SiteId]]);

  constructor(budget: Budget, hot: HotWords) {
    this.#budget = budget;
    this.#hot = hot;
    hot.words[SITE_COUNT] = this.count;
  }

  static readonly firstBytes: number = FIRST_SITES * BYTES_PER_SITE;

  get bytes(): number {
    return this.generations.length * BYTES_PER_SITE;
  }

  get count(): number {
    return this.names.length;
  }

  /** Allocations of all sites ask for their generation again. */
  reconsiderAll(): void {
    this.chosen.fill(0);
  }

  /** The id of `name`. Past 4096 names, or past the budget, all further names share id 0. */
  intern(name: string): SiteId {
    if (typeof name !== 'string')
      throw new TypeError(`heap.site: a name must be a string, got ${typeof name}`);
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    if (this.count === MAX_SITES || (this.count === this.generations.length && !this.#grow())) {
      warnOnce(
        'ROLP_HEAP_SITES',
        `heap.site(${JSON.stringify(name)}): ${this.count} sites are named already and no more fit; ` +
          'this and further ones count as unnamed. Name sites by code, not by data.',
      );
      return 0 as SiteId;
    }
    const id = this.count as SiteId;
    this.names.push(name);
    this.#hot.words[SITE_COUNT] = this.count;
    this.#ids.set(name, id);
    return id;
  }

  #grow(): boolean {
    const capacity = this.generations.length * 2;
    if (!this.#budget.take(this.bytes)) return false;
    const generations = new Int32Array(capacity);
    generations.set(this.generations);
    this.generations = generations;
    const chosen = new Int32Array(capacity);
    chosen.set(this.chosen);
    this.chosen = chosen;
    const fragmentedBytes = new Float64Array(capacity);
    fragmentedBytes.set(this.fragmentedBytes);
    this.fragmentedBytes = fragmentedBytes;
    const ages = new Uint32Array(capacity * AGE_COLUMNS);
    ages.set(this.ages);
    this.ages = ages;
    return true;
  }
}
