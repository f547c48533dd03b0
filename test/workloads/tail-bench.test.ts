import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as hdr from 'hdr-histogram-js';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { estimate, verdict } from '../../bench/lib/compare.js';
import { evaluate, readRun } from '../../bench/tail/evaluate.js';
import { closedLoop, openLoop, Server } from '../../bench/tail/loops.js';
import { parseOptions } from '../../bench/tail/options.js';
import { PauseRecorder } from '../../bench/tail/pauses.js';
import { closedSpecs, costOf, groupsOf, openSpecs } from '../../bench/tail/plan.js';
import { disagreements, RunFolder } from '../../bench/tail/run.js';
import { MOST_MINUTES, sizeOf } from '../../bench/tail/sizes.js';
import type { ProcessResult } from '../../bench/tail/spec.js';
import { quantile } from '../../bench/tail/statistics.js';
import { arenaAgainstSingle, autoBetween, figuresOf } from '../../bench/tail/summary.js';
import { WORKLOADS } from '../../bench/tail/variants.js';
import { verdictsOf } from '../../bench/tail/verdicts.js';
import type { Engine } from '../../workloads/common/index.js';

const root = join(import.meta.dirname, '../..');

function options(...args: string[]): Exclude<ReturnType<typeof parseOptions>, 'help'> {
  const parsed = parseOptions(args);
  if (parsed === 'help') throw new Error('help');
  return parsed;
}

describe('the bench’s options', () => {
  it('names the option that is wrong', () => {
    expect(() => options()).toThrow(/name a workload/);
    expect(() => options('redis')).toThrow(/'redis'.*lucene, cassandra, graphchi/);
    expect(() => options('lucene', '--quick', '--full')).toThrow(/exclude each other/);
    expect(() => options('lucene', '--rate', 'fast')).toThrow(/--rate must be a finite number/);
    expect(() => options('lucene', '--variants', 'heap,lru-cache')).toThrow(/--variants: 'lru-cache'/);
    expect(() => options('lucene', '--frequency', '3')).toThrow(/--frequency/);
    expect(parseOptions(['--help'])).toBe('help');
  });

  it('turns the order of variants round with each repeat, under one rate', () => {
    const given = options('cassandra', '--repeats', '2', '--variants', 'heap,typed,floor', '--mixes', 'RI');
    const [group, ...others] = groupsOf(given, ['v20']);
    expect(others).toEqual([]);
    expect(closedSpecs(group!, 1).map((spec) => spec.variant)).toEqual(['heap', 'typed', 'floor']);
    const open = [0, 1].flatMap((repeat) => openSpecs(group!, 1, 1234, repeat));
    expect(open.map((spec) => spec.variant)).toEqual(['heap', 'typed', 'floor', 'floor', 'typed', 'heap']);
    expect(new Set(open.map((spec) => spec.rate))).toEqual(new Set([1234]));
  });

  it('measures no capacity where the rate is given', () => {
    const [group] = groupsOf(options('lucene', '--rate', '500'), ['v20']);
    expect(closedSpecs(group!, 1)).toEqual([]);
  });

  it('plans runs that end in time', () => {
    for (const size of ['quick', 'medium', 'full'] as const) {
      const groups = groupsOf(options('all', `--${size}`), ['v20']);
      const seconds = groups.reduce((sum, group) => sum + costOf(group).seconds, 0);
      expect(seconds / 60, size).toBeLessThan(MOST_MINUTES[size]);
    }
  });

  it('warms all variants up by the same operations, as many as the engine needs, within bounds', () => {
    const warmups = (rate: number, ...args: string[]): number[] => {
      const [group] = groupsOf(options(...args), ['v20']);
      return [...new Set(openSpecs(group!, 1, rate, 0).map((spec) => spec.warmupSeconds))];
    };
    const needed = WORKLOADS.find(({ name }) => name === 'cassandra')!.warmUpOperations!(400);
    const [seconds, ...others] = warmups(50_000, 'cassandra', '--full');
    expect(others).toEqual([]);
    expect(seconds! * 50_000).toBeGreaterThanOrEqual(needed);
    expect(seconds! * 50_000).toBeLessThan(needed + 0.1 * 50_000 + 1);
    expect(warmups(1e9, 'cassandra', '--full')).toEqual([2]);
    expect(warmups(10, 'cassandra', '--full')).toEqual([sizeOf('full', 'cassandra').openSeconds]);
    expect(warmups(10, 'cassandra', '--full', '--seconds', '1')).toEqual([1]);
    expect(warmups(10, 'lucene', '--full')).toEqual([2]);
  });

  it('plans five repeats, the least that decide anything, for all that a verdict compares', () => {
    const [lucene, cassandra, ...others] = groupsOf(options('all', '--full'), ['v20']);
    const repeats = (group: typeof lucene): Record<string, number> =>
      Object.fromEntries(group!.variants.map((variant) => [variant.name, variant.repeats]));
    expect(verdict(estimate([1, 2, 3, 4, 5]), 6, 'at most')).toBe('met');
    expect(verdict(estimate([1, 2, 3, 4]), 6, 'at most')).toBe('undecided');
    expect(repeats(lucene)).toMatchObject({ heap: 5, 'heap-semi64': 5, typed: 5, arena: 5, minisearch: 1 });
    expect(repeats(cassandra)).toMatchObject({
      heap: 5,
      single: 3,
      'arena-refs': 3,
      floor: 5,
      'lru-cache': 1,
    });
    expect(others.map(({ mix }) => mix)).toEqual(['WR', 'RI', 'pagerank', 'components']);
  });

  it('gives the tuned baselines their flags', () => {
    const [group] = groupsOf(options('lucene', '--variants', 'heap-semi64'), ['v20']);
    expect(group!.variants[0]).toMatchObject({
      engine: 'heap',
      nodeFlags: ['--max-semi-space-size=64', '--min-semi-space-size=64'],
    });
  });
});

