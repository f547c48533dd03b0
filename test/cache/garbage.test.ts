import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, 'zero-garbage.mjs');

/**
 * A number that V8 boxes takes 16. Each step that makes room (room.ts) leaves a few, since it is timed: 0.3 to 4.2 bytes a set,
 * most where values are large. A number in every third set beside that would be too many.
 */
const MOST_BYTES = 6;
const ROUNDS = 5;

interface Result {
  /** Bytes a set, round by round. */
  readonly perSet: readonly number[];
  readonly evicted: number;
}

/** In a new space so large that no round needs a collection; ends once the median of the last rounds is less than `most`. */
function run(kind: string, most: number): Result {
  const flags = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64'];
  const { stdout, stderr, status } = spawnSync(process.execPath, [...flags, script, kind, `${most}`], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Result;
}

function bytesOf({ perSet }: Result): number {
  expect(perSet).toHaveLength(ROUNDS);
  return perSet.toSorted((a, b) => a - b)[ROUNDS >> 1]!;
}

describe('a set', () => {
  for (const kind of ['string', 'bytes', 'object']) {
    it(`of ${kind} values leaves no garbage, evictions among them`, () => {
      const result = run(kind, MOST_BYTES);
      expect(result.evicted).toBeGreaterThan(10_000);
      expect(bytesOf(result)).toBeLessThan(MOST_BYTES);
    });
  }

  it('leaves no more than the keys that the program builds, of some thirty bytes each', () => {
    const alone = bytesOf(run('only-keys', Number.POSITIVE_INFINITY));
    expect(alone).toBeGreaterThan(20);
    const most = alone + MOST_BYTES;
    expect(bytesOf(run('fresh-keys', most))).toBeLessThan(most);
  });
});
