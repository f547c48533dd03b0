import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, 'sum-counts.mjs');
const root = join(import.meta.dirname, '..');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rolp-counts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function report(name: string, passed: number, testResults: object[]): void {
  writeFileSync(join(directory, name), JSON.stringify({ numPassedTests: passed, testResults }));
}

function sum(): { status: number | null; lines: string[] } {
  const { status, stdout } = spawnSync(process.execPath, [script, directory], {
    encoding: 'utf8',
    cwd: root,
  });
  return { status, lines: stdout.trimEnd().split('\n') };
}

const file = (status: string, assertionResults: object[], message = ''): object => ({
  name: join(root, 'test/a.test.ts'),
  status,
  message,
  assertionResults,
});

describe('the sum of all test runs', () => {
  it('is one line when all passed', () => {
    report('v20.20.2-1.json', 3, [
      file('passed', [{ status: 'passed', fullName: 'a', failureMessages: [] }]),
    ]);
    report('v24.21.0-2.json', 4, []);
    expect(sum()).toEqual({ status: 0, lines: ['7 passed, 0 failed'] });
  });

  it('names what failed, where and why, before the counts', () => {
    const message = ['Error: no', ...Array.from({ length: 30 }, (_, i) => `at ${i}`)].join('\n');
    report('v24.21.0-2.json', 3, [
      file('failed', [
        { status: 'passed', fullName: 'good', failureMessages: [] },
        { status: 'failed', fullName: 'bad one', failureMessages: [message] },
      ]),
    ]);
    const { status, lines } = sum();
    expect(status).toBe(1);
    expect(lines.slice(0, 2)).toEqual(['failed: Node v24.21.0, test/a.test.ts: bad one', '    Error: no']);
    expect(lines).toHaveLength(15);
    expect(lines.at(-1)).toBe('3 passed, 1 failed');
  });

  it('counts a file that could not be loaded, and fails when nothing ran', () => {
    report('v26.10.0-3.json', 0, [file('failed', [], 'SyntaxError: x')]);
    expect(sum()).toEqual({
      status: 1,
      lines: ['failed: Node v26.10.0, test/a.test.ts', '    SyntaxError: x', '0 passed, 1 failed'],
    });
    report('v26.10.0-3.json', 0, []);
    expect(sum().status).toBe(1);
  });
});
