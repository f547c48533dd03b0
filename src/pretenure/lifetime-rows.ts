import type { AgeHistogram } from '../profiler/inference/index.js';
import { COLUMNS, columnOf, EDGES } from './ages.js';

/** Heap cycles between two decisions: ROLP's window. */
export const WINDOW_CYCLES = 16;
/** Births are kept cycle by cycle for so long: a power of two. */
const RING = 64;
/** Beyond, the living are kept by doublings of age: 64 to 127, 128 to 255, ... */
const OLD_COLUMNS = 7;
/**
 * What a window's counts weigh a window later. A lifetime of 50 cycles spans three windows, and what was born then must
 * still count; a change of phase does not wait for the past to fade.
 */
const FADING = 0.75;
const FORGOTTEN_WINDOWS = 64;
/** Standard errors and shares by which new births must differ from old ones to be another phase of the program. */
const CHANGE_DEVIATIONS = 4;
const CHANGE_SHARE = 0.2;
const CHANGE_LEAST_BIRTHS = 24;
const LEAST_AT_RISK = 16;

export const BYTES_PER_ROW: number = 4 * (2 * COLUMNS + RING + OLD_COLUMNS) + 8 * 4 + 4 * 4;

/**
 * Sampled births and deaths of placed contexts, one row each: ROLP's object lifetime distribution
 * table, by age in heap cycles, with the living beside the dead, so that a survival curve can be had at any time. Counts
 * fade window by window, births and deaths of one cohort alike.
 *
 * Every block counts as one: a sample stands for equal bytes, whatever its size, and bytes are what placement is about.
 */
