/**
 * Inference: `node build/bench/inference/main.js [--quick]`. Prints the published rule's vectors, how often rolp's own
 * rule sees a conflict in shapes of one mode, how often it sees one where lifetimes are planted, and whether V8's
 * contexts of known lifetime are decided right, young against not young. Raw results: bench/out/inference.json.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inferPublished, type LifetimeCell, LifetimeInference } from 'rolp/profiler';
import { PROGRAMS } from '../truth/programs.js';
import type { LabelResult, RunOptions, RunResult } from '../truth/run-program.js';
import { type Lifetimes, observe, UNIMODAL } from './shapes.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log('Usage: npm run bench:inference -- [--quick]\n  --quick  fewer seeds, shorter programs');
  process.exit();
}
const { quick } = values;
const out = fileURLToPath(new URL('../../../bench/out/', import.meta.url));
const truthProgram = fileURLToPath(new URL('../truth/run-program.js', import.meta.url));

let short = 0;
function verdict(met: boolean): string {
  if (!met) short++;
  return met ? 'met' : 'SHORT';
}

const times = (value: number, count: number): number[] => Array.from({ length: count }, () => value);
const VECTORS: readonly (readonly [readonly number[], number | 'conflict'])[] = [
  [[36, 36, 36], 2],
  [times(36, 4), 3],
  [times(36, 5), 4],
  [[36, 36], 1],
  [[36, 4], 0],
  [[72, 72, 36, 36, 36], 'conflict'],
  [[100, 100, 70, 20, 5], 2],
  [times(50, 16), 14],
  [times(0, 16).map((_, i) => 1000 * 0.95 ** i), 14],
  [[100, 50, 45, 45], 'conflict'],
  [[0, 3], 1],
];

console.log('The published rule (docs/decisions/004-inference.md)');
let right = 0;
for (const [table, expected] of VECTORS) {
  const { generation, conflict } = inferPublished(table);
  if ((conflict ? 'conflict' : generation) === expected) right++;
}
console.log(`${verdict(right === VECTORS.length)}  ${right} of ${VECTORS.length} vectors as published`);

console.log(
  '\nrolp’s own rule on 50 shapes of one mode: shapes with a conflict at more than 5 % of seeds (none allowed)',
);
const inference = new LifetimeInference();
const seeds = quick ? 40 : 200;
const falseConflicts: Record<string, number> = {};
for (const objects of [60, 300, 2000, 20_000]) {
  for (const cycles of [32, 128, 512]) {
    let [all, worst, over] = [0, 0, 0];
    for (const [name, draw] of UNIMODAL) {
      const used = objects > 2000 ? Math.ceil(seeds / 10) : seeds;
      let conflicts = 0;
      for (let seed = 1; seed <= used; seed++) {
        if (inference.decide(observe(draw, { objects, cycles, seed })).conflict !== null) conflicts++;
      }
      all += conflicts;
      worst = Math.max(worst, conflicts / used);
      if (conflicts > used * 0.05) {
        over++;
        falseConflicts[`${name}, ${objects} objects, ${cycles} cycles`] = conflicts / used;
      }
    }
    const line = `${objects} objects over ${cycles} cycles: ${all} conflicts, worst shape ${(100 * worst).toFixed(1)} % of seeds`;
    console.log(`${verdict(over === 0)}  ${line}`);
  }
}
for (const [name, share] of Object.entries(falseConflicts))
  console.log(`  ${name}: ${(100 * share).toFixed(1)} %`);

console.log('\nPlanted lifetimes of one context, seen as a conflict (seeds of 20; told, no figure)');
const around =
  (...cycles: readonly number[]): Lifetimes =>
  (random) =>
    cycles[Math.floor(random() * cycles.length)]! * (0.9 + 0.2 * random());
for (const planted of [
  [0.5, 5],
  [0.5, 50],
  [1, 4],
  [3, 8],
  [8, 24],
  [0.5, 3, 20],
  [0.5, 1, 3, 8, 20, 50],
]) {
  const told = [60, 100, 200, 1000].map((objects) => {
    let seen = 0;
    for (let seed = 1; seed <= 20; seed++) {
      if (inference.decide(observe(around(...planted), { objects, cycles: 128, seed })).conflict !== null)
        seen++;
    }
    return `${objects} objects ${seen}/20`;
  });
  console.log(`  ${planted.join(', ')} cycles: ${told.join(', ')}`);
}

console.log(
  '\nV8’s contexts, young against not young, beside weak handles’ truth (figure: right for >= 95 %)',
);
const runs: RunResult[] = [];
let [decided, correct] = [0, 0];
for (let seed = 1; seed <= (quick ? 2 : 6); seed++) {
  for (const program of Object.keys(PROGRAMS)) {
    const result = run(program, seed);
    runs.push(result);
    for (const label of result.labels) {
      const truth = promotedShare(label.exact);
      const { decision } = label;
      if (decision === null || decision.samples < 400) {
        console.log(`  ${program} ${label.label}: ${decision?.samples ?? 0} samples, too few`);
        continue;
      }
      decided++;
      const young = decision.generation === 0;
      const isRight = decision.confidence !== null && young === truth < 0.25;
      if (isRight) correct++;
      if (isRight && seed > 1) continue;
      console.log(
        `  ${isRight ? 'right' : 'WRONG'} ${program} ${label.label}: ${(100 * truth).toFixed(1)} % promoted, ${describe(decision)}`,
      );
    }
  }
}
console.log(
  `${verdict(correct >= 0.95 * decided)}  ${correct} of ${decided} contexts with >= 400 births right`,
);

mkdirSync(out, { recursive: true });
writeFileSync(
  `${out}inference.json`,
  JSON.stringify({ node: process.version, quick, falseConflicts, correct, decided, runs }),
);
console.log(`\n${short === 0 ? 'met' : `${short} figures SHORT`}; raw results in bench/out/inference.json`);

function describe({
  samples,
  confidence,
  class: named,
  decidedAt,
}: NonNullable<LabelResult['decision']>): string {
  return `${samples} samples: ${named}, confidence ${confidence?.toFixed(4) ?? 'none'}, by ${decidedAt} frames`;
}

function run(program: string, seed: number): RunResult {
  const options: RunOptions = {
    program,
    iterations: quick ? 150_000 : 400_000,
    level: 'calls',
    inclusion: 1,
    // Many samples a context, or hardly enough.
    intervalBytes: seed % 2 === 1 ? 1024 : quick ? 16_384 : 32_768,
    trackEvery: 4,
    seed,
  };
  // A small new space: many GC cycles from little work.
  const flags = ['--max-semi-space-size=1', '--min-semi-space-size=1'];
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...flags, truthProgram, JSON.stringify(options)],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  return JSON.parse(stdout) as RunResult;
}

/** Share of the exactly tracked objects that lived through two GC cycles, of those old enough to tell. */
function promotedShare(cells: readonly LifetimeCell[]): number {
  let [promoted, known] = [0, 0];
  for (const [low, high, n] of cells) {
    if (low < 2 && high === null) continue;
    known += n;
    if (low >= 2) promoted += n;
  }
  return known > 0 ? promoted / known : 0;
}
