import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type AppEnd,
  type AppRun,
  expectUnchanged,
  PRELOAD,
  PRELOAD_MODULE,
  runApp,
  threadsOf,
} from './run-app.js';

const WORK = `
  globalThis.kept = [];
  for (let i = 0; i < 300000; i++) { const o = { i, list: [i] }; if (i % 10 === 0) globalThis.kept.push(o); }
  console.log('worked', globalThis.kept.length);
`;
const app = (text: string): AppRun => ({ files: { 'app.cjs': text } });
const pprof = JSON.stringify(require.resolve('@datadog/pprof'));
const INSPECTOR = `const { Session } = require('inspector'); const s = new Session(); s.connect();
  const post = (m, p) => s.post(m, p, (e) => e && console.log(m, e.message));`;

const NEIGHBOURS: Record<string, AppRun> = {
  'the inspector’s sampler, started and stopped': app(
    `${INSPECTOR}post('HeapProfiler.enable'); post('HeapProfiler.startSampling', { samplingInterval: 4096 });${WORK}
     s.post('HeapProfiler.stopSampling', (e, r) => console.log('profile', typeof r.profile.head));${WORK}`,
  ),
  'the inspector’s sampler, never stopped': app(
    `${INSPECTOR}post('HeapProfiler.startSampling', { samplingInterval: 4096 });${WORK}`,
  ),
  'a heap snapshot': app(
    `${WORK}const stream = require('v8').getHeapSnapshot(); let n = 0; stream.on('data', (d) => { n += d.length }).on('end', () => console.log(n > 1000));`,
  ),
  'the pprof heap profiler, started and stopped': app(
    `const { heap } = require(${pprof}); heap.start(65536, 32);${WORK}console.log(heap.profile().sample.length >= 0); heap.stop();${WORK}`,
  ),
  'a debugger session that takes coverage': app(
    `${INSPECTOR}post('Profiler.enable'); post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
     function often() {} for (let i = 0; i < 2000; i++) often();${WORK}
     s.post('Profiler.takePreciseCoverage', (e, r) => console.log(r.result.flatMap((x) => x.functions).find((f) => f.functionName === 'often').ranges[0].count));`,
  ),
  'timers of a browser, which are numbers': {
    ...app(
      `${WORK}const later = setTimeout; const numbers = new Map(); let n = 0;
       globalThis.setTimeout = (...of) => { numbers.set(++n, later(...of)); return n; };
       globalThis.clearTimeout = (id) => clearTimeout(numbers.get(id));
       later(() => console.log('alive'), 600);`,
    ),
    env: { ROLP_REPORT_PERIOD: '0.05', ROLP_BUDGET: '100' },
  },
  'timers that its tests fake and count': {
    ...app(
      `${WORK}const later = setTimeout; const faked = [];
       for (const name of ['setTimeout', 'setInterval', 'setImmediate'])
         globalThis[name] = (step) => { faked.push(step); return { ref() {}, unref() {} }; };
       performance.now = Date.now = () => 0;
       process.hrtime = Object.assign(() => [0, 0], {});
       later(() => console.log('faked', faked.length), 600);`,
    ),
    env: { ROLP_REPORT_PERIOD: '0.05', ROLP_BUDGET: '100' },
  },
  '--cpu-prof': { ...app(WORK), args: ['--cpu-prof', '--cpu-prof-dir=out', 'app.cjs'] },
  '--enable-source-maps': { ...app(WORK), args: ['--enable-source-maps', 'app.cjs'] },
  '--frozen-intrinsics': { ...app(WORK), args: ['--frozen-intrinsics', '--no-warnings', 'app.cjs'] },
  '--disable-proto=throw': { ...app(WORK), args: ['--disable-proto=throw', 'app.cjs'] },
};

