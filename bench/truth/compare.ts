import type { LifetimeCell } from 'rolp/profiler';
import type { LabelResult, RunResult } from './run-program.js';

/** Figures of a table of lifetimes, with standard errors of the sampling. */
export interface Figures {
  readonly died: number;
  readonly diedError: number;
  /** Mean age of the dead, in GC cycles. */
  readonly meanAge: number | null;
  readonly meanAgeError: number;
  readonly samples: number;
}

export function figuresOf(cells: readonly LifetimeCell[]): Figures {
  let [all, allSquared, dead, deadSquared, age, ageSquared, samples] = [0, 0, 0, 0, 0, 0, 0];
  for (const [low, high, n, weight, weightSquared] of cells) {
    samples += n;
    all += weight;
    allSquared += weightSquared;
    if (high === null) continue;
    const middle = (low + 1 + high) / 2;
    dead += weight;
    deadSquared += weightSquared;
    age += weight * middle;
    ageSquared += weight * middle * middle;
  }
  const died = all > 0 ? dead / all : 0;
  const meanAge = dead > 0 ? age / dead : null;
  const variance = meanAge === null ? 0 : Math.max(0, ageSquared / dead - meanAge * meanAge);
  return {
    died,
    // Never quite zero: nobody dead among n is no proof that nobody dies.
    diedError: all > 0 ? Math.sqrt((Math.max(died * (1 - died), 1 / samples) * allSquared) / (all * all)) : 1,
    meanAge,
    meanAgeError: dead > 0 ? Math.sqrt((variance * deadSquared) / (dead * dead)) : 0,
    samples,
  };
}

export interface Comparison {
  readonly label: string;
  readonly exact: Figures;
  readonly estimated: Figures;
  /** Mean age within 2 % or 0.1 GC; deaths within 2 points. */
  readonly within: boolean;
  /** Inside the joint 99.9 % interval of both samplings. */
  readonly plausible: boolean;
}

const Z_999 = 3.29;

export function compare({ label, exact, estimated }: LabelResult): Comparison {
  const [e, s] = [figuresOf(exact), figuresOf(estimated)];
  const diedOff = Math.abs(e.died - s.died);
  const ageOff = e.meanAge === null || s.meanAge === null ? 0 : Math.abs(e.meanAge - s.meanAge);
  // Two figures a label: each gets half of the 0.1 %.
  const z = Z_999 + 0.2;
  return {
    label,
    exact: e,
    estimated: s,
    within: diedOff <= 0.02 && ageOff <= Math.max(0.1, 0.02 * (e.meanAge ?? 0)),
    plausible:
      diedOff <= z * Math.hypot(e.diedError, s.diedError) + 1e-3 &&
      ageOff <= z * Math.hypot(e.meanAgeError, s.meanAgeError) + 0.01,
  };
}

/** Whether the truth lies inside the profile's stated intervals: of the mean, the median and the share that lives on. */
export function insideIntervals({
  exact,
  profile,
}: LabelResult): Record<'mean' | 'p50' | 'p90', boolean> | null {
  if (profile === null) return null;
  const survival = exactSurvival(exact);
  const { gcCycles } = profile.lifetime;
  let mean = 0;
  for (let age = 0; age < (gcCycles.horizon ?? 0); age++) mean += survival(age);
  const quantile = (share: number): number => {
    for (let age = 1; age < 10_000; age++) if (survival(age) <= 1 - share + 1e-12) return age;
    return Number.POSITIVE_INFINITY;
  };
  const inside = (value: number, { low, high }: { low: number | null; high: number | null }): boolean =>
    (low ?? 0) <= value + 1e-6 && value - 1e-6 <= (high ?? Number.POSITIVE_INFINITY);
  return {
    mean: inside(mean, gcCycles.mean),
    p50: inside(quantile(0.5), gcCycles.p50),
    p90: inside(quantile(0.9), gcCycles.p90),
  };
}

/** Kaplan and Meier's curve of the exact lifetimes, all of which are single cycles. */
function exactSurvival(cells: readonly LifetimeCell[]): (age: number) => number {
  const longest = cells.reduce((most, [low, high]) => Math.max(most, high ?? low), 0);
  const curve = [1];
  for (let age = 1; age <= longest; age++) {
    let [dead, atRisk] = [0, 0];
    for (const [low, high, n] of cells) {
      if (high === age) dead += n;
      if (high === null ? low >= age : high >= age) atRisk += n;
    }
    curve.push(curve.at(-1)! * (atRisk > 0 ? 1 - dead / atRisk : 1));
  }
  return (age) => curve[Math.min(age, longest)]!;
}

/** Overlap of the births' distribution over contexts with the one known from counting calls; null where it is not known. */
export function attributionAccuracy({ labels, elsewhere }: RunResult): number | null {
  if (labels.some(({ objectsPerCall }) => objectsPerCall === null)) return null;
  const born = labels.map(({ calls, objectsPerCall }) => calls * objectsPerCall!);
  const bornTotal = born.reduce((a, b) => a + b, 0);
  const seenTotal = labels.reduce((sum, { objects }) => sum + objects, 0) + elsewhere;
  return labels.reduce((sum, { objects }, i) => sum + Math.min(objects / seenTotal, born[i]! / bornTotal), 0);
}
