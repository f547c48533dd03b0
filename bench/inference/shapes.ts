/**
 * Lifetimes whose shape is known, and what a heap would count of them: for the tests of inference and for its bench.
 */
import { type AgeHistogram, ageEdges, columnOfAge, emptyAges } from 'rolp/profiler';
import { type Random, seededRandom } from '../../src/base/random.js';

/** Draws a lifetime in cycles, any real number > 0. */
export type Lifetimes = (random: Random) => number;

function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

const exponential =
  (mean: number): Lifetimes =>
  (random) =>
    -mean * Math.log(1 - random());
const uniform =
  (from: number, to: number): Lifetimes =>
  (random) =>
    from + (to - from) * random();
const fifo =
  (cycles: number, jitter: number): Lifetimes =>
  (random) =>
    cycles * (1 + jitter * (2 * random() - 1));
const pareto =
  (least: number, alpha: number): Lifetimes =>
  (random) =>
    least * (1 - random()) ** (-1 / alpha);
const lomax =
  (scale: number, alpha: number): Lifetimes =>
  (random) =>
    scale * ((1 - random()) ** (-1 / alpha) - 1);
const logNormal =
  (median: number, sigma: number): Lifetimes =>
  (random) =>
    median * Math.exp(sigma * normal(random));
const weibull =
  (scale: number, shape: number): Lifetimes =>
  (random) =>
    scale * (-Math.log(1 - random())) ** (1 / shape);

const named = (name: string, make: (...at: number[]) => Lifetimes, rows: readonly number[][]) =>
  rows.map((row): [string, Lifetimes] => [`${name} ${row.join(' ')}`, make(...row)]);

/** Fifty shapes with one mode each, in cycles. */
export const UNIMODAL: readonly (readonly [name: string, draw: Lifetimes])[] = [
  ...named('exponential', exponential as never, [[0.3], [0.5], [1], [2], [3], [5], [8], [12], [20], [40]]),
  ...named('uniform', uniform as never, [
    [0, 1],
    [0, 3],
    [0, 8],
    [0, 20],
    [0, 60],
    [1, 4],
    [2, 12],
    [5, 9],
    [10, 20],
    [12, 70],
  ]),
  ...named('fifo', fifo as never, [
    [0.5, 0],
    [1, 0],
    [1.5, 0],
    [2.5, 0],
    [4, 0],
    [6.3, 0],
    [10, 0],
    [15.5, 0],
    [24, 0],
    [50, 0],
    [7, 0.1],
    [14, 0.25],
  ]),
  ...named('pareto', pareto as never, [
    [0.2, 0.5],
    [0.5, 1],
    [1, 0.7],
    [1, 1.5],
    [3, 1],
    [5, 2],
  ]),
  ...named('lomax', lomax as never, [
    [1, 0.8],
    [2, 1.2],
    [8, 1.5],
  ]),
  ...named('log-normal', logNormal as never, [
    [0.7, 1],
    [2, 0.5],
    [2, 2],
    [6, 1],
    [12, 1.5],
  ]),
  ...named('weibull', weibull as never, [
    [1, 0.5],
    [4, 0.5],
    [4, 0.7],
    [10, 2],
  ]),
];

/** A table like the heap's: a column a cycle to 16, then one a doubling. */
export const HEAP_EDGES: Float64Array = ageEdges(44);

export interface Watch {
  readonly objects: number;
  /** Cycles over which the objects are born, evenly, and at the end of which the table is read. */
  readonly cycles: number;
  readonly seed: number;
}

/** What a heap would have counted of objects with these lifetimes. */
export function observe(draw: Lifetimes, { objects, cycles, seed }: Watch): AgeHistogram {
  const random = seededRandom(seed);
  const ages = emptyAges(HEAP_EDGES);
  for (let i = 0; i < objects; i++) {
    const birth = random() * cycles;
    const death = birth + draw(random);
    const dead = death < cycles;
    const age = Math.floor(dead ? death : cycles) - Math.floor(birth);
    (dead ? ages.deathsByAge : ages.liveByAge)[columnOfAge(HEAP_EDGES, age)]!++;
  }
  return { ...ages, births: objects };
}
