import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SETTINGS } from '../src/register/settings.js';

const ROOT = resolve(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** What an export stands for: a file, or more of them by condition. */
type Target = string | { readonly [condition: string]: Target };

function filesOf(target: Target): string[] {
  return typeof target === 'string' ? [target] : Object.values(target).flatMap(filesOf);
}

describe('the manifest', () => {
  it('has no script that runs at installation', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']) {
      expect(manifest.scripts).not.toHaveProperty(name);
    }
    // npm would compile it on its own.
    expect(existsSync(join(ROOT, 'binding.gyp'))).toBe(false);
    expect(manifest.gypfile).toBe(false);
  });

  it('builds before it is packed: a tarball without dist would install, and hold nothing', () => {
    expect(manifest.scripts.prepack).toBe('npm run -s build:ts');
    expect(manifest.files).toContain('dist');
  });

  it('pins every dependency', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    for (const [name, range] of Object.entries<string>(all)) {
      expect(range, name).toMatch(/^(npm:[^@]+@)?\d+\.\d+\.\d+$/);
    }
  });

  it('asks for a Node that can require an ES module, without which --require rolp/register is off', () => {
    expect(manifest.engines.node).toBe('^20.19.0 || >=22.13.0');
    const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
    expect(lock.packages[''].engines).toEqual(manifest.engines);
  });

  it('exports what is there, with types', () => {
    for (const [name, target] of Object.entries<Target>(manifest.exports)) {
      const files = filesOf(target);
      for (const file of files) expect(existsSync(join(ROOT, file)), `${name}: ${file}`).toBe(true);
      if (name !== './package.json') expect(files.join(), name).toContain('.d.ts');
    }
  });
});

describe('the packed tarball', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rolp-pack-'));
  let files: string[] = [];
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  beforeAll(() => {
    const packed = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], {
        cwd: ROOT,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
    const [entry] = Array.isArray(packed) ? packed : Object.values<(typeof packed)[0]>(packed);
    files = entry.files.map(({ path }: { path: string }) => path);
    // As npm would install it, with the dependencies that this checkout has.
    const modules = join(directory, 'node_modules');
    mkdirSync(join(modules, 'rolp'), { recursive: true });
    execFileSync('tar', [
      'xf',
      join(directory, entry.filename),
      '-C',
      join(modules, 'rolp'),
      '--strip-components=1',
    ]);
    for (const name of Object.keys(manifest.dependencies)) {
      mkdirSync(join(modules, name, '..'), { recursive: true });
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    }
    // A package from a checkout has no prebuilt binaries: lend it the checkout's build.
    if (existsSync(join(ROOT, 'native/build'))) {
      mkdirSync(join(modules, 'rolp/native'), { recursive: true });
      if (!existsSync(join(modules, 'rolp/native/build'))) {
        symlinkSync(join(ROOT, 'native/build'), join(modules, 'rolp/native/build'));
      }
    }
    writeFileSync(join(directory, 'app.cjs'), 'console.log("app", typeof process.pid)');
  });

  const node = (...args: string[]) =>
    execFileSync(process.execPath, args, {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });

  it('holds the build, the documents and prebuilt binaries, and nothing else', () => {
    const strange = files.filter(
      (file) => !/^(dist|docs|native\/prebuilds)\/|^(README\.md|LICENSE|package\.json)$/.test(file),
    );
    expect(strange).toEqual([]);
    expect(files).toContain('dist/register/index.js');
    expect(files).toContain('dist/register/preload.cjs');
    expect(files).toContain('dist/cli/main.js');
    expect(files.filter((file) => file.endsWith('.gyp'))).toEqual([]);
  });

  it.each([
    ['--require', 'rolp/register'],
    ['--import', 'rolp/register'],
  ])('profiles an app by node %s %s', (...preload) => {
    rmSync(join(directory, 'rolp-profiles'), { recursive: true, force: true });
    expect(node(...preload, 'app.cjs')).toBe('app number\n');
    expect(existsSync(join(directory, 'rolp-profiles'))).toBe(true);
  });

  it('can be required as well as imported', () => {
    expect(
      node('-e', `require('rolp/register'); console.log(typeof require('rolp/profiler').buildProfile)`),
    ).toBe('function\n');
    expect(node('--input-type=module', '-e', `import 'rolp/register'; console.log('in')`)).toBe('in\n');
    // An optional peer: it must not be asked for.
    expect(node('-e', `console.log(typeof require('rolp/keyv').keyvOptions().store.get)`)).toBe('function\n');
  });

  it('profiles a process that starts elsewhere, by NODE_OPTIONS with the path that the README names', () => {
    const [path] = /node_modules\/rolp\/[\w/]+\.cjs/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))!;
    const elsewhere = mkdtempSync(join(tmpdir(), 'rolp-elsewhere-'));
    execFileSync(process.execPath, ['-e', ''], {
      cwd: elsewhere,
      env: { ...process.env, NODE_OPTIONS: `--require ${join(directory, path)}`, ROLP_QUIET: '1' },
    });
    expect(existsSync(join(elsewhere, 'rolp-profiles'))).toBe(true);
    rmSync(elsewhere, { recursive: true });
  });

  it('has a command', () => {
    expect(node('node_modules/rolp/dist/cli/main.js', '--version')).toBe(`${manifest.version}\n`);
    expect(node('node_modules/rolp/dist/cli/main.js', 'run', '--quiet', 'app.cjs')).toBe('app number\n');
  });
});

describe('the README', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

  it('lists every setting with its option and default', () => {
    const rows = readme.split('\n').map((line) => line.replace(/ +\|/g, ' |'));
    for (const { env, option, default: standard } of SETTINGS) {
      const row = rows.find((line) => line.startsWith(`| \`${env}\` |`));
      expect(row, env).toBeDefined();
      expect(row).toContain(`\`--${option}`);
      if (standard !== '') expect(row).toContain(`| \`${standard}\` |`);
    }
  });

  it('has exactly two set-up commands', () => {
    expect(readme.match(/^npm ci && .*$/gm)).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
  });
});
