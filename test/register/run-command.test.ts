import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SETTINGS } from '../../src/register/settings.js';

const CLI = resolve(import.meta.dirname, '../../dist/cli/main.js');
const directory = mkdtempSync(join(tmpdir(), 'rolp-run-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
writeFileSync(
  join(directory, 'app.cjs'),
  `console.log(JSON.stringify(process.argv.slice(2)), typeof gc);
   if (process.argv[2] === 'wait') { setInterval(() => {}, 1000); console.log('ready'); } else process.exit(7);`,
);

function rolp(args: string[], whenReady?: (kill: (signal: NodeJS.Signals) => void) => void) {
  return new Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>(
    (done) => {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (text) => {
        stdout += text;
        if (stdout.includes('ready')) whenReady?.((signal) => child.kill(signal));
      });
      child.stderr.on('data', (text) => {
        stderr += text;
      });
      child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
    },
  );
}

describe('rolp run', () => {
  it('passes arguments and exit code, leaves stdout to the app and reports on stderr', async () => {
    const end = await rolp(['run', '--interval', '32768', 'app.cjs', '--interval', 'x']);
    expect([end.code, end.stdout]).toEqual([7, '["--interval","x"] undefined\n']);
    expect(end.stderr).toMatch(/^rolp: \d+ allocation contexts/);
    expect(end.stderr).toContain('Sampled every 32 KiB');
  });

  it('gives node what stands after --', async () => {
    const end = await rolp(['run', '--', '--expose-gc', 'app.cjs', 'a']);
    expect([end.code, end.stdout]).toEqual([7, '["a"] function\n']);
  });

  it.skipIf(process.platform === 'win32').each(['SIGTERM', 'SIGINT'] as const)(
    'hands %s on and ends by it',
    async (signal) => {
      const end = await rolp(['run', 'app.cjs', 'wait'], (kill) => setTimeout(() => kill(signal), 50));
      expect([end.code, end.signal]).toEqual([null, signal]);
      expect(end.stderr).toContain('GC pauses:');
    },
  );

  it.each([
    [['run', '--interval', '1', 'app.cjs'], 'run: --interval must lie between'],
    [['run', '--no-such', 'app.cjs'], '--no-such'],
    [['run'], 'name the app to run'],
    [['repot'], '"repot" is no command'],
    [['report'], 'name a profile'],
    [['report', '--sort', 'size', '.'], "--sort must be one of 'survived'"],
  ])('refuses %j with exit code 2 before anything runs', async (args, message) => {
    const end = await rolp(args);
    expect([end.code, end.stdout]).toEqual([2, '']);
    expect(end.stderr).toContain(message);
  });

  it('lists every setting in its help', async () => {
    const { stdout, code } = await rolp(['run', '--help']);
    expect(code).toBe(0);
    for (const { env, option } of SETTINGS) {
      expect(stdout).toContain(`--${option}`);
      expect(stdout).toContain(env);
    }
  });
});

describe('rolp report', () => {
  it.each([
    ['none', /^rolp: none: no such file or directory; profiles are written by .*, into rolp-profiles\n$/],
    ['.', /^rolp: \.: no profiles \(rolp-\*\.json\) in this directory; profiles are written by/],
    ['empty.json', /^rolp: empty\.json: no rolp profile: the file is empty\n$/],
    ['loop', /^rolp: loop: cannot be read: ELOOP/],
    ['app.cjs/x', /^rolp: app\.cjs\/x: (no such file|cannot be read)/],
  ])('says in a line, without a stack, what is wrong with %s', async (file, message) => {
    writeFileSync(join(directory, 'empty.json'), '');
    rmSync(join(directory, 'loop'), { force: true });
    symlinkSync('loop', join(directory, 'loop'));
    const end = await rolp(['report', file]);
    expect([end.code, end.stdout]).toEqual([1, '']);
    expect(end.stderr).toMatch(message);
    expect(end.stderr.trimEnd()).not.toContain('\n');
  });

  it.each([['--help'], ['--version'], ['help', 'run'], ['run', '--help'], ['report', '--help']])(
    'a reader of %s %s that leaves early is no error',
    async (...args) => {
      const child = spawn(process.execPath, [CLI, ...args], {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      // Before it has anything to say.
      child.stdout.destroy();
      let stderr = '';
      child.stderr.on('data', (text) => {
        stderr += text;
      });
      const code = await new Promise((done) => child.on('close', done));
      expect([code, stderr]).toEqual([0, '']);
    },
  );

  it('fails with exit code 1 and names a file that is no profile', async () => {
    const end = await rolp(['report', 'app.cjs']);
    expect([end.code, end.stdout]).toEqual([1, '']);
    expect(end.stderr).toMatch(/^rolp: app\.cjs: damaged or no rolp profile/);
  });

  it('prints JSON of the contexts chosen', async () => {
    await rolp(['run', '--out-dir', 'json', 'app.cjs']);
    expect(existsSync(join(directory, 'json'))).toBe(true);
    const { stdout } = await rolp(['report', '--json', '--top', '1', 'json']);
    const { profiles } = JSON.parse(stdout);
    expect(profiles[0]).toMatchObject({
      schema: 'rolp-profile/1',
      file: expect.stringContaining('json/rolp-'),
    });
    expect(profiles[0].contexts.length).toBeLessThanOrEqual(1);
  });
});
