import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

// The floors of the house. A folder may import only from floors below its own.
const FLOOR: Record<string, number> = {
  base: 0,
  heap: 1,
  cache: 2,
  profiler: 2,
  pretenure: 3,
  report: 4,
  intercept: 4,
  register: 5,
  cli: 6,
};
const FORBIDDEN_PAIRS = new Set(['profiler->heap', 'profiler->cache', 'cache->profiler']);
const SRC = resolve(import.meta.dirname, '../src');

function sourceFiles(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
}

function folderOf(file: string): string | undefined {
  const parts = relative(SRC, file).split('/');
  return parts.length > 1 ? parts[0] : undefined;
}

describe('the house', () => {
  const files = sourceFiles(SRC);

  it('has imports that run one way', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const from = folderOf(file);
      if (from === undefined) continue;
      for (const [, target] of readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)) {
        const to = folderOf(resolve(dirname(file), target!));
        if (to === undefined || to === from) continue;
        const pair = `${from}->${to}`;
        if (!(FLOOR[to]! < FLOOR[from]!) || FORBIDDEN_PAIRS.has(pair))
          wrong.push(`${relative(SRC, file)}: ${pair}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('gives every folder a face that starts with what lives there', () => {
    const folders = readdirSync(SRC, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(folders.map((folder) => folder.name).filter((name) => !(name in FLOOR))).toEqual([]);
    for (const folder of folders) {
      const face = readFileSync(join(SRC, folder.name, 'index.ts'), 'utf8');
      expect(face.startsWith(`/**\n * ${folder.name}: `), `src/${folder.name}/index.ts`).toBe(true);
    }
  });
});
