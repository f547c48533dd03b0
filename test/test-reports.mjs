/**
 * What vitest's JSON reports in a directory come to. A Node's second report is of the files that failed in its first, run
 * once more: a test that passes on either try counts as passed, and is told of where it failed on the other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Stands for the file itself, which fails without a failed test where it cannot be loaded or a hook throws. */
const WHOLE_FILE = '';

/**
 * @param {string} directory of files named NODE-TRY-PID.json, as vitest.config.ts has it
 * @returns {Map<string, Map<string, Map<string, { passed: boolean, message: string | null }>>>} by Node version, file and
 *   test: whether it passed on any try, and what it said when it failed.
 */
export function readResults(directory) {
  const results = new Map();
  for (const name of readdirSync(directory).sort()) {
    const node = name.split('-', 1)[0];
    const files = results.get(node) ?? new Map();
    results.set(node, files);
    for (const file of JSON.parse(readFileSync(join(directory, name), 'utf8')).testResults) {
      const tests = files.get(file.name) ?? new Map();
      files.set(file.name, tests);
      for (const [test, { passed, message }] of resultsOf(file)) {
        const before = tests.get(test);
        tests.set(test, {
          passed: passed || before?.passed === true,
          message: before?.message ?? message,
        });
      }
    }
  }
  return results;
}

function resultsOf({ status, message, assertionResults }) {
  const tests = new Map();
  const seen = new Map();
  let failed = 0;
  for (const { fullName, status: result, failureMessages } of assertionResults) {
    // Several tests may have one name: they come in the same order on each try.
    const nth = (seen.get(fullName) ?? 0) + 1;
    seen.set(fullName, nth);
    const name = nth === 1 ? fullName : `${fullName} (${nth})`;
    if (result === 'passed') tests.set(name, { passed: true, message: null });
    else if (result === 'failed' || result === 'pending') {
      failed++;
      const message = result === 'pending' ? 'did not end: the process was gone' : failureMessages.join('\n');
      tests.set(name, { passed: false, message });
    }
  }
  // Where its process dies before it has told its tests, vitest calls a file without any passed.
  const passed = failed > 0 || (status !== 'failed' && assertionResults.length > 0);
  tests.set(WHOLE_FILE, { passed, message: passed ? null : message || 'has no tests' });
  return tests;
}

/**
 * @param {string} directory
 * @returns {{ passed: number, failed: object[], recovered: object[] }} the number of tests that passed, and of those that
 *   did not, or not at once, `{ node, file, test, message }` each; `test` is empty where the file itself failed.
 */
export function sumUp(directory) {
  let passed = 0;
  const failed = [];
  const recovered = [];
  for (const [node, files] of readResults(directory)) {
    for (const [file, tests] of files) {
      for (const [test, result] of tests) {
        if (result.passed && test !== WHOLE_FILE) passed++;
        if (result.message === null) continue;
        (result.passed ? recovered : failed).push({ node, file, test, message: result.message });
      }
    }
  }
  return { passed, failed, recovered };
}
