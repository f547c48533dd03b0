import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCorpus, mixInt } from '../../workloads/common/index.js';
import {
  bm25,
  inverseDocumentFrequency,
  type LuceneEngine,
  type MiniSearchEngine,
  openLucene,
  Requests,
  SEARCH_AND,
  SEARCH_OR,
  SEARCH_PHRASE,
  TOP_HITS,
  TokenScanner,
  tokenise,
} from '../../workloads/lucene/index.js';

const VARIANTS = ['heap', 'typed', 'single', 'auto', 'arena-refs', 'arena'] as const;
const SMALL = { bufferDocs: 7, mergeFactor: 3, maxDocsPerLive: 2, unitsPerUpdate: 60 };
const KINDS = [SEARCH_OR, SEARCH_AND, SEARCH_PHRASE];

/** The index as a list of texts: every search reads all of them. */
class NaiveIndex {
  readonly texts = new Map<number, string>();

  matches(kind: number, query: string): Map<number, number> {
    const terms = tokenise(query);
    if (terms.length === 0) return new Map();
    const docs = [...this.texts].map(([id, text]) => ({ id, tokens: tokenise(text) }));
    const meanLength = docs.reduce((sum, doc) => sum + doc.tokens.length, 0) / docs.length;
    const idfs = terms.map(({ term }) => {
      const frequency = docs.filter((doc) => doc.tokens.some((token) => token.term === term)).length;
      return inverseDocumentFrequency(frequency, docs.length);
    });
    const scores = new Map<number, number>();
    for (const { id, tokens } of docs) {
      const counts = terms.map(({ term }) => tokens.filter((token) => token.term === term).length);
      let score = 0;
      if (kind === SEARCH_PHRASE) {
        const row = tokens.filter(({ position }) =>
          terms.every(({ term, position: at }) =>
            tokens.some((t) => t.term === term && t.position === position + at - terms[0]!.position),
          ),
        ).length;
        if (row > 0)
          score = bm25(
            idfs.reduce((a, b) => a + b),
            row,
            tokens.length,
            meanLength,
          );
      } else if (kind === SEARCH_OR || counts.every((count) => count > 0)) {
        for (const [at, count] of counts.entries()) {
          if (count > 0) score += bm25(idfs[at]!, count, tokens.length, meanLength);
        }
      }
      if (score > 0) scores.set(id, score);
    }
    return scores;
  }
}

function open(variant: string, requests: Requests): LuceneEngine<never> {
  return openLucene(variant, requests, SMALL) as LuceneEngine<never>;
}

/** The typed arrays with memory of their own that are made during `run`. The heap's is made as ArrayBuffers, as it grows. */
function arraysMadeBy(run: () => void): string[] {
  const made: string[] = [];
  const names = ['Int32Array', 'Uint8Array', 'Uint32Array', 'Float64Array'] as const;
  const originals = names.map((name) => globalThis[name]);
  for (const [at, name] of names.entries()) {
    const spied = new Proxy(originals[at] as new (...args: unknown[]) => object, {
      construct(target, args): object {
        if (!(args[0] instanceof ArrayBuffer)) made.push(`${name}(${args[0]})`);
        return Reflect.construct(target, args);
      },
    });
    Object.assign(globalThis, { [name]: spied });
  }
  try {
    run();
  } finally {
    for (const [at, name] of names.entries()) Object.assign(globalThis, { [name]: originals[at] });
  }
  return made;
}

const words = fc.constantFrom('the', 'cat', 'dog', 'sat', 'of', 'mat', 'sea', 'sun', 'x1', 'Cat', 'dog-sea');
const text = fc.array(words, { maxLength: 12 }).map((list) => list.join(' '));
const query = fc.tuple(words, words).map((list) => list.join(' '));

describe('tokenising', () => {
  it('cuts the same terms with and without strings', () => {
    const scanner = new TokenScanner(4096);
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ maxLength: 60 })), (sample) => {
        const latin = Buffer.from(sample, 'latin1').toString('latin1');
        scanner.scan(latin);
        const scanned = Array.from({ length: scanner.count }, (_, i) => ({
          term: Buffer.from(scanner.bytes.subarray(scanner.starts[i], scanner.ends[i])).toString('latin1'),
          position: scanner.positions[i],
        }));
        expect(scanned).toEqual(tokenise(latin));
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});

