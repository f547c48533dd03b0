import type { Address, Generation } from '../../heap/index.js';
import type { EntryStore } from '../entry-store.js';
import type { FifoQueue } from '../fifo-queue.js';
import { Ghost } from '../ghost.js';
import type { Patience } from '../patience.js';
import type { Placement } from '../placement.js';
import { LATER, type Policy } from './policy.js';

const SMALL = 0;
const MAIN = 1;
/** Share of the live bytes that the probationary queue may hold while something must go. */
const SMALL_SHARE = 0.1;
/** Hits in the probationary queue that prove an entry. */
const PROVEN_HITS = 2;
const MAX_FREQUENCY = 3;

/**
 * S3-FIFO (Yang et al., SOSP'23): a small probationary queue, a main queue whose entries are put in again while
 * they have hits, and a ghost of what left the small one. The queues are generations: what is proven is evacuated
 * to the older one, the rest of its region dies whole. Entries placed by hand stay in their generation, and are
 * treated as the main queue's.
 */
export class S3FifoPolicy implements Policy {
  static readonly queues: number = 2;
  readonly linkWords: number = 0;
  readonly scatters: boolean = false;
  readonly saturated: number = MAX_FREQUENCY;
  readonly #store: EntryStore;
  readonly #placement: Placement;
  readonly #small: FifoQueue;
  readonly #main: FifoQueue;
  readonly #ghost: Ghost;

  constructor(store: EntryStore, placement: Placement) {
    this.#store = store;
    this.#placement = placement;
    this.#small = placement.queues[SMALL]!;
    this.#main = placement.queues[MAIN]!;
    this.#ghost = new Ghost(
      store.heap,
      () => store.spareRegions(),
      () => store.call,
    );
  }

  get extraGenerations(): readonly Generation[] {
    return [this.#ghost.generation];
  }

  get wantsRegion(): boolean {
    return this.#ghost.wantsRegion;
  }

  queueFor(hash: number): number {
    return this.#ghost.take(hash) ? MAIN : SMALL;
  }

  added(): void {}

  hit(address: Address): void {
    const frequency = this.#store.frequencyOf(address);
    if (frequency < MAX_FREQUENCY) this.#store.setFrequency(address, frequency + 1);
  }

  moved(): void {}

  removed(): void {}

  rewritten(from: Address, to: Address): void {
    this.#store.setFrequency(to, this.#store.frequencyOf(from));
    this.hit(to);
  }

  victim(patience: Patience): Address | -1 | typeof LATER {
    const store = this.#store;
    for (;;) {
      const total = this.#small.bytes + this.#main.bytes;
      const fromSmall = this.#small.bytes > SMALL_SHARE * total || this.#main.bytes === 0;
      const next = fromSmall ? this.#small.oldest() : this.#main.oldest();
      const byHand = this.#placement.handOlderThan(next);
      const address = byHand === -1 ? next : byHand;
      if (address === -1) return -1;
      const isProbationary = fromSmall && byHand === -1;
      const frequency = store.frequencyOf(address);
      const isProven = frequency >= (isProbationary ? PROVEN_HITS : 1);
      if (!isProven || !patience.spares(frequency) || store.isStale(address)) return address;
      const to = this.#placement.move(address, MAIN);
      if (to === -1) return store.tracked;
      patience.moved(store.movedBytes(to));
      store.setFrequency(to, isProbationary ? 0 : frequency - 1);
      if (patience.rests) return LATER;
    }
  }

  evicted(hash: number): void {
    this.#ghost.insert(hash, this.#store.index.count);
  }

  *walk(newestFirst: boolean): Generator<Address> {
    const { byHand } = this.#placement;
    const order = newestFirst ? [byHand, this.#main, this.#small] : [this.#small, this.#main, byHand];
    for (const queue of order) yield* this.#placement.walk(queue, newestFirst);
  }

  cleared(): void {
    this.#ghost.clear();
  }

  dispose(): void {
    this.#ghost.dispose();
  }
}
