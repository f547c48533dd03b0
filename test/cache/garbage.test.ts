import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, 'zero-garbage.mjs');

interface Result {
  readonly rounds: readonly { readonly grown: number; readonly collections: number }[];
  readonly evicted: number;
}

/** In a new space so large that a round needs no collection; ends with the first round that leaves less than `most`. */
function run(kind: string, most: number): Result {
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script, kind, `${most}`], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Result;
}

/** Bytes that half a million sets leave, in the best of the rounds that no collection broke off. */
function grownBy({ rounds }: Result): number {
  return Math.min(...rounds.filter(({ collections }) => collections === 0).map(({ grown }) => grown));
}

describe('a set', () => {
  for (const kind of ['string', 'bytes', 'object']) {
    it(`of ${kind} values leaves no garbage: half a million, evictions among them, not eight bytes each`, () => {
      const result = run(kind, 4_000_000);
      expect(result.evicted).toBeGreaterThan(10_000);
      expect(grownBy(result)).toBeLessThan(4_000_000);
    });
  }

  it('leaves no more than the keys that the program builds, of some thirty bytes each', () => {
    const alone = grownBy(run('only-keys', Number.POSITIVE_INFINITY));
    expect(alone).toBeGreaterThan(10_000_000);
    expect(grownBy(run('fresh-keys', alone + 4_000_000))).toBeLessThan(alone + 4_000_000);
  });
});
