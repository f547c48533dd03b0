import type { Address, Generation } from '../../heap/index.js';
import type { EntryStore } from '../entry-store.js';
import { Ghost } from '../ghost.js';
import { RegionQueue } from '../queue.js';
import { PATIENCE, type Policy } from './policy.js';
import { walkGeneration } from './walk.js';

/** Share of the live bytes that the probationary queue may hold while something must go. */
const SMALL_SHARE = 0.1;
/** Hits in the probationary queue that prove an entry. */
const PROVEN_HITS = 2;
const MAX_FREQUENCY = 3;

/**
 * S3-FIFO (Yang et al., SOSP'23): a small probationary queue, a main queue whose entries are put in again while
 * they have hits, and a ghost of what left the small one. The queues are generations: what is proven is evacuated
 * to the older one, the rest of its region dies whole.
 */
export class S3FifoPolicy implements Policy {
  readonly linkWords: number = 0;
  readonly saturated: number = MAX_FREQUENCY;
  readonly #store: EntryStore;
  readonly #small: RegionQueue;
  readonly #main: RegionQueue;
  readonly #ghost: Ghost;

  constructor(store: EntryStore) {
    this.#store = store;
    this.#small = new RegionQueue(store.heap);
    this.#main = new RegionQueue(store.heap);
    this.#ghost = new Ghost(store.heap);
  }

  get generations(): readonly Generation[] {
    return [this.#small.generation, this.#main.generation];
  }

  #queueOf(address: Address): RegionQueue {
    return this.#store.heap.generationAt(address) === this.#small.generation ? this.#small : this.#main;
  }

  get extraGenerations(): readonly Generation[] {
    return [this.#ghost.generation];
  }

  place(hash: number): Generation {
    return this.#ghost.take(hash) ? this.#main.generation : this.#small.generation;
  }

  added(address: Address): void {
    this.#queueOf(address).bytes += this.#store.heap.regions.blockBytes(address);
  }

  hit(address: Address): void {
    const frequency = this.#store.frequencyOf(address);
    if (frequency < MAX_FREQUENCY) this.#store.setFrequency(address, frequency + 1);
  }

  moved(): void {}

  removed(address: Address): void {
    this.#queueOf(address).bytes -= this.#store.heap.regions.blockBytes(address);
  }

  rewritten(from: Address, to: Address): void {
    this.removed(from);
    this.added(to);
    this.#store.setFrequency(to, this.#store.frequencyOf(from));
    this.hit(to);
  }

  victim(): Address | -1 {
    for (let moves = 0; ; moves++) {
      const total = this.#small.bytes + this.#main.bytes;
      const fromSmall = this.#small.bytes > SMALL_SHARE * total || this.#main.bytes === 0;
      const address = fromSmall ? this.#small.oldest() : this.#main.oldest();
      if (address === -1) return -1;
      const frequency = this.#store.frequencyOf(address);
      const spared = fromSmall ? frequency >= PROVEN_HITS : frequency > Math.floor(moves / PATIENCE);
      if (!spared || this.#store.isStale(address)) return address;
      if (!this.#evacuate(address, fromSmall ? 0 : frequency - 1)) return address;
    }
  }

  /** Moves an entry to the main queue's end. @returns false if there is no room to. */
  #evacuate(address: Address, frequency: number): boolean {
    const store = this.#store;
    const from = this.#queueOf(address);
    const bytes = store.heap.regions.blockBytes(address);
    const to = store.relocate(address, this.#main.generation);
    if (to === -1) return false;
    from.bytes -= bytes;
    this.#main.bytes += store.heap.regions.blockBytes(to);
    store.setFrequency(to, frequency);
    return true;
  }

  evicted(hash: number): void {
    this.#ghost.insert(hash, this.#store.index.count);
  }

  isCurrent(region: number): boolean {
    return region === this.#small.current || region === this.#main.current;
  }

  *walk(newestFirst: boolean): Generator<Address> {
    const { heap } = this.#store;
    const order = newestFirst ? [this.#main, this.#small] : [this.#small, this.#main];
    for (const queue of order) yield* walkGeneration(heap, queue.generation, newestFirst);
  }

  cleared(): void {
    this.#small.bytes = 0;
    this.#main.bytes = 0;
    this.#ghost.clear();
  }

  dispose(): void {
    this.#ghost.dispose();
  }
}