describe('the app and its neighbour see nothing, and a profile is written, beside', () => {
  it.each(Object.entries(NEIGHBOURS))('%s', async (_, run) => {
    const end = await expectUnchanged(run);
    expect(threadsOf(end)).toEqual([0]);
    const flag = run.args?.find((arg) => arg.includes('-prof-dir'));
    if (flag !== undefined) expect(filesOf(end, 'out')).toHaveLength(1);
  });

  it.each([
    ['--require', PRELOAD],
    ['--import', PRELOAD_MODULE],
  ])('hooks of an ES module loader, on a thread of their own, under %s', async (...preload) => {
    const end = await expectUnchanged({
      files: {
        'app.mjs': `import { register } from 'node:module'; register('./hooks.mjs', import.meta.url);${WORK}
          console.log((await import('./seven.mjs')).default);`,
        'hooks.mjs': 'export const load = async (url, context, next) => next(url, context);',
        'seven.mjs': 'export default 7;',
      },
      args: ['app.mjs'],
      preload,
    });
    expect(end.stdout).toBe('worked 30000\n7\n');
    // Node 20 cannot tell that thread from a worker.
    expect(threadsOf(end)).toContain(0);
  });

  it('NODE_V8_COVERAGE, whose counts stay right', async () => {
    const run = {
      ...app(`function often() { return {} } for (let i = 0; i < 2000; i++) often(); ${WORK}`),
      env: { NODE_V8_COVERAGE: 'coverage', ROLP_ATTRIBUTION: 'calls:2' },
    };
    const end = await expectUnchanged(run);
    expect(threadsOf(end)).toEqual([0]);
    const files = filesOf(end, 'coverage');
    expect(files).toHaveLength(1);
    const coverage = JSON.parse(readFileSync(join(end.directory, 'coverage', files[0]!), 'utf8'));
    const script = coverage.result.find((entry: { url: string }) => entry.url.endsWith('app.cjs'));
    const often = script.functions.find((f: { functionName: string }) => f.functionName === 'often');
    expect(often.ranges[0].count).toBe(2000);
  });

  it.skipIf(Number(process.versions.node.split('.')[0]) < 22)(
    'NODE_COMPILE_CACHE, which stays valid',
    async () => {
      const run = { ...app(WORK), env: { NODE_COMPILE_CACHE: 'cache', ROLP_QUIET: '1' } };
      const first = await runApp(run);
      const cached = () =>
        readdirSync(join(first.directory, 'cache'), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name))
          .map((path) => [path, statSync(path).mtimeMs]);
      const before = cached();
      expect(before.length).toBeGreaterThan(0);
      execFileSync(process.execPath, ['--require', PRELOAD, 'app.cjs'], {
        cwd: first.directory,
        env: { ...process.env, ...run.env, NODE_OPTIONS: '' },
        stdio: 'ignore',
      });
      expect(cached()).toEqual(before);
    },
  );
});

describe('without the addon the app and its neighbour see nothing either, and a profile is written, beside', () => {
  it.each([
    'the inspector’s sampler, started and stopped',
    'the pprof heap profiler, started and stopped',
    'timers of a browser, which are numbers',
    'timers that its tests fake and count',
  ])('%s', async (name) => {
    const run = NEIGHBOURS[name]!;
    const end = await expectUnchanged({ ...run, env: { ...run.env, ROLP_NO_ADDON: '1' } });
    expect(threadsOf(end)).toEqual([0]);
  });
});

describe.skipIf(process.platform === 'win32')('nodemon', () => {
  it('restarts the app by SIGUSR2 and by a changed file as ever', async () => {
    const nodemon = join(require.resolve('nodemon/package.json'), '../bin/nodemon.js');
    let starts = 0;
    const end = await runApp({
      files: { 'app.cjs': `${WORK}console.log('ready'); setInterval(() => {}, 1000);` },
      args: [nodemon, '--quiet', '--watch', 'app.cjs', '--delay', '50ms', 'app.cjs'],
      preload: [],
      env: { NODE_OPTIONS: `--require ${PRELOAD}`, ROLP_QUIET: '1', ROLP_REPORT_PERIOD: '0.1' },
      whenReady: (child, directory) => {
        const change = () =>
          writeFileSync(
            join(directory, 'app.cjs'),
            `${WORK}console.log('ready again'); setInterval(() => {}, 1000);`,
          );
        // nodemon may not watch yet when the app is ready: what it has not seen change is changed again.
        const changing = setInterval(change, 2000);
        setTimeout(change, 300);
        child.stdout!.on('data', (text: string) => {
          starts += text.split('ready').length - 1;
          if (starts !== 1) return;
          clearInterval(changing);
          setTimeout(() => child.kill('SIGTERM'), 300);
        });
      },
    });
    expect(end.stdout).toContain('ready again');
    // nodemon itself, the app, the app again.
    expect(Object.keys(end.profiles).length).toBeGreaterThanOrEqual(3);
  });
});

