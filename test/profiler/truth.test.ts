import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { LifetimeCell } from '../../src/profiler/index.js';
import { fitSurvival } from '../../src/profiler/survival.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const truthAddon = `${root}native/build/${process.versions.modules}/rolp_truth.node`;

interface Result {
  readonly missed: number;
  readonly labels: readonly {
    readonly label: string;
    readonly exact: LifetimeCell[];
    readonly estimated: LifetimeCell[];
    readonly samples: number;
  }[];
}

function run(program: string, over: object = {}): Result {
  const options = {
    program,
    iterations: 60_000,
    level: 'calls',
    inclusion: 1,
    intervalBytes: 512,
    trackEvery: 2,
    seed: 1,
    ...over,
  };
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      // V8's draw of samples: the same in each run, so that one in a thousand is not one in so many runs of CI.
      `--random-seed=${process.env.ROLP_TEST_SEED ?? 1}`,
      '--max-semi-space-size=1',
      '--min-semi-space-size=1',
      'build/bench/truth/run-program.js',
      JSON.stringify(options),
    ],
    { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '' } },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Result;
}

/** Share that lives longer than `age`, with its standard error. */
function survival(cells: LifetimeCell[], age: number): { share: number; error: number } {
  const curve = fitSurvival(cells)!;
  const j = curve.ages.findLastIndex((grid) => grid <= age);
  const share = curve.survival[j]!;
  const size = curve.effectiveSize[j]!;
  return { share, error: Math.sqrt(Math.max(share * (1 - share), 1 / size) / size) };
}

// Where no compiler is, there is no truth to be had.
describe.skipIf(!existsSync(truthAddon))('beside weak handles’ truth', () => {
  beforeAll(() => expect(inject('toolsBuild')).toBe(''));

  const programs = ['fifo', 'forever', 'factory', 'closures', 'classes', 'strings', 'parsed', 'async'];
  for (const program of programs) {
    it(`${program}: no sample is missed, and survival is the true one within the joint 99.99 % interval`, () => {
      const { missed, labels } = run(program);
      expect(missed).toBe(0);
      for (const { label, exact, estimated, samples } of labels) {
        expect(samples, label).toBeGreaterThan(1000);
        // Three ages and two labels in eight programs on four Nodes: at five standard errors one CI in ten thousand.
        for (const age of [1, 2, 5]) {
          const [truth, told] = [survival(exact, age), survival(estimated, age)];
          const off = Math.abs(truth.share - told.share);
          expect(off, `${label} at age ${age}: ${told.share}, truly ${truth.share}`).toBeLessThanOrEqual(
            5 * Math.hypot(truth.error, told.error),
          );
        }
      }
    });
  }

  it('cohorts at 1/4 miss none of their samples', () => {
    const { missed, labels } = run('fifo', { inclusion: 1 / 4, iterations: 200_000 });
    expect(missed).toBe(0);
    for (const { samples } of labels) expect(samples).toBeGreaterThan(500);
  });
});
