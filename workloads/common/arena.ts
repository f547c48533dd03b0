import { type Generation, GenerationalHeap, type Ref, type SiteId } from 'rolp/heap';
import type { OffHeapBytes, StopWorkLog } from './engine.js';
import type { Placement } from './placement.js';
import type { ValueStore } from './words.js';

/**
 * Freed with each block allocated: so many that the dead of a group do not outlive it for long (with 3, a tenth of
 * cassandra's peak were blocks over already), and so few that an allocation stays within a few microseconds.
 */
const FREES_PER_ALLOCATION = 16;

/** A group that is over, where its blocks must be freed one by one. */
export interface EndedGroup {
  /** Frees one block. @returns false if none is left. */
  freeOne(): boolean;
}

/** What an engine on rolp's heap has of it: the heap, its placement, and figures for the harness. */
export class ArenaHeap {
  readonly heap: GenerationalHeap;
  readonly placement: Placement;
  readonly #ended: EndedGroup[] = [];

  /**
   * @param maxBytes what all of the engine's blocks may take, garbage and copies included
   * @param regionBytes of the heap's regions; the heap chooses if left out
   */
  constructor(placement: Placement, maxBytes: number, regionBytes?: number) {
    this.placement = placement;
    // As a server is given its memory when it starts: a buffer made later is to V8 so much garbage to come, and it marks.
    this.heap = new GenerationalHeap({
      maxBytes,
      upFront: true,
      name: placement.name,
      ...(regionBytes === undefined ? {} : { regionBytes }),
    });
    placement.prepare?.(this.heap);
  }

  /** @param site what the runs of the new group are, for a placement that learns */
  openWords(site: string): ArenaWords {
    return new ArenaWords(this, this.placement.open(this.heap), this.heap.site(site));
  }

  /** For the placement `ARENA` alone: its groups' runs are named by where they lie. */
  openFixedWords(): FixedWords {
    return new FixedWords(this.heap, this.placement.open(this.heap)!);
  }

  /** Ends a group: at once where it has its generation, else block by block with the allocations that follow. */
  end(generation: Generation | undefined, group: EndedGroup): void {
    if (this.placement.releasesGroups && generation !== undefined) this.heap.releaseGeneration(generation);
    else this.#ended.push(group);
  }

  /** To be called before each allocation: frees some blocks of groups that are over. */
  freeSome(): void {
    const ended = this.#ended;
    for (let left = FREES_PER_ALLOCATION; left > 0 && ended.length > 0; left--) {
      if (!ended[0]!.freeOne()) ended.shift();
    }
  }

  offHeap(): OffHeapBytes {
    const { committed, used, peakUsed } = this.heap.bytes;
    this.heap.resetPeakUsed();
    return { committed, used, peak: peakUsed };
  }

  /** rolp's own pauses since the last call. */
  takeStopWork(): StopWorkLog {
    const pauses: { kind: string; pauseNs: number }[] = [];
    const lost = this.heap.pauses.drain((kind, pauseNs) => pauses.push({ kind, pauseNs }));
    return { pauses, lost };
  }

  /** For the comparison of `arena` with `single`. */
  stats(): Record<string, number> {
    const { totals, cycle, bytes } = this.heap.stats();
    return {
      heapCycles: cycle,
      bytesAllocated: totals.bytesAllocated,
      bytesEvacuated: totals.bytesEvacuated,
      regionsFreedWhole: totals.regionsFreedWhole,
      regionsEvacuated: totals.regionsEvacuated,
      regionsReleased: totals.regionsReleased,
      bytesLive: bytes.live,
      bytesCommitted: bytes.committed,
    };
  }

  /** Walks everything. @throws HeapInvariantError */
  verify(): void {
    this.heap.verify();
  }
}

/** What a group that has located nothing yet looks at: an array made for each would be V8's to collect. */
const NO_WORDS = new Int32Array(0);
const NO_DOUBLES = new Float64Array(0);

/** A group's runs of words, each a block of the heap; a run's name is its ref. */
export class ArenaWords implements ValueStore {
  words: Int32Array = NO_WORDS;
  doubles: Float64Array = NO_DOUBLES;
  readonly generation: Generation | undefined;
  readonly #arena: ArenaHeap;
  readonly #site: SiteId;

