/**
 * Sums vitest's JSON reports in a directory: names and messages of all tests that failed, or passed only on a second try,
 * so that the end of a log tells what failed, then one line, `N passed, N failed`. Fails when a test failed or none ran.
 */
import { relative } from 'node:path';
import { sumUp } from './test-reports.mjs';

const MESSAGE_LINES = 12;

const [directory] = process.argv.slice(2);
const { passed, failed, recovered } = sumUp(directory);
for (const result of recovered) tell('passed on a second try', result);
for (const result of failed) tell('failed', result);
console.log(`${passed} passed, ${failed.length} failed`);
process.exitCode = failed.length > 0 || passed === 0 ? 1 : 0;

function tell(what, { node, file, test, message }) {
  const name = test === '' ? '' : `: ${test}`;
  console.log(`${what}: Node ${node}, ${relative(process.cwd(), file)}${name}\n${excerpt(message)}`);
}

function excerpt(message) {
  const lines = (message ?? '').split('\n');
  const shown = lines.length > MESSAGE_LINES ? [...lines.slice(0, MESSAGE_LINES), '…'] : lines;
  return shown.map((line) => `    ${line}`).join('\n');
}
