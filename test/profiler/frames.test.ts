import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { GenMapping, maybeAddMapping, toEncodedMap } from '@jridgewell/gen-mapping';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contextIds } from '../../src/profiler/context-id.js';
import { createFrameResolver, type FrameOptions, parseFramePatterns } from '../../src/profiler/index.js';
import { frame } from './aggregates-fixture.js';

let checkout: string;

function write(path: string, text: string): string {
  const file = join(checkout, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** A map from line 2 of `file` to line 40 of `source`. */
function sourceMap(file: string, source: string): string {
  const map = new GenMapping({ file });
  maybeAddMapping(map, { generated: { line: 2, column: 0 }, original: { line: 40, column: 4 }, source });
  return JSON.stringify(toEncodedMap(map));
}

beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'rolp-frames-'));
  write('package.json', '{"name":"shop","version":"3.0.0","type":"module"}');
  write('src/sub/package.json', '{"type":"commonjs"}');
  write('src/sub/cart.js', 'function cart() {}');
  write('src/main.js', '');
  write('node_modules/lru/package.json', '{"name":"lru","version":"11.5.3"}');
  write('node_modules/lru/dist/cjs/package.json', '{"type":"commonjs"}');
  write('node_modules/lru/dist/cjs/index.js', '');
  write('node_modules/@scope/tool/package.json', '{"name":"@scope/tool","version":"1.0.0"}');
  write('node_modules/@scope/tool/index.js', '');
  write('dist/app.js', '// one\nfunction app() {}\n//# sourceMappingURL=app.js.map\n');
  write('dist/app.js.map', sourceMap('app.js', '../src/app.ts'));
  const inline = Buffer.from(sourceMap('inline.js', 'inline.ts')).toString('base64');
  write('dist/inline.js', `// one\nf();\n//# sourceMappingURL=data:application/json;base64,${inline}\n`);
  write('dist/broken.js', '//# sourceMappingURL=nowhere.js.map\n');
  write('dist/packed.js', '// one\nf();\n//# sourceMappingURL=packed.js.map\n');
  write('dist/packed.js.map', sourceMap('packed.js', 'webpack://shop/./src/packed.ts'));
});

afterAll(() => rmSync(checkout, { recursive: true, force: true }));

const resolverOf = (options: FrameOptions = {}) =>
  createFrameResolver({ directory: checkout, mainFile: join(checkout, 'src/main.js'), ...options });

function resolve(path: string, line = 1, options: FrameOptions = {}) {
  const url = path.startsWith('node:') || path === '' ? path : join(checkout, path);
  return resolverOf(options).resolve(frame('f', url, line));
}

describe('frames are named alike in every checkout', () => {
  it('the app’s own by their path in its package', () => {
    expect(resolve('src/main.js').frame).toEqual({ function: 'f', url: 'src/main.js', line: 1, column: 1 });
    expect(resolve('src/sub/cart.js').frame.url).toBe('src/sub/cart.js');
    const asUrl = pathToFileURL(join(checkout, 'src/main.js')).href;
    expect(resolverOf().resolve(frame('f', `${asUrl}?v=2`)).frame.url).toBe('src/main.js');
  });

  it('those of packages by name and version', () => {
    expect(resolve('node_modules/lru/dist/cjs/index.js').frame.url).toBe('lru@11.5.3/dist/cjs/index.js');
    expect(resolve('node_modules/@scope/tool/index.js').frame.url).toBe('@scope/tool@1.0.0/index.js');
  });

  it('and hold no absolute path', () => {
    const elsewhere = createFrameResolver({ directory: checkout, mainFile: join(checkout, 'src/main.js') });
    expect(elsewhere.resolve(frame('f', '/no/package/here.js')).frame.url).toBe('here.js');
  });

  it('without a position where V8 had none', () => {
    expect(resolverOf().resolve({ function: '', url: '', line: 0, column: 0 }).frame).toEqual({
      function: '(anonymous)',
      url: '',
      line: null,
      column: null,
    });
  });
});

describe('source maps', () => {
  it('of files on disk, beside them and inline, give the written place', () => {
    expect(resolve('dist/app.js', 2).frame).toMatchObject({ url: 'src/app.ts', line: 40, column: 5 });
    expect(resolve('dist/inline.js', 2).frame).toMatchObject({ url: 'dist/inline.ts', line: 40 });
    expect(resolve('dist/packed.js', 2).frame).toMatchObject({ url: 'shop/src/packed.ts', line: 40 });
  });

  it('that are missing leave the place that ran', () => {
    expect(resolve('dist/broken.js', 1).frame).toMatchObject({ url: 'dist/broken.js', line: 1 });
    expect(resolve('dist/gone.js', 7).frame).toMatchObject({ url: 'dist/gone.js', line: 7 });
  });
});

