/** A source of uniform numbers in [0, 1). Injected wherever chance decides, so that a run can be repeated. */
export type Random = () => number;

/** The platform's generator, not repeatable. */
export const mathRandom: Random = Math.random;

/**
 * A repeatable generator (mulberry32: 32 bits of state, period 2^32, passes gjrand's small tests). Good
 * enough to draw cohorts, workloads and test cases from, not for secrets. A dozen lines rather than a package, since
 * it would be the only reason for a run-time dependency.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
