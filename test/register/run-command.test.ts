import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { columnsOf } from '../../src/cli/output.js';
import { SETTINGS } from '../../src/register/settings.js';

const CLI = resolve(import.meta.dirname, '../../dist/cli/main.js');
const directory = mkdtempSync(join(tmpdir(), 'rolp-run-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
writeFileSync(
  join(directory, 'app.cjs'),
  `console.log(JSON.stringify(process.argv.slice(2)), typeof gc);
   if (process.argv[2] === 'wait') { setInterval(() => {}, 1000); console.log('ready'); } else process.exit(7);`,
);

interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

function rolp(args: string[], whenReady?: (child: ChildProcess) => void): Promise<End> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: directory });
    let stdout = '';
    let stderr = '';
    let told = false;
    child.stdout.on('data', (text) => {
      stdout += text;
      if (told || !stdout.includes('ready')) return;
      told = true;
      whenReady?.(child);
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('close', (code, signal) => done({ code, signal, stdout, stderr }));
  });
}

/** How a command ends where one of its streams has nobody to read it, from before it has anything to say. */
function unread(stream: 'stdout' | 'stderr', args: string[]): Promise<number | null> {
  const child = spawn(process.execPath, [CLI, ...args], { cwd: directory });
  child[stream].destroy();
  return new Promise((done) => child.on('close', done));
}

/** Runs a command on a terminal of its own but with no stdin, and types Ctrl-C when it has said `ready`. */
const CTRL_C = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.dup2(os.open('/dev/null', os.O_RDONLY), 0)
    os.execv(sys.argv[1], sys.argv[1:])
said = b''
typed = False
while True:
    try:
        some = os.read(terminal, 4096)
    except OSError:
        break
    if not some:
        break
    said += some
    if b'ready' in said and not typed:
        typed = True
        os.write(terminal, b'\\x03')
