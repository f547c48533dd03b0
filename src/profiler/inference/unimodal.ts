/**
 * How far a distribution is from having one mode. Not Hartigan's dip on raw values, which wants each observation, but
 * its counterpart on columns: the mass that would have to move for the density to rise to one mode and fall after
 * it. A package for the dip exists in other languages only, and none for binned, censored data.
 */

/**
 * The least mass that must move to make a density over columns unimodal; 0 when it is.
 * Cost: quadratic in columns (a few thousand steps for a table of 60).
 *
 * @param mass of each column. @param width of each column, > 0, on the scale on which the density is judged.
 */
export function excessMass(
  mass: Float64Array,
  width: Float64Array,
  from = 0,
  to: number = mass.length,
): number {
  const count = to - from;
  if (count < 3) return 0;
  const rising = movedByPrefix(mass, width, from, to, false);
  const falling = movedByPrefix(mass, width, from, to, true);
  let least = Number.POSITIVE_INFINITY;
  // The mode lies at a border: rising before it, falling after it.
  for (let mode = 0; mode <= count; mode++) {
    least = Math.min(least, rising[mode]! + falling[count - mode]!);
  }
  return least;
}

/**
 * For each prefix, the mass that isotonic regression (pool adjacent violators) moves in it.
 * @param reversed read from the other end, for the falling side.
 */
function movedByPrefix(
  mass: Float64Array,
  width: Float64Array,
  from: number,
  to: number,
  reversed: boolean,
): Float64Array {
  const count = to - from;
  const at = (i: number): number => (reversed ? to - 1 - i : from + i);
  const moved = new Float64Array(count + 1);
  // Blocks of pooled columns: first column, mass, width, and the mass moved inside of them and before.
  const first = new Int32Array(count);
  const blockMass = new Float64Array(count);
  const blockWidth = new Float64Array(count);
  const before = new Float64Array(count + 1);
  let blocks = 0;
  for (let i = 0; i < count; i++) {
    let start = i;
    let m = mass[at(i)]!;
    let w = width[at(i)]!;
    while (blocks > 0 && blockMass[blocks - 1]! / blockWidth[blocks - 1]! > m / w) {
      blocks--;
      start = first[blocks]!;
      m += blockMass[blocks]!;
      w += blockWidth[blocks]!;
    }
    let inside = 0;
    for (let j = start; j <= i; j++) inside += Math.max(0, mass[at(j)]! - (m / w) * width[at(j)]!);
    first[blocks] = start;
    blockMass[blocks] = m;
    blockWidth[blocks] = w;
    blocks++;
    before[blocks] = before[blocks - 1]! + inside;
    moved[i + 1] = before[blocks]!;
  }
  return moved;
}

/**
 * Cuts columns into stretches of one mode each: greedily where the cut leaves the least to move, until no stretch has
 * more than `tolerance` left or there are `most` of them. Yields after each cut that it has weighed, a few thousand steps
 * each: all of them, in code that V8 has not compiled yet, would hold a program up by milliseconds.
 *
 * @returns borders, first and last included.
 */
export function* splitModes(
  mass: Float64Array,
  width: Float64Array,
  columns: number,
  tolerance: number,
  most: number,
): Generator<undefined, number[]> {
  const borders = [0, columns];
  while (borders.length <= most) {
    let worst = tolerance;
    let at = -1;
    for (let i = 0; i + 1 < borders.length; i++) {
      const excess = excessMass(mass, width, borders[i]!, borders[i + 1]!);
      if (excess > worst) {
        worst = excess;
        at = i;
      }
      yield;
    }
    if (at < 0) break;
    borders.splice(at + 1, 0, yield* bestCut(mass, width, borders[at]!, borders[at + 1]!));
  }
  return borders;
}

function* bestCut(
  mass: Float64Array,
  width: Float64Array,
  from: number,
  to: number,
): Generator<undefined, number> {
  let least = Number.POSITIVE_INFINITY;
  let cuts: number[] = [];
  for (let cut = from + 1; cut < to; cut++) {
    const excess = excessMass(mass, width, from, cut) + excessMass(mass, width, cut, to);
    if (excess < least - 1e-9) {
      least = excess;
      cuts = [cut];
    } else if (excess <= least + 1e-9) cuts.push(cut);
    yield;
  }
  // Every cut in an empty stretch is as good: the middle one is furthest from both modes.
  return cuts[cuts.length >> 1]!;
}