describe('the bench’s statistics', () => {
  it('tells a quantile only with ten samples beyond it', () => {
    const samples = Array.from({ length: 1000 }, (_, i) => i + 1);
    expect(quantile(samples, 0.99)).toBe(990);
    expect(quantile(samples, 0.999)).toBeUndefined();
    expect(quantile(samples.slice(0, 999), 0.99)).toBeUndefined();
    expect(quantile([], 0.5)).toBeUndefined();
  });
});

/** Answers with the operation's number; stops the program at one of them. */
function engineThatStops(atOp: number, ms: number): Engine {
  return {
    load: () => {},
    close: () => {},
    apply: (op) => {
      const end = performance.now() + (op === atOp ? ms : 0);
      while (performance.now() < end);
      return op;
    },
  };
}

describe('the recorder of pauses', () => {
  it('counts what the addon or the engine could not keep', () => {
    let dropped = 3;
    const rows = Float64Array.from([4, 10, 2_000_000, 0, 0, 0]);
    const recorder = new PauseRecorder({
      recordPauses: () => {},
      pausesDropped: () => dropped,
      takePauses: () => {
        dropped = 0;
        return rows;
      },
    });
    recorder.collect(100, { pauses: [{ kind: 'evacuate', pauseNs: 500_000 }], lost: 2 });
    recorder.collect(200, undefined);
    expect(recorder.lost).toBe(5);
    expect(recorder.pauses.slice(0, 2)).toEqual([
      { kind: 'mark-compact', atMs: 10, ms: 2 },
      { kind: 'rolp', work: 'evacuate', atMs: 100, ms: 0.5 },
    ]);
  });
});

