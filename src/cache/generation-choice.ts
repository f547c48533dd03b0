import type { Address, Generation } from '../heap/index.js';
import { TTL_MASK, ttlWords } from './entry.js';
import type { EntryStore } from './entry-store.js';
import type { Expiry } from './expiry.js';
import { BY_HAND } from './lane.js';
import type { Placement } from './placement.js';
import type { Policy } from './policies/policy.js';

/** What of a set bears on where its entry is to lie. */
export interface PlacedRequest {
  readonly ttlMs: number;
  readonly startMs: number;
  readonly keepTtl: boolean;
  readonly generation: number;
  readonly site: number;
}

/** What was given to the cache by hand for all entries; 0: nothing. */
export interface PlacedByHand {
  readonly generation: number;
  readonly site: number;
}

/**
 * Who chooses the generation of an entry: the caller, then the cache's or the site's own by hand, then the ttl
 * bucket, then the policy's queue.
 */
export class GenerationChoice {
  readonly #store: EntryStore;
  readonly #placement: Placement;
  readonly #policy: Policy;
  readonly #expiry: Expiry;
  readonly #byHand: PlacedByHand;

  constructor(store: EntryStore, placement: Placement, policy: Policy, expiry: Expiry, byHand: PlacedByHand) {
    this.#store = store;
    this.#placement = placement;
    this.#policy = policy;
    this.#expiry = expiry;
    this.#byHand = byHand;
  }

  siteOf(request: PlacedRequest): number {
    return request.site || this.#byHand.site;
  }

  #given(request: PlacedRequest): Generation | 0 {
    const { heap } = this.#store;
    const given = request.generation || this.#byHand.generation || heap.siteGeneration(this.siteOf(request));
    return given as Generation | 0;
  }

  /** For an entry with the loaded key and these flags, its ttl the request's. `valueBytes`: of its value. */
  forNew(request: PlacedRequest, flags: number, valueBytes: number): Generation {
    return this.#choose(this.#policy.queueFor(this.#store.keys.hash), request, flags, valueBytes);
  }

  /** The same for one that is written anew, and keeps its queue. */
  forRewritten(at: Address, request: PlacedRequest, flags: number, valueBytes: number): Generation {
    const { queue } = this.#placement.laneAt(at);
    if (queue === BY_HAND) return this.forNew(request, flags, valueBytes);
    return this.#choose(queue, request, flags, valueBytes);
  }

  #choose(queue: number, request: PlacedRequest, flags: number, valueBytes: number): Generation {
    const given = this.#given(request);
    if (given !== 0) return given;
    const bytes = this.#store.payloadBytes(flags, valueBytes);
    const site = this.siteOf(request);
    if ((flags & TTL_MASK) === 0) return this.#placement.choose(queue, 0, 0, site, bytes);
    return this.#placement.choose(queue, request.ttlMs, this.#remainingMs(request), site, bytes);
  }

  #remainingMs(request: PlacedRequest): number {
    return request.startMs + request.ttlMs - this.#expiry.nowMs();
  }

  /** Whether the place of the entry at `at` still is the right one for what it is to be now, with these flags. */
  mayStay(at: Address, request: PlacedRequest, flags: number): boolean {
    const { heap } = this.#store;
    if (ttlWords(this.#store.markOf(at)) !== ttlWords(flags)) return false;
    const given = this.#given(request);
    if (given !== 0 && given !== heap.generationAt(at)) return false;
    // What lives and dies by a site is told from others of its site.
    const site = this.siteOf(request);
    if (site !== 0 && site !== heap.siteAt(at)) return false;
    if ((flags & TTL_MASK) === 0 || request.keepTtl) return true;
    return !this.#placement.outgrows(at, request.ttlMs, this.#remainingMs(request));
  }
}
