import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, 'zero-garbage.mjs');

/** Collections, and growth of the JS heap in bytes where there was none, over a million sets. */
function run(kind: string): { collections: number; grown: number; evicted: number } {
  // --trace-gc writes to stdout and the marks go to stderr: with both in one pipe their order holds.
  const { stdout } = spawnSync(
    'sh',
    [
      '-c',
      `exec "${process.execPath}" --expose-gc --trace-gc --min-semi-space-size=16 --max-semi-space-size=16 "${script}" ${kind} 2>&1`,
    ],
    { encoding: 'utf8' },
  );
  const lines = stdout.split('\n');
  expect(lines, stdout).toContain('END');
  const between = lines.slice(lines.indexOf('BEGIN') + 1, lines.indexOf('END'));
  const [, grown, evicted] = /GROWN (-?\d+) EVICTED (\d+)/.exec(stdout)!;
  return {
    collections: between.filter((line) => /Scavenge|Mark-Compact/.test(line)).length,
    grown: Number(grown),
    evicted: Number(evicted),
  };
}

describe('a set', () => {
  for (const kind of ['string', 'bytes', 'object']) {
    it(`of ${kind} values leaves no garbage: a million, evictions among them, not eight bytes each`, () => {
      const { collections, grown, evicted } = run(kind);
      expect(evicted).toBeGreaterThan(10_000);
      // One may come late, of what compiling the loop anew has left.
      expect(collections).toBeLessThanOrEqual(1);
      if (collections === 0) expect(grown).toBeLessThan(8_000_000);
    });
  }

  it('adds no collections to those for the keys that the program builds', () => {
    const alone = run('only-keys');
    const withSets = run('fresh-keys');
    expect(alone.collections).toBeGreaterThan(0);
    // A key is 32 bytes; of sixteen more each, the collections would be half as many again.
    expect(withSets.collections).toBeLessThanOrEqual(alone.collections * 1.4 + 1);
  });
});
