/**
 * Runs the tests under every supported Node: `npm run test:matrix [-- --node 22,24] [vitest filters...]`.
 * Fetches the Node binaries, builds the addon for each ABI, and ends with one line a version; exit code 1 if one fails.
 */
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from '../native/build.mjs';
import { fetchNode, nodeVersions } from './node-versions.mjs';
import { secondTry, vitest } from './second-try.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const usage = `usage: npm run test:matrix -- [--node ${Object.keys(nodeVersions).join(',')}] [vitest filters...]`;

function options() {
  try {
    const { values, positionals } = parseArgs({
      options: { node: { type: 'string' }, help: { type: 'boolean' } },
      allowPositionals: true,
    });
    const majors = (values.node ?? Object.keys(nodeVersions).join(',')).split(',');
    const unknown = majors.find((major) => !(major in nodeVersions));
    if (unknown !== undefined) throw new Error(`--node: there is no Node "${unknown}" in the matrix`);
    return { majors, filters: positionals, help: values.help === true };
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(1);
  }
}

function testUnder(major, filters) {
  const execPath = fetchNode(nodeVersions[major]);
  const addon = build({ execPath });
  if ('failure' in addon) return `addon not built: ${addon.failure}`;
  // Tests that start `node` by name are to get the same one.
  const env = { ...process.env, PATH: `${dirname(execPath)}:${process.env.PATH}` };
  const run = spawnSync(execPath, [vitest, 'run', ...filters], { cwd: root, stdio: 'inherit', env });
  if (run.status === 0 || secondTry(execPath, env, root)) return null;
  return `tests failed (${run.signal ?? `exit code ${run.status}`})`;
}

const { majors, filters, help } = options();
if (help) {
  console.log(usage);
  process.exit(0);
}
const compiled = spawnSync('npm', ['run', '--silent', 'build:ts'], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(1);
const results = majors.map((major) => {
  console.log(`\n=== Node ${nodeVersions[major]}`);
  try {
    return { major, failure: testUnder(major, filters) };
  } catch (error) {
    return { major, failure: error.message };
  }
});
console.log('');
for (const { major, failure } of results) {
  console.log(`Node ${nodeVersions[major].padEnd(8)} ${failure === null ? 'passed' : failure}`);
}
if (results.some(({ failure }) => failure !== null)) process.exitCode = 1;