describe('filters', () => {
  const shown = (path: string, options: FrameOptions) => resolve(path, 1, options).hiddenAs === null;

  it('hide Node’s own frames by default, and nothing else', () => {
    expect(resolve('node:internal/timers').hiddenAs).toBe('(node)');
    for (const path of ['src/main.js', 'node_modules/lru/dist/cjs/index.js', ''])
      expect(shown(path, {})).toBe(true);
    expect(resolverOf().resolve({ function: '(GC)', url: '', line: 0, column: 0 }).hiddenAs).toBe('(GC)');
  });

  it('include packages, scopes, paths and Node', () => {
    expect(shown('node_modules/lru/dist/cjs/index.js', { include: ['lru'] })).toBe(true);
    expect(shown('src/main.js', { include: ['lru'] })).toBe(false);
    expect(shown('node_modules/@scope/tool/index.js', { include: ['@scope'] })).toBe(true);
    expect(shown('src/sub/cart.js', { include: ['./src'] })).toBe(true);
    expect(shown('dist/gone.js', { include: ['./src'] })).toBe(false);
    expect(shown('node:fs', { include: ['node:'] })).toBe(true);
    expect(shown('node:fs', { include: ['node:http'] })).toBe(false);
  });

  it('take a directory for what lies in it, installed packages apart', () => {
    expect(shown('src/main.js', { include: ['.'] })).toBe(true);
    expect(shown('node_modules/lru/dist/cjs/index.js', { include: ['.'] })).toBe(false);
    expect(shown('node_modules/lru/dist/cjs/index.js', { include: ['./node_modules/lru'] })).toBe(true);
  });

  it('match the written file too', () => {
    expect(resolve('dist/app.js', 2, { include: ['./src'] }).hiddenAs).toBeNull();
  });

  it('exclude what is included', () => {
    expect(shown('src/sub/cart.js', { include: ['./src'], exclude: ['./src/sub'] })).toBe(false);
    expect(shown('node_modules/lru/dist/cjs/index.js', { exclude: ['lru'] })).toBe(false);
    expect(resolve('node_modules/lru/dist/cjs/index.js', 1, { exclude: ['lru'] }).hiddenAs).toBe(
      '(excluded)',
    );
  });

  it('are read from lists, errors naming the setting', () => {
    expect(parseFramePatterns('ROLP_INCLUDE', ' lru, ./src ,@a/b')).toEqual(['lru', './src', '@a/b']);
    expect(parseFramePatterns('ROLP_INCLUDE', '')).toEqual([]);
    expect(() => parseFramePatterns('ROLP_EXCLUDE', 'a,,b')).toThrow(/^ROLP_EXCLUDE must be/);
  });

  it('hide rolp’s own frames', () => {
    const own = new URL('../../src/profiler/frames.ts', import.meta.url).pathname;
    expect(resolverOf().resolve(frame('f', own)).hiddenAs).toBe('(rolp)');
    const heap = new URL('../../src/heap/core.ts', import.meta.url).pathname;
    expect(resolverOf().resolve(frame('f', heap)).hiddenAs).toBe('(rolp heap)');
    const isOwnWork = (url: string, include: string[] = []) =>
      resolverOf({ include }).isOwnWork(frame('f', url));
    expect(
      [own, pathToFileURL(own).href, heap, join(checkout, 'src/main.js')].map((url) => isOwnWork(url)),
    ).toEqual([true, true, false, false]);
    expect(isOwnWork(own, ['rolp'])).toBe(false);
  });
});

describe('ids of contexts', () => {
  it('are the same for the same frames in another checkout', () => {
    const here = resolve('node_modules/lru/dist/cjs/index.js').key;
    expect(contextIds([here])).toEqual(contextIds(['f\nlru@11.5.3/dist/cjs/index.js\n1:1']));
    expect(contextIds([here])[0]).toMatch(/^[0-9a-f]{12}$/);
  });

  it('get longer, both, where two contexts would share one', () => {
    const hash = (text: string) => 'a'.repeat(text === 'third' ? 11 : 18) + text.padEnd(64, '0');
    const ids = contextIds(['1st', '2nd', 'third'], hash);
    expect(new Set(ids).size).toBe(3);
    expect(ids[0]).toHaveLength(20);
    expect(ids[1]).toHaveLength(20);
    expect(ids[2]).toHaveLength(12);
    expect(contextIds(['2nd', 'third', '1st'], hash)).toEqual([ids[1], ids[2], ids[0]]);
  });
});
