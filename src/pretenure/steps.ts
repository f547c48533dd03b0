/**
 * Visits of contexts, or of groups of them, in one step of the policy's work at most. A visit takes a microsecond, and some
 * tens of them in code that V8 has not compiled yet: a step is a pause of the program.
 */
export const VISITS_PER_STEP = 8;
/** Bringing a context up to date, or merging it into another, goes over all its counts: as dear as so many visits. */
export const DEAR_VISIT = 4;

/** Work that yields wherever the program may go on; it is taken up again at a later sampled birth. */
export type Steps<T> = Generator<undefined, T>;

/** Tells work when it has done enough for one step. */
export class StepMeter {
  #visits: number = 0;

  /** Counts a context visited. @returns whether to yield now. */
  visit(visits = 1): boolean {
    this.#visits += visits;
    if (this.#visits < VISITS_PER_STEP) return false;
    this.#visits = 0;
    return true;
  }
}
