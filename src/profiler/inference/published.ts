/** Ages in ROLP's object lifetime table: HotSpot keeps four age bits. */
export const PUBLISHED_AGES = 16;
/** ROLP infers every 16 GC cycles, so that no object's age can exceed the window that counted its birth. */
export const WINDOW_CYCLES = 16;
/** Drops of survival below this share are taken for noise. */
const FLOOR = 0.1;

/** What ROLP's published rule says of a context. */
export interface PublishedDecision {
  /** 0: leave it in the young generation; 1 to 14: its target generation. Null where there is a conflict. */
  readonly generation: number | null;
  /** Several runs of drops: the context mixes lifetimes. */
  readonly conflict: boolean;
}

/**
 * ROLP's inference (`normalize_derive_analyze`, in its authors' source), kept as published, weak spots included, to compare
 * with: normalise by births, derive, drop steps under 10 %, one run of consecutive ages = one lifetime whose
 * generation is the age of the steepest drop, several runs = conflict.
 *
 * @param table survivors by age: column 0 counts births, column k objects that survived to age k. Columns left out
 *   are empty; the last of the 16 is forced to none, as in the original.
 */
export function inferPublished(table: ArrayLike<number>): PublishedDecision {
  const normalised = new Float64Array(PUBLISHED_AGES);
  const columns = Math.min(table.length, PUBLISHED_AGES - 1);
  for (let age = 0; age < columns; age++) normalised[age] = table[age]! / table[0]!;
  let steepest = 0;
  let deepest = 0;
  let runs = 0;
  let inRun = false;
  for (let age = 0; age + 1 < PUBLISHED_AGES; age++) {
    const step = normalised[age + 1]! - normalised[age]!;
    // Written so that what a division by zero births gives (NaN) counts as a drop, as it does in the original.
    const drops = !(step > -FLOOR);
    if (drops && !inRun) runs++;
    inRun = drops;
    if (drops && step < deepest) {
      deepest = step;
      steepest = age;
    }
  }
  return runs > 1 ? { generation: null, conflict: true } : { generation: steepest, conflict: false };
}

/** What a GC cycle means for inference. */
export type WindowEvent = 'counting' | 'discard' | 'infer';

/**
 * ROLP's windows: inference every 16 cycles, then the table starts afresh; the first window is discarded, since the
 * program is still warming up.
 */
export class InferenceWindows {
  readonly #cycles: number;
  #discards: number;
  #endsAt: number;

  /** @param cycles of a window. @param discards windows to discard; 0 where an earlier run's profile is the start. */
  constructor(cycles: number = WINDOW_CYCLES, discards = 1, startCycle = 0) {
    this.#cycles = cycles;
    this.#discards = discards;
    this.#endsAt = startCycle + cycles;
  }

  /** Call once a cycle or less often. `discard` and `infer` are each told once a window. */
  at(cycle: number): WindowEvent {
    if (cycle < this.#endsAt) return 'counting';
    this.#endsAt = cycle + this.#cycles;
    if (this.#discards === 0) return 'infer';
    this.#discards--;
    return 'discard';
  }
}
