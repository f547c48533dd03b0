import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ArenaCache } from '../src/cache/index.js';
import { defineRecord, GenerationalHeap, Pool } from '../src/heap/index.js';
import { pretenure } from '../src/pretenure/index.js';

const ROOT = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const filesIn = (directory: string, ending: string): string[] =>
  readdirSync(join(ROOT, directory), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${directory}/${name}`);
const PAGES = ['README.md', ...filesIn('docs', '.md')];

/** As GitHub names the anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

describe('the pages', () => {
  it.each(PAGES)('%s links to what is there', (page) => {
    const text = read(page).replace(/```[\s\S]*?```/g, '');
    const dead: string[] = [];
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (target!.startsWith('https://')) continue;
      const [path, anchor] = target!.split('#');
      const file = path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path!));
      const isThere = existsSync(join(ROOT, file));
      const headings = isThere && anchor ? read(file).matchAll(/^#+ (.*)$/gm) : [];
      if (!isThere || (anchor && ![...headings].some(([, heading]) => anchorOf(heading!) === anchor))) {
        dead.push(target!);
      }
    }
    expect(dead).toEqual([]);
  });

  it('are the only ones that comments send a reader to', () => {
    const unknown: string[] = [];
    for (const file of [
      ...filesIn('src', '.ts'),
      ...filesIn('native/src', '.cc'),
      ...filesIn('native/src', '.h'),
    ]) {
      for (const [page] of read(file).matchAll(/[\w./-]+\.md\b/g)) {
        if (!PAGES.includes(page)) unknown.push(`${file}: ${page}`);
      }
    }
    expect(unknown).toEqual([]);
  });

  it('name every option, as the error tells them that names the known ones', () => {
    const heap = new GenerationalHeap({ maxBytes: 1 << 20 });
    const takers: Readonly<Record<string, (wrong: object) => unknown>> = {
      'docs/heap.md': (wrong) => new GenerationalHeap(wrong),
      'docs/cache.md': (wrong) => new ArenaCache(wrong),
      'docs/pretenure.md': (wrong) => pretenure(heap, wrong),
      'docs/records.md': (wrong) => new Pool(defineRecord({ n: 'u32' }), { heap, ...wrong }),
    };
    for (const [page, call] of Object.entries(takers)) {
      const text = read(page);
      const known = /; there are (.*)$/.exec(messageOf(() => call({ noSuchOption: 1 })))![1]!.split(', ');
      expect(known.length).toBeGreaterThan(3);
      const unnamed = known.filter((name) => !new RegExp(`\`${name}\\b|\\b${name}:|{ ${name},`).test(text));
      expect(unnamed, page).toEqual([]);
    }
  });

  it('tell of every module of the package', () => {
    const { exports } = JSON.parse(read('package.json'));
    const names = Object.keys(exports).filter((name) => name !== './package.json');
    for (const name of names) expect(read('README.md')).toContain(`| \`rolp${name.slice(1)}\` `);
  });
});

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}

const MODULES: Record<string, () => Promise<unknown>> = {
  rolp: () => import('../src/index.js'),
  'rolp/cache': () => import('../src/cache/index.js'),
  'rolp/heap': () => import('../src/heap/index.js'),
  'rolp/keyv': () => import('../src/cache/keyv.js'),
  'rolp/pretenure': () => import('../src/pretenure/index.js'),
  keyv: () => import('keyv'),
};

/** What an example goes on from: the heap of the one before it on the page, and a user's own function. */
const KNOWN = {
  load: (name: string) => MODULES[name]!(),
  heap: new GenerationalHeap({ maxBytes: 1 << 20 }),
  loadUser: async (id: string) => ({ id, name: 'Ada' }),
};

/** Without its types: an example in TypeScript imports some, and gives one a name. */
function asJavaScript(code: string): string {
  return code
    .replace(/, type \w+/g, '')
    .replace(/^type .*$/gm, '')
    .replace(/^import (\{[^}]*\}) from '([^']*)';/gm, "const $1 = await load('$2');")
    .replace(/^import (\w+) from '([^']*)';/gm, "const { default: $1 } = await load('$2');");
}

describe('the examples', () => {
  const examples = PAGES.filter((page) => page !== 'docs/migrating.md').flatMap((page) =>
    [...read(page).matchAll(/```(?:js|ts)\n([\s\S]*?)```/g)].map(([, code]) => ({ page, code: code! })),
  );

  it.each(examples.map((example, i) => ({ ...example, i })))('$i, of $page, runs', async ({ code }) => {
    const AsyncFunction = (async () => {}).constructor as new (
      ...args: string[]
    ) => (...args: unknown[]) => Promise<void>;
    // In a scope of its own, where it may declare what is known to others.
    const act = new AsyncFunction(...Object.keys(KNOWN), `{\n${asJavaScript(code)}\n}`);
    await act(...Object.values(KNOWN));
  });

  it('are all found', () => expect(examples.length).toBeGreaterThanOrEqual(11));
});