describe.each(VARIANTS)('the lucene engine, %s', (variant) => {
  let requests: Requests;
  beforeAll(() => {
    requests = new Requests(loadCorpus(), 100, 100, 1);
  });

  it('scores as a scan of all documents does, while nothing is deleted', () => {
    fc.assert(
      fc.property(
        fc.array(text, { minLength: 1, maxLength: 90 }),
        fc.array(query, { maxLength: 4 }),
        (texts, queries) => {
          const engine = open(variant, requests);
          const naive = new NaiveIndex();
          for (const [id, body] of texts.entries()) {
            engine.update(id, body);
            naive.texts.set(id, body);
          }
          for (const kind of KINDS) {
            for (const q of queries) {
              const expected = naive.matches(kind, q);
              const answer = engine.search(kind, q);
              expect(answer.total).toBe(expected.size);
              const best = [...expected].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, TOP_HITS);
              expect(answer.hits.map((hit) => hit.score)).toEqual(
                best.map(([, score]) => expect.closeTo(score, 9)),
              );
              for (const hit of answer.hits) expect(expected.get(hit.id)).toBeCloseTo(hit.score, 9);
            }
          }
          engine.close();
        },
      ),
      { seed: 7, numRuns: 60 },
    );
  });

  it('finds the live documents and no others through updates, deletes, flushes and merges', () => {
    const step = fc.record({ id: fc.nat(20), body: fc.option(text, { freq: 4 }), q: query });
    let merged = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 50, maxLength: 150 }), (steps) => {
        const engine = open(variant, requests);
        const naive = new NaiveIndex();
        for (const { id, body, q } of steps) {
          if (body === null) {
            engine.remove(id);
            naive.texts.delete(id);
          } else {
            engine.update(id, body);
            naive.texts.set(id, body);
          }
          for (const kind of KINDS) {
            const expected = naive.matches(kind, q);
            const answer = engine.search(kind, q);
            expect(answer.total).toBe(expected.size);
            for (const hit of answer.hits) expect(expected.has(hit.id)).toBe(true);
          }
        }
        merged = Math.max(merged, ...engine.segments.map((segment: { level: number }) => segment.level));
      }),
      { seed: 8, numRuns: 60 },
    );
    expect(merged, 'segments were merged').toBeGreaterThan(0);
  });
});

describe('minisearch beside it', () => {
  it('finds what a scan of all documents finds, OR and AND', () => {
    const requests = new Requests(loadCorpus(), 300, 10, 1);
    const engine = openLucene('minisearch', requests) as MiniSearchEngine;
    engine.load();
    const naive = new NaiveIndex();
    for (let id = 0; id < requests.documents; id++) naive.texts.set(id, requests.text(id));
    let found = 0;
    for (const kind of [SEARCH_OR, SEARCH_AND]) {
      for (const q of ['person animal', 'small large', 'living thing', 'of a kind']) {
        const expected = naive.matches(kind, q);
        const answer = engine.search(kind, q);
        expect(answer.total).toBe(expected.size);
        for (const hit of answer.hits) expect(expected.has(hit.id)).toBe(true);
        found += answer.total;
      }
    }
    expect(found).toBeGreaterThan(0);
    for (let op = 0; op < 500; op++) expect(Number.isInteger(engine.apply(op))).toBe(true);
    engine.close();
  });
});

describe('the lucene workload', () => {
  it('gives the same answers in every variant, and keeps up with its merges', () => {
    const requests = new Requests(loadCorpus(), 6000, 4000, 42);
    const sums = VARIANTS.map((variant) => {
      const engine = openLucene(variant, requests) as LuceneEngine<never>;
      engine.load();
      let checksum = 0;
      let buffers = 0;
      for (let op = 0; op < 9000; op++) {
        checksum = mixInt(checksum, engine.apply(op));
        const { length } = engine.segments.filter(({ level }: { level: number }) => level === -1);
        buffers = Math.max(buffers, length);
      }
      // Flushed before the next is full, whatever is merged meanwhile.
      expect(buffers).toBe(2);
      expect(engine.stats().segments).toBeLessThan(24);
      expect(engine.stats().documents).toBeLessThan(3 * 6000);
      return checksum;
    });
    expect(new Set(sums).size, String(sums)).toBe(1);
  });

  it('makes no array for a segment in arena: V8 has nothing to collect but requests and answers', () => {
    const engine = openLucene('arena', new Requests(loadCorpus(), 3000, 4000, 42)) as LuceneEngine<never>;
    engine.load();
    let op = 0;
    // What grows once has grown then.
    while (op < 12_000) engine.apply(op++);
    const before = engine.stats().regionsReleased!;
    const made = arraysMadeBy(() => {
      while (op < 24_000) engine.apply(op++);
    });
    expect(engine.stats().regionsReleased).toBeGreaterThan(before + 20);
    expect(made).toEqual([]);
  });

  it('draws the same stream from the same seed, and another from another', () => {
    const corpus = loadCorpus();
    const texts = (seed: number): string[] => {
      const requests = new Requests(corpus, 1000, 200, seed);
      return Array.from(
        { length: 200 },
        (_, op) => `${requests.kind(requests.slot(op))} ${requests.text(requests.slot(op))}`,
      );
    };
    expect(texts(1)).toEqual(texts(1));
    expect(texts(1)).not.toEqual(texts(2));
  });

  it('names the variants it has when asked for another', () => {
    const requests = new Requests(loadCorpus(), 10, 10, 1);
    expect(() => openLucene('off-heap', requests)).toThrow(
      /'off-heap'.*heap, minisearch, typed, single, auto, arena-refs, arena, floor/,
    );
  });
});
