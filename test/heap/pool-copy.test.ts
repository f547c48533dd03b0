import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineRecord, GenerationalHeap, Pool, type Ref } from '../../src/heap/index.js';

const Note = defineRecord({ at: 'f64', text: 'string', tags: 'string[]', extra: 'bytes?' }, 'Note');
const note = fc.record({
  at: fc.double({ noNaN: true }),
  text: fc.string({ unit: 'binary', maxLength: 60 }),
  tags: fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
  extra: fc.option(fc.uint8Array({ maxLength: 20 })),
});

describe('copying a record', () => {
  it('stores what the record says, in the copying pool and in its generation', () => {
    fc.assert(
      fc.property(fc.array(note, { minLength: 1, maxLength: 40 }), (notes) => {
        const heap = new GenerationalHeap({ maxBytes: 2 ** 20 });
        const first = new Pool(Note, { heap, site: 'first' });
        const second = new Pool(Note, { heap, site: 'second' });
        const batch = heap.newGeneration();
        const refs = notes.map((values) => first.create(values));
        heap.setGeneration(batch);
        const copies = refs.map((ref) => second.copy(ref, first));
        for (const [at, copy] of copies.entries()) {
          expect(second.read(copy)).toEqual(first.read(refs[at]!));
          expect(first.has(copy)).toBe(false);
          expect(heap.generationOf(copy)).toBe(batch);
        }
        expect(second.size).toBe(notes.length);
        // A copy is a record of its own.
        first.update(refs[0]!, { text: 'changed since' });
        expect(second.read(copies[0]!).text).toBe(notes[0]!.text);
        heap.releaseGeneration(batch);
        expect(second.size).toBe(0);
        expect(first.size).toBe(notes.length);
        heap.verify();
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('goes on in a heap that must move blocks for it', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 18, settleCycles: 0 });
    const pool = new Pool(Note, { heap });
    let refs: Ref[] = Array.from({ length: 300 }, (_, i) =>
      pool.create({ at: i, text: `note ${i} `.repeat(20), tags: [] }),
    );
    for (let round = 0; round < 50; round++) {
      refs = refs.map((ref, i) => {
        if ((i + round) % 3 !== 0) return ref;
        const copy = pool.copy(ref);
        pool.free(ref);
        return copy;
      });
    }
    for (const [i, ref] of refs.entries()) {
      expect(pool.at(ref).at).toBe(i);
      expect(pool.equals(ref, 'text', `note ${i} `.repeat(20))).toBe(true);
    }
    heap.verify();
  });

  it('refuses pools of another heap or type, and stale refs', () => {
    const heap = new GenerationalHeap({ maxBytes: 2 ** 20 });
    const pool = new Pool(Note, { heap });
    const ref = pool.create({ at: 1, text: 'a', tags: [] });
    const other = new Pool(Note, { heap: new GenerationalHeap({ maxBytes: 2 ** 20 }) });
    expect(() => other.copy(ref, pool)).toThrow(/same heap/);
    pool.free(ref);
    expect(() => pool.copy(ref)).toThrow(/stale|freed|gone/i);
    expect(pool.size).toBe(0);
  });
});
