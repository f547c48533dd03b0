/**
 * Truth: `node build/bench/truth/main.js [--quick]`. Each program runs in its own process. Prints estimates beside
 * weak handles' truth at level calls with every GC polled, then whether cohorts' intervals hold it, then what each
 * attribution level recovers. Raw results: bench/out/truth.json.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { attributionAccuracy, compare, insideIntervals } from './compare.js';
import { PROGRAMS } from './programs.js';
import type { RunOptions, RunResult } from './run-program.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log('Usage: npm run bench:truth -- [--quick]\n  --quick  fewer samples, shorter programs');
  process.exit();
}
const { quick } = values;
const out = fileURLToPath(new URL('../../../bench/out/', import.meta.url));
const child = fileURLToPath(new URL('run-program.js', import.meta.url));

function run(program: string, over: Partial<RunOptions>): RunResult {
  const options: RunOptions = {
    program,
    iterations: quick ? 150_000 : 900_000,
    level: 'calls',
    inclusion: 1,
    intervalBytes: quick ? 512 : 1024,
    trackEvery: 4,
    seed: 1,
    ...over,
  };
  // A small new space: many GC cycles from little work.
  const flags = ['--max-semi-space-size=1', '--min-semi-space-size=1'];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, child, JSON.stringify(options)], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
  return JSON.parse(stdout) as RunResult;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(8);
const results: RunResult[] = [];
let short = 0;
const verdict = (met: boolean): string => {
  if (!met) short++;
  return met ? 'met' : 'SHORT';
};

console.log(`Node ${process.version}. Lifetimes at level calls, every GC polled`);
console.log('program   label       samples  GCs missed   died exact   est.   mean age exact    est.  ');
for (const program of Object.keys(PROGRAMS)) {
  const result = run(program, {});
  results.push(result);
  for (const label of result.labels) {
    const { exact, estimated, within, plausible } = compare(label);
    const enough = estimated.samples >= 10_000 || quick;
    console.log(
      [
        program.padEnd(9),
        label.label.padEnd(9),
        String(estimated.samples).padStart(9),
        String(result.gcCycles).padStart(4),
        String(result.missed).padStart(6),
        percent(exact.died),
        percent(estimated.died),
        (exact.meanAge?.toFixed(2) ?? '-').padStart(12),
        (estimated.meanAge?.toFixed(2) ?? '-').padStart(9),
        verdict(within && result.missed === 0),
        plausible ? '' : '(outside the joint 99.9 % interval)',
        enough ? '' : '(fewer than 10 k samples)',
      ].join(' '),
    );
  }
}

console.log('\nCohorts: runs whose stated 95 % intervals hold the truth (mean, p50, p90)');
for (const inclusion of [1 / 4, 1 / 16]) {
  const held = { mean: 0, p50: 0, p90: 0 };
  let runs = 0;
  for (const [index, program] of Object.keys(PROGRAMS).entries()) {
    for (let seed = 1; seed <= (quick ? 1 : 3); seed++) {
      // Another draw each: with one for all programs, which are much alike, a bad draw would fail most of them at once.
      const result = run(program, { inclusion, seed: 100 * index + seed });
      results.push(result);
      if (result.missed !== 0) console.log(`${program}: missed ${result.missed} SHORT`);
      for (const label of result.labels) {
        const inside = insideIntervals(label);
        if (inside === null) continue;
        runs++;
        for (const figure of ['mean', 'p50', 'p90'] as const) {
          if (inside[figure]) held[figure]++;
          else console.log(`  1/${1 / inclusion} ${program} ${label.label} seed ${seed}: ${figure} outside`);
        }
      }
    }
  }
  const told = Object.entries(held).map(([figure, n]) => `${figure} ${n}/${runs}`);
  const met = Object.values(held).every((n) => n >= runs * 0.85);
  console.log(`1/${1 / inclusion}: ${told.join(', ')}  ${verdict(met)}`);
}

console.log('\nAttribution against counted calls (figure: calls >= 97 %)');
for (const program of Object.keys(PROGRAMS)) {
  const told: string[] = [];
  for (const level of ['off', 'sites', 'calls'] as const) {
    const result = run(program, { level });
    results.push(result);
    const accuracy = attributionAccuracy(result);
    if (accuracy === null) continue;
    told.push(`${level} ${percent(accuracy)}${level === 'calls' ? ` ${verdict(accuracy >= 0.97)}` : ''}`);
  }
  if (told.length > 0) console.log(`${program.padEnd(9)} ${told.join('   ')}`);
}

mkdirSync(out, { recursive: true });
writeFileSync(`${out}truth.json`, JSON.stringify({ node: process.version, quick, results }));
console.log(`\n${short === 0 ? 'met' : `${short} figures SHORT`}; raw results in bench/out/truth.json`);
