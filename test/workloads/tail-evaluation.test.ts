import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as hdr from 'hdr-histogram-js';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { COLOURS } from '../../bench/tail/colours.js';
import { evaluate, type RunConfig, readRun } from '../../bench/tail/evaluate.js';
import { markdownOf } from '../../bench/tail/markdown.js';
import { parseOptions } from '../../bench/tail/options.js';
import { closedSpecs, type Group, groupsOf, openSpecs, rateOf } from '../../bench/tail/plan.js';
import { pausesByInterval } from '../../bench/tail/report.js';
import { answersOf, disagreements, RunFolder } from '../../bench/tail/run.js';
import type { ProcessResult, ProcessSpec } from '../../bench/tail/spec.js';
import {
  arenaAgainstSingle,
  autoBetween,
  confidenceText,
  figuresOf,
  LATENCY_QUANTILES,
  ownWork,
  tableOf,
} from '../../bench/tail/summary.js';
import { variantsOf, WORKLOADS } from '../../bench/tail/variants.js';
import { verdictsOf } from '../../bench/tail/verdicts.js';

const ROOT = join(import.meta.dirname, '../..');

function groupOf(...args: string[]): Group {
  const options = parseOptions(['lucene', ...args]);
  if (options === 'help') throw new Error('help');
  return groupsOf(options, ['v20'])[0]!;
}

const full = groupOf('--full');

/** A run at a fixed rate of which one pause is told, and that all of its operations took as long. */
function run(variant: string, repeat: number, ms: number, more: Partial<ProcessResult> = {}): ProcessResult {
  const spec = openSpecs(full, 1, 100, repeat).find((one) => one.variant === variant)!;
  const latency = hdr.build({ highestTrackableValue: 2 ** 31 - 1, numberOfSignificantValueDigits: 3 });
  latency.recordValueWithCount(1 + Math.round(ms * 10_000), 100_000);
  return {
    spec,
    pauses: ms === 0 ? [] : [{ kind: 'mark-compact', atMs: 1, ms }],
    latency: hdr.encodeIntoCompressedBase64(latency),
    burstThroughput: 100,
    peakRssMb: 100,
    cpuMs: 1000,
    samples: [],
    checksums: [1],
    ...more,
  } as unknown as ProcessResult;
}

const repeated = (variant: string, ...ms: number[]): ProcessResult[] =>
  ms.map((one, repeat) => run(variant, repeat, one));

describe('a run that is invalid', () => {
  const placed = (variant: string, bytes: number, invalidBecause?: string): unknown => ({
    spec: { variant, phase: 'open', seconds: 2 },
    engineStats: { bytesEvacuated: bytes, bytesAllocated: 1000 },
    samples: [{ atMs: 1000, offHeapPeakMb: bytes }],
    pauses: [],
    ...(invalidBecause === undefined ? {} : { invalidBecause }),
  });

  it('tells nothing of arena against single', () => {
    const runs = [placed('arena', 10), placed('arena', 900, 'backlog'), placed('single', 100)];
    expect(arenaAgainstSingle(runs as never)).toContain('lower  peak bytes in use, MB: arena 10, single 100');
  });

  it('tells nothing of what learning closes', () => {
    const runs = [placed('single', 500), placed('arena-refs', 0), placed('auto', 40)];
    expect(autoBetween([...runs, placed('auto', 480, 'backlog')] as never)).toMatch(
      /^met .*0\.92 of the gap/m,
    );
  });
});

describe('a run from before peaks of bytes in use were kept', () => {
  it('is judged by its samples', () => {
    const old = (variant: string, ...used: number[]): unknown => ({
      spec: { variant, phase: 'open', seconds: 2 },
      engineStats: { bytesEvacuated: 0, bytesAllocated: 1000 },
      samples: used.map((offHeapUsedMb, at) => ({ atMs: 1000 * at - 1, offHeapUsedMb })),
      pauses: [],
    });
    const text = arenaAgainstSingle([old('arena', 90, 5, 6), old('single', 1, 9, 7)] as never);
    expect(text).toContain('lower  peak bytes in use, MB: arena 6, single 9');
  });
});

