import { describe, expect, it } from 'vitest';
import { type AppRun, expectUnchanged, runApp, threadsOf, whenSampled } from './run-app.js';

// Garbage and survivors enough for some GC cycles and samples.
const WORK = `
  globalThis.kept = [];
  for (let i = 0; i < 300000; i++) { const o = { i, list: [i] }; if (i % 10 === 0) globalThis.kept.push(o); }
  console.log('worked', globalThis.kept.length);
`;
const app = (text: string): AppRun => ({ files: { 'app.cjs': WORK + text } });

const ENDS: Record<string, AppRun> = {
  'the natural end of a CommonJS app': app(''),
  'the natural end of an ES module': {
    files: { 'app.mjs': `import 'node:fs';${WORK}await new Promise((done) => setTimeout(done, 10));` },
    args: ['app.mjs'],
  },
  'node -e': { args: ['-e', WORK] },
  'node -p': { args: ['-p', `${WORK}; 1 + 1`] },
  'an ES module given as text': { args: ['--input-type=module', '-e', `import 'node:fs';${WORK}`] },
  'process.exit': app('process.exit(3)'),
  'process.exit in a timer': app('setTimeout(() => process.exit(5), 20); setInterval(() => {}, 1000)'),
  'process.exitCode': app('process.exitCode = 4'),
  'an uncaught exception': app(`throw new Error('boom')`),
  'an unhandled rejection': app(`Promise.reject(new Error('boom'))`),
  'an uncaught exception that the app handles': app(
    `process.on('uncaughtException', (e) => { console.log('caught', e.message); process.exit(7); }); throw new Error('x')`,
  ),
  'process.exit in an exit listener': app(
    `process.on('exit', () => { console.log('bye'); process.exit(6); }); process.exit(2)`,
  ),
  'an exit listener that throws': app(`process.on('exit', () => { throw new Error('late'); })`),
  'an app that removes all exit listeners': app(`process.removeAllListeners('exit')`),
  'an app that removes all listeners': app(`process.removeAllListeners(); process.exit(1)`),
  'an app with many exit listeners': app(
    `for (let i = 0; i < 10; i++) process.on('exit', () => console.log(i)); console.log(process.listenerCount('exit'))`,
  ),
  'an app that lists the listeners': app(
    `console.log(process.eventNames().filter((n) => n !== 'newListener' && n !== 'removeListener'), Object.keys(process).length, Object.keys(globalThis).filter((k) => k !== 'kept'))`,
  ),
  'an app that empties process.env': app(`for (const k of Object.keys(process.env)) delete process.env[k]`),
  'an app that replaces process.env': app('process.env = {}'),
  'an app that changes its directory': app(`process.chdir('/')`),
  'an app that replaces process.emit': app(
    `const emit = process.emit; process.emit = function (n, ...a) { console.log('emits', n); return emit.call(this, n, ...a); }`,
  ),
  'an app that gives an emit to a copy and to an heir of process': app(
    `const copy = Object.create(Object.getPrototypeOf(process), Object.getOwnPropertyDescriptors(process));
     const heir = Object.create(process);
     copy.emit = heir.emit = () => console.log('not the real one');
     process.on('real', () => console.log('the real one')); process.emit('real'); copy.emit('real'); heir.emit('real');`,
  ),
  'an app that takes the global process away, as a browser has none': app('globalThis.process = undefined'),
  'an app that takes more globals away': app(
    `for (const name of ['performance', 'Buffer', 'setTimeout', 'clearTimeout', 'setInterval', 'URL']) delete globalThis[name]`,
  ),
  'beforeExit that revives the loop': app(
    `let n = 0; process.on('beforeExit', () => { if (n++ < 3) setTimeout(() => console.log(n), 5); })`,
  ),
  'an app that prints active resources': app(
    `setTimeout(() => console.log(process.getActiveResourcesInfo()), 20)`,
  ),
  'a domain': app(
    `const d = require('domain').create(); d.on('error', (e) => console.log('domain', e.message)); d.run(() => setTimeout(() => { throw new Error('in') }, 5))`,
  ),
  'signal-exit 3, natural end': app(onExit(3)),
  'signal-exit 4, natural end': app(onExit(4)),
  'signal-exit 3, process.exit': app(`${onExit(3)}; process.exit(9)`),
  'signal-exit 4, process.exit': app(`${onExit(4)}; process.exit(9)`),
};

function onExit(version: 3 | 4): string {
  const module = JSON.stringify(require.resolve(`signal-exit-${version}`));
  return `(require(${module}).onExit ?? require(${module}))((code, signal) => console.log('exit', code, signal))`;
}

describe('exit code, signal, stdout and stderr are as without rolp, and one profile is written, at', () => {
  it.each(Object.entries(ENDS))('%s', async (_, run) => {
    const end = await expectUnchanged(run);
    expect(threadsOf(end)).toEqual([0]);
    const [profile] = Object.values(end.profiles);
    expect(profile!.gc.gcCycles).toBeGreaterThan(0);
    expect(profile!.sampler.samples).toBeGreaterThan(5);
  });
});

