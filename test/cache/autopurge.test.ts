import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Autopurge } from '../../src/cache/autopurge.js';
import { ArenaCache } from '../../src/cache/index.js';

describe('ttlAutopurge', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const gone: string[] = [];
  const make = (): ArenaCache<string, number> => {
    gone.length = 0;
    return new ArenaCache<string, number>({
      ttlAutopurge: true,
      dispose: (value, key, reason) => gone.push(`${key}=${value} ${reason}`),
    });
  };

  it('removes entries as they expire, though nobody asks', () => {
    const cache = make();
    cache.set('a', 1, { ttl: 100 }).set('b', 2, { ttl: 300 }).set('c', 3);
    vi.advanceTimersByTime(99);
    expect(cache.size).toBe(3);
    vi.advanceTimersByTime(10);
    expect([cache.size, gone]).toEqual([2, ['a=1 expire']]);
    vi.advanceTimersByTime(300);
    expect([cache.size, gone]).toEqual([1, ['a=1 expire', 'b=2 expire']]);
    expect(cache.get('c')).toBe(3);
  });

  it('has one timer, however many entries, and none when it is cleared', () => {
    const cache = make();
    const before = vi.getTimerCount();
    for (let i = 0; i < 1000; i++) cache.set(`k${i}`, i, { ttl: 5000 - i });
    // The other is the clock's, until ttlResolution is over.
    expect(vi.getTimerCount() - before).toBeLessThanOrEqual(2);
    vi.advanceTimersByTime(4500);
    expect(cache.size).toBeGreaterThan(450);
    expect(cache.size).toBeLessThan(550);
    vi.advanceTimersByTime(2);
    expect(vi.getTimerCount() - before).toBeLessThanOrEqual(2);
    cache.set('late', 1, { ttl: 1e9 });
    vi.advanceTimersByTime(2000);
    expect(vi.getTimerCount() - before).toBeGreaterThanOrEqual(1);
    cache.clear();
    vi.advanceTimersByTime(2);
    expect(vi.getTimerCount()).toBe(before);
  });

  it('fires earlier for an entry that expires earlier, and later for one that was used', () => {
    const cache = make();
    cache.set('late', 1, { ttl: 10_000 }).set('early', 2, { ttl: 50 });
    vi.advanceTimersByTime(60);
    expect([...cache.keys()]).toEqual(['late']);
    vi.advanceTimersByTime(9000);
    cache.get('late', { updateAgeOnGet: true });
    vi.advanceTimersByTime(5000);
    expect(cache.has('late')).toBe(true);
    vi.advanceTimersByTime(6000);
    expect(cache.size).toBe(0);
  });

  it('survives ttls beyond what a timer can wait', () => {
    const cache = make();
    cache.set('year', 1, { ttl: 365 * 86_400_000 });
    vi.advanceTimersByTime(2 ** 31 + 1000);
    expect(cache.get('year')).toBe(1);
    expect(vi.getTimerCount()).toBeGreaterThan(0);
  });

  it('takes timers that are numbers, as a browser’s are', () => {
    const { setTimeout: timer } = globalThis;
    vi.stubGlobal('setTimeout', (run: () => void, ms: number): number => Number(timer(run, ms)));
    try {
      const cache = make();
      cache.set('a', 1, { ttl: 100 });
      vi.advanceTimersByTime(110);
      expect([cache.size, gone]).toEqual([0, ['a=1 expire']]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('goes on after a dispose that throws', () => {
    let throws = true;
    const cache = new ArenaCache<string, number>({
      ttlAutopurge: true,
      dispose: () => {
        if (throws) throw new Error('from dispose');
      },
    });
    cache.set('a', 1, { ttl: 10 }).set('b', 2, { ttl: 20 });
    expect(() => vi.advanceTimersByTime(13)).toThrow('from dispose');
    throws = false;
    vi.advanceTimersByTime(20);
    expect(cache.size).toBe(0);
  });

  it('goes on slice by slice, then waits for what expires next, that which came meanwhile included', () => {
    let ms = 0;
    const answers: (number | undefined)[] = [undefined, undefined, 500, Number.POSITIVE_INFINITY];
    const calls: number[] = [];
    const purge = new Autopurge({
      nowMs: () => ms,
      slice: () => {
        calls.push(ms);
        // In the midst of the pass, where it has been already.
        if (calls.length === 2) purge.expect(100);
        return answers.shift();
      },
      tell: () => {},
    });
    purge.expect(10);
    purge.expect(40);
    for (; ms < 1000; ms++) vi.advanceTimersByTime(1);
    expect(calls.length).toBe(4);
    expect(calls[0]).toBeGreaterThanOrEqual(10);
    expect(calls[2]).toBeLessThan(20);
    expect(calls[3]).toBeGreaterThanOrEqual(100);
    expect(calls[3]).toBeLessThan(110);
    expect(vi.getTimerCount()).toBe(0);
  });
});