describe('the answers of a run', () => {
  const answered = (variant: string, repeat: number, ...checksums: number[]): ProcessResult =>
    run(variant, repeat, 1, { checksums });

  it('are compared as far as any two runs went, not as far as the first', () => {
    const runs = [answered('heap', 0, 1, 2), answered('typed', 0, 1, 2, 3), answered('arena', 0, 1, 2, 4)];
    expect(disagreements(runs, ['floor'])).toEqual([
      expect.stringMatching(/arena\|open\|0 and .*typed\|open\|0 differ within 1024 operations/),
    ]);
    expect(answersOf(runs, ['floor'])).toMatchObject({ differ: true });
    expect(answersOf(runs.slice(0, 2), ['floor']).text).toMatch(/the same .*\(up to 512 operations\)/);
  });

  it('are named for the run that differs, not again for those that went further', () => {
    const runs = [answered('heap', 0, 1, 2), answered('typed', 0, 1, 9, 9), answered('arena', 0, 1, 2, 4)];
    expect(disagreements(runs, [])).toEqual([expect.stringMatching(/typed.* differ within 512 operations/)]);
  });

  it('are not called the same where nothing was compared', () => {
    const nothing = { text: 'answers: nothing was compared\n', differ: false };
    expect(answersOf([answered('heap', 0), answered('typed', 0)], [])).toEqual(nothing);
    expect(answersOf([answered('heap', 0, 1), answered('heap', 1, 1)], [])).toEqual(nothing);
    expect(answersOf([answered('heap', 0, 1), answered('floor', 0, 2)], ['floor'])).toEqual(nothing);
  });
});

