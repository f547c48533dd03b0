import { describe, expect, it } from 'vitest';
import { checkInteger, checkOneOf, mathRandom, seededRandom } from '../src/base/index.js';

describe('option checks', () => {
  it('name the option, the expectation and the value', () => {
    expect(() => checkInteger('heap.maxBytes', 1.5)).toThrow('heap.maxBytes must be an integer, got 1.5');
    expect(() => checkInteger('ROLP_INTERVAL', 0, 1, 10)).toThrow(
      'ROLP_INTERVAL must lie between 1 and 10, got 0',
    );
    expect(() => checkOneOf('ROLP_ATTRIBUTION', 'x', ['off', 'sites'])).toThrow(
      `ROLP_ATTRIBUTION must be one of 'off', 'sites', got "x"`,
    );
  });
});

it('option checks show a bigint as one is written, and no function’s code', () => {
  expect(() => checkInteger('heap.maxBytes', 5n)).toThrow('heap.maxBytes must be an integer, got 5n');
  expect(() => checkInteger('heap.maxBytes', () => 1)).toThrow(
    'heap.maxBytes must be an integer, got a function',
  );
});

describe('seededRandom', () => {
  it('repeats itself for a seed, differs between seeds and fills the unit interval evenly', () => {
    const draw = (seed: number) => Array.from({ length: 5 }, seededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const random = seededRandom(1);
    const bins = new Array(10).fill(0);
    for (let i = 0; i < 100_000; i++) bins[Math.floor(random() * 10)]++;
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

describe('what tests draw without a source of their own', () => {
  const first: number[] = [];
  it.each([1, 2])('is the same in each: test %i', () => {
    first.push(mathRandom());
    expect(first.at(-1)).toBe(first[0]);
    expect(mathRandom()).not.toBe(first[0]);
  });
});