describe('where rolp cannot work, it says so in one line and the app runs on', () => {
  const lines = (end: AppEnd) => end.stderr.split('\n').filter((line) => line !== '');

  it('a wrong setting', async () => {
    const end = await runApp({ ...app(`${WORK}process.exit(3)`), env: { ROLP_INTERVAL: 'often' } });
    expect([end.code, end.stdout]).toEqual([3, 'worked 30000\n']);
    expect(lines(end)).toEqual([
      'rolp: off, the app runs on without it: ROLP_INTERVAL must be an integer, got "often"',
    ]);
    expect(end.profiles).toEqual({});
  });

  it('an ES module that cannot be required', async () => {
    const end = await runApp({
      ...app(`${WORK}process.exit(3)`),
      args: ['--no-experimental-require-module', 'app.cjs'],
    });
    expect([end.code, end.stdout]).toEqual([3, 'worked 30000\n']);
    expect(lines(end)).toEqual([
      'rolp: off, the app runs on without it: ES modules cannot be required here; use --import rolp/register',
    ]);
  });

  it('a wrong setting and workers, told once', async () => {
    const end = await runApp({
      ...app(`for (let i = 0; i < 3; i++) new (require('worker_threads').Worker)('1', { eval: true })`),
      env: { ROLP_BUDGET: '-1' },
    });
    expect(lines(end)).toHaveLength(1);
    expect(end.code).toBe(0);
  });

  it('--heap-prof, which has taken V8’s one sampler and keeps its output', async () => {
    const end = await runApp({ ...app(WORK), args: ['--heap-prof', '--heap-prof-dir=out', 'app.cjs'] });
    expect([end.code, end.stdout]).toEqual([0, 'worked 30000\n']);
    expect(lines(end)).toHaveLength(1);
    expect(lines(end)[0]).toMatch(/^rolp: off, the app runs on without it: V8's heap sampler is in use/);
    expect(filesOf(end, 'out')).toHaveLength(1);
    expect(end.profiles).toEqual({});
  });

  it('a directory that cannot be made', async () => {
    const end = await runApp({ ...app(WORK), env: { ROLP_OUT_DIR: 'app.cjs/profiles' } });
    expect([end.code, end.stdout]).toEqual([0, 'worked 30000\n']);
    expect(lines(end)).toHaveLength(1);
    expect(lines(end)[0]).toMatch(/^rolp: off, .*ENOTDIR.*app\.cjs\/profiles/);
  });

  const reasons: [why: string, flags: readonly string[], env: Readonly<Record<string, string>>][] = [
    ['the sampler is taken', ['--heap-prof', '--heap-prof-dir=out'], {}],
    ['nothing can be written', [], { ROLP_OUT_DIR: 'app.cjs/profiles' }],
  ];
  it.each(reasons)('and with V8’s own flags, where %s', async (_, flags, env) => {
    const end = await runApp({
      files: {
        'app.cjs': WORK,
        'spy.cjs': `const v8 = require('v8'); const { setFlagsFromString } = v8; const flags = [];
          v8.setFlagsFromString = (flag) => { flags.push(flag); setFlagsFromString(flag); };
          require('module').syncBuiltinESMExports();
          process.on('exit', () => console.log(JSON.stringify(flags)));`,
      },
      preload: ['--require', './spy.cjs', '--require', PRELOAD],
      args: [...flags, 'app.cjs'],
      env: { ROLP_ATTRIBUTION: 'calls', ...env },
    });
    expect(lines(end)).toHaveLength(1);
    const set = JSON.parse(end.stdout.split('\n')[1]!) as string[];
    // What was set first is set back then.
    const nameOf = (flag: string): string => flag.replace(/^--(no-)?/, '').replace(/=.*/, '');
    const [there, back] = [set.slice(0, set.length / 2), set.slice(set.length / 2)];
    expect(there).toContain('--no-turbo-inlining');
    expect(back).toContain('--turbo-inlining');
    expect(back).toContain('--turbo-allocation-folding');
    expect(back.map(nameOf)).toEqual(there.map(nameOf));
  });

  it('a directory that is taken away is made again', async () => {
    const end = await runApp(app(`${WORK}require('fs').rmSync('rolp-profiles', { recursive: true })`));
    expect(threadsOf(end)).toEqual([0]);
  });

  it('a disk that fails later is told once', async () => {
    const end = await runApp({
      ...app(
        `${WORK}const fs = require('fs'); console.log('ready'); process.stdin.once('data', () => {
           fs.rmSync('rolp-profiles', { recursive: true }); fs.writeFileSync('rolp-profiles', '');
           process.stdin.once('data', () => { fs.rmSync('rolp-profiles'); process.stdin.destroy(); });
         })`,
      ),
      // An app that idles is written after ten periods, however little CPU time it uses; with so much budget not later.
      env: { ROLP_REPORT_PERIOD: '0.05', ROLP_BUDGET: '100', ROLP_QUIET: '1' },
      whenReady: (child) => {
        // Some more periods after the first word, in which a second could be said.
        child.stderr!.once('data', () => setTimeout(() => child.stdin!.write('mend'), 1500));
        child.stdin!.write('break');
      },
    });
    expect(end.code).toBe(0);
    expect(lines(end)).toHaveLength(1);
    expect(lines(end)[0]).toMatch(/^rolp: the profile could not be written: /);
  });

  it('the permission model', async () => {
    const major = Number(process.versions.node.split('.')[0]);
    const flag = major >= 23 ? '--permission' : '--experimental-permission';
    const end = await runApp({
      ...app(WORK),
      args: [flag, '--allow-fs-read=*', '--no-warnings', 'app.cjs'],
    });
    expect([end.code, end.stdout]).toEqual([0, 'worked 30000\n']);
    expect(lines(end)).toHaveLength(1);
    expect(lines(end)[0]).toMatch(/^rolp: off, the app runs on without it: .*permission/);
  });
});

describe('the preload', () => {
  it('named twice, by --require and --import and NODE_OPTIONS, starts once', async () => {
    const end = await runApp({
      ...app(WORK),
      preload: ['--require', PRELOAD, '--import', PRELOAD_MODULE],
      env: { NODE_OPTIONS: `--import ${PRELOAD_MODULE}?again` },
    });
    expect(end.stderr.match(/^rolp: /gm)).toHaveLength(1);
    expect(threadsOf(end)).toEqual([0]);
  });

  it('by --import does as by --require', async () => {
    const end = await expectUnchanged({ ...app(WORK), preload: ['--import', PRELOAD_MODULE] });
    expect(threadsOf(end)).toEqual([0]);
  });

  it('with ROLP_QUIET leaves stderr empty, and without prints one line that names the file', async () => {
    const quiet = await runApp({ ...app(WORK), env: { ROLP_QUIET: '1' } });
    expect(quiet.stderr).toBe('');
    const end = await runApp(app(WORK));
    expect(end.stderr).toMatch(
      /^rolp: \d+ allocation contexts over \d+ GC cycles: .*\/rolp-profiles\/rolp-\d+-0\.json\n$/,
    );
  });
});

function filesOf(end: AppEnd, directory: string): string[] {
  return readdirSync(join(end.directory, directory));
}
