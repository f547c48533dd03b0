import { describe, expect, it } from 'vitest';
import { type AppRun, expectUnchanged, runApp, threadsOf } from './run-app.js';

const WORK = `
  globalThis.kept = [];
  for (let i = 0; i < 300000; i++) { const o = { i, list: [i] }; if (i % 10 === 0) globalThis.kept.push(o); }
`;

/** An app whose worker runs `worker`; `main` sees it as `w`, and `ready` once the worker has worked. */
function withWorker(worker: string, main = '', options = '{}'): AppRun {
  return {
    files: {
      'worker.cjs': `const { parentPort, threadId } = require('worker_threads');${WORK}parentPort.postMessage('worked');${worker}`,
      'app.cjs': `
        const { Worker } = require('worker_threads');
        const w = new Worker(__dirname + '/worker.cjs', ${options});
        w.on('error', (e) => console.log('error', e.message));
        w.on('exit', (code) => console.log('worker ended', code));
        const ready = new Promise((done) => w.once('message', done));
        ${main}`,
    },
  };
}

const stay = `setInterval(() => {}, 1000);`;
const PATHS: Record<string, AppRun> = {
  'ends by itself': withWorker(''),
  'calls process.exit': withWorker('process.exit(3)'),
  throws: withWorker(`throw new Error('in worker')`),
  'is terminated': withWorker(stay, 'ready.then(() => w.terminate())'),
  'is terminated in a synchronous loop': withWorker('for (;;);', 'ready.then(() => w.terminate())'),
  'is killed by the exit of main': withWorker(stay, 'ready.then(() => process.exit(4))'),
  'is killed by an exception of main': withWorker(stay, `ready.then(() => { throw new Error('in main') })`),
  'gets an empty environment': withWorker('', '', '{ env: {} }'),
  'gets its own environment with wrong settings': withWorker('', '', `{ env: { ROLP_INTERVAL: 'x' } }`),
  'changes nothing of the environment it shares': withWorker(
    '',
    '',
    `{ env: require('worker_threads').SHARE_ENV }`,
  ),
  'empties process.env': withWorker('for (const k of Object.keys(process.env)) delete process.env[k]'),
  'has its stdout captured': withWorker(
    `console.log('hidden')`,
    `w.stdout.on('data', (d) => console.log('captured', String(d).trim()))`,
    '{ stdout: true }',
  ),
};

describe('a worker that', () => {
  it.each(Object.entries(PATHS))(
    '%s: the app is unchanged, and each thread has its profile',
    async (_, run) => {
      const end = await expectUnchanged(run);
      expect(threadsOf(end)).toEqual([0, 1]);
      const worker = Object.values(end.profiles).find((profile) => profile.process.threadId === 1)!;
      expect(worker.sampler.samples).toBeGreaterThan(5);
      expect(worker.gc.gcCycles).toBeGreaterThan(0);
    },
  );

  it('runs out of memory does not take the app with it', async () => {
    const run = withWorker(
      // A list, not an array: where a large array must grow at the limit, Node 24 aborts by itself.
      `const fill = () => { let list = null; for (;;) list = { list, numbers: [1, 2, 3] }; }; setTimeout(fill, 10)`,
      '',
      '{ resourceLimits: { maxOldGenerationSizeMb: 30 } }',
    );
    const end = await expectUnchanged(run);
    expect(end.stdout).toContain('worker ended 1');
    expect(threadsOf(end)).toEqual([0, 1]);
  });

  it('has workers of its own, which are profiled too', async () => {
    const end = await expectUnchanged(
      withWorker(`new (require('worker_threads').Worker)('${WORK.replaceAll('\n', '')}', { eval: true })`),
    );
    expect(threadsOf(end)).toEqual([0, 1, 2]);
  });
});

it('names the workers’ profiles in main’s line at the end', async () => {
  const end = await runApp(withWorker(stay, 'ready.then(() => w.terminate())'));
  expect(end.stderr).toMatch(
    /^rolp: \d+ allocation contexts .*rolp-\d+-0\.json \(and 1 of its workers'.*\)\n$/,
  );
});

it('writes the profiles of many short-lived workers, each once and for itself', async () => {
  const end = await expectUnchanged({
    files: {
      'app.cjs': `
        const { Worker } = require('worker_threads');
        let left = 12;
        const next = () => { if (left-- > 0) new Worker('${WORK.replaceAll('\n', '')}', { eval: true }).on('exit', next); else console.log('all'); };
        next(); next();`,
    },
    env: { ROLP_REPORT_PERIOD: '0.05' },
  });
  expect(threadsOf(end)).toEqual(Array.from({ length: 13 }, (_, thread) => thread));
});

describe('processes of an app', () => {
  it('forked have a profile each', async () => {
    const end = await expectUnchanged({
      files: {
        'app.cjs': `require('child_process').fork('./child.cjs', ['x'], { stdio: 'inherit' }).on('exit', (code) => console.log('child', code))`,
        'child.cjs': `${WORK}process.exit(5)`,
      },
    });
    expect(Object.keys(end.profiles)).toHaveLength(2);
    expect(threadsOf(end)).toEqual([0, 0]);
  });

  it('of a cluster have a profile each, workers killed included', async () => {
    const end = await expectUnchanged({
      files: {
        'app.cjs': `
          const cluster = require('cluster');
          if (cluster.isPrimary) {
            cluster.fork(); cluster.fork();
            let up = 0, down = 0;
            cluster.on('message', () => { if (++up === 2) for (const w of Object.values(cluster.workers)) w.kill(); });
            cluster.on('exit', () => { if (++down === 2) console.log('both down'); });
          } else {
            ${WORK}
            process.send('up');
          }`,
      },
    });
    expect(Object.keys(end.profiles)).toHaveLength(3);
  });

  it('spawned under NODE_OPTIONS have a profile each', async () => {
    const { PRELOAD } = await import('./run-app.js');
    const end = await runApp({
      files: {
        'app.cjs': `require('child_process').execFileSync(process.execPath, ['-e', ${JSON.stringify(WORK)}], { stdio: 'inherit' })`,
      },
      preload: [],
      env: { NODE_OPTIONS: `--require ${PRELOAD}` },
    });
    expect(end.code).toBe(0);
    expect(end.stderr.match(/^rolp: \d+ allocation contexts/gm)).toHaveLength(2);
    expect(Object.keys(end.profiles)).toHaveLength(2);
  });

  it('of node --test have a profile each and its usual output', async () => {
    const end = await runApp({
      files: {
        'a.test.cjs': `require('node:test')('works', () => {${WORK}})`,
        'b.test.cjs': `require('node:test')('too', () => {})`,
      },
      args: ['--test', 'a.test.cjs', 'b.test.cjs'],
      env: { ROLP_QUIET: '1' },
    });
    expect(end.code).toBe(0);
    expect(end.stdout).toMatch(/pass 2/);
    expect(Object.keys(end.profiles).length).toBeGreaterThanOrEqual(2);
  });
});
