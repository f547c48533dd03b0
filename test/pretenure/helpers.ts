import { Program } from '../../bench/pretenure/program.js';
import { GenerationalHeap, type HeapOptions } from '../../src/heap/index.js';
import {
  type PlacedContext,
  type PretenureOptions,
  type Pretenurer,
  pretenure,
} from '../../src/pretenure/index.js';

export { about, type Kind, lcg, Program, plantedCallers } from '../../bench/pretenure/program.js';

/**
 * A small heap with short cycles, so that a window of 16 takes milliseconds; samples drawn from a fixed seed, and a clock
 * that each look puts on by a microsecond: what a step of the heap gets done in its time does not depend on the machine.
 */
export function learningHeap(
  options: PretenureOptions = {},
  heapOptions: HeapOptions = {},
): { heap: GenerationalHeap; pretenurer: Pretenurer } {
  let state = 12345;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  let nowMs = 0;
  const clock = { nowMs: () => (nowMs += 1e-3), unixMs: () => nowMs };
  const heap = new GenerationalHeap({
    maxBytes: 16 * 2 ** 20,
    regionBytes: 16 * 1024,
    cycleBytes: 64 * 1024,
    sampleBytes: 512,
    random,
    clock,
    ...heapOptions,
  });
  // A test machine's time is no one's budget.
  return { heap, pretenurer: pretenure(heap, { callerBudget: 1e6, ...options }, clock) };
}

export function contextsOf(pretenurer: Pretenurer, site: string): PlacedContext[] {
  return pretenurer.contexts().filter((context) => context.site === site);
}

/** Generations decided for a site's contexts, ascending. */
export function generationsOf(pretenurer: Pretenurer, site: string): (number | null)[] {
  return contextsOf(pretenurer, site)
    .map(({ generation }) => generation)
    .sort((a, b) => (a ?? 0) - (b ?? 0));
}

export function runKinds(heap: GenerationalHeap, kinds: Program['kinds'], cycles: number): Program {
  const program = new Program(heap, kinds, 7);
  program.run(cycles);
  return program;
}
