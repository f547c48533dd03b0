import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ARENA,
  ARENA_REFS,
  ArenaHeap,
  SINGLE,
  TypedWords,
  type WordStore,
} from '../../workloads/common/index.js';
import { DocTable, ID, LENGTH, NUMBER } from '../../workloads/lucene/doc-table.js';
import { FlatSegment } from '../../workloads/lucene/flat-segment.js';
import { NONE, TermKey, TermTable } from '../../workloads/lucene/term-table.js';
import { MAX_TERM_LENGTH } from '../../workloads/lucene/tokens.js';

const STORES: Record<string, () => WordStore> = {
  typed: () => new TypedWords(64),
  single: () => new ArenaHeap(SINGLE, 2 ** 24).openWords('runs'),
  'arena-refs': () => new ArenaHeap(ARENA_REFS, 2 ** 24).openWords('runs'),
  arena: () => new ArenaHeap(ARENA, 2 ** 24).openFixedWords(),
};

/** Few hashes, so that chains are long. */
function setKey(key: TermKey, term: string): void {
  const bytes = Buffer.from(`<${term}>`, 'latin1');
  key.set(bytes, 1, bytes.length - 1, term.length % 3);
}

const term = fc.oneof(
  fc.string({ minLength: 1, maxLength: 9, unit: fc.constantFrom('a', 'b', 'z', '0') }),
  fc.integer({ min: 1, max: MAX_TERM_LENGTH }).map((length) => 'x'.repeat(length)),
);

describe.each(Object.entries(STORES))('tables of a segment in %s', (_, open) => {
  it('finds each term by its letters, whatever its length, and no other', () => {
    fc.assert(
      fc.property(fc.array(term, { maxLength: 60 }), fc.array(term, { maxLength: 20 }), (terms, others) => {
        const words = open();
        const table = new TermTable(words, 1);
        const key = new TermKey();
        const names = new Map<string, number>();
        for (const letters of terms) {
          setKey(key, letters);
          const name = table.intern(key);
          expect(names.get(letters) ?? name).toBe(name);
          names.set(letters, name);
        }
        expect(table.count).toBe(names.size);
        expect(new Set(names.values()).size).toBe(names.size);
        for (const letters of [...terms, ...others]) {
          setKey(key, letters);
          expect(table.find(key)).toBe(names.get(letters) ?? NONE);
        }
        let at = table.first;
        for (const name of names.values()) {
          expect(at).toBe(name);
          key.setFrom(words, name);
          expect(table.find(key)).toBe(name);
          at = table.next(at);
        }
        expect(at).toBe(NONE);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it('keeps documents over many runs', () => {
    const words = open();
    const table = new DocTable(words);
    for (let doc = 0; doc < 3000; doc++) table.add(7 * doc, doc + 1, doc % 64);
    for (let doc = 0; doc < 3000; doc++) {
      const at = table.locate(doc);
      expect([ID, NUMBER, LENGTH].map((word) => words.words[at + word])).toEqual([
        7 * doc,
        doc + 1,
        doc % 64,
      ]);
    }
  });

  it('names every run of a segment once', () => {
    const opened = open();
    const allocated: number[] = [];
    const allocate = opened.allocate.bind(opened);
    opened.allocate = (length) => {
      allocated.push(allocate(length));
      return allocated.at(-1)!;
    };
    const segment = new FlatSegment(opened, 0, 5000);
    const key = new TermKey();
    const positions = Int32Array.of(1, 2, 3);
    for (let doc = 0; doc < 600; doc++) {
      setKey(key, `w${doc % 17}`);
      segment.addPosting(segment.terms.intern(key), doc, 1, positions, 1 + (doc % 3));
      segment.addDoc(doc, doc + 1, 1);
    }
    expect([...segment.runs()].sort((a, b) => a - b)).toEqual(allocated.sort((a, b) => a - b));
  });
});
