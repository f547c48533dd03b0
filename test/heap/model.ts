import type { Random } from '../../src/base/index.js';
import {
  type Address,
  type BlockOwner,
  GenerationalHeap,
  HeapFullError,
  type HeapOptions,
  type OwnerId,
  type Pin,
  StaleRefError,
} from '../../src/heap/index.js';

interface Block {
  readonly id: number;
  readonly byteLength: number;
  readonly site: number;
  /** Where it was placed; it may have moved on. */
  readonly generation: number;
}

/** A plain model of the heap beside a real one: one random step at a time, each outcome compared. */
export class HeapModel {
  readonly heap: GenerationalHeap;
  readonly blocks: Map<number, Block> = new Map();
  readonly owned: Map<Address, Block> = new Map();
  readonly #stale: number[] = [];
  readonly #generations: number[] = [1, 2, 3, 14, 15];
  readonly #owner: OwnerId;
  readonly #pins: { pin: Pin; view: Uint8Array; id: number }[] = [];
  readonly #sites: number[];
  readonly #random: Random;
  /** Blocks by the region-independent generation they are in now, asked from the heap. */
  #nextId: number = 1;
  full: number = 0;
  moves: number = 0;
  /** Steps taken by a pressure hook, within another one. */
  hooked: number = 0;
  #reserved: number = 0;
  #unheld: number = 0;
  #mostUsed: number = 0;
  #checks: number = 0;

  constructor(options: HeapOptions, random: Random) {
    this.heap = new GenerationalHeap(options);
    this.#random = random;
    this.#owner = this.heap.registerOwner(this.#blockOwner());
    this.#sites = [0, this.heap.site('a'), this.heap.site('b', { generation: 3 })];
    this.heap.onPressure(() => this.#evict());
  }

  #blockOwner(): BlockOwner {
    return {
      moved: (from, to) => {
        const block = this.owned.get(from);
        if (block === undefined) throw new Error(`moved: nothing was at ${from}`);
        this.owned.delete(from);
        if (this.owned.has(to)) throw new Error(`moved: ${to} is taken`);
        this.owned.set(to, block);
        this.moves++;
        this.#askForTables();
      },
      released: (address) => {
        if (!this.owned.delete(address)) throw new Error(`released: nothing was at ${address}`);
        this.#askForTables();
      },
      relocate: (address) => {
        const dice = this.#random();
        if (dice < 0.1) {
          this.owned.delete(address);
          return 0;
        }
        return dice < 0.3 ? this.#pick(this.#generations) : 15;
      },
    };
  }

