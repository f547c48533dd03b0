import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rolp-counts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function report(name: string, testResults: object[]): void {
  writeFileSync(join(directory, name), JSON.stringify({ testResults }));
}

function sum(reports = directory): { status: number | null; lines: string[] } {
  const script = join(import.meta.dirname, 'sum-counts.mjs');
  const { status, stdout } = spawnSync(process.execPath, [script, reports], { encoding: 'utf8', cwd: root });
  return { status, lines: stdout.trimEnd().split('\n') };
}

const file = (status: string, assertionResults: object[], message = ''): object => ({
  name: join(root, 'test/a.test.ts'),
  status,
  message,
  assertionResults,
});
const good = (fullName: string) => ({ status: 'passed', fullName, failureMessages: [] });
const bad = (fullName: string, message = 'Error: no') => ({
  status: 'failed',
  fullName,
  failureMessages: [message],
});

describe('the sum of all test runs', () => {
  it('is one line when all passed', () => {
    report('v20.20.2-1-11.json', [
      file('passed', [good('a'), good('b'), { ...good('c'), status: 'skipped' }]),
    ]);
    // Two tests of one name are two.
    report('v24.21.0-1-22.json', [file('passed', [good('a'), good('a')])]);
    expect(sum()).toEqual({ status: 0, lines: ['4 passed, 0 failed'] });
  });

  it('names what failed, where and why, before the counts', () => {
    const message = ['Error: no', ...Array.from({ length: 30 }, (_, i) => `at ${i}`)].join('\n');
    report('v24.21.0-1-2.json', [file('failed', [good('good'), bad('bad one', message)])]);
    const { status, lines } = sum();
    expect(status).toBe(1);
    expect(lines.slice(0, 2)).toEqual(['failed: Node v24.21.0, test/a.test.ts: bad one', '    Error: no']);
    expect(lines).toHaveLength(15);
    expect(lines.at(-1)).toBe('1 passed, 1 failed');
  });

  it('counts a file that could not be loaded, and fails when nothing ran', () => {
    report('v26.10.0-1-3.json', [file('failed', [], 'SyntaxError: x')]);
    expect(sum()).toEqual({
      status: 1,
      lines: ['failed: Node v26.10.0, test/a.test.ts', '    SyntaxError: x', '0 passed, 1 failed'],
    });
    report('v26.10.0-1-3.json', []);
    expect(sum().status).toBe(1);
    // Its process died while it was loaded.
    report('v26.10.0-1-3.json', [file('passed', [])]);
    expect(sum().lines.at(-1)).toBe('0 passed, 1 failed');
  });
});

describe('a second try', () => {
  it('passes what failed by chance, which is named with what it said, and fails what fails twice', () => {
    report('v20.20.2-1-9.json', [
      file('failed', [good('a'), bad('b', 'Error: once'), bad('c', 'Error: first')]),
    ]);
    report('v20.20.2-2-8.json', [file('failed', [good('a'), good('b'), bad('c', 'Error: again')])]);
    expect(sum()).toEqual({
      status: 1,
      lines: [
        'passed on a second try: Node v20.20.2, test/a.test.ts: b',
        '    Error: once',
        'failed: Node v20.20.2, test/a.test.ts: c',
        '    Error: first',
        '2 passed, 1 failed',
      ],
    });
  });

  it('is of one Node alone', () => {
    report('v20.20.2-1-1.json', [file('failed', [bad('a')])]);
    report('v22.23.3-2-1.json', [file('passed', [good('a')])]);
    expect(sum().lines.at(-1)).toBe('1 passed, 1 failed');
  });

  it('passes a file that could not be loaded at first, but for the tests that fail in it now', () => {
    report('v20.20.2-1-1.json', [file('failed', [], 'Error: busy')]);
    report('v20.20.2-2-1.json', [file('failed', [good('a'), bad('b')])]);
    expect(sum()).toEqual({
      status: 1,
      lines: [
        'passed on a second try: Node v20.20.2, test/a.test.ts',
        '    Error: busy',
        'failed: Node v20.20.2, test/a.test.ts: b',
        '    Error: no',
        '1 passed, 1 failed',
      ],
    });
  });

  /** Runs a project of one test file, then its failed files once more. */
  function runTwice(test: string): { first: number | null; second: number | null; lines: string[] } {
    const project = join(directory, 'project');
    const reports = join(directory, 'reports');
    for (const made of [project, reports]) mkdirSync(made);
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
    const config = `export default { test: { include: ['*.test.mjs'], reporters: ['json'], outputFile: {
      json: \`${reports}/\${process.version}-\${process.env.ROLP_TEST_TRY ?? 1}-1.json\` } } };`;
    writeFileSync(join(project, 'vitest.config.mjs'), config);
    writeFileSync(join(project, 'good.test.mjs'), `import { it } from 'vitest'; it('is good', () => {});`);
    writeFileSync(join(project, 'a.test.mjs'), test);
    const env: NodeJS.ProcessEnv = { ...process.env, ROLP_TEST_JSON_DIR: reports };
    delete env.ROLP_TEST_TRY;
    const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: project, env }).status;
    const first = node(join(root, 'node_modules/vitest/vitest.mjs'), 'run');
    const second = node(join(import.meta.dirname, 'second-try.mjs'));
    return { first, second, lines: sum(reports).lines };
  }

  it('is made of the files that failed', () => {
    const once = `import { existsSync, writeFileSync } from 'node:fs';
      import { it } from 'vitest';
      it('fails once', () => {
        const failed = existsSync('failed');
        writeFileSync('failed', '');
        if (!failed) throw new Error('by chance');
      });`;
    const { first, second, lines } = runTwice(once);
    expect([first, second, lines.at(-1)]).toEqual([1, 0, '2 passed, 0 failed']);
    expect(lines[0]).toMatch(/^passed on a second try: Node v.*a\.test\.mjs: fails once$/);
    expect(lines[1]).toBe('    Error: by chance');
  });

  it('is made, too, of a file whose process dies, and counts its tests', () => {
    const { first, second, lines } = runTwice(
      `import { it } from 'vitest'; it('dies', () => process.kill(process.pid, 'SIGKILL'));`,
    );
    expect([first, second, lines.at(-1)]).toEqual([1, 1, '1 passed, 1 failed']);
    expect(lines[0]).toMatch(/^failed: Node v.*a\.test\.mjs: dies$/);
  });

  it('saves no test that fails each time', () => {
    const { second, lines } = runTwice(
      `import { it } from 'vitest'; it('fails', () => { throw new Error('always'); });`,
    );
    expect([second, lines.at(-1)]).toEqual([1, '1 passed, 1 failed']);
  });
});
