import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodedMappings, TraceMap } from '@jridgewell/trace-mapping';
import { afterAll, describe, expect, it } from 'vitest';
import { Memo } from '../../src/profiler/memo.js';
import { SourceMaps } from '../../src/profiler/source-maps.js';

const directory = mkdtempSync(join(tmpdir(), 'rolp-maps-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A file whose map sends line n to line n + 100 of `<name>.ts`; with `over` in the map. */
function compiled(name: string, lines: number, over: object = {}): string {
  const path = join(directory, `${name}.js`);
  const decoded = Array.from({ length: lines }, (_, line): [number, number, number, number][] => [
    [0, 0, line + 99 + 1, 0],
  ]);
  const sources = [`${name}.ts`];
  const map = new TraceMap({ version: 3, sources, names: [], mappings: decoded });
  const file = {
    version: 3,
    sources,
    names: [],
    sourcesContent: ['x'.repeat(1000)],
    mappings: encodedMappings(map),
  };
  writeFileSync(path, `f();\n//# sourceMappingURL=${name}.js.map\n`);
  writeFileSync(`${path}.map`, JSON.stringify({ ...file, ...over }));
  return path;
}

describe('source maps', () => {
  it('are kept up to a limit, and read again when they are needed again', () => {
    const paths = ['a', 'b', 'c', 'd'].map((name) => compiled(name, 50));
    const all = new SourceMaps();
    all.originalOf(paths[0]!, 1, 1);
    const each = all.keptChars;
    expect(each).toBeGreaterThan(50);
    expect(each).toBeLessThan(1000);
    const maps = new SourceMaps(2.5 * each);
    for (let round = 0; round < 3; round++) {
      for (const path of paths) {
        expect(maps.originalOf(path, 7, 1)).toEqual({
          source: path.replace('.js', '.ts'),
          line: 107,
          column: 1,
        });
        expect(maps.keptChars).toBeLessThanOrEqual(2.5 * each);
      }
    }
    expect(maps.keptChars).toBe(2 * each);
  });

  it('of the file asked for last are kept however large: a bundle would be read for each of its frames', () => {
    const path = compiled('large', 50);
    const maps = new SourceMaps(10);
    expect(maps.originalOf(path, 3, 1)?.line).toBe(103);
    rmSync(`${path}.map`);
    expect(maps.originalOf(path, 4, 1)?.line).toBe(104);
  });

  it('that are broken leave the place that ran', () => {
    const broken: Record<string, object> = {
      'a source that is not there': { sources: [] },
      'sources that are none': { sources: null },
      'mappings that are no text': { mappings: 5 },
      'no mappings': { mappings: undefined },
      'no sections': { mappings: undefined, sections: [] },
      'sections that are none': { mappings: undefined, sections: [5] },
      'a section without a map': { mappings: undefined, sections: [{ offset: { line: 0, column: 0 } }] },
    };
    for (const [name, over] of Object.entries(broken)) {
      const path = compiled(name.replaceAll(' ', '-'), 5, over);
      expect([name, new SourceMaps().originalOf(path, 2, 1)]).toEqual([name, null]);
    }
    const path = compiled('null', 5);
    writeFileSync(`${path}.map`, 'null');
    expect(new SourceMaps().originalOf(path, 2, 1)).toBeNull();
  });

  it('in sections, as bundlers write one for each file, hold from their place to that of the next', () => {
    const mappings = 'AAAA;AACA;AACA';
    const part = (name: string) => ({ version: 3, sources: [`${name}.ts`], names: [], mappings });
    const sections = [
      { offset: { line: 1, column: 0 }, map: part('first') },
      { offset: { line: 3, column: 10 }, map: part('second') },
      { offset: { line: 8, column: 0 }, map: { version: 3, sources: [], names: [], mappings: '' } },
    ];
    const path = compiled('sections', 1, { mappings: undefined, sources: undefined, sections });
    const maps = new SourceMaps();
    const at = (line: number, column: number): string | null => {
      const place = maps.originalOf(path, line, column);
      return place === null ? null : `${place.source.slice(directory.length + 1)}:${place.line}`;
    };
    expect([at(1, 1), at(2, 1), at(3, 5), at(4, 10)]).toEqual([
      null,
      'first.ts:1',
      'first.ts:2',
      'first.ts:3',
    ]);
    expect([at(4, 11), at(5, 1), at(6, 3), at(7, 1), at(9, 1)]).toEqual([
      'second.ts:1',
      'second.ts:2',
      'second.ts:3',
      null,
      null,
    ]);
    expect(maps.keptChars).toBe(2 * mappings.length);
  });

  it('are named by the last line that does, whatever the code says elsewhere', () => {
    const path = compiled('named', 5);
    const text = "const x = '//# sourceMappingURL=wrong.js.map';";
    writeFileSync(
      path,
      `//# sourceMappingURL=old.js.map\n${text}\n//# sourceMappingURL=named.js.map\r\n${text}\n`,
    );
    expect(new SourceMaps().originalOf(path, 2, 1)?.line).toBe(102);
    writeFileSync(path, text);
    expect(new SourceMaps().originalOf(path, 2, 1)).toBeNull();
  });
});

describe('a memo', () => {
  it('keeps what is asked for, and lets the others go', () => {
    const memo = new Memo<number | null>(10);
    memo.set('often', null);
    for (let i = 0; i < 1000; i++) {
      memo.set(`once ${i}`, i);
      expect(memo.get('often')).toBeNull();
      expect(memo.get(`once ${i - 2}`)).toBe(i < 2 ? undefined : i - 2);
      expect(memo.size).toBeLessThanOrEqual(20);
    }
    expect(memo.get('once 0')).toBeUndefined();
    memo.set('often', 1);
    expect(memo.get('often')).toBe(1);
  });
});
