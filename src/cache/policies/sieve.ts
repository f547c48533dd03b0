import type { Address, Generation } from '../../heap/index.js';
import type { EntryStore } from '../entry-store.js';
import type { Patience } from '../patience.js';
import type { Placement } from '../placement.js';
import { LATER, type Policy } from './policy.js';

const VISITED = 1;
/** To patience a visited entry is one with many hits: there is but the one bit. */
const VISITED_HITS = 4;

/**
 * SIEVE (Zhang et al., NSDI'24): one queue, a bit for "visited", and a hand that goes from the oldest entry to the
 * newest, evicts what was not visited and clears the bit of what was, which stays in its place. As generations:
 * what the hand has passed is evacuated to one, what lies before it is in the other, new entries at its end; when
 * the hand has reached the newest, the two change names. So the order is SIEVE's own, and regions die whole.
 * Entries placed by hand stay in their generation: there a visited one becomes the youngest.
 */
export class SievePolicy implements Policy {
  static readonly queues: number = 2;
  readonly linkWords: number = 0;
  readonly scatters: boolean = false;
  readonly wantsRegion: boolean = false;
  readonly saturated: number = VISITED;
  readonly #store: EntryStore;
  readonly #placement: Placement;
  /** Of the two queues, the one with what lies before the hand. */
  #ahead: number = 0;

  constructor(store: EntryStore, placement: Placement) {
    this.#store = store;
    this.#placement = placement;
  }

  get extraGenerations(): readonly Generation[] {
    return [];
  }

  queueFor(): number {
    return this.#ahead;
  }

  added(): void {}

  hit(address: Address): void {
    this.#store.setFrequency(address, VISITED);
  }

  moved(): void {}

  removed(): void {}

  rewritten(_from: Address, to: Address): void {
    this.hit(to);
  }

  victim(patience: Patience): Address | -1 | typeof LATER {
    const store = this.#store;
    for (;;) {
      const next = this.#atHand();
      const byHand = this.#placement.handOlderThan(next);
      const address = byHand === -1 ? next : byHand;
      if (address === -1) return -1;
      const spared = store.frequencyOf(address) === VISITED && patience.spares(VISITED_HITS);
      if (!spared || store.isStale(address)) return address;
      const to = this.#placement.move(address, 1 - this.#ahead);
      if (to === -1) return store.tracked;
      patience.moved(store.movedBytes(to));
      store.setFrequency(to, 0);
      if (patience.rests) return LATER;
    }
  }

  /** The entry at SIEVE's hand, or -1. */
  #atHand(): Address | -1 {
    const address = this.#placement.queues[this.#ahead]!.oldest();
    if (address !== -1) return address;
    this.#ahead = 1 - this.#ahead;
    return this.#placement.queues[this.#ahead]!.oldest();
  }

  evicted(): void {}

  *walk(newestFirst: boolean): Generator<Address> {
    const { queues, byHand } = this.#placement;
    const ahead = queues[this.#ahead]!;
    const passed = queues[1 - this.#ahead]!;
    const order = newestFirst ? [byHand, ahead, passed] : [passed, ahead, byHand];
    for (const queue of order) yield* this.#placement.walk(queue, newestFirst);
  }

  cleared(): void {}

  dispose(): void {}
}