  /** What an owner's table does that grows, or comes and goes, as its blocks do. */
  #askForTables(): void {
    const bytes = 2 * this.heap.regionBytes;
    try {
      this.heap.reserve(bytes);
    } catch (error) {
      if (error instanceof HeapFullError) return;
      throw error;
    }
    this.heap.release(bytes);
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#random() * from.length)]!;
  }

  #evict(): void {
    const dice = this.#random();
    if (dice < 0.4) return;
    // A hook may call the heap in any way.
    if (dice < 0.6) {
      this.hooked++;
      this.step();
      return;
    }
    const address = this.owned.keys().next().value;
    if (address !== undefined) this.#freeOwned(address);
  }

  #length(): number {
    const dice = this.#random();
    const region = this.heap.regionBytes;
    if (dice < 0.7) return Math.floor(this.#random() * region * 0.1);
    if (dice < 0.95) return Math.floor(this.#random() * region * 0.6);
    return Math.floor(this.#random() * region * 4);
  }

  #fill(view: Uint8Array, id: number): void {
    for (let i = 0; i < view.length; i++) view[i] = (id + i * 7) & 0xff;
  }

  #checkView(view: Uint8Array, id: number, byteLength: number): void {
    if (view.length !== byteLength) throw new Error(`block ${id}: ${view.length} bytes, not ${byteLength}`);
    for (let i = 0; i < view.length; i++) {
      if (view[i] !== ((id + i * 7) & 0xff)) throw new Error(`block ${id}: byte ${i} is ${view[i]}`);
    }
  }

  /** One random step. Ends with what `verify` finds. */
  step(): void {
    const dice = this.#random();
    if (dice < 0.4) this.#allocate();
    else if (dice < 0.5) this.#allocateOwned();
    else if (dice < 0.8) this.#free();
    else if (dice < 0.86) this.#freeSomeOwned();
    else if (dice < 0.9) this.#freeStale();
    else if (dice < 0.93) this.heap.step(0.05);
    else if (dice < 0.95) this.#collect();
    else if (dice < 0.965) this.#pinOrUnpin();
    else if (dice < 0.975) this.#release();
    else if (dice < 0.98) this.#newGeneration();
    else if (dice < 0.985) this.heap.shrink();
    else if (dice < 0.99) this.#reserve();
    else if (dice < 0.995) this.#evictRegion();
    else this.#checkAll();
  }

  /**
   * Allocations that fail must leave everything as it was.
   *
   * @param generation of the block: one that a hook has released while room was made for it takes none.
   */
  #attempt<T>(act: () => T, generation: number = 1): T | undefined {
    try {
      return act();
    } catch (error) {
      if (error instanceof RangeError && !this.#generations.includes(generation)) return undefined;
      if (!(error instanceof HeapFullError)) throw error;
      if (error.max !== this.heap.maxBytes || error.used > error.max) throw error;
      this.full++;
      return undefined;
    }
  }

  #allocate(): void {
    const generation = this.#random() < 0.7 ? this.#pick(this.#generations) : undefined;
    const site = this.#pick(this.#sites);
    const byteLength = this.#length();
    const ref = this.#attempt(() => this.heap.allocate(byteLength, generation, site), generation);
    if (ref === undefined) return;
    if (this.blocks.has(ref)) throw new Error(`ref ${ref} is given out twice`);
    const id = this.#nextId++;
    this.#fill(this.heap.view(ref), id);
    const expected = generation ?? (site === this.#sites[2] ? 3 : this.heap.getGeneration());
    if (this.heap.generationOf(ref) !== expected) throw new Error(`block ${id} is in the wrong generation`);
    this.blocks.set(ref, { id, byteLength, site, generation: expected });
  }

  #allocateOwned(): void {
    const byteLength = this.#length();
    const id = this.#nextId++;
    const mark = id & 0xffff;
    const generation = this.#pick(this.#generations);
    const address = this.#attempt(
      () => this.heap.allocateOwned(this.#owner, byteLength, generation, 0, mark),
      generation,
    );
    if (address === undefined) return;
    this.#fill(this.heap.viewAt(address), id);
    if (this.owned.has(address)) throw new Error(`address ${address} is given out twice`);
    this.owned.set(address, { id, byteLength, site: 0, generation });
  }

  #someRef(): number | undefined {
    const keys = [...this.blocks.keys()];
    return keys.length === 0 ? undefined : this.#pick(keys);
  }

  #free(): void {
    const ref = this.#someRef();
    if (ref === undefined) return;
    const block = this.blocks.get(ref)!;
    this.#checkView(this.heap.view(ref), block.id, block.byteLength);
    if (this.heap.siteOf(ref) !== block.site) throw new Error(`block ${block.id} lost its site`);
    this.heap.free(ref);
    this.blocks.delete(ref);
    this.#noteStale(ref);
  }

  #noteStale(ref: number): void {
    this.#stale.push(ref);
    // Tags wrap: only the last few stay sure to be found out.
    if (this.#stale.length > 8) this.#stale.shift();
  }

  #freeSomeOwned(): void {
    const keys = [...this.owned.keys()];
    if (keys.length > 0) this.#freeOwned(this.#pick(keys));
  }

  #freeOwned(address: Address): void {
    const block = this.owned.get(address)!;
    this.#checkView(this.heap.viewAt(address), block.id, block.byteLength);
    if (this.heap.markAt(address) !== (block.id & 0xffff)) throw new Error(`block ${block.id} lost its mark`);
    this.owned.delete(address);
    this.heap.freeOwned(address);
  }

  #freeStale(): void {
    for (const ref of this.#stale) {
      if (this.blocks.has(ref)) throw new Error(`stale ref ${ref} is live again too soon`);
      try {
        this.heap.free(ref);
      } catch (error) {
        if (error instanceof StaleRefError) continue;
        throw error;
      }
      throw new Error(`stale ref ${ref} could be freed again`);
    }
  }

  #collect(): void {
    this.heap.collectGeneration(this.#pick(this.#generations));
  }

  #pinOrUnpin(): void {
    if (this.#pins.length > 2 || (this.#pins.length > 0 && this.#random() < 0.5)) {
      const { pin, view, id } = this.#pins.pop()!;
      this.#checkView(view, id, view.length);
      this.heap.unpin(pin);
      return;
    }
    const ref = this.#someRef();
    if (ref === undefined) return;
    const view = this.heap.view(ref);
    this.#pins.push({ pin: this.heap.pin(ref), view, id: this.blocks.get(ref)!.id });
  }

  #unpinAll(): void {
    for (const { pin, view, id } of this.#pins.splice(0)) {
      this.#checkView(view, id, view.length);
      this.heap.unpin(pin);
    }
  }

  #release(): void {
    this.#unpinAll();
    const generation = this.#pick(this.#generations);
    const gone: number[] = [];
    for (const ref of this.blocks.keys()) {
      if (this.heap.generationOf(ref) === generation) gone.push(ref);
    }
    this.heap.releaseGeneration(generation, { keep: this.#random() < 0.3 });
    for (const ref of gone) {
      this.blocks.delete(ref);
      if (this.heap.has(ref)) throw new Error(`ref ${ref} outlived its generation`);
    }
    for (const ref of this.blocks.keys()) {
      if (!this.heap.has(ref)) throw new Error(`ref ${ref} died with another generation`);
    }
    this.#forgetEnded();
  }

  #forgetEnded(): void {
    const live = new Set(this.heap.stats().generations.map((stats) => stats.generation as number));
    const kept = this.#generations.filter((generation) => live.has(generation));
    this.#generations.splice(0, this.#generations.length, ...kept);
  }

  #newGeneration(): void {
    if (this.#generations.length > 8) return;
    const generation = this.#attempt(() =>
      this.heap.newGeneration({ evacuateTo: this.#pick(this.#generations) }),
    );
    if (generation !== undefined) this.#generations.push(generation);
  }

  #reserve(): void {
    if (this.#unheld > 0) {
      this.heap.hold(this.#unheld);
      this.#unheld = 0;
      return;
    }
    if (this.#reserved > 0) {
      this.heap.release(this.#reserved);
      this.#reserved = 0;
      return;
    }
    const bytes = Math.floor(this.#random() * this.heap.maxBytes * 0.2);
    const held = Math.floor(this.#random() * bytes);
    this.#attempt(() => {
      this.heap.reserve(bytes, held);
      // Beside what a hook may have reserved meanwhile.
      this.#reserved += bytes;
      this.#unheld += bytes - held;
    });
  }

  #evictRegion(): void {
    const region = this.heap.oldestRegion(this.#pick(this.#generations));
    if (region !== -1) this.heap.evacuateRegion(region);
  }

  /** Checks every block's bytes. */
  #checkAll(): void {
    for (const [ref, block] of this.blocks) {
      this.#checkView(this.heap.view(ref), block.id, block.byteLength);
    }
    for (const [address, block] of this.owned) {
      this.#checkView(this.heap.viewAt(address), block.id, block.byteLength);
    }
  }

  check(): void {
    this.heap.verify();
    const { committed, max, live } = this.heap.bytes;
    if (committed > max) throw new Error(`${committed} bytes committed of ${max}`);
    this.#checkPeak();
    let payload = 0;
    for (const block of this.blocks.values()) payload += block.byteLength;
    for (const block of this.owned.values()) payload += block.byteLength;
    if (live < payload) throw new Error(`${live} bytes live, ${payload} in blocks`);
  }

  /** The peak is the most that was ever seen in use, or what was used in between; from time to time counted anew. */
  #checkPeak(): void {
    const { used, peakUsed, committed } = this.heap.bytes;
    this.#mostUsed = Math.max(this.#mostUsed, used);
    if (peakUsed < this.#mostUsed)
      throw new Error(`${this.#mostUsed} bytes were in use, ${peakUsed} at most`);
    if (peakUsed > this.heap.maxBytes)
      throw new Error(`${peakUsed} bytes in use at most, ${committed} committed`);
    if (++this.#checks % 50 !== 0) return;
    this.heap.resetPeakUsed();
    this.#mostUsed = used;
    if (this.heap.bytes.peakUsed !== used) throw new Error('the peak was not reset');
  }

  /** Frees everything and checks that nothing is left. */
  drain(): void {
    this.#checkAll();
    this.#unpinAll();
    for (const ref of [...this.blocks.keys()]) this.heap.free(ref);
    for (const address of [...this.owned.keys()]) this.#freeOwned(address);
    this.blocks.clear();
    this.check();
    if (this.heap.bytes.live !== 0) throw new Error(`${this.heap.bytes.live} bytes live in an empty heap`);
  }
}
