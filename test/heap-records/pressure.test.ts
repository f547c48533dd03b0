import { describe, expect, it } from 'vitest';
import {
  defineRecord,
  type Generation,
  GenerationalHeap,
  HeapFullError,
  Pool,
  type Ref,
  StaleRefError,
} from '../../src/heap/index.js';

const Pair = defineRecord({ a: 'u32', b: 'u32' }, 'Pair');

/**
 * A full heap, in which a pool's first record finds a place and a ref, but the pool no room for its own table.
 *
 * `others` are what fills it; `generation` is the pool's.
 */
function fullHeap(): {
  heap: GenerationalHeap;
  pool: Pool<typeof Pair.schema>;
  others: Ref[];
  generation: Generation;
  reserved: number;
} {
  const heap = new GenerationalHeap({ maxBytes: 2 ** 20, regionBytes: 4096, debug: true, sampleBytes: 0 });
  const generation = heap.newGeneration();
  const pool = new Pool(Pair, { heap, generation });
  // More than is left to itself under pressure, so that the region stays open.
  heap.allocate(1500, generation);
  heap.allocate(1500, generation);
  const others: Ref[] = [];
  try {
    for (;;) others.push(heap.allocate(100, 1));
  } catch (error) {
    if (!(error instanceof HeapFullError)) throw error;
  }
  const reserved = heap.maxBytes - heap.committedBytes;
  heap.reserve(reserved);
  for (let i = 0; i < 10; i++) heap.free(others.pop()!);
  return { heap, pool, others, generation, reserved };
}

describe('a pressure hook that is asked for room for a pool', () => {
  it('and makes a record in it loses neither that nor the one that was being made', () => {
    const { heap, pool, others } = fullHeap();
    const made: Ref[] = [];
    const off = heap.onPressure(() => {
      off();
      for (const other of others) heap.free(other);
      made.push(pool.create({ a: 1, b: 2 }));
    });
    const ref = pool.create({ a: 3, b: 4 });
    expect(made.length).toBe(1);
    expect(new Set(pool)).toEqual(new Set([ref, ...made]));
    expect(pool.size).toBe(2);
    heap.verify();
    pool[Symbol.dispose]();
    expect(heap.stats().refs.live).toBe(2);
    heap.verify();
  });

  it('and releases the generation of the record that was being made has that call refused', () => {
    const { heap, pool, others, generation } = fullHeap();
    const off = heap.onPressure(() => {
      off();
      for (const other of others) heap.free(other);
      heap.releaseGeneration(generation, { keep: true });
    });
    expect(() => pool.create({ a: 3, b: 4 })).toThrow(StaleRefError);
    expect(pool.size).toBe(0);
    pool.create({ a: 5, b: 6 });
    expect(pool.size).toBe(1);
    heap.verify();
  });

  it('and disposes of the pool has that call refused, and keeps nothing of it', () => {
    const { heap, pool, others, reserved } = fullHeap();
    const off = heap.onPressure(() => {
      off();
      for (const other of others) heap.free(other);
      pool[Symbol.dispose]();
    });
    expect(() => pool.create({ a: 3, b: 4 })).toThrow('the pool was disposed of');
    expect(heap.stats().refs.live).toBe(2);
    expect(() => heap.release(reserved + 1)).toThrow(RangeError);
    heap.verify();
  });

  it('and lengthens the record that is being copied has all of it copied', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 20, maxRefs: 16, debug: true });
    const pool = new Pool(defineRecord({ text: 'string' }), { heap });
    const refs = Array.from({ length: 15 }, () => pool.create({ text: 'short' }));
    const text = 'long '.repeat(50);
    const off = heap.onPressure(() => {
      off();
      pool.free(refs[4]!);
      pool.update(refs[3]!, { text });
    });
    expect(pool.read(pool.copy(refs[3]!))).toEqual({ text });
    expect(pool.size).toBe(15);
    expect(heap.stats().refs.live).toBe(15);
    heap.verify();
  });

  it('and frees the record that is being copied leaves no copy behind', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 20, maxRefs: 16 });
    const pool = new Pool(Pair, { heap });
    const refs = Array.from({ length: 15 }, (_, i) => pool.create({ a: i, b: i }));
    const off = heap.onPressure(() => {
      off();
      pool.free(refs[3]!);
    });
    expect(() => pool.copy(refs[3]!)).toThrow(StaleRefError);
    expect(pool.size).toBe(14);
    expect(heap.stats().refs.live).toBe(14);
    heap.verify();
  });
});
