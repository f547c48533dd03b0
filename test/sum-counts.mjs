/**
 * Sums vitest's JSON reports in a directory: names and messages of all failed tests, so that the end of a log tells what
 * failed, then one line, `N passed, N failed`. Fails when a test failed or none ran.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const MESSAGE_LINES = 12;

const [directory] = process.argv.slice(2);
let passed = 0;
const failures = [];
for (const name of readdirSync(directory)) {
  const report = JSON.parse(readFileSync(join(directory, name), 'utf8'));
  // Named after the Node that ran: v24.21.0-4711.json
  const node = name.split('-', 1)[0];
  passed += report.numPassedTests;
  for (const file of report.testResults) failures.push(...failuresOf(file, node));
}
for (const { where, message } of failures) console.log(`failed: ${where}\n${excerpt(message)}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length > 0 || passed === 0 ? 1 : 0;

function failuresOf(file, node) {
  const path = relative(process.cwd(), file.name);
  // A file that could not even be loaded, or whose hooks failed, may have no test to count as failed.
  const failed = file.assertionResults.filter(({ status }) => status === 'failed');
  if (failed.length === 0 && file.status === 'failed') {
    return [{ where: `Node ${node}, ${path}`, message: file.message }];
  }
  return failed.map(({ fullName, failureMessages }) => ({
    where: `Node ${node}, ${path}: ${fullName}`,
    message: failureMessages.join('\n'),
  }));
}

function excerpt(message) {
  const lines = (message ?? '').split('\n');
  const shown = lines.length > MESSAGE_LINES ? [...lines.slice(0, MESSAGE_LINES), '…'] : lines;
  return shown.map((line) => `    ${line}`).join('\n');
}