const waiting = `
  setInterval(() => {}, 1000); setTimeout(() => process.exit(99), 20000).unref();
  process.stdout.write('ready\\n');
`;
const busy = `process.stdout.write('ready\\n'); const until = Date.now() + 20000; while (Date.now() < until);`;
const sendTo = (signal: NodeJS.Signals) => (child: { kill(signal: NodeJS.Signals): boolean }) => {
  setTimeout(() => child.kill(signal), 50);
};

const SIGNALLED: Record<string, string> = {
  'an app that does not listen': waiting,
  'an app that is stuck in a loop': busy,
  'an app that stops gracefully': `for (const s of ['SIGINT', 'SIGTERM']) process.on(s, (n) => { console.log('stopping', n); setTimeout(() => process.exit(0), 30); }); ${waiting}`,
  'an app that listens once and then re-raises': `for (const s of ['SIGINT', 'SIGTERM']) process.once(s, (n) => { console.log('once', n); process.kill(process.pid, n); }); ${waiting}`,
  'an app that listens and closes everything': `const t = setInterval(() => {}, 1000); for (const s of ['SIGINT', 'SIGTERM']) process.once(s, (n) => { console.log(n); clearInterval(t); }); process.stdout.write('ready\\n');`,
  'signal-exit 3': onExit(3) + waiting,
  'signal-exit 4': onExit(4) + waiting,
  'signal-exit 3 and 4 together': onExit(3) + onExit(4) + waiting,
};

describe.skipIf(process.platform === 'win32')('signals', () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it.each(Object.entries(SIGNALLED))(
      `end as without rolp, with a profile: ${signal} and %s`,
      async (_, text) => {
        const end = await expectUnchanged({ ...app(text), whenReady: sendTo(signal) });
        expect(threadsOf(end)).toEqual([0]);
        expect(Object.values(end.profiles)[0]!.sampler.samples).toBeGreaterThan(5);
      },
    );
  }

  const blocked: Record<string, string> = {
    'waits for a line of input': `process.stdout.write('ready\\n'); require('fs').readSync(0, Buffer.alloc(1));`,
    'waits for another process': `process.stdout.write('ready\\n'); require('child_process').execFileSync('cat', { stdio: ['inherit', 'ignore', 'ignore'] });`,
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it.each(Object.entries(blocked))(
      `end as without rolp, with the file there is: ${signal} and an app that %s, in which no JavaScript can run`,
      async (_, text) => {
        const run = { ...app(text), whenReady: sendTo(signal) };
        const end = await expectUnchanged(run);
        expect([end.signal, threadsOf(end)]).toEqual([signal, [0]]);
      },
    );
  }

  it('are left to an app that listens, however long it is blocked', async () => {
    const end = await expectUnchanged({
      ...app(
        `process.once('SIGTERM', () => { console.log('heard'); process.exit(0); }); setInterval(() => {}, 1000);
         process.stdout.write('ready\\n'); require('child_process').execFileSync('sleep', ['3']); console.log('slept');`,
      ),
      whenReady: sendTo('SIGTERM'),
    });
    expect(end.stdout).toMatch(/slept\nheard\n$/);
    expect(end.signal).toBeNull();
  });

  it('leave a valid profile behind after SIGKILL', async () => {
    const end = await expectUnchanged({
      ...app(waiting),
      env: { ROLP_REPORT_PERIOD: '0.05' },
      whenReady: (child, directory) => whenSampled(directory, 5, () => child.kill('SIGKILL')),
    });
    expect(threadsOf(end)).toEqual([0]);
    expect(Object.values(end.profiles)[0]!.sampler.samples).toBeGreaterThan(5);
  });

  it('write the profile on demand, when asked for, and the app lives on', async () => {
    const end = await runApp({
      ...app(`setTimeout(() => process.kill(process.pid, 'SIGUSR2'), 50); ${waiting}`),
      env: { ROLP_SIGNAL: 'SIGUSR2', ROLP_REPORT_PERIOD: '0' },
      whenReady: (child, directory) => whenSampled(directory, 5, () => child.kill('SIGKILL')),
    });
    expect(end.signal).toBe('SIGKILL');
    expect(Object.values(end.profiles)[0]!.sampler.samples).toBeGreaterThan(5);
  });
});

it('leaves a valid profile behind when the heap is exhausted', async () => {
  const run = {
    ...app(
      `const fill = () => { for (let i = 0; i < 2e4; i++) kept.push({ i, list: [i, i] }); setImmediate(fill); }; fill();`,
    ),
    args: ['--max-old-space-size=40', 'app.cjs'],
    env: { ROLP_REPORT_PERIOD: '0.02', ROLP_QUIET: '1' },
  };
  const [plain, end] = await Promise.all([runApp({ ...run, preload: [] }), runApp(run)]);
  expect([end.code, end.signal, end.stdout]).toEqual([plain.code, plain.signal, plain.stdout]);
  expect(threadsOf(end)).toEqual([0]);
});
