import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import type { Profile } from '../../src/profiler/index.js';
import { formatReport } from '../../src/report/terminal.js';
import { type AppEnd, runApp } from './run-app.js';

const HEAP = pathToFileURL(resolve(import.meta.dirname, '../../dist/heap/index.js')).href;
const schema = JSON.parse(readFileSync(new URL('../../docs/profile-schema.json', import.meta.url), 'utf8'));

/** An app with two sites, of objects that live one and eight heap cycles; tells where they go after `cycles`. */
function app(cycles: number, cycleKiB = 64): Record<string, string> {
  return {
    'app.mjs': `
      import { GenerationalHeap } from '${HEAP}';
      const heap = new GenerationalHeap({ maxBytes: 8 << 20, regionBytes: 16384, cycleBytes: ${cycleKiB} << 10, sampleBytes: 512, name: 'store' });
      const sites = [heap.site('short'), heap.site('long')];
      const queues = [[], []];
      for (let i = 0; heap.cycle < ${cycles}; i++) {
        const which = i % 2;
        queues[which].push(heap.allocate(100, undefined, sites[which]));
        const keep = [300, 2400][which];
        if (queues[which].length > keep) heap.free(queues[which].shift());
      }
      console.log(sites.map((site) => heap.generationOf(heap.allocate(100, undefined, site))).join());`,
  };
}

function onlyProfile(end: AppEnd): Profile {
  expect(end.code, end.stderr).toBe(0);
  return Object.values(end.profiles)[0]!;
}

const run = (cycles: number, env: Record<string, string> = {}, cycleKiB = 64) =>
  runApp({ files: app(cycles, cycleKiB), args: ['app.mjs'], env: { ROLP_QUIET: '1', ...env } });

describe('under rolp/register', () => {
  it('a heap learns where to place, and its contexts are in the profile and in the report', async () => {
    const end = await run(64);
    const profile = onlyProfile(end);
    const validate = new Ajv({ allErrors: true }).compile(schema);
    validate(profile);
    expect(validate.errors).toBeNull();
    const placed = profile.contexts.filter(({ kind }) => kind === 'placed');
    expect(placed.map((context) => context.placed!.site).sort()).toEqual(['long', 'short']);
    const [short, long] = ['short', 'long'].map((site) => placed.find((c) => c.placed!.site === site)!);
    expect(short!.generation).toBe(1);
    expect(long!.generation).toBeGreaterThanOrEqual(7);
    expect(long!.lifetime.bytes.p50.value! / 65536).toBeCloseTo(long!.lifetime.gcCycles.p50.value!);
    expect(long!.allocated.bytes).toBeGreaterThan(1e6);
    expect(end.stdout.trim()).toBe(`1,${long!.generation}`);
    const report = formatReport('x.json', profile, { sort: 'survived', top: 20, filter: '' }, 200);
    expect(report).toContain("Placed in rolp's heaps:");
    expect(report).toMatch(/MiB.* store, long/);
  });

  it('does so from its first block on with the profile of an earlier run, whatever the size of its cycles', async () => {
    const first = await run(64);
    const file = Object.keys(first.profiles)[0]!;
    const env = { ROLP_PROFILE_IN: resolve(first.directory, 'rolp-profiles', file) };
    const second = await run(1, env, 128);
    const [short, long] = second.stdout.trim().split(',').map(Number);
    expect(short).toBe(1);
    const learnt = onlyProfile(first).contexts.find((context) => context.placed?.site === 'long')!;
    expect(Math.abs(long! - learnt.generation! / 2)).toBeLessThanOrEqual(1);
    const placed = onlyProfile(second).contexts.filter(({ kind }) => kind === 'placed');
    expect(placed.map(({ decidedBy }) => decidedBy)).toEqual(['profile', 'profile']);
  });

  /** Main does `then` once the worker's file tells of the heap. */
  const onceTold = (then: string): string => `
    const { readdirSync, readFileSync } = await import('node:fs');
    const tells = (name) => name.endsWith('-1.json') && readFileSync('rolp-profiles/' + name, 'utf8').includes('"kind":"placed"');
    const timer = setInterval(() => {
      if (!readdirSync('rolp-profiles').some(tells)) return;
      clearInterval(timer);
      ${then};
    }, 50);`;
  const STAYS = 'setInterval(() => {}, 1000);';
  const WORKERS: Record<string, { readonly worker: string; readonly main: string }> = {
    'ends by itself': { worker: '', main: '' },
    'is terminated': { worker: STAYS, main: onceTold('worker.terminate()') },
    'ends with main': { worker: STAYS, main: onceTold('process.exit()') },
  };
  it.each(Object.entries(WORKERS))('what a heap in a worker learns is told, when it %s', async (_, how) => {
    const end = await runApp({
      files: {
        'worker.mjs': `${app(64)['app.mjs']}${how.worker}`,
        'main.mjs': `
          import { Worker } from 'node:worker_threads';
          const worker = new Worker(new URL('./worker.mjs', import.meta.url));${how.main}`,
      },
      args: ['main.mjs'],
      env: { ROLP_QUIET: '1', ROLP_REPORT_PERIOD: '0.05', ROLP_BUDGET: '100' },
    });
    expect(end.code, end.stderr).toBe(0);
    const profile = Object.values(end.profiles).find(({ process }) => process.threadId === 1)!;
    const placed = profile.contexts.filter(({ kind }) => kind === 'placed');
    expect(placed.map((context) => context.placed!.site).sort()).toEqual(['long', 'short']);
  });

  it('does not with ROLP_PRETENURE=0', async () => {
    const end = await run(64, { ROLP_PRETENURE: '0' });
    expect(onlyProfile(end).contexts.filter(({ kind }) => kind === 'placed')).toEqual([]);
    expect(end.stdout.trim()).toBe('1,1');
  });
});
