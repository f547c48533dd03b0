import { describe, expect, it } from 'vitest';
import { expectUnchanged, runApp, threadsOf, whenSampled } from './run-app.js';

const WORK = `
  globalThis.kept = [];
  let left = 60;
  const some = () => {
    for (let i = 0; i < 20000; i++) { const o = { i, list: [i] }; if (i % 10 === 0) kept.push(o); }
    if (--left > 0) setTimeout(some, 5); else done();
  };
`;
const env = { ROLP_NO_ADDON: '1' };
const app = (end: string) => ({ files: { 'app.cjs': `${WORK}const done = () => {${end}}; some();` }, env });

describe('without the addon', () => {
  it('a profile is written at the end, and says what its sampler cannot see', async () => {
    const end = await expectUnchanged(app('process.exit(3)'));
    expect(threadsOf(end)).toEqual([0]);
    const [profile] = Object.values(end.profiles);
    expect(profile!.sampler.engine).not.toBe('native');
    expect(profile!.sampler.limitation).toMatch(/\w/);
    expect(profile!.sampler.samples).toBeGreaterThan(5);
  });

  it('the limit is told once on stderr, and the file named at the end', async () => {
    const end = await runApp({
      files: {
        'app.cjs': `${WORK}
          const { Worker } = require('worker_threads');
          const done = () => new Worker('1', { eval: true, env: {} });
          some();`,
      },
      env,
    });
    expect(end.stderr.split('\n')).toHaveLength(3);
    expect(end.stderr).toMatch(/^rolp: .*\nrolp: \d+ allocation contexts .*\n$/);
    expect(threadsOf(end)).toEqual([0, 1]);
    for (const profile of Object.values(end.profiles)) expect(profile.sampler.engine).not.toBe('native');
  });

  it.skipIf(process.platform === 'win32')(
    'no signal is listened for, and the periodic file is there',
    async () => {
      const end = await expectUnchanged({
        ...app(`console.log(process.listenerCount('SIGTERM'), 'ready'); setInterval(() => {}, 1000);`),
        env: { ...env, ROLP_REPORT_PERIOD: '0.1' },
        whenReady: (child, directory) => whenSampled(directory, 5, () => child.kill('SIGTERM')),
      });
      expect([end.signal, end.stdout]).toEqual(['SIGTERM', '0 ready\n']);
      expect(Object.values(end.profiles)[0]!.sampler.samples).toBeGreaterThan(5);
    },
  );
});