sys.stdout.buffer.write(said)
`;

describe('rolp run', () => {
  it('passes arguments and exit code, leaves stdout to the app and reports on stderr', async () => {
    const end = await rolp(['run', '--interval', '32768', 'app.cjs', '--interval', 'x']);
    expect([end.code, end.stdout]).toEqual([7, '["--interval","x"] undefined\n']);
    expect(end.stderr).toMatch(/^rolp: \d+ allocation contexts/);
    expect(end.stderr).toContain('Sampled every 32 KiB');
  });

  it('tells of the profiles of other processes that the app started, and not of those of an earlier run', async () => {
    writeFileSync(
      join(directory, 'forks.cjs'),
      `require('child_process').fork('app.cjs', { silent: true });`,
    );
    const alone = await rolp(['run', '--out-dir', 'forks', 'app.cjs']);
    expect(alone.stderr).not.toContain('more written');
    const end = await rolp(['run', '--out-dir', 'forks', 'forks.cjs']);
    expect(end.stderr).toMatch(/^rolp: 1 more written meanwhile: rolp report .*forks shows all$/m);
    expect(end.stdout).toBe('');
  });

  it('reports on its own run, not on an earlier one with the same pid', async () => {
    writeFileSync(
      join(directory, 'again.cjs'),
      `const fs = require('fs');
       const file = (suffix) => 'again/rolp-' + process.pid + '-0' + suffix + '.json';
       const profile = JSON.parse(fs.readFileSync(file('')));
       profile.process.startedAt = '2026-01-01T00:00:00.000Z';
       fs.writeFileSync(file('-2'), JSON.stringify(profile));`,
    );
    const end = await rolp(['run', '--out-dir', 'again', 'again.cjs']);
    expect(end.stderr.match(/GC pauses:/g)).toHaveLength(1);
  });

  it('gives node what stands after --', async () => {
    const end = await rolp(['run', '--', '--expose-gc', 'app.cjs', 'a']);
    expect([end.code, end.stdout]).toEqual([7, '["a"] function\n']);
  });

  it.skipIf(process.platform === 'win32').each(['SIGTERM', 'SIGINT'] as const)(
    'hands %s on and ends by it',
    async (signal) => {
      const end = await rolp(['run', 'app.cjs', 'wait'], (child) => setTimeout(() => child.kill(signal), 50));
      expect([end.code, end.signal]).toEqual([null, signal]);
      expect(end.stderr).toContain('GC pauses:');
    },
  );

  it.skipIf(process.platform === 'win32')(
    'hands on the signal at which the app writes its profile',
    async () => {
      const end = await rolp(['run', '--signal', 'SIGALRM', 'app.cjs', 'wait'], (child) => {
        setTimeout(() => child.kill('SIGALRM'), 50);
        setTimeout(() => child.kill('SIGTERM'), 300);
      });
      expect([end.code, end.signal]).toEqual([null, 'SIGTERM']);
    },
  );

  // Whoever builds the addon has a Python; a pseudo-terminal is hard to come by otherwise.
  const python = process.platform === 'win32' ? 1 : spawnSync('python3', ['-c', 'import pty']).status;
  it.skipIf(python !== 0)('leaves a Ctrl-C to the terminal, also where stdin is none of it', () => {
    writeFileSync(
      join(directory, 'counts.cjs'),
      `let count = 0;
       process.on('SIGINT', () => { if (count++ === 0) setTimeout(() => { console.log('came', String(count)); process.exit(); }, 300); });
       setInterval(() => {}, 1000); console.log('ready');`,
    );
    const { stdout } = spawnSync('python3', ['-c', CTRL_C, process.execPath, CLI, 'run', 'counts.cjs'], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/came 1\r?\n/);
  });

  it('leaves stdin to the app, which may wait for it in one call', async () => {
    writeFileSync(
      join(directory, 'reads.cjs'),
      `console.log('ready'); console.log(require('fs').readFileSync(0, 'utf8'));`,
    );
    const end = await rolp(['run', 'reads.cjs'], (child) => setTimeout(() => child.stdin!.end('read'), 100));
    expect([end.code, end.stdout]).toEqual([0, 'ready\nread\n']);
  });

  it('ends as the app ends where there is nothing to report on', async () => {
    writeFileSync(
      join(directory, 'spoils.cjs'),
      `process.exitCode = 7;
       process.on('exit', () => {
         const fs = require('fs');
         const file = 'spoilt/rolp-' + process.pid + '-0.json';
         const profile = JSON.parse(fs.readFileSync(file));
         profile.sampler.attribution = 'nonsense';
         fs.writeFileSync(file, JSON.stringify(profile));
       });`,
    );
    const end = await rolp(['run', '--quiet', '--out-dir', 'spoilt', 'spoils.cjs']);
    expect([end.code, end.stdout]).toEqual([7, '']);
    expect(end.stderr).toMatch(/^rolp: no report: .*nonsense.*\n$/);
  });

  it('ends as the app ends where nobody reads the report', async () => {
    expect(await unread('stderr', ['run', 'app.cjs'])).toBe(7);
    expect(await unread('stderr', ['repot'])).toBe(2);
  });

  it('does not start the app under a variable that is spelt wrong', () => {
    const env = { ...process.env, ROLP_OUTDIR: 'profiles' };
    const end = spawnSync(process.execPath, [CLI, 'run', 'app.cjs'], {
      cwd: directory,
      encoding: 'utf8',
      env,
    });
    expect([end.status, end.stdout]).toEqual([2, '']);
    expect(end.stderr).toBe('rolp: run: ROLP_OUTDIR is no setting; did you mean ROLP_OUT_DIR?\n');
  });

  it.each([
    [['run', '--interval', '1', 'app.cjs'], 'run: --interval must lie between'],
    [['run', '--no-such', 'app.cjs'], '--no-such'],
    [['run'], 'name the app to run'],
    [['repot'], '"repot" is no command'],
    [['help', 'constructor'], 'there is no help on "constructor"'],
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
      const child = spawn(process.execPath, [CLI, ...args], { cwd: directory });
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

  it('is as wide as it likes on a terminal that does not know its size', () => {
    expect([columnsOf({ columns: 0 }), columnsOf({}), columnsOf({ columns: 80 })]).toEqual([
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
      80,
    ]);
  });

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