describe('verdicts at their edges', () => {
  const verdicts = (worst: Record<string, number[]>): string[] =>
    verdictsOf(
      full,
      Object.entries(worst).flatMap(([variant, ms]) => repeated(variant, ...ms)),
    );

  it('let the floor excuse only what it forbids', () => {
    const worst = { heap: [200, 200, 200, 200, 200], arena: [12, 12, 12, 12, 12] };
    // 1.33 of the floor's, which keeps within a twentieth of heap's: so could arena.
    const within = verdicts({ ...worst, floor: [9, 9, 9, 9, 9] });
    expect(within).toContainEqual(expect.stringMatching(/^short +worst pause: 0.06 of heap's/));
    expect(within.filter((line) => line.includes('or:'))).toEqual([]);
    const beyond = verdicts({ ...worst, floor: [11, 11, 11, 11, 11] });
    expect(beyond).toContainEqual(expect.stringMatching(/^met +or: 1.09 of floor's/));
    const between = verdicts({ ...worst, floor: [9, 9, 9, 9, 11] });
    expect(between).toContainEqual(
      expect.stringMatching(/^met +or: 1.33 .*; floor's own is 0.045 \[0.045, 0.055\] of heap's/),
    );
  });

  it('do not leave out the repeat in which only the baseline had no pause', () => {
    const lines = verdicts({ heap: [9, 9, 9, 9, 0], arena: [1, 1, 1, 1, 1] });
    expect(lines).toContainEqual(
      expect.stringMatching(/^short +worst pause: 0.111 \[0.111, Infinity\] of heap's/),
    );
  });
});

describe('the figures of a variant', () => {
  it('have the p99.9 of the usual repeat beside that of all together', () => {
    const results = repeated('heap', 15, 16, 16, 17, 300);
    const heap = figuresOf(full, results).find(({ variant }) => variant === 'heap')!;
    expect(heap.latencyQuantiles[LATENCY_QUANTILES.indexOf(0.999)]).toBeGreaterThan(299);
    expect(heap.p999.value).toBeCloseTo(16, 0);
    expect(heap.p999.high).toBeCloseTo(300, 0);
    const config = { size: 'full', machine: 'm', command: 'c' } as unknown as RunConfig;
    const table = markdownOf(config, [{ group: full, results, figures: [heap], text: '' }]);
    expect(table).toMatch(/\| heap \| 16 \[15 to 300\] \| 0 \| 16 \[15 to 300\] \|/);
    expect(table).toContain('[low to high] holds the median of 5 repeats with 94 %');
  });

  it('say how sure an interval is of each number of repeats there is, without invalid ones', () => {
    const results = [...repeated('heap', 1, 1, 1, 1, 1), ...repeated('single', 1, 1, 1)];
    expect(confidenceText(results)).toMatch(/median of 5 repeats with 94 %, of 3 repeats with 75 %$/);
    const spoilt = results.map((result) =>
      result.spec.variant === 'single' && result.spec.repeat === 0
        ? { ...result, invalidBecause: 'it was spoilt' }
        : result,
    );
    expect(confidenceText(spoilt)).toMatch(/of 2 repeats with 50 %$/);
    expect(confidenceText(repeated('heap', 1))).toBe('');
  });

  it('tell the rate in parts of what the variant could have done', () => {
    const [heap] = figuresOf(full, [run('heap', 0, 1, { burstThroughput: 125 })]);
    const [header, row] = tableOf([heap!]).split('\n');
    expect(header).toMatch(/capacity\/s +load %/);
    expect(row).toMatch(/^heap +125 +80 /);
  });

  it('can be told of hundreds of thousands of pauses', () => {
    const pauses = Array.from({ length: 300_000 }, (_, i) => ({
      kind: 'rolp' as const,
      work: 'release',
      atMs: i,
      ms: i / 1e6,
    }));
    const results = [run('arena', 0, 1, { pauses })];
    const arena = figuresOf(full, results).find(({ variant }) => variant === 'arena')!;
    expect(arena.worstRolp.value).toBeCloseTo(0.3, 5);
    expect(ownWork(results)).toContain('in 1 x arena: release 300000 (longest 0.3 ms)');
  });

  it('count pauses of a duration a run, as variants have unlike numbers of repeats', () => {
    const [one, ...others] = repeated('heap', 3, 3, 3);
    expect(pausesByInterval([one!, ...others])).toEqual(pausesByInterval([one!]));
    expect(pausesByInterval([one!])).toContain(1);
  });
});

describe('the colours of a workload’s variants', () => {
  it.each(WORKLOADS.map((workload) => ({ workload, name: workload.name })))('$name: all differ', (given) => {
    const colours = variantsOf(given.workload).map(({ name }) => COLOURS[name]);
    expect(colours).not.toContain(undefined);
    expect(new Set(colours).size).toBe(colours.length);
  });
});

describe('the rate of the open loops', () => {
  const closed = (variant: string, throughput: number): ProcessResult => {
    const spec = closedSpecs(full, 1).find((one) => one.variant === variant)!;
    return { spec, throughput } as unknown as ProcessResult;
  };

  it('is a share of the slowest comparable capacity', () => {
    const capacities = [closed('heap', 1000), closed('arena', 2000), closed('minisearch', 10)];
    expect(rateOf(full, capacities, capacities)).toBe(600);
    expect(rateOf(groupOf('--rate', '7'), capacities, [])).toBe(7);
    expect(() => rateOf(full, [], [])).toThrow(/no variant of lucene ran/);
  });

  it('stays what it was when a run is gone on with, whatever failed then', () => {
    const capacities = [closed('heap', 10), closed('arena', 2000)];
    expect(rateOf(full, capacities, [...capacities, run('arena', 0, 1)])).toBe(100);
  });
});

describe('a run’s folder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rolp-bench-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const line = (variant: string): ProcessResult => ({ ...run(variant, 0, 1), latency: undefined }) as never;

  it('can be gone on with again and again after a line was cut off', () => {
    const config = { seed: 1 };
    new RunFolder(folder, config).add(line('heap'));
    appendFileSync(join(folder, 'runs.jsonl'), '{"spec":{"node":"v20"}');
    const second = new RunFolder(folder, config);
    expect([...second.results.values()].map(({ spec }) => spec.variant)).toEqual(['heap']);
    second.add(line('typed'));
    const third = new RunFolder(folder, config);
    expect([...third.results.values()].map(({ spec }) => spec.variant)).toEqual(['heap', 'typed']);
  });

  /** As `evaluate` reads it, of two variants of one workload. */
  const given: RunConfig = {
    ...(parseOptions(['lucene', '--full', '--variants', 'heap,arena', '--rate', '100']) as object),
    nodes: ['v20'],
    command: 'npm run bench -- lucene',
    machine: 'a machine',
    sizes: { lucene: full.size },
  } as never;

  it('is judged with the names of what is missing, and of what was left out', () => {
    const results = [...repeated('heap', 20, 20), run('arena', 0, 2)];
    const { text, wrong } = evaluate(folder, given, results);
    expect(text).toContain('MISSING: v20|lucene|80-20|arena|open|1: it failed');
    expect(text.match(/MISSING/g)).toHaveLength(1);
    expect(text).toContain('v20: 3 of 5 repeats were left out: the time was over.');
    expect(wrong).toBe(true);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('MISSING: v20|lucene');
    const failed: ProcessSpec = { ...results[1]!.spec, variant: 'arena' };
    expect(evaluate(folder, given, results, [failed]).text).toMatch(
      /^FAILED: v20\|lucene\|80-20\|arena\|open\|1$/m,
    );
  });

  it('is judged well where all is there and valid', () => {
    const results = [...repeated('heap', 20, 20, 20, 20, 20), ...repeated('arena', 2, 2, 2, 2, 2)];
    const { text, wrong } = evaluate(folder, given, results);
    expect(wrong).toBe(false);
    expect(text).not.toMatch(/MISSING|FAILED|left out/);
  });
});

describe('what is published', () => {
  const published = readdirSync(join(ROOT, 'bench/results')).filter((name) => name.startsWith('node-'));
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rolp-bench-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each(published)('of %s is what its raw lines tell', (name) => {
    const from = join(ROOT, 'bench/results', name);
    const { config, results } = readRun(from);
    evaluate(folder, config, results);
    for (const file of ['summary.txt', 'table.md']) {
      expect(readFileSync(join(from, file), 'utf8'), file).toBe(readFileSync(join(folder, file), 'utf8'));
    }
  });

  it('beside what the README shows is judged where it lies, and does not take its place', () => {
    expect(inject('toolsBuild')).toBe('');
    const name = 'bench/results/node-20-graphchi';
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    rmSync(join(folder, name, 'table.md'));
    execFileSync(process.execPath, [join(ROOT, 'build/bench/tail/publish.js'), name], { cwd: folder });
    expect(readdirSync(join(folder, name))).toContain('table.md');
    expect([readdirSync(folder), readdirSync(join(folder, 'bench/results'))]).toEqual([
      ['bench'],
      ['node-20-graphchi'],
    ]);
  });
});

describe('the micro bench', () => {
  it('gives no interval of 95 % to fewer rounds than that takes', () => {
    expect(inject('toolsBuild')).toBe('');
    const folder = mkdtempSync(join(tmpdir(), 'rolp-micro-'));
    const main = join(ROOT, 'build/bench/micro/main.js');
    const args = ['--rounds', '2', '--ms', '10', '--only', 'allocate'];
    const text = execFileSync(process.execPath, [main, ...args], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    rmSync(folder, { recursive: true });
    expect(text.match(/rolp heap takes of it [\d.]+ \[[\d.]+, [\d.]+\] with 50 %/g)).toHaveLength(2);
  });
});