export class LifetimeRows {
  /** Blocks born, faded. */
  births: Float64Array;
  /** Estimated objects and bytes born since the row began, not faded. */
  objects: Float64Array;
  bytes: Float64Array;
  /** Estimated bytes live. */
  liveBytes: Float64Array;
  /** Sampled blocks born in the current window, and the windows' number up to which the row has faded. */
  #freshBirths: Float64Array;
  #window: Int32Array;
  #cycle: Int32Array;
  /** Deaths of blocks born before this cycle are not counted: their births are not either. */
  #since: Int32Array;
  #deaths: Float32Array;
  /** Deaths of blocks born in the current window. */
  #fresh: Float32Array;
  #live: Float32Array;
  #old: Float32Array;
  capacity: number;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.births = new Float64Array(capacity);
    this.objects = new Float64Array(capacity);
    this.bytes = new Float64Array(capacity);
    this.liveBytes = new Float64Array(capacity);
    this.#freshBirths = new Float64Array(capacity);
    this.#window = new Int32Array(capacity);
    this.#cycle = new Int32Array(capacity);
    this.#since = new Int32Array(capacity);
    this.#deaths = new Float32Array(capacity * COLUMNS);
    this.#fresh = new Float32Array(capacity * COLUMNS);
    this.#live = new Float32Array(capacity * RING);
    this.#old = new Float32Array(capacity * OLD_COLUMNS);
  }

  grow(capacity: number): void {
    const doubles = (old: Float64Array): Float64Array => {
      const grown = new Float64Array(capacity);
      grown.set(old);
      return grown;
    };
    const singles = (old: Float32Array): Float32Array => {
      const grown = new Float32Array((old.length / this.capacity) * capacity);
      grown.set(old);
      return grown;
    };
    const integers = (old: Int32Array): Int32Array => {
      const grown = new Int32Array(capacity);
      grown.set(old);
      return grown;
    };
    this.births = doubles(this.births);
    this.objects = doubles(this.objects);
    this.bytes = doubles(this.bytes);
    this.liveBytes = doubles(this.liveBytes);
    this.#freshBirths = doubles(this.#freshBirths);
    this.#window = integers(this.#window);
    this.#cycle = integers(this.#cycle);
    this.#since = integers(this.#since);
    this.#deaths = singles(this.#deaths);
    this.#fresh = singles(this.#fresh);
    this.#live = singles(this.#live);
    this.#old = singles(this.#old);
    this.capacity = capacity;
  }

  /** Empties a row; blocks born before `cycle` no longer count. */
  reset(row: number, cycle: number): void {
    this.#forget(row, cycle);
    this.objects[row] = 0;
    this.bytes[row] = 0;
    this.liveBytes[row] = 0;
  }

  #forget(row: number, cycle: number): void {
    this.births[row] = 0;
    this.#freshBirths[row] = 0;
    this.#window[row] = windowOf(cycle);
    this.#cycle[row] = cycle;
    this.#since[row] = cycle;
    this.#deaths.fill(0, row * COLUMNS, (row + 1) * COLUMNS);
    this.#fresh.fill(0, row * COLUMNS, (row + 1) * COLUMNS);
    this.#live.fill(0, row * RING, (row + 1) * RING);
    this.#old.fill(0, row * OLD_COLUMNS, (row + 1) * OLD_COLUMNS);
  }

  /** A sampled block that stands for `objects` of `byteLength` was born. */
  born(row: number, cycle: number, byteLength: number, objects: number): void {
    this.touch(row, cycle);
    this.births[row]!++;
    this.#freshBirths[row]!++;
    this.#live[row * RING + (cycle & (RING - 1))]!++;
    this.objects[row]! += objects;
    this.bytes[row]! += objects * byteLength;
    this.liveBytes[row]! += objects * byteLength;
  }

  /** It died at `age`. */
  died(row: number, cycle: number, age: number, byteLength: number, objects: number): void {
    this.liveBytes[row] = Math.max(0, this.liveBytes[row]! - objects * byteLength);
    const birth = cycle - age;
    if (birth < this.#since[row]!) return;
    this.touch(row, cycle);
    const window = windowOf(birth);
    const windows = windowOf(cycle) - window;
    if (windows >= FORGOTTEN_WINDOWS) return;
    const weight = FADING ** windows;
    const table = windows === 0 ? this.#fresh : this.#deaths;
    table[row * COLUMNS + columnOf(age)]! += weight;
    if (age < RING) this.#take(this.#live, row * RING + (birth & (RING - 1)), weight);
    else this.#take(this.#old, row * OLD_COLUMNS + oldColumn(age), weight);
  }

  #take(table: Float32Array, at: number, weight: number): void {
    table[at] = Math.max(0, table[at]! - weight);
  }

  /**
   * Brings a row up to `cycle`: ages the living, and at a window's end fades the counts. If the window's births
   * live otherwise than those before (a change of phase), what came before is dropped. @returns whether it was.
   */
  touch(row: number, cycle: number): boolean {
    const last = this.#cycle[row]!;
    if (last === cycle) return false;
    const windows = windowOf(cycle) - this.#window[row]!;
    let changed = false;
    // Judged before the living are aged past the window's end: the row may be looked at long after.
    if (windows > 0) {
      this.#age(row, windowStart(this.#window[row]! + 1));
      changed = this.#endWindow(row, windows);
      this.#window[row] = windowOf(cycle);
    }
    this.#age(row, cycle);
    return changed;
  }

  /** Frees the ring's slots for new births: whoever lives past its end moves to the doublings. */
  #age(row: number, cycle: number): void {
    const last = this.#cycle[row]!;
    if (cycle <= last) return;
    this.#agedOld(row, cycle - last);
    for (let c = Math.max(last + 1, cycle - RING + 1); c <= cycle; c++) {
      const at = row * RING + (c & (RING - 1));
      this.#old[row * OLD_COLUMNS]! += this.#live[at]!;
      this.#live[at] = 0;
    }
    this.#cycle[row] = cycle;
  }

  /** The living of a doubling leave it at the pace at which it passes. */
  #agedOld(row: number, cycles: number): void {
    for (let column = OLD_COLUMNS - 2; column >= 0; column--) {
      const at = row * OLD_COLUMNS + column;
      const moving = this.#old[at]! * Math.min(1, cycles / (RING << column));
      this.#old[at]! -= moving;
      this.#old[at + 1]! += moving;
    }
  }

  #endWindow(row: number, windows: number): boolean {
    const changed = this.#hasChanged(row);
    const from = row * COLUMNS;
    if (changed) {
      const start = windowStart(this.#window[row]!);
      this.#since[row] = start;
      this.births[row] = this.#freshBirths[row]!;
      this.#deaths.fill(0, from, from + COLUMNS);
      this.#old.fill(0, row * OLD_COLUMNS, (row + 1) * OLD_COLUMNS);
      const cycle = this.#cycle[row]!;
      for (let c = cycle - RING + 1; c < start; c++) this.#live[row * RING + (c & (RING - 1))] = 0;
    }
    const factor = FADING ** Math.min(windows, FORGOTTEN_WINDOWS);
    this.births[row]! *= factor;
    for (let i = from; i < from + COLUMNS; i++)
      this.#deaths[i] = (this.#deaths[i]! + this.#fresh[i]!) * factor;
    this.#fresh.fill(0, from, from + COLUMNS);
    this.#freshBirths[row] = 0;
    for (let i = row * RING; i < (row + 1) * RING; i++) this.#live[i]! *= factor;
    for (let i = row * OLD_COLUMNS; i < (row + 1) * OLD_COLUMNS; i++) this.#old[i]! *= factor;
    return changed;
  }

  /** A log-rank test of this window's births against all before, over the ages that both have reached. */
  #hasChanged(row: number): boolean {
    const freshBirths = this.#freshBirths[row]!;
    const cycle = this.#cycle[row]!;
    const start = windowStart(this.#window[row]!);
    if (freshBirths < CHANGE_LEAST_BIRTHS || this.births[row]! - freshBirths < CHANGE_LEAST_BIRTHS)
      return false;
    // Who lives and was born before the window is older than its length, and at risk at every age compared.
    let freshAtRisk = freshBirths;
    let pastAtRisk = 0;
    for (let i = row * COLUMNS; i < (row + 1) * COLUMNS; i++) pastAtRisk += this.#deaths[i]!;
    for (let i = row * OLD_COLUMNS; i < (row + 1) * OLD_COLUMNS; i++) pastAtRisk += this.#old[i]!;
    for (let c = cycle - RING + 1; c < start; c++) pastAtRisk += this.#live[row * RING + (c & (RING - 1))]!;
    let excess = 0;
    let variance = 0;
    let freshSurvival = 1;
    let pastSurvival = 1;
    let widest = 0;
    for (let age = 0; age < WINDOW_CYCLES; age++) {
      // At the window's end, who is that old has not had the cycle in which to die at that age.
      const born = cycle - age;
      if (born >= start) freshAtRisk -= this.#live[row * RING + (born & (RING - 1))]!;
      if (freshAtRisk < LEAST_AT_RISK || pastAtRisk < LEAST_AT_RISK) break;
      const fresh = this.#fresh[row * COLUMNS + age]!;
      const past = this.#deaths[row * COLUMNS + age]!;
      const atRisk = freshAtRisk + pastAtRisk;
      const hazard = Math.min(1, (fresh + past) / atRisk);
      excess += fresh - freshAtRisk * hazard;
      variance += ((freshAtRisk * pastAtRisk) / atRisk) * hazard * (1 - hazard);
      freshSurvival *= Math.max(0, 1 - fresh / freshAtRisk);
      pastSurvival *= Math.max(0, 1 - past / pastAtRisk);
      widest = Math.max(widest, Math.abs(freshSurvival - pastSurvival));
      freshAtRisk -= fresh;
      pastAtRisk -= past;
    }
    return widest > CHANGE_SHARE && excess * excess > CHANGE_DEVIATIONS ** 2 * variance;
  }

  /** A row's births as faded as they would be at `cycle`. Cost: O(1); `touch` looks at every age. */
  birthsAt(row: number, cycle: number): number {
    const windows = windowOf(cycle) - this.#window[row]!;
    return this.births[row]! * FADING ** Math.min(Math.max(0, windows), FORGOTTEN_WINDOWS);
  }

  /** Adds the counts of `from`, which must have been brought up to the same cycle, to `to`. */
  merge(from: number, to: number): void {
    this.births[to]! += this.births[from]!;
    this.objects[to]! += this.objects[from]!;
    this.bytes[to]! += this.bytes[from]!;
    this.liveBytes[to]! += this.liveBytes[from]!;
    this.#freshBirths[to]! += this.#freshBirths[from]!;
    for (const [table, width] of [
      [this.#deaths, COLUMNS],
      [this.#fresh, COLUMNS],
      [this.#live, RING],
      [this.#old, OLD_COLUMNS],
    ] as const) {
      for (let i = 0; i < width; i++) table[to * width + i]! += table[from * width + i]!;
    }
    this.#since[to] = Math.min(this.#since[to]!, this.#since[from]!);
  }

  /**
   * Takes the counts of `from` out of `to`, where the same blocks were counted, as if they had not been born; both must
   * have been brought up to the same cycle.
   */
  unmerge(from: number, to: number): void {
    const less = (table: Float64Array | Float32Array, i: number, j: number): void => {
      table[j] = Math.max(0, table[j]! - table[i]!);
    };
    less(this.births, from, to);
    less(this.liveBytes, from, to);
    less(this.#freshBirths, from, to);
    for (const [table, width] of [
      [this.#deaths, COLUMNS],
      [this.#fresh, COLUMNS],
      [this.#live, RING],
      [this.#old, OLD_COLUMNS],
    ] as const) {
      for (let i = 0; i < width; i++) less(table, from * width + i, to * width + i);
    }
  }

  /** Adds a row's ages to the tables given. @returns its births. */
  addTo(row: number, deathsByAge: Float64Array, liveByAge: Float64Array): number {
    for (let i = 0; i < COLUMNS; i++) {
      deathsByAge[i]! += this.#deaths[row * COLUMNS + i]! + this.#fresh[row * COLUMNS + i]!;
    }
    const cycle = this.#cycle[row]!;
    for (let age = 0; age < RING; age++) {
      liveByAge[columnOf(age)]! += this.#live[row * RING + ((cycle - age) & (RING - 1))]!;
    }
    for (let column = 0; column < OLD_COLUMNS; column++) {
      liveByAge[columnOf(RING << column)]! += this.#old[row * OLD_COLUMNS + column]!;
    }
    return this.births[row]!;
  }

  /** The row's ages for inference. */
  histogram(row: number): AgeHistogram {
    const deathsByAge = new Float64Array(COLUMNS);
    const liveByAge = new Float64Array(COLUMNS);
    const births = this.addTo(row, deathsByAge, liveByAge);
    return { births, deathsByAge, liveByAge, ageEdges: EDGES };
  }
}

export function windowOf(cycle: number): number {
  return Math.floor(cycle / WINDOW_CYCLES);
}

function windowStart(window: number): number {
  return window * WINDOW_CYCLES;
}

function oldColumn(age: number): number {
  return Math.min(OLD_COLUMNS - 1, Math.floor(Math.log2(age / RING)));
}
