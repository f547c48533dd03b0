import {
  COHORT_GROUPS,
  type ContextAggregate,
  LEVELS,
  type LifetimeCell,
  type RawFrame,
  type ThreadAggregates,
} from './aggregates.js';

/**
 * What the addon's `read` answers (native/src/thread_record.cc): everything but the contexts as JSON, with each frame
 * once, and the contexts as one table of numbers. A context is, in this order: level, fold, samples, objects and bytes
 * with their squares, the living (samples, objects, bytes), deaths (young, old), weight and life of each group, how many
 * frames and which; then for each clock how many cells and their five numbers, an upper end of -1 standing for the living.
 */
export type ThreadReading = readonly [json: string, table: Float64Array];

/** The aggregates that a reading holds. Contexts share their frames' objects. Cost: linear in the table. */
export function aggregatesOf([json, table]: ThreadReading): ThreadAggregates {
  const { frames, ...rest } = JSON.parse(json) as Omit<ThreadAggregates, 'contexts'> & { frames: RawFrame[] };
  const reader = new TableReader(table, frames);
  const contexts: ContextAggregate[] = [];
  while (!reader.atEnd) contexts.push(reader.context());
  return { ...rest, contexts };
}

class TableReader {
  readonly #table: Float64Array;
  readonly #frames: readonly RawFrame[];
  #at = 0;

  constructor(table: Float64Array, frames: readonly RawFrame[]) {
    this.#table = table;
    this.#frames = frames;
  }

  get atEnd(): boolean {
    return this.#at >= this.#table.length;
  }

  /** Fields are read in the order in which they are named. */
  context(): ContextAggregate {
    const counts = {
      level: LEVELS[this.#next()]!,
      folded: this.#next() as 0 | 1 | 2,
      samples: this.#next(),
      objects: this.#next(),
      objectsSquared: this.#next(),
      bytes: this.#next(),
      bytesSquared: this.#next(),
      live: { samples: this.#next(), objects: this.#next(), bytes: this.#next() },
      deaths: { young: this.#next(), old: this.#next() },
      groups: this.#groups(),
    };
    return {
      ...counts,
      frames: this.#frameList(),
      gcCycles: this.#cells(),
      lifeBytes: this.#cells(),
      lifeMs: this.#cells(),
    };
  }

  #next(): number {
    return this.#table[this.#at++]!;
  }

  #groups(): [number, number][] {
    const groups: [number, number][] = [];
    for (let i = 0; i < COHORT_GROUPS; i++) groups.push([this.#next(), this.#next()]);
    return groups;
  }

  #frameList(): RawFrame[] {
    const frames: RawFrame[] = [];
    for (let left = this.#next(); left > 0; left--) frames.push(this.#frames[this.#next()]!);
    return frames;
  }

  #cells(): LifetimeCell[] {
    const table = this.#table;
    const cells: LifetimeCell[] = [];
    for (let left = this.#next(); left > 0; left--) {
      const at = this.#at;
      const high = table[at + 1]!;
      cells.push([table[at]!, high < 0 ? null : high, table[at + 2]!, table[at + 3]!, table[at + 4]!]);
      this.#at = at + 5;
    }
    return cells;
  }
}
