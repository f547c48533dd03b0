import { ageEdges } from '../profiler/inference/index.js';

/** Ages below this have a column a cycle, as in ROLP's table. */
const UNIT_COLUMNS = 16;
/** Above, so many columns a doubling: two lifetimes that differ by half again must not fall into neighbours. */
const PER_OCTAVE = 4;
const OCTAVES = 8;

/** Columns of an age table. The last one also takes what is older: 4096 cycles and more. */
export const COLUMNS: number = UNIT_COLUMNS + PER_OCTAVE * OCTAVES;

/** Borders of the columns in heap cycles, one more than there are columns. */
export const EDGES: Float64Array = ageEdges(COLUMNS, UNIT_COLUMNS, PER_OCTAVE);

const LAST_EDGE = EDGES[COLUMNS]!;

const columnTable: Uint8Array = makeColumnTable();

function makeColumnTable(): Uint8Array {
  const table = new Uint8Array(LAST_EDGE);
  let column = 0;
  for (let age = 0; age < table.length; age++) {
    while (EDGES[column + 1]! <= age) column++;
    table[age] = column;
  }
  return table;
}

/** The column of an age in whole heap cycles. Cost: one load. */
export function columnOf(ageCycles: number): number {
  return ageCycles < LAST_EDGE ? columnTable[ageCycles]! : COLUMNS - 1;
}

/**
 * Where a column lies on the scale on which lifetimes are compared: generations on a log scale. Ages 0 and 1 are one
 * place, since both belong in generation 1.
 */
export function placeOf(column: number): number {
  const middle = column < UNIT_COLUMNS ? column : Math.sqrt(EDGES[column]! * EDGES[column + 1]!);
  return Math.log2(Math.max(1, middle));
}
