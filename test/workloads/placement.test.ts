import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import {
  ARENA,
  ARENA_REFS,
  ArenaHeap,
  type ArenaWords,
  type FixedWords,
  type Placement,
  SINGLE,
  TypedWords,
  type WordStore,
} from '../../workloads/common/index.js';

/** Little more than the groups take at most: holes must be used again. */
const MAX_BYTES = 2 ** 19;

/** A group that holds runs of words, each filled with its own number. */
class Filled {
  readonly words: WordStore;
  readonly runs: { run: number; length: number; mark: number }[] = [];

  constructor(words: WordStore) {
    this.words = words;
  }

  add(length: number, mark: number): void {
    const run = this.words.allocate(length);
    const at = this.words.locate(run);
    this.words.words.fill(mark, at, at + length);
    this.runs.push({ run, length, mark });
  }

  check(): void {
    for (const { run, length, mark } of this.runs) {
      const at = this.words.locate(run);
      const found = this.words.words.subarray(at, at + length);
      if (!found.every((word) => word === mark)) expect(found).toEqual(new Int32Array(length).fill(mark));
    }
  }

  freeOne(): boolean {
    const next = this.runs.pop();
    if (next !== undefined) (this.words as ArenaWords).free(next.run);
    return next !== undefined;
  }
}

describe('runs of words in a typed array', () => {
  it('keep their words while the array grows, doubles included', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }), (lengths) => {
        const words = new TypedWords(3);
        const group = new Filled(words);
        for (const [mark, length] of lengths.entries()) group.add(length, mark + 1);
        group.check();
        const run = words.allocate(2);
        expect(run).toBeGreaterThan(0);
        const at = words.locate(run);
        words.doubles[at >>> 1] = Math.PI;
        expect(new Float64Array(words.words.buffer as ArrayBuffer)[at / 2]).toBe(Math.PI);
        group.check();
      }),
      { seed: 1, numRuns: 50 },
    );
  });
});

/** Groups of mixed length of life, one of them always older than the rest. */
function churn(placement: Placement): Record<string, number> {
  const arena = new ArenaHeap(placement, MAX_BYTES);
  const random = seededRandom(4);
  const live: Filled[] = [];
  for (let round = 0; round < 400; round++) {
    if (live.length < 6) live.push(new Filled(arena.openWords('runs')));
    for (const group of live) {
      for (let i = 0; i < 10; i++) group.add(1 + Math.floor(random() * 20), round);
    }
    if (round % 3 === 2) {
      const [ended] = live.splice(Math.floor(random() * random() * live.length), 1);
      (ended!.words as ArenaWords).end(ended!);
    }
    if (round % 20 === 0) for (const group of live) group.check();
  }
  for (const group of live) group.check();
  arena.verify();
  return arena.stats();
}

/** The same of groups whose runs stay where they are, on as little memory. */
function churnFixed(): Record<string, number> {
  const arena = new ArenaHeap(ARENA, MAX_BYTES);
  const random = seededRandom(4);
  const live: Filled[] = [];
  for (let round = 0; round < 400; round++) {
    if (live.length < 6) live.push(new Filled(arena.openFixedWords()));
    for (const group of live) {
      for (let i = 0; i < 10; i++) group.add(1 + Math.floor(random() * 20), round);
    }
    if (round % 3 === 2) {
      const [ended] = live.splice(Math.floor(random() * random() * live.length), 1);
      (ended!.words as FixedWords).end();
    }
    for (const group of live) group.check();
  }
  const runs = live.flatMap((group) => group.runs.map(({ run }) => run));
  expect(Math.min(...runs)).toBeGreaterThan(0);
  // A double fits at each, and the bytes are those of the words.
  const [{ words }] = live as [Filled];
  const at = words.locate(words.allocate(2));
  words.doubles[at >>> 1] = 1.5;
  expect([words.words[at], words.words[at + 1]]).toEqual([...new Int32Array(Float64Array.of(1.5).buffer)]);
  expect((words as FixedWords).bytes[4 * at + 7]).toBe(0x3f);
  arena.verify();
  return arena.stats();
}

describe('the bytes of an arena', () => {
  it('tell the most that was in use between two looks, though a group came and went', () => {
    const arena = new ArenaHeap(ARENA, MAX_BYTES);
    const before = arena.offHeap().used;
    const words = arena.openFixedWords();
    for (let i = 0; i < 100; i++) words.allocate(100);
    words.end();
    const { used, peak } = arena.offHeap();
    expect(peak).toBeGreaterThanOrEqual(before + 40_000);
    expect(used).toBeLessThan(before + 40_000);
    expect(arena.offHeap()).toMatchObject({ used, peak: used });
  });
});

describe('a placement', () => {
  it('of a generation a group releases groups whole and copies nothing', () => {
    const stats = churn(ARENA_REFS);
    expect(stats.bytesEvacuated).toBe(0);
    expect(stats.regionsReleased).toBeGreaterThan(0);
  });

  it('of a fixed generation a group does the same, and its runs stay where they are', () => {
    const stats = churnFixed();
    expect(stats.bytesEvacuated).toBe(0);
    expect(stats.regionsReleased).toBeGreaterThan(0);
  });

  it('of one generation for all frees block by block, and copies what lies among the dead', () => {
    const stats = churn(SINGLE);
    expect(stats.regionsReleased).toBe(0);
    expect(stats.bytesEvacuated).toBeGreaterThan(0);
    // What is over is freed: the live are at most six groups of some hundred runs.
    expect(stats.bytesLive).toBeLessThan(MAX_BYTES);
  });
});
