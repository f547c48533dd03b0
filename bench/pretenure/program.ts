import type { GenerationalHeap, SiteId } from 'rolp/heap';

/** Steps that a heap cycle is cut into: what dies, dies at one of them. */
const STEPS_PER_CYCLE = 40;

export type Random = () => number;

/** One kind of object of a synthetic program. */
export interface Kind {
  /** Allocates one object. @returns its ref */
  readonly allocate: (byteLength: number) => number;
  /** Draws a lifetime, in heap cycles. */
  readonly life: (random: Random) => number;
  /** Share of births, relative to the other kinds'. */
  readonly weight: number;
}

/** A lifetime of about `cycles`, a fifth more or less. */
export function about(cycles: number): (random: Random) => number {
  return (random) => cycles * (0.8 + 0.4 * random());
}

/** A repeatable generator: a linear congruential one is enough to draw lifetimes from. */
export function lcg(seed: number): Random {
  let state = Math.imul(seed, 2654435761) | 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A program that allocates objects of several kinds in random order and frees each when its time is over. */
export class Program {
  readonly heap: GenerationalHeap;
  kinds: readonly Kind[];
  readonly #random: Random;
  readonly #sizeOf: (random: Random) => number;
  readonly #due: Map<number, number[]> = new Map();
  #step: number = 0;
  /** Objects allocated. */
  births: number = 0;
  /** Most bytes in use at any step. */
  peakBytes: number = 0;

  constructor(
    heap: GenerationalHeap,
    kinds: readonly Kind[],
    seed: number,
    sizeOf: (random: Random) => number = (random) => 64 + Math.floor(random() * 128),
  ) {
    this.heap = heap;
    this.kinds = kinds;
    this.#random = lcg(seed);
    this.#sizeOf = sizeOf;
  }

  /** Runs for `cycles` heap cycles. @param onCycle called after each. */
  run(cycles: number, onCycle?: (cycle: number) => void): void {
    const { heap } = this;
    const end = heap.cycle + cycles;
    for (let last = heap.cycle; heap.cycle < end; ) {
      this.step();
      if (heap.cycle !== last) {
        last = heap.cycle;
        onCycle?.(last);
      }
    }
  }

  /** A fortieth of a heap cycle. */
  step(): void {
    const { heap, kinds } = this;
    const random = this.#random;
    const dying = this.#due.get(this.#step);
    if (dying !== undefined) {
      for (const ref of dying) heap.free(ref);
      this.#due.delete(this.#step);
    }
    let total = 0;
    for (const { weight } of kinds) total += weight;
    for (let left = heap.cycleBytes / STEPS_PER_CYCLE; left > 0; ) {
      const byteLength = this.#sizeOf(random);
      let pick = random() * total;
      let kind = kinds[0]!;
      for (const each of kinds) {
        kind = each;
        pick -= each.weight;
        if (pick < 0) break;
      }
      const ref = kind.allocate(byteLength);
      this.births++;
      const at = this.#step + Math.max(1, Math.round(kind.life(random) * STEPS_PER_CYCLE));
      const due = this.#due.get(at);
      if (due === undefined) this.#due.set(at, [ref]);
      else due.push(ref);
      left -= heap.byteLength(ref) + 8;
    }
    this.#step++;
    this.peakBytes = Math.max(this.peakBytes, heap.maxBytes - heap.regions.freeRegions * heap.regionBytes);
  }
}

type Allocate = (byteLength: number) => number;

/** The one factory that all planted callers go through, at `depth` calls from it. */
export function plantedCallers(heap: GenerationalHeap, site: SiteId, depth: number): Allocate[] {
  const factory: Allocate = (byteLength) => heap.allocate(byteLength, undefined, site);
  const level2: Allocate = (byteLength) => factory(byteLength);
  const level3: Allocate = (byteLength) => level2(byteLength);
  const level4: Allocate = (byteLength) => level3(byteLength);
  const via = [factory, level2, level3, level4][depth - 1]!;
  return [
    (byteLength) => via(byteLength),
    (byteLength) => via(byteLength),
    (byteLength) => via(byteLength),
    (byteLength) => via(byteLength),
    (byteLength) => via(byteLength),
    (byteLength) => via(byteLength),
  ];
}