describe('the loops', () => {
  it('charges a stop to every operation that it delays', async () => {
    const server = new Server(engineThatStops(100, 80));
    const latencies: number[] = [];
    const startMs = performance.now();
    const record = (ms: number): number => latencies.push(ms);
    await openLoop(server, { startMs, perMs: 1 }, startMs + 300, record, () => {});
    expect(server.operations).toBe(300);
    expect(latencies[100]).toBeGreaterThanOrEqual(80);
    // The operations due 10 and 40 ms into the stop waited for the rest of it.
    expect(latencies[110]).toBeGreaterThanOrEqual(69);
    expect(latencies[140]).toBeGreaterThanOrEqual(39);
  });

  it('lets the event loop have its turn, and ticks', async () => {
    let turns = 0;
    let ticks = 0;
    const timer = setInterval(() => turns++, 1);
    const count = (): void => {
      ticks++;
    };
    await closedLoop(new Server(engineThatStops(-1, 0)), 1100, count);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
    expect(ticks).toBe(1);
  });

  it('goes on to the end of a period, where the work has one', async () => {
    const server = new Server(engineThatStops(-1, 0));
    await closedLoop(server, 1, () => {});
    const usual = server.operations;
    await closedLoop(server, 1, () => {}, 50 * usual);
    expect(server.operations).toBeGreaterThanOrEqual(51 * usual);
  });

  it('has the same checksums for the same answers, whichever loop', async () => {
    const [one, other] = [new Server(engineThatStops(-1, 0)), new Server(engineThatStops(-1, 0))];
    await closedLoop(one, 50, () => {});
    const startMs = performance.now();
    await openLoop(
      other,
      { startMs, perMs: 20 },
      startMs + 100,
      () => {},
      () => {},
    );
    const common = Math.min(one.checksums.length, other.checksums.length);
    expect(common).toBeGreaterThan(0);
    expect(one.checksums.slice(0, common)).toEqual(other.checksums.slice(0, common));
  });
});

/** A run of which only what verdicts look at is told. */
function result(variant: string, repeat: number, worstMs: number): ProcessResult {
  const [group] = groupsOf(options('lucene', '--full'), ['v20']);
  const spec = openSpecs(group!, 1, 100, repeat).find((one) => one.variant === variant)!;
  const latency = hdr.build();
  latency.recordValueWithCount(1 + worstMs * 1000, 100_000);
  return {
    spec,
    pauses: [
      { kind: 'scavenge', atMs: 1, ms: worstMs / 2 },
      { kind: 'mark-compact', atMs: 2, ms: worstMs },
    ].filter(({ ms }) => ms >= 0.1),
    latency: hdr.encodeIntoCompressedBase64(latency),
    burstThroughput: 100,
    peakRssMb: 100,
  } as unknown as ProcessResult;
}

