/**
 * Contexts, or groups of them, that one step of the policy's work visits at most. A visit takes microseconds, some tens
 * of them in code that V8 has not compiled yet: a step is a pause of the program.
 */
export const VISITS_PER_STEP = 16;

/** Work that yields wherever the program may go on; it is taken up again at a later sampled birth. */
export type Steps<T> = Generator<undefined, T>;

/** Tells work when it has done enough for one step. */
export class StepMeter {
  #visits: number = 0;

  /** Counts a context visited. @returns whether to yield now. */
  visit(): boolean {
    this.#visits++;
    if (this.#visits < VISITS_PER_STEP) return false;
    this.#visits = 0;
    return true;
  }
}
