/** Operations between two looks at how fast a store has become. */
const CHUNK = 100_000;
/** A store that goes on becoming faster is measured after so many. */
const MOST_CHUNKS = 30;
/** Chunks running that were none of them faster, by more than this share, than the fastest before. */
const STEADY_CHUNKS = 3;
const FASTER = 0.03;

/** Whether what became of it, chunk by chunk, has stopped rising. Rates in any unit. */
export function isSteady(rates: readonly number[]): boolean {
  if (rates.length <= STEADY_CHUNKS) return false;
  const before = Math.max(...rates.slice(0, -STEADY_CHUNKS));
  return Math.max(...rates.slice(-STEADY_CHUNKS)) <= before * (1 + FASTER);
}

/**
 * Runs operations until the store is no longer becoming faster: by operations, not by time, since it is operations that get
 * code compiled and memory settled, in a slow store as in a fast one.
 *
 * @param nowMs the clock
 * @returns how many operations that took.
 */
export function warmUp(operate: (operations: number) => void, nowMs: () => number): number {
  const rates: number[] = [];
  while (rates.length < MOST_CHUNKS && !isSteady(rates)) {
    const startMs = nowMs();
    operate(CHUNK);
    rates.push(CHUNK / (nowMs() - startMs));
  }
  return rates.length * CHUNK;
}
