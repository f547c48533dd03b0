import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

// Runs docs/migrating.md: each piece of code, before and after.
const text = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/migrating.md'), 'utf8');
const blocks = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => {
  const [, before, after] = /^\/\/ before\n([\s\S]*)\n\/\/ after\n([\s\S]*)$/.exec(code!) ?? [];
  return { before: before!, after: after! };
});

const MODULES: Record<string, () => Promise<unknown>> = {
  'lru-cache': () => import('lru-cache'),
  'node-cache': () => import('node-cache'),
  keyv: () => import('keyv'),
  'node:diagnostics_channel': () => import('node:diagnostics_channel'),
  'rolp/cache': () => import('../../src/cache/index.js'),
  'rolp/keyv': () => import('../../src/cache/keyv.js'),
};

function memoizeWith(
  cache: Map<unknown, unknown>,
  compute: (n: unknown) => unknown,
): (n: unknown) => unknown {
  return (n) => {
    if (!cache.has(n)) cache.set(n, compute(n));
    return cache.get(n);
  };
}

/** Runs one piece of code. @returns its top-level names, and what it logged. */
async function run(code: string): Promise<Record<string, any>> {
  const logged: unknown[] = [];
  const known = {
    load: (name: string) => MODULES[name]!(),
    log: (...args: unknown[]) => logged.push(args),
    loadUser: async (id: string) => ({ id, name: 'Ada' }),
    memoizeWith,
  };
  const body = code
    .replace(/^import (\{[^}]*\}) from '([^']*)';/gm, "const $1 = await load('$2');")
    .replace(/^import (\w+) from '([^']*)';/gm, "const { default: $1 } = await load('$2');");
  const names = [...code.matchAll(/^(?:const|let) (\w+)/gm)].map(([, name]) => name);
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (...args: unknown[]) => Promise<any>;
  const act = new AsyncFunction(...Object.keys(known), `${body}\nreturn { ${names.join(', ')} };`);
  return { ...(await act(...Object.values(known))), logged };
}

/** What both pieces of a block must come to, in the order of the page. */
const CHECKS: readonly ((names: Record<string, any>) => void)[] = [
  ({ cache, value }) => {
    expect(value).toEqual({ n: 1 });
    expect(cache.getRemainingTTL('k')).toBeGreaterThan(0);
    expect(cache.getRemainingTTL('k')).toBeLessThanOrEqual(5000);
  },
  ({ pages }) => expect(pages.get('/')).toEqual({ html: '<h1>hi</h1>' }),
  ({ cache }) => expect(cache.get('u:1')).toEqual({ name: 'Ada', visits: 2 }),
  ({ user, users }) => {
    expect(user).toEqual({ id: 'u:1', name: 'Ada' });
    expect(users.get('u:1')).toEqual(user);
  },
  ({ html }) => expect(html).toBe('<p>hello</p>'),
  ({ text }) => expect(text).toBe('2.50'),
  ({ misses }) => expect(misses).toBe(1),
  ({ known, taken, keys, cache }) => {
    expect([known, taken, [...keys].sort()]).toEqual([true, { n: 1 }, ['a', 'b']]);
    expect([...cache.keys()]).toEqual([]);
    cache.close?.();
  },
  ({ session, count, logged }) => {
    expect([session, count, logged]).toEqual([{ user: 'Ada', since: 5 }, 1, [['s:1', 'Ada']]]);
  },
  ({ nine, squared, cache }) => expect([nine, squared(3), cache.get(3), cache.size]).toEqual([9, 9, 9, 1]),
  ({ user }) => expect(user).toEqual({ name: 'Ada' }),
];

describe('docs/migrating.md', () => {
  it('has a check for each piece of code', () => {
    expect(blocks.length).toBe(CHECKS.length);
    for (const { before, after } of blocks)
      expect([typeof before, typeof after]).toEqual(['string', 'string']);
  });

  it.each(blocks.map((block, i) => ({ ...block, i })))(
    'piece $i does the same before and after',
    async ({ before, after, i }) => {
      CHECKS[i]!(await run(before));
      CHECKS[i]!(await run(after));
    },
  );
});
