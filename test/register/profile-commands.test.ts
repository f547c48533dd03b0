import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readProfile } from '../../src/profiler/index.js';
import { contextFixture, profileFixture } from '../report/profile-fixture.js';
import { runApp } from './run-app.js';

const CLI = resolve(import.meta.dirname, '../../dist/cli/main.js');
const directory = mkdtempSync(join(tmpdir(), 'rolp-commands-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function rolp(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { code: status, stdout, stderr };
}

function profile(name: string, share: number): string {
  writeFileSync(
    join(directory, name),
    JSON.stringify(
      profileFixture({
        contexts: [contextFixture('garbage', 2_000_000, 0), contextFixture('cached', 1_000_000, share)],
        advice: [
          {
            frames: contextFixture('cached', 1, 1).frames,
            contexts: ['cached-id'],
            what: 'class',
            into: 'Pool',
            copiedBytes: 1e6,
            markedBytes: 2e6,
            savedMs: { value: 5, low: 4, high: 6 },
            share: 0.25,
            samples: 100,
            limits: 'V8 never pretenures class instances.',
          },
        ],
      }),
    ),
  );
  return name;
}

const before = profile('before.json', 0.4);
const after = profile('after.json', 0.8);
writeFileSync(join(directory, 'broken.json'), '{"schema":');

describe('rolp merge', () => {
  it('joins files and directories into one that the other commands take', () => {
    const merged = rolp('merge', before, after, '-o', 'merged.json');
    expect(merged).toMatchObject({ code: 0, stdout: '' });
    expect(merged.stderr).toBe('rolp: 2 profiles, 2 contexts: merged.json\n');
    expect(readProfile(join(directory, 'merged.json'))).toMatchObject({ merged: 2 });
    expect(rolp('report', 'merged.json').stdout).toContain('cached src/cached.js:12');
  });

  it.each([
    [['merge', 'before.json'], 2, 'name the file to write: -o OUT'],
    [['merge', '-o', 'x.json'], 2, 'name the profiles to join'],
    [['merge', 'before.json', 'broken.json', '-o', 'x.json'], 1, 'broken.json: damaged'],
    [['merge', 'before.json', '-o', 'no/such/dir.json'], 1, 'no/such/dir.json: cannot be written'],
    [['merge', '--sort', 'x'], 2, '--sort'],
  ])('refuses %j', (args, code, message) => {
    const end = rolp(...args);
    expect([end.code, end.stdout]).toEqual([code, '']);
    expect(end.stderr).toContain(message);
  });
});

describe('rolp diff', () => {
  it('prints what changed', () => {
    const { code, stdout } = rolp('diff', before, after);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\+100\.0 % .*cached src\/cached\.js:12/);
    expect(JSON.parse(rolp('diff', '--json', before, after).stdout).rows).toHaveLength(1);
  });

  it('fails past a threshold, and only there and only upwards', () => {
    const over = rolp('diff', before, after, '--fail-over', '20');
    expect(over.code).toBe(3);
    expect(over.stderr).toContain('exceed --fail-over 20');
    expect(rolp('diff', before, after, '--fail-over', '120').code).toBe(0);
    expect(rolp('diff', after, before, '--fail-over', '5').code).toBe(0);
    expect(rolp('diff', before, before, '--fail-over', '0').code).toBe(0);
  });

  it.each([
    [['diff', 'before.json'], 2, 'name two profiles'],
    [['diff', 'before.json', 'after.json', '--fail-over', 'much'], 2, '--fail-over must be a finite number'],
    [['diff', 'before.json', 'none.json'], 1, 'none.json: no such file'],
  ])('refuses %j', (args, code, message) => {
    const end = rolp(...args);
    expect([end.code, end.stdout]).toEqual([code, '']);
    expect(end.stderr).toContain(message);
  });
});

