import { describe, expect, it } from 'vitest';
import { ArenaCache } from '../../src/cache/index.js';
import { GenerationalHeap, type PlacementPolicy } from '../../src/heap/index.js';

/** A policy that asks for keys and has no opinion. */
const CURIOUS: PlacementPolicy = {
  generationFor: () => 0,
  born: () => 0,
  died: () => {},
  fragmented: () => {},
};

/** The prefix under which a placement policy hears of `key`. */
function prefixOf(key: string | Buffer): string | undefined {
  const heap = new GenerationalHeap({ maxBytes: 2 ** 22 });
  heap.setPlacementPolicy(CURIOUS);
  heap.wantsPlacementKey = true;
  const cache = new ArenaCache<string | Buffer, number>({ heap });
  cache.set(key, 1);
  const names = [...heap.placementKeyNames.values()];
  expect(names.length).toBeLessThanOrEqual(1);
  return names[0];
}

describe('the prefix of a key', () => {
  it.each([
    ['user:17', 'user'],
    ['user17', 'user'],
    ['größe/x', 'größe'],
    ['ключ:5', 'ключ'],
    ['用户:1', '用户'],
    ['ユーザー#1', 'ユーザー'],
    // Its low byte is that of '1', its high one is not 0.
    ['\u0431\u0131|x', '\u0431\u0131'],
    ['ключ', 'ключ'],
  ])('%s is %s', (key, prefix) => {
    expect(prefixOf(key)).toBe(prefix);
  });

  it('is none where a key begins with a digit or a separator', () => {
    expect(prefixOf('17')).toBeUndefined();
    expect(prefixOf(':用户')).toBeUndefined();
    expect(prefixOf('1用户')).toBeUndefined();
  });

  it('of bytes ends at a byte, of whatever it is a part', () => {
    expect(prefixOf(Buffer.from('user:17'))).toBe('user');
  });

  it('of a long key is its beginning, in whole characters', () => {
    const prefix = prefixOf('я'.repeat(200))!;
    expect(prefix.length).toBeGreaterThan(3);
    expect('я'.repeat(200).startsWith(prefix)).toBe(true);
  });
});
