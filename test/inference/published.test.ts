import { describe, expect, it } from 'vitest';
import { InferenceWindows, inferPublished } from '../../src/profiler/index.js';

const times = (value: number, count: number): number[] => Array.from({ length: count }, () => value);
const decides = (generation: number) => ({ generation, conflict: false });
const CONFLICT = { generation: null, conflict: true };

describe('the published rule', () => {
  it.each([
    ['dies at age 2', [36, 36, 36], decides(2)],
    ['dies at age 3', times(36, 4), decides(3)],
    ['dies at age 4', times(36, 5), decides(4)],
    ['dies at age 1', [36, 36], decides(1)],
    ['garbage: no change', [36, 4], decides(0)],
    ['two callers of one site', [72, 72, 36, 36, 36], CONFLICT],
    ['a gradual death is one triangle', [100, 100, 70, 20, 5], decides(2)],
    ['for ever: the forced end decides', times(50, 16), decides(14)],
    ['5 % an age: each step is under the floor', times(0, 16).map((_, i) => 1000 * 0.95 ** i), decides(14)],
    ['5 % an age, linearly', times(0, 16).map((_, i) => 100 - 5 * i), decides(14)],
    ['garbage and a later death', [100, 50, 45, 45], CONFLICT],
    ['no births at all: division by zero', [0, 3], decides(1)],
  ])('%s', (_, table, decision) => {
    expect(inferPublished(table)).toEqual(decision);
  });

  it('resolves the authors’ conflict once its two callers are told apart', () => {
    expect(inferPublished(times(36, 5))).toEqual(decides(4));
    expect(inferPublished([36, 36])).toEqual(decides(1));
  });

  it('takes a typed row as well, and never more than 16 columns', () => {
    expect(inferPublished(Uint32Array.from(times(7, 40)))).toEqual(decides(14));
  });
});

describe('inference windows', () => {
  it('infer every 16 cycles and discard the first window', () => {
    const windows = new InferenceWindows();
    const told = Array.from({ length: 64 }, (_, i) => windows.at(i + 1));
    const at = (event: string) => told.flatMap((here, i) => (here === event ? [i + 1] : []));
    expect([at('discard'), at('infer')]).toEqual([[16], [32, 48, 64]]);
  });

  it('count from the cycle they are asked at, when asked late', () => {
    const windows = new InferenceWindows(16, 0);
    expect([5, 21, 30, 36, 37].map((cycle) => windows.at(cycle))).toEqual([
      'counting',
      'infer',
      'counting',
      'counting',
      'infer',
    ]);
  });
});
