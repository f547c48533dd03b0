import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import {
  invertibleHash,
  Latest,
  loadCorpus,
  loadPointers,
  mixFloat,
  mixInt,
  mixString,
  ScrambledZipfian,
  Zipfian,
} from '../../workloads/common/index.js';

function histogram(generator: { next(): number }, items: number, draws: number): Uint32Array {
  const counts = new Uint32Array(items);
  for (let i = 0; i < draws; i++) counts[generator.next()]!++;
  return counts;
}

describe('the YCSB generators', () => {
  const items = 1000;
  const draws = 200_000;
  const zeta = Array.from({ length: items }, (_, i) => (i + 1) ** -0.99).reduce((a, b) => a + b);

  it('draws item i about (i + 1)^-0.99 as often as the first', () => {
    const counts = histogram(new Zipfian(items, seededRandom(1)), items, draws);
    expect(counts[0]! / draws).toBeCloseTo(1 / zeta, 2);
    expect(counts[1]! / draws).toBeCloseTo(0.5 ** 0.99 / zeta, 2);
    // Gray's method is exact for the first two items only, and an approximation in the body.
    const tail = counts.subarray(100, 200).reduce((a, b) => a + b) / draws;
    let expected = 0;
    for (let i = 101; i <= 200; i++) expected += i ** -0.99 / zeta;
    expect(tail / expected).toBeGreaterThan(0.9);
    expect(tail / expected).toBeLessThan(1.1);
  });

  it('scrambles popularity over the key space and keeps its skew', () => {
    const counts = histogram(new ScrambledZipfian(items, seededRandom(1)), items, draws);
    const sorted = [...counts].sort((a, b) => b - a);
    expect(sorted[0]! / draws).toBeGreaterThan(1 / zeta - 0.02);
    expect(counts[0]).toBeLessThan(sorted[0]!);
  });

  it('prefers the newest items', () => {
    const counts = histogram(new Latest(items, seededRandom(1)), items, draws);
    expect(counts[items - 1]).toBe(Math.max(...counts));
  });

  it('stays within one item and two items', () => {
    expect(histogram(new Zipfian(1, seededRandom(2)), 1, 100)[0]).toBe(100);
    expect(histogram(new Zipfian(2, seededRandom(2)), 2, 100).every((count) => count > 0)).toBe(true);
  });

  it('hashes record numbers without collisions', () => {
    const seen = new Set<number>();
    for (let i = 0; i < 100_000; i++) seen.add(invertibleHash(i));
    expect(seen.size).toBe(100_000);
  });
});

describe('the checksum', () => {
  it('tells order, floats and strings apart', () => {
    expect(mixInt(mixInt(0, 1), 2)).not.toBe(mixInt(mixInt(0, 2), 1));
    expect(mixFloat(0, 0.1 + 0.2)).not.toBe(mixFloat(0, 0.3));
    expect(mixString(0, 'abc')).not.toBe(mixString(0, 'abd'));
    expect(mixString(0, '')).not.toBe(mixString(0, ' '));
  });
});

describe('the corpora', () => {
  it('holds WordNet and Brown as words outside the JS heap', () => {
    const corpus = loadCorpus();
    expect(corpus.glosses).toBe(117_791);
    expect(corpus.tokens.length).toBeGreaterThan(2_000_000);
    expect(corpus.textStarts.at(-1)).toBe(corpus.tokens.length);
    const wordOf = (token: number): string =>
      corpus.wordBytes.toString('latin1', corpus.wordStarts[token], corpus.wordStarts[token + 1]);
    const text = (index: number): string =>
      [...corpus.tokens.subarray(corpus.textStarts[index], corpus.textStarts[index + 1])]
        .map(wordOf)
        .join(' ');
    expect(text(0)).toBe(
      'that which is perceived or known or inferred to have its own distinct existence living or nonliving',
    );
    expect(text(corpus.glosses)).toContain('the fulton county grand jury said friday an investigation of');
    expect([...corpus.counts].reduce((a, b) => a + b)).toBe(corpus.tokens.length);
  });

  it('reads every pointer of WordNet, satellites included', () => {
    const graph = loadPointers();
    expect(graph.vertices).toBe(117_791);
    expect(graph.sources.length).toBe(graph.targets.length);
    expect(graph.sources.length).toBeGreaterThan(350_000);
    expect(graph.targets.every((target) => target < graph.vertices)).toBe(true);
    // "entity" (the first noun) points to its three hyponyms.
    const hyponyms = [...graph.sources.keys()].filter((edge) => graph.sources[edge] === 0);
    expect(hyponyms.map((edge) => graph.targets[edge])).toEqual([1, 2, expect.any(Number)]);
  });
});
