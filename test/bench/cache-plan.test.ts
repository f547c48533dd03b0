import { describe, expect, it } from 'vitest';
import { MORE_ROUNDS, nextUndecided } from '../../bench/cache/plan.js';

describe('rounds beyond the first', () => {
  it('go to what is undecided, the least tried first, and come to an end', () => {
    const decided = { rounds: 5, undecided: 0 };
    expect(nextUndecided([])).toBe(-1);
    expect(nextUndecided([decided, decided])).toBe(-1);
    expect(nextUndecided([decided, { rounds: 9, undecided: 4 }, { rounds: 5, undecided: 1 }])).toBe(2);
    expect(nextUndecided([decided, { rounds: 9, undecided: 4 }, decided])).toBe(1);
    expect(nextUndecided([{ rounds: MORE_ROUNDS.at(-1)!, undecided: 1 }])).toBe(-1);
  });
});