describe('a directory with a file that cannot be read', () => {
  const mixed = join(directory, 'mixed');
  mkdirSync(mixed);
  writeFileSync(join(mixed, 'rolp-1-0.json'), readFileSync(join(directory, before)));
  writeFileSync(join(mixed, 'rolp-2-0.json'), '{"schema":');

  it.each(['report', 'advice'])('does not keep rolp %s from the others, and is named', (command) => {
    const end = rolp(command, 'mixed');
    expect(end.code).toBe(0);
    expect(end.stdout).toContain('cached src/cached.js:12');
    expect(end.stderr).toMatch(/^rolp: left out: mixed.rolp-2-0\.json: damaged [^\n]*\n$/);
  });

  it.each([
    ['report', 'mixed/rolp-2-0.json'],
    ['diff', 'mixed', 'mixed'],
    ['merge', 'mixed', '-o', 'x.json'],
  ])('is an error where it is named, or where figures are summed: %s', (...args) => {
    const end = rolp(...args);
    expect([end.code, end.stdout]).toEqual([1, '']);
    expect(end.stderr).toContain('rolp-2-0.json: damaged');
  });

  it('is an error where there is no other', () => {
    const broken = join(directory, 'only-broken');
    mkdirSync(broken);
    writeFileSync(join(broken, 'rolp-2-0.json'), '');
    expect(rolp('report', 'only-broken')).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('rolp advice', () => {
  it('prints what to move, as text and as JSON', () => {
    const { code, stdout } = rolp('advice', before);
    expect(code).toBe(0);
    expect(stdout).toMatch(/5 ms +4 ms to 6 ms +25 % .*class +cached src\/cached\.js:12/);
    const { profiles } = JSON.parse(rolp('advice', '--json', before).stdout);
    expect(profiles[0]).toMatchObject({ file: before, advice: [{ into: 'Pool' }] });
    expect(rolp('report', before).stdout).toContain('What to move out of V8’s heap');
  });
});

describe('help', () => {
  it.each(['advice', 'merge', 'diff'])('tells of %s', (command) => {
    const { code, stdout } = rolp(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: rolp ${command}`);
    expect(rolp('help', command).stdout).toBe(stdout);
    expect(rolp('--help').stdout).toContain(`rolp ${command}`);
  });
});

describe('ROLP_PROFILE_IN', () => {
  const app = `
    const kept = [];
    function keep(i) { kept.push({ a: i, b: String(i), c: [i] }); }
    for (let i = 0; i < Number(process.env.OBJECTS); i++) keep(i);
    console.log(kept.length);`;
  const env = { ROLP_ATTRIBUTION: 'calls' };

  it('starts with the decisions of an earlier run, also of a directory of runs', async () => {
    const first = await runApp({
      files: { 'app.cjs': app },
      env: { ...env, OBJECTS: '200000', ROLP_INTERVAL: '4096' },
    });
    const [earlier] = Object.values(first.profiles);
    const keep = (contexts: NonNullable<typeof earlier>['contexts']) =>
      contexts.filter(({ frames }) => frames.some((f) => f.function === 'keep'));
    expect(keep(earlier!.contexts).some(({ decidedBy }) => decidedBy === 'samples')).toBe(true);
    const second = await runApp({
      files: { 'app.cjs': app },
      env: {
        ...env,
        OBJECTS: '4000',
        ROLP_INTERVAL: '4096',
        ROLP_PROFILE_IN: join(first.directory, 'rolp-profiles'),
      },
    });
    const [now] = Object.values(second.profiles);
    expect(second.stdout).toBe('4000\n');
    const inherited = keep(now!.contexts).filter(({ decidedBy }) => decidedBy === 'profile');
    expect(inherited.length).toBeGreaterThan(0);
    for (const { id, generation } of inherited) {
      expect(earlier!.contexts.find((context) => context.id === id)).toMatchObject({ generation });
    }
  });

  it('is named when it cannot be used; the app runs on, but rolp run does not start it', async () => {
    const end = await runApp({
      files: { 'app.cjs': app },
      env: { ...env, OBJECTS: '10', ROLP_PROFILE_IN: 'none.json' },
    });
    expect([end.code, end.stdout]).toEqual([0, '10\n']);
    expect(end.stderr).toMatch(/^rolp: off.*ROLP_PROFILE_IN: .*none\.json: no such file/);
    writeFileSync(join(directory, 'app.cjs'), 'console.log("ran")');
    const run = rolp('run', '--profile-in', 'broken.json', 'app.cjs');
    expect([run.code, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toContain('--profile-in: broken.json: damaged');
    expect(readFileSync(join(directory, 'app.cjs'), 'utf8')).toContain('ran');
  });

  it('given to rolp run is found by the app’s children, wherever they start', () => {
    writeFileSync(
      join(directory, 'parent.cjs'),
      `const { spawnSync } = require('child_process');
       const child = spawnSync(process.execPath, [...process.execArgv, '-e', '1'], { cwd: '/', encoding: 'utf8' });
       console.log(child.status, child.stderr);`,
    );
    const run = rolp('run', '--quiet', '--profile-in', before, 'parent.cjs');
    expect([run.code, run.stdout]).toEqual([0, '0 \n']);
  });
});
