/**
 * How old objects of a context became: what was observed, not extrapolated, since the counts are what the
 * statistics rest on. Deaths and the living describe one set of births.
 */
export interface AgeHistogram {
  /** Births counted in all. May exceed the objects in the two tables, where only a sample is followed. */
  readonly births: number;
  /** Objects that died at an age in [ageEdges[i], ageEdges[i + 1]), in cycles. */
  readonly deathsByAge: Float64Array;
  /** Objects that live, now that old: censored, since their age at death is not known yet. */
  readonly liveByAge: Float64Array;
  /** Ascending, from 0; one more than there are columns. */
  readonly ageEdges: Float64Array;
}

/**
 * Edges of a table with one column a cycle up to `unitColumns`, as ROLP's, and then columns of equal ratio.
 *
 * @param columns in all. @param perOctave columns a doubling of age beyond the unit ones; the heap's tables have 1.
 */
export function ageEdges(columns: number, unitColumns = 16, perOctave = 1): Float64Array {
  return Float64Array.from({ length: columns + 1 }, (_, i) =>
    i <= unitColumns ? i : unitColumns * 2 ** ((i - unitColumns) / perOctave),
  );
}

/** An empty histogram. */
export function emptyAges(edges: Float64Array): AgeHistogram {
  const columns = edges.length - 1;
  return {
    births: 0,
    deathsByAge: new Float64Array(columns),
    liveByAge: new Float64Array(columns),
    ageEdges: edges,
  };
}

/** The column of an age in cycles. Cost: a binary search. */
export function columnOfAge(edges: Float64Array, age: number): number {
  let low = 0;
  let high = edges.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (edges[middle]! <= age) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The histogram that ROLP's table of survivors stands for: column 0 counts births, column k those that
 * survived to age k. Who is in the last column given is taken to have died right after, unless it is the sixteenth,
 * at which ages are clamped: those live.
 */
export function fromSurvivors(table: readonly number[]): AgeHistogram {
  const ages = emptyAges(ageEdges(16));
  const last = Math.min(table.length, 16) - 1;
  for (let age = 0; age <= last; age++) {
    const died = Math.max(0, table[age]! - (age < last ? table[age + 1]! : 0));
    if (age === 15) ages.liveByAge[age] = died;
    else ages.deathsByAge[age] = died;
  }
  return { ...ages, births: table[0] ?? 0 };
}