describe('the verdicts of a run', () => {
  const runs = (worst: Record<string, number>): ProcessResult[] =>
    Object.entries(worst).flatMap(([variant, ms]) =>
      Array.from({ length: 5 }, (_, repeat) => result(variant, repeat, ms + repeat / 100)),
    );
  const verdicts = (worst: Record<string, number>): string[] => {
    const [group] = groupsOf(options('lucene', '--full'), ['v20']);
    return verdictsOf(group!, runs(worst));
  };

  it('say whether heap hurts, and compare arena with three baselines', () => {
    const lines = verdicts({
      heap: 200,
      'heap-semi64': 100,
      'heap-semi128': 50,
      typed: 4,
      arena: 8,
      floor: 7,
    });
    expect(lines[0]).toMatch(/^met +heap hurts: worst scavenge 100/);
    expect(lines[1]).toMatch(/^met +heap hurts: worst mark-compact 200/);
    expect(lines.filter((line) => line.includes('worst pause'))).toEqual([
      expect.stringMatching(/^met +worst pause: 0.04.* of heap's, wanted at most 0.05/),
      expect.stringMatching(/^short +worst pause: 0.16.* of heap-semi128's/),
      expect.stringMatching(/^short +worst pause: 2 .* of typed's/),
    ]);
    expect(lines.filter((line) => line.includes('throughput'))[0]).toMatch(/^short +throughput: 1 of heap's/);
  });

  it('let the floor excuse a pause', () => {
    const lines = verdicts({ heap: 20, arena: 9, floor: 7 });
    expect(lines).toContainEqual(expect.stringMatching(/^short +heap hurts: worst mark-compact 20/));
    expect(lines).toContainEqual(expect.stringMatching(/^met +or: 1.28 .* of floor's worst pause/));
  });

  it('tell no ratio where neither paused, and none that is finite to a baseline that never did', () => {
    expect(verdicts({ heap: 0, arena: 0 })).toContainEqual(
      expect.stringMatching(/^undecided worst pause: - of heap's/),
    );
    expect(verdicts({ heap: 0, arena: 9 })).toContainEqual(
      expect.stringMatching(/^short +worst pause: Infinity of heap's/),
    );
  });

  it('are undecided with few repeats', () => {
    const [group] = groupsOf(options('lucene', '--full'), ['v20']);
    const few = runs({ heap: 200, arena: 1 }).filter(({ spec }) => spec.repeat < 3);
    const [first] = verdictsOf(group!, few);
    expect(first).toMatch(/^undecided/);
  });
});

describe('what learning closes of the way from single to arena-refs', () => {
  const all = (runs: Record<string, number>): string[] => {
    const results = Object.entries(runs).map(([variant, bytesEvacuated]) => ({
      spec: { variant, phase: 'open' },
      engineStats: { bytesEvacuated, bytesAllocated: 1000 },
      samples: [{ atMs: 1000, offHeapPeakMb: 100 }],
      pauses: [],
    }));
    return autoBetween(results as never).split('\n');
  };
  const told = (single: number, auto: number, hand: number): string =>
    all({ single, auto, 'arena-refs': hand, arena: 1 })[1]!;

  it('is told where the two differ, and that they do not where they do not', () => {
    expect(told(500, 40, 0)).toMatch(/^met .*0\.92 of the gap/);
    expect(told(500, 80, 0)).toMatch(/^short .*0\.84/);
    expect(told(34, 35, 33)).toMatch(
      /^alike .*less than 5 % \(single 0\.034, auto 0\.035, arena-refs 0\.033\)/,
    );
    expect(told(10, 5, 20)).toMatch(/^undecided .*no worse/);
  });

  it('is told against arena in one line, without a verdict', () => {
    const lines = all({ single: 500, auto: 100, 'arena-refs': 100, arena: 0 });
    expect(lines[1]).toMatch(/^met .* 1 of the gap/);
    expect(lines.slice(4)).toEqual([
      expect.stringMatching(/^beside, .* arena: 0\.8 \(bytes evac.*, - \(/),
      '',
    ]);
    expect(all({ single: 500, auto: 100, arena: 0 })).toEqual([lines[4], '']);
  });
});

describe('the peak of bytes in use', () => {
  it('is that of the time measured, not of the warm-up', () => {
    const run = (variant: string, ...peaks: number[]): unknown => ({
      spec: { variant, phase: 'open', seconds: 2 },
      engineStats: { bytesEvacuated: 0, bytesAllocated: 1000 },
      samples: peaks.map((offHeapPeakMb, at) => ({ atMs: 1000 * (at - 1) - 0.01, offHeapPeakMb })),
      pauses: [],
    });
    const runs = [run('arena', 900, 800, 70, 60), run('single', 100, 100, 100, 120)];
    expect(arenaAgainstSingle(runs as never)).toContain('lower  peak bytes in use, MB: arena 70, single 120');
  });
});

describe('a run of the bench', () => {
  let folder: string;
  let output: string;
  /** Exit code 1 tells of an invalid run, which a busy machine may cause; only answers are asserted here. */
  const run = (...extra: string[]): Promise<{ stdout: string }> =>
    promisify(execFile)(
      process.execPath,
      [
        join(root, 'build/bench/tail/main.js'),
        ...[
          'cassandra',
          '--variants',
          'heap,typed,floor',
          '--heap-mb',
          '4',
          '--rate',
          '1000',
          '--seconds',
          '1',
        ],
        ...['--out', folder, ...extra],
      ],
      { cwd: root },
    ).catch((error: Error & { code: number; stdout: string }) => {
      if (error.code === 1) return error;
      throw error;
    });

  beforeAll(async () => {
    expect(inject('toolsBuild')).toBe('');
    folder = mkdtempSync(join(tmpdir(), 'rolp-bench-'));
    output = (await run()).stdout;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const results = (): ProcessResult[] => [...new RunFolder(folder, config()).results.values()];
  const config = (): Record<string, unknown> => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));

  it('leaves one line a process, histograms and a table', () => {
    expect(results()).toHaveLength(3);
    expect(output).toContain('answers: the same in all comparable variants');
    expect(output).toContain('indicative');
    expect(readFileSync(join(folder, 'summary.txt'), 'utf8')).toBe(output);
    const open = results().find(({ spec }) => spec.phase === 'open' && spec.variant === 'heap')!;
    expect(open.operations).toBe(1000);
    expect(open.burstThroughput).toBeGreaterThan(0);
    expect(open.pausesLost).toBe(0);
    expect(open.samples.length).toBeGreaterThanOrEqual(2);
    expect(readFileSync(join(folder, `${open.nodeVersion}_cassandra_WI_heap_open_0.hlog`), 'utf8')).toContain(
      'HIST',
    );
  });

  it('leaves a page that needs nothing else', () => {
    const html = readFileSync(join(folder, 'report.html'), 'utf8');
    expect(html).not.toMatch(/(src|href)="/);
    const data = JSON.parse(/id="data">(.*?)<\/script>/s.exec(html)![1]!);
    expect(data.groups).toHaveLength(1);
    expect(data.groups[0].latency.series.map((s: { name: string }) => s.name)).toEqual([
      'heap',
      'typed',
      'floor',
    ]);
    expect(data.groups[0].memory.map((s: { points: unknown[] }) => s.points.length)).not.toContain(0);
    expect(readFileSync(join(folder, 'pauses.svg'), 'utf8')).toMatch(/^<svg[^>]* xmlns="/);
    expect(readFileSync(join(folder, 'table.md'), 'utf8')).toContain('| heap |');
    // Bars are backgrounds, which paper leaves out unless it is told.
    expect(html).toMatch(/\.bar \{[^}]*[^-]print-color-adjust: exact/);
    expect(data.note).toContain('indicative');
    expect(data.config.command).toContain('npm run bench -- cassandra --variants heap,typed,floor');
  });

  it('is judged the same from its raw lines alone', () => {
    const { config, results } = readRun(folder);
    const again = join(folder, 'again');
    mkdirSync(again);
    expect(evaluate(again, config, results).text).toBe(output);
    for (const file of ['report.html', 'table.md', 'pauses.svg']) {
      expect(readFileSync(join(again, file), 'utf8'), file).toBe(readFileSync(join(folder, file), 'utf8'));
    }
  });

  it('goes on with a run instead of repeating it, and refuses other options', async () => {
    const before = readFileSync(join(folder, 'runs.jsonl'), 'utf8');
    expect((await run()).stdout).toBe(output);
    expect(readFileSync(join(folder, 'runs.jsonl'), 'utf8')).toBe(before);
    await expect(run('--seed', '2')).rejects.toThrow(/other options/);
  });

  it('tells of a process that failed, and brings the others to their end', async () => {
    const away = join(folder, 'failing');
    const failing = join(away, 'node');
    mkdirSync(away);
    // A node that refuses to run one variant.
    const script = `#!/bin/sh\ncase "$*" in *'"variant":"heap"'*) echo spoilt >&2; exit 3;; esac\nexec ${process.execPath} "$@"\n`;
    writeFileSync(failing, script, { mode: 0o755 });
    const { stdout } = await run('--node', failing, '--out', join(away, 'out'));
    expect(stdout).toMatch(/FAILED: .*cassandra\|WI\|heap\|open\|0/);
    expect(stdout).toMatch(/^typed /m);
  });

  it('finds out when variants disagree, and leaves invalid runs out of the figures', () => {
    const all = results();
    expect(disagreements(all, ['floor'])).toEqual([]);
    expect(disagreements(all, []).join()).toMatch(/floor.*differ within 256 operations/);
    const [group] = groupsOf(options('cassandra', '--variants', 'heap,typed,floor'), [all[0]!.nodeVersion]);
    const spoilt = all.map((result) =>
      result.spec.variant === 'typed' && result.spec.phase === 'open'
        ? { ...result, invalidBecause: 'it was spoilt' }
        : result,
    );
    const typed = figuresOf(group!, spoilt).find((figures) => figures.variant === 'typed')!;
    expect(typed).toMatchObject({ repeats: 0, invalid: 1, worstLatency: undefined });
  });
});
