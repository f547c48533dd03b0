/**
 * Runs the test files that failed once more, in CI alone: `node test/second-try.mjs` with the Node that ran them, and
 * ROLP_TEST_JSON_DIR set to where the reports are. What fails twice fails; what passes is told by sum-counts.mjs.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sumUp } from './test-reports.mjs';

/** The vitest of this checkout, to be run with any Node. */
export const vitest = join(
  dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);

/**
 * @param {string} execPath the Node to run them with
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd where vitest finds its configuration
 * @returns {boolean} whether all passed that had failed. False without a report, or where it tells of no failed file: then
 *   something else than a test was wrong.
 */
export function secondTry(execPath, env, cwd) {
  const directory = env.ROLP_TEST_JSON_DIR;
  if (directory === undefined) return false;
  const { stdout: version } = spawnSync(execPath, ['-p', 'process.version'], { encoding: 'utf8' });
  const failedOf = () => sumUp(directory).failed.filter(({ node }) => node === version.trim());
  const files = [...new Set(failedOf().map(({ file }) => file))];
  if (files.length === 0) return false;
  console.log(`\n=== once more: ${files.join(' ')}`);
  spawnSync(execPath, [vitest, 'run', ...files], {
    cwd,
    stdio: 'inherit',
    env: { ...env, ROLP_TEST_TRY: '2' },
  });
  return failedOf().length === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = secondTry(process.execPath, process.env, process.cwd()) ? 0 : 1;
}