  constructor(arena: ArenaHeap, generation: Generation | undefined, site: SiteId) {
    this.#arena = arena;
    this.generation = generation;
    this.#site = site;
  }

  allocate(words: number): number {
    this.#arena.freeSome();
    return this.#arena.heap.allocate(4 * words, this.generation, this.#site);
  }

  /** By address, as inner loops do (docs/heap.md): the heap's `view` would make an object a call. */
  locate(run: number): number {
    const { heap } = this.#arena;
    const { memory } = heap;
    const address = heap.addressOf(run as Ref);
    const slab = address >>> memory.slabShift;
    this.words = memory.i32[slab]!;
    this.doubles = memory.f64[slab]!;
    return heap.payloadAt(address) >>> 2;
  }

  value(run: number): number {
    const at = this.locate(run);
    return this.doubles[at >>> 1]!;
  }

  setValue(run: number, value: number): void {
    const at = this.locate(run);
    this.doubles[at >>> 1] = value;
  }

  word(run: number, at: number): number {
    const first = this.locate(run);
    return this.words[first + at]!;
  }

  setWord(run: number, at: number, word: number): void {
    const first = this.locate(run);
    this.words[first + at] = word;
  }

  free(run: number): void {
    this.#arena.heap.free(run);
  }

  /** @param group frees the runs one by one, if that is how they end */
  end(group: EndedGroup): void {
    this.#arena.end(this.generation, group);
  }
}

/** A group's runs of words in a fixed generation; a run's name is its address. */
export class FixedWords implements ValueStore {
  readonly generation: Generation;
  readonly #heap: GenerationalHeap;
  /** The heap's memory, its fields taken apart: a loop then keeps them in registers. */
  readonly #i32: readonly Int32Array[];
  readonly #f64: readonly Float64Array[];
  readonly #u8: readonly Uint8Array[];
  readonly #slabShift: number;
  readonly #slabMask: number;
  readonly #wordShift: number;
  readonly #doubleShift: number;
  /** Where the run that was located last lies. A number: to keep the slab's arrays would cost a write barrier each. */
  #slab = 0;

  constructor(heap: GenerationalHeap, generation: Generation) {
    this.#heap = heap;
    const { i32, f64, u8, slabShift, slabMask, wordShift } = heap.memory;
    this.#i32 = i32;
    this.#f64 = f64;
    this.#u8 = u8;
    this.#slabShift = slabShift;
    this.#slabMask = slabMask;
    this.#wordShift = wordShift;
    this.#doubleShift = wordShift - 1;
    this.generation = generation;
  }

  get words(): Int32Array {
    return this.#i32[this.#slab]!;
  }

  get doubles(): Float64Array {
    return this.#f64[this.#slab]!;
  }

  get bytes(): Uint8Array {
    return this.#u8[this.#slab]!;
  }

  allocate(words: number): number {
    return this.#heap.place(4 * words, this.generation);
  }

  /** Nothing but to pick the slab: a run stays where it is. */
  locate(run: number): number {
    this.#slab = run >>> this.#slabShift;
    return (run & this.#slabMask) << this.#wordShift;
  }

  value(run: number): number {
    return this.#f64[run >>> this.#slabShift]![(run & this.#slabMask) << this.#doubleShift]!;
  }

  setValue(run: number, value: number): void {
    this.#f64[run >>> this.#slabShift]![(run & this.#slabMask) << this.#doubleShift] = value;
  }

  word(run: number, at: number): number {
    return this.#i32[run >>> this.#slabShift]![((run & this.#slabMask) << this.#wordShift) + at]!;
  }

  setWord(run: number, at: number, word: number): void {
    this.#i32[run >>> this.#slabShift]![((run & this.#slabMask) << this.#wordShift) + at] = word;
  }

  /** Lets go of all runs at once. */
  end(): void {
    this.#heap.releaseGeneration(this.generation);
  }
}

/** What homes on rolp's heap have in common: they tell its figures. */
export abstract class ArenaHome {
  protected readonly arena: ArenaHeap;

  constructor(arena: ArenaHeap) {
    this.arena = arena;
  }

  offHeap(): OffHeapBytes {
    return this.arena.offHeap();
  }

  takeStopWork(): StopWorkLog {
    return this.arena.takeStopWork();
  }

  stats(): Record<string, number> {
    return this.arena.stats();
  }

  verify(): void {
    this.arena.verify();
  }
}
