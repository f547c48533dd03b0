import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../src/profiler/index.js';
import { runApp } from './run-app.js';

/**
 * One factory whose two callers V8 inlines, so that all is seen at `batch`. Has its profile written, which is when rolp
 * looks at it, and ends when that says what is awaited.
 */
const APP = `
const { readdirSync, readFileSync } = require('node:fs');
const ring = new Array(20000);
let sink;
let i = 0;
function make(n) { return { a: n, b: n, c: n }; }
function shortOne(n) { sink = make(n); }
function longOne(n) { ring[n % ring.length] = make(n); }
function batch() { for (let k = 0; k < 5000; k++) { i++; shortOne(i); longOne(i); } }
function profile() {
  try {
    const [name] = readdirSync('rolp-profiles').filter((file) => file.endsWith('.json'));
    return readFileSync('rolp-profiles/' + name, 'utf8');
  } catch { return ''; }
}
const until = Date.now() + 240_000;
let looked = Date.now();
(function run() {
  batch();
  if (Date.now() > until) return console.log('late');
  if (Date.now() - looked > 300) {
    looked = Date.now();
    if (new RegExp(process.env.AWAITED).test(profile())) return console.log('done');
    process.kill(process.pid, 'SIGUSR2');
  }
  setTimeout(run, 1);
})();`;

const started = (awaited: string, env: Record<string, string> = {}) =>
  runApp({
    files: { 'app.cjs': APP },
    args: ['--max-semi-space-size=1', '--min-semi-space-size=1', 'app.cjs'],
    env: {
      AWAITED: awaited,
      ROLP_SIGNAL: 'SIGUSR2',
      ROLP_INTERVAL: '4096',
      ROLP_BUDGET: '0',
      ROLP_WINDOW_PAUSE_MS: '10000',
      ...env,
    },
  });

const addon = resolve(import.meta.dirname, `../../native/build/${process.versions.modules}/rolp.node`);

// The fallback sees too few births a second for this.
describe.skipIf(!existsSync(addon))('a conflict in a running app', () => {
  const only = (profiles: Readonly<Record<string, Profile>>): Profile => Object.values(profiles)[0]!;

  it('opens a window by itself, which tells the callers apart', async () => {
    const end = await started('"level":"calls"');
    expect([end.code, end.stdout]).toEqual([0, 'done\n']);
    const { windows, sampler } = only(end.profiles);
    expect(windows.map(({ level }) => level).slice(0, 2)).toEqual(['off', 'calls']);
    expect(sampler.missed).toBe(0);
  });

  it('is reported with the command that may resolve it where no window is allowed', async () => {
    const end = await started('"resolution":"window"', { ROLP_AUTO_WINDOWS: '0' });
    expect([end.code, end.stdout]).toEqual([0, 'done\n']);
    const { windows, contexts } = only(end.profiles);
    expect(windows).toHaveLength(1);
    const conflicts = contexts.filter(({ conflict }) => conflict?.resolution === 'window');
    expect(conflicts[0]!.conflict!.command).toBe('ROLP_ATTRIBUTION=calls:64');
  });

  it('is reported, and noted, where the window’s pause would be too long', async () => {
    const end = await started('"note":', { ROLP_WINDOW_PAUSE_MS: '0.001' });
    expect([end.code, end.stdout]).toEqual([0, 'done\n']);
    expect(
      only(end.profiles).windows.map(({ level, note }) => [level, note?.includes('ROLP_WINDOW_PAUSE_MS')]),
    ).toEqual([['off', true]]);
  });
});
