import type { Address, Generation } from '../../heap/index.js';
import type { EntryStore } from '../entry-store.js';
import { RegionQueue } from '../queue.js';
import { PATIENCE, type Policy } from './policy.js';
import { walkGeneration } from './walk.js';

const VISITED = 1;

/**
 * SIEVE (Zhang et al., NSDI'24): one queue, a bit for "visited", and a hand that goes from the oldest entry to the
 * newest, evicts what was not visited and clears the bit of what was, which stays in its place. As generations:
 * what the hand has passed is evacuated to one, what lies before it is in the other, new entries at its end; when
 * the hand has reached the newest, the two change names. So the order is SIEVE's own, and regions die whole.
 */
export class SievePolicy implements Policy {
  readonly linkWords: number = 0;
  readonly saturated: number = VISITED;
  readonly #store: EntryStore;
  #ahead: RegionQueue;
  #passed: RegionQueue;

  constructor(store: EntryStore) {
    this.#store = store;
    this.#ahead = new RegionQueue(store.heap);
    this.#passed = new RegionQueue(store.heap);
  }

  get generations(): readonly Generation[] {
    return [this.#passed.generation, this.#ahead.generation];
  }

  get extraGenerations(): readonly Generation[] {
    return [];
  }

  place(): Generation {
    return this.#ahead.generation;
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

  victim(): Address | -1 {
    for (let moves = 0; ; moves++) {
      let address = this.#ahead.oldest();
      if (address === -1) {
        [this.#ahead, this.#passed] = [this.#passed, this.#ahead];
        address = this.#ahead.oldest();
        if (address === -1) return -1;
      }
      const store = this.#store;
      const visited = store.frequencyOf(address) === VISITED && moves < PATIENCE * 4;
      if (!visited || store.isStale(address)) return address;
      const to = store.relocate(address, this.#passed.generation);
      if (to === -1) return address;
      store.setFrequency(to, 0);
    }
  }

  evicted(): void {}

  isCurrent(region: number): boolean {
    return region === this.#ahead.current || region === this.#passed.current;
  }

  *walk(newestFirst: boolean): Generator<Address> {
    const order = newestFirst ? [this.#ahead, this.#passed] : [this.#passed, this.#ahead];
    for (const queue of order) yield* walkGeneration(this.#store.heap, queue.generation, newestFirst);
  }

  cleared(): void {}

  dispose(): void {}
}
