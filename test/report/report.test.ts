import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findProfileFiles, ProfileFileError, readProfile } from '../../src/profiler/index.js';
import { formatReport, type ReportOptions, selectContexts, survivedBytes } from '../../src/report/index.js';
import { contextFixture, profileFixture } from './profile-fixture.js';

const directory = mkdtempSync(join(tmpdir(), 'rolp-report-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const all: ReportOptions = { sort: 'survived', top: 100, full: false, filter: '' };
const names = (options: Partial<ReportOptions>) =>
  selectContexts(profileFixture(), { ...all, ...options }).contexts.map(
    (context) => context.frames[0]!.function,
  );

describe('reading a profile', () => {
  it('takes back what was written', () => {
    const path = file('rolp-1-0.json', JSON.stringify(profileFixture()));
    expect(readProfile(path)).toEqual(profileFixture());
  });

  it.each([
    [
      'cut short',
      JSON.stringify(profileFixture()).slice(0, 500),
      /damaged or no rolp profile.*not valid JSON/,
    ],
    ['empty', '', /no rolp profile: the file is empty/],
    [
      'a foreign document',
      '{"head":{},"samples":[]}',
      /no rolp profile \(its "schema" is not "rolp-profile\/1"\)/,
    ],
    ['a list', '[1,2]', /no rolp profile/],
    [
      'of another version',
      '{"schema":"rolp-profile/0"}',
      /another version of rolp \(schema "rolp-profile\/0"\)/,
    ],
    ['without a part', JSON.stringify({ ...profileFixture(), gc: undefined }), /damaged: "gc" is missing/],
    [
      'with a wrong value deep inside',
      JSON.stringify(profileFixture()).replace('"line":40', '"line":"x"'),
      /damaged: "contexts\[0\]\.frames\[1\]\.line" is no number/,
    ],
    [
      'with a level of attribution that is none',
      JSON.stringify(profileFixture()).replace('"attribution":"off"', '"attribution":"all"'),
      /damaged: "sampler\.attribution" must be off, sites, calls, .*got "all"/,
    ],
  ])('says what is wrong with a file that is %s, naming it', (_, content, message) => {
    const path = file('bad.json', content);
    expect(() => readProfile(path)).toThrow(ProfileFileError);
    expect(() => readProfile(path)).toThrow(message);
    expect(() => readProfile(path)).toThrow(path);
  });

  it('finds the profiles of a directory by process and thread, and no others', () => {
    file('rolp-10-0.json', '{}');
    file('rolp-9-2.json', '{}');
    file('rolp-9-10-2.json', '{}');
    file('.rolp-9-0-x.tmp', '');
    const found = findProfileFiles(directory).map((path) => path.slice(directory.length + 1));
    expect(found).toEqual(['rolp-1-0.json', 'rolp-9-2.json', 'rolp-9-10-2.json', 'rolp-10-0.json']);
    expect(() => findProfileFiles(join(directory, 'none'))).toThrow(/none: no such file or directory/);
  });
});

describe('choosing contexts', () => {
  it('weighs survivors by what outlived one GC', () => {
    expect(survivedBytes(contextFixture('x', 1000, 0.4))).toBeCloseTo(400);
    expect(survivedBytes({ ...contextFixture('x', 1000, 0.4), survival: [0, 0] })).toBe(0);
  });

  it('sorts by each key', () => {
    expect(names({})).toEqual(['cached', 'mixed', 'garbage']);
    expect(names({ sort: 'allocated' })).toEqual(['garbage', 'cached', 'mixed']);
    expect(names({ sort: 'live' })).toEqual(['cached', 'mixed', 'garbage']);
  });

  it('filters by function, file and class, whatever the case, and says how many match beyond the top', () => {
    expect(names({ filter: 'CACHED' })).toEqual(['cached']);
    expect(names({ filter: 'src/server.js' })).toHaveLength(3);
    expect(names({ filter: 'young' })).toEqual(['mixed', 'garbage']);
    expect(selectContexts(profileFixture(), { ...all, top: 1 })).toMatchObject({
      matching: 3,
      contexts: [{}],
    });
  });
});

describe('the report', () => {
  it('shows pauses, sampler, what the level hides, and one line a context', () => {
    expect(formatReport('p.json', profileFixture(), all, Number.POSITIVE_INFINITY)).toMatchInlineSnapshot(`
      "p.json: /srv/app.js, main thread of process 4321, node v24.0.0, 1.02 min from 2026-01-02T03:04:05.000Z, 3 contexts
      GC pauses: 10 scavenges in 20 ms (p50 1.5 ms, p99 4 ms, max 4.5 ms; rolp's part 250 us); no mark-compacts; 2.86 MiB allocated over 10 GC cycles
      Sampled every 512 KiB, 16 frames deep, by the native sampler: 300 samples, 0 missed, 12 outside the 9 cohorts looked at
      Attribution off: Functions that V8 inlined show as the function they were inlined into; ROLP_ATTRIBUTION=sites shows them, calls shows their callers too, calls:64 does so for the first 64 GC cycles.

      survived  allocated      live  class  GCs p50  p90  bytes p50  time p50  alive at age 0-15  samples  contexts  allocating function < callers … < the app's own
       703 KiB    781 KiB   703 KiB  long         2    4      2 KiB     1.5 s  ████████████████       100         1  cached src/cached.js:12 < handle src/server.js:40
      78.1 KiB    391 KiB  78.1 KiB  young        2    4      2 KiB     1.5 s  █▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂       100         1  mixed src/mixed.js:12 < handle src/server.js:40
           0 B   1.91 MiB       0 B  young        2    4      2 KiB     1.5 s  █                      100         1  garbage src/garbage.js:12 < handle src/server.js:40

      survived: bytes that lived through a GC or more. GCs, bytes, time: lifetime in GC cycles, in bytes allocated meanwhile, on the clock; > where more than that share still lives. Few samples, rough numbers.
      "
    `);
  });

  it('states the limits that a profile carries', () => {
    const profile = profileFixture();
    const text = formatReport(
      'p.json',
      {
        ...profile,
        sampler: {
          ...profile.sampler,
          engine: 'pprof',
          limitation: 'It is blind.',
          missed: null,
          foldedContexts: 7,
        },
        windows: [
          {
            level: 'calls',
            startMs: 0,
            endMs: null,
            startGcCycle: 0,
            endGcCycle: null,
            note: 'not closed: 300 ms',
          },
        ],
      },
      all,
      Number.POSITIVE_INFINITY,
    );
    expect(text).toContain('Limit of this sampler: It is blind.');
    expect(text).toContain('an unknown number missed');
    expect(text).toContain('Window at level calls: not closed: 300 ms');
    expect(text).toContain('7 cold contexts were folded');
  });

  it.each([
    ['off', /^Attribution off: .*ROLP_ATTRIBUTION=sites/m],
    ['sites', /^Attribution sites: .*ROLP_ATTRIBUTION=calls/m],
    ['calls', /^Attribution calls: Nothing is inlined/m],
    ['calls:64', /^Attribution calls for the first 64 GC cycles, then off: .*ROLP_ATTRIBUTION=calls/m],
  ])('says for level %s what it hides and how to see more', (attribution, line) => {
    const profile = profileFixture();
    const text = formatReport('p', { ...profile, sampler: { ...profile.sampler, attribution } }, all, 100);
    expect(text).toMatch(line);
  });

  it('tells contexts apart that differ only further out, when all are asked for', () => {
    const frames = ['leaf', 'caller', 'same', 'outer'].map((name) => ({
      function: name,
      url: 'a.js',
      line: 1,
      column: 1,
    }));
    const one = { ...contextFixture('leaf', 300, 1), frames };
    const two = { ...one, frames: frames.with(3, { ...frames[3]!, function: 'other' }) };
    const full = { ...all, full: true };
    const text = formatReport('p', profileFixture({ contexts: [one, two] }), full, Number.POSITIVE_INFINITY);
    expect(text).toContain('leaf a.js:1 < caller a.js:1 < … < outer a.js:1\n');
    expect(text).toContain('leaf a.js:1 < caller a.js:1 < … < other a.js:1\n');
  });

  it('shows contexts that differ only further out as one row, and says that it does', () => {
    const frames = ['leaf', 'caller', 'outer'].map((name) => ({
      function: name,
      url: 'a.js',
      line: 1,
      column: 1,
    }));
    const one = { ...contextFixture('leaf', 300, 1), frames };
    const two = { ...one, frames: frames.with(2, { ...frames[2]!, function: 'other' }) };
    const text = formatReport('p', profileFixture({ contexts: [one, two] }), all, Number.POSITIVE_INFINITY);
    expect(text).toMatch(/^ +600 B +600 B +600 B +long .* 2 {2}leaf a\.js:1 < caller a\.js:1$/m);
    expect(text).toContain('2 contexts share one row; --full shows each, with its callers.');
  });

  it('leaves out what can be spared before it cuts where objects are allocated', () => {
    const head = (width: number): string =>
      formatReport('p.json', profileFixture(), all, width)
        .split('\n')
        .find((line) => /^ *survived {2}/.test(line))!;
    expect(head(1000)).toMatch(/allocated .* p90 .* bytes p50 .* samples .* contexts/);
    expect(head(130)).toMatch(/allocated/);
    expect(head(130)).not.toMatch(/bytes p50|contexts/);
    expect(head(60)).toMatch(/survived {2}class {2}GCs p50 {2}alive at age 0-15 {2}all/);
  });

  it('cuts the table at the width of the terminal', () => {
    const lines = formatReport('p.json', profileFixture(), all, 80).split('\n');
    const table = lines.slice(
      lines.findIndex((line) => line.includes('survived')),
      -3,
    );
    for (const line of table.filter((line) => !line.startsWith('survived:'))) {
      expect(line.length).toBeLessThanOrEqual(80);
    }
  });

  it('tells an empty profile from a filter without a match', () => {
    expect(formatReport('p', profileFixture({ contexts: [] }), all, 80)).toContain(
      'No allocation was sampled',
    );
    expect(formatReport('p', profileFixture(), { ...all, filter: 'zzz' }, 80)).toContain(
      'None of 3 contexts matches "zzz"',
    );
  });
});
