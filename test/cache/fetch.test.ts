import { tracingChannel } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ArenaCache, recordCodec, type Status, UnencodableError } from '../../src/cache/index.js';
import { defineRecord } from '../../src/heap/index.js';
import { ARENA, Backend, outcome, SUBJECTS, settle } from './both.js';

type S = Status<string, any>;

describe.each(SUBJECTS)('fetch, as lru-cache documents it: $name', ({ make }) => {
  it('without fetchMethod is get, in a promise', async () => {
    const [cache] = make<number>();
    cache.set('a', 1);
    const status: S = {};
    expect(await cache.fetch('a', { status })).toBe(1);
    expect(status).toMatchObject({ op: 'fetch', key: 'a', fetch: 'get', get: 'hit' });
    expect(await cache.fetch('b')).toBeUndefined();
  });

  it('resolves to the value if there is one that is not stale', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10 });
    cache.set('a', 1);
    clock.ms += 10;
    const status: S = {};
    expect(await cache.fetch('a', { status })).toBe(1);
    expect(status).toMatchObject({ fetch: 'hit', ttl: 10, remainingTTL: 0 });
    expect(backend.calls).toEqual([]);
  });

  it('counts as use', async () => {
    const [cache] = make<number>({ max: 2, fetchMethod: () => 0 });
    cache.set('a', 1).set('b', 2);
    await cache.fetch('a');
    cache.set('c', 3);
    expect([...cache.keys()]).toEqual(['c', 'a']);
  });

  it('calls fetchMethod for a missing key, hands context on, and stores what it gives', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend });
    const status: S = {};
    const fetched = cache.fetch('a', { status, context: 'ctx' });
    expect(backend.calls).toMatchObject([{ key: 'a', stale: undefined, context: 'ctx' }]);
    expect(backend.calls[0]!.signal).toBeInstanceOf(AbortSignal);
    expect(status).toMatchObject({ fetch: 'miss', fetchDispatched: true, context: 'ctx' });
    expect(status.fetchResolved).toBeUndefined();
    await backend.answer(5);
    expect(await fetched).toBe(5);
    expect(status).toMatchObject({ fetchResolved: true, fetchUpdated: true, set: 'add' });
    expect(cache.get('a')).toBe(5);
  });

  it('calls fetchMethod with a stale value, and waits for the new one', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10 });
    cache.set('a', 1);
    clock.ms += 11;
    const status: S = {};
    const fetched = cache.fetch('a', { status });
    expect(backend.calls).toMatchObject([{ key: 'a', stale: 1 }]);
    expect(status.fetch).toBe('stale');
    await backend.answer(2);
    expect(await fetched).toBe(2);
    expect(status.set).toBe('replace');
    expect(cache.getRemainingTTL('a')).toBe(10);
  });

  it('with allowStale gives the stale value at once, and the new one comes in the background', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10, allowStale: true });
    cache.set('a', 1);
    clock.ms += 11;
    const status: S = {};
    expect(await cache.fetch('a', { status })).toBe(1);
    expect(status).toMatchObject({ fetch: 'stale', returnedStale: true });
    const second: S = {};
    expect(await cache.fetch('a', { status: second })).toBe(1);
    expect(second).toMatchObject({ fetch: 'inflight', returnedStale: true });
    await backend.answer(2);
    expect(await cache.fetch('a')).toBe(2);
    expect(backend.calls.length).toBe(1);
  });

  it('with forceRefresh calls fetchMethod though the value is fresh, unless that is being done', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend });
    cache.set('a', 1);
    const status: S = {};
    const fetched = cache.fetch('a', { forceRefresh: true, status });
    expect(status).toMatchObject({ fetch: 'refresh', forceRefresh: true });
    const again = cache.fetch('a', { forceRefresh: true });
    expect(await cache.fetch('a', { forceRefresh: true, allowStale: true })).toBe(1);
    expect(cache.get('a')).toBe(1);
    await backend.answer(2);
    expect([await fetched, await again]).toEqual([2, 2]);
    expect(backend.calls.length).toBe(1);
  });

  it('calls fetchMethod once for many callers, with the options of the first', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend });
    const statuses: S[] = [{}, {}, {}];
    const all = statuses.map((status, i) => cache.fetch('a', { status, ttl: 10 + i }));
    const other = cache.fetch('b');
    await backend.answer(7);
    expect(await Promise.all(all)).toEqual([7, 7, 7]);
    expect(backend.calls.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(statuses.map((status) => status.fetch)).toEqual(['miss', 'inflight', 'inflight']);
    expect(cache.getRemainingTTL('a')).toBe(10);
    await backend.answer(8, 1);
    expect(await other).toBe(8);
  });

  it('lets fetchMethod change the options of the set', async () => {
    const [cache] = make<number>({
      ttl: 10,
      fetchMethod: (_key, _stale, { options }) => {
        expect(options).toMatchObject({ ttl: 10, noUpdateTTL: false, allowStale: false });
        options.ttl = 500;
        return Promise.resolve(1);
      },
    });
    await cache.fetch('a');
    expect(cache.getRemainingTTL('a')).toBe(500);
  });

  it('takes a value that is no promise, and rejects when fetchMethod throws at once', async () => {
    const [cache] = make<number>({
      fetchMethod: (key) => {
        if (key === 'bad') throw new Error('thrown');
        return 3;
      },
    });
    expect(await cache.fetch('a')).toBe(3);
    expect(await outcome(cache.fetch('bad'))).toEqual(['rejected', 'thrown']);
    expect(cache.get('a')).toBe(3);
  });

  it('stores nothing if fetchMethod gives undefined, and leaves a stale value', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10 });
    const missing = cache.fetch('a');
    await backend.answer(undefined);
    expect(await missing).toBeUndefined();
    expect([cache.size, cache.has('a')]).toEqual([0, false]);
    cache.set('b', 1);
    clock.ms += 11;
    const stale = cache.fetch('b');
    await backend.answer(undefined, 1);
    expect(await stale).toBeUndefined();
    expect(cache.peek('b', { allowStale: true })).toBe(1);
  });

  it('rejects when fetchMethod does, and the stale value goes', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10 });
    cache.set('a', 1);
    clock.ms += 11;
    const status: S = {};
    const fetched = outcome(cache.fetch('a', { status }));
    await backend.fail(new Error('no net'));
    expect(await fetched).toEqual(['rejected', 'no net']);
    expect(status).toMatchObject({ fetchRejected: true, fetchError: new Error('no net') });
    expect(cache.peek('a', { allowStale: true })).toBeUndefined();
  });

  it('keeps the stale value with noDeleteOnFetchRejection, given to fetch or set by fetchMethod', async () => {
    const [cache, clock] = make<number>({
      ttl: 10,
      fetchMethod: async (key, _stale, { options }) => {
        if (key === 'b') options.noDeleteOnFetchRejection = true;
        throw new Error('no net');
      },
    });
    cache.set('a', 1).set('b', 2).set('c', 3);
    clock.ms += 11;
    expect(await outcome(cache.fetch('a', { noDeleteOnFetchRejection: true }))).toEqual([
      'rejected',
      'no net',
    ]);
    expect(await outcome(cache.fetch('b'))).toEqual(['rejected', 'no net']);
    expect(await outcome(cache.fetch('c'))).toEqual(['rejected', 'no net']);
    expect(cache.dump().map(([key]) => key)).toEqual(['a', 'b']);
  });

  it('answers with the stale value, or undefined, with allowStaleOnFetchRejection, and keeps it', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10, allowStaleOnFetchRejection: true });
    cache.set('a', 1);
    clock.ms += 11;
    const status: S = {};
    const stale = cache.fetch('a', { status });
    const missing = cache.fetch('b');
    await backend.fail(new Error('no net'));
    await backend.fail(new Error('no net'), 1);
    expect(await stale).toBe(1);
    expect(status).toMatchObject({ fetchRejected: true, returnedStale: true });
    expect(await missing).toBeUndefined();
    expect(cache.peek('a', { allowStale: true })).toBe(1);
    const again = cache.fetch('a');
    await backend.answer(5, 2);
    expect(await again).toBe(5);
  });

  it('rejects with the reason of the signal it was given, and aborts the one fetchMethod has', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend });
    const controller = new AbortController();
    const status: S = {};
    const fetched = outcome(cache.fetch('a', { signal: controller.signal, status }));
    controller.abort(new Error('enough'));
    expect(await fetched).toEqual(['rejected', 'enough']);
    expect(backend.calls[0]!.signal.aborted).toBe(true);
    expect(backend.calls[0]!.signal.reason).toEqual(new Error('enough'));
    expect(status).toMatchObject({ fetchAborted: true, fetchError: new Error('enough') });
    await backend.answer(1);
    expect(cache.get('a')).toBeUndefined();
  });

  it('is aborted when its key is deleted, and when the cache is cleared', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10 });
    cache.set('a', 1).set('b', 2);
    clock.ms += 11;
    const both = [outcome(cache.fetch('a')), outcome(cache.fetch('b'))];
    expect(cache.delete('a')).toBe(true);
    cache.clear();
    expect(await Promise.all(both)).toEqual([
      ['rejected', 'deleted'],
      ['rejected', 'deleted'],
    ]);
    expect(backend.calls.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    await backend.answer(9);
    await backend.answer(9, 1);
    expect(cache.size).toBe(0);
  });

  it('is aborted when a value is set, which stays', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend });
    const fetched = outcome(cache.fetch('a'));
    cache.set('a', 1);
    expect(backend.calls[0]!.signal.reason).toEqual(new Error('replaced'));
    expect(await fetched).toEqual(['rejected', 'replaced']);
    await backend.answer(2);
    expect(cache.get('a')).toBe(1);
    const next = cache.fetch('a', { forceRefresh: true });
    await backend.answer(3, 1);
    expect([await next, cache.get('a')]).toEqual([3, 3]);
  });

  it('is aborted when the entry that it renews is evicted', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend, max: 3 });
    cache.set('a', 1).set('b', 2);
    const fetched = outcome(cache.fetch('a', { forceRefresh: true }));
    cache.set('c', 3).set('d', 4).set('e', 5);
    expect(await fetched).toEqual(['rejected', 'evicted']);
    expect(backend.calls[0]!.signal.reason).toEqual(new Error('evicted'));
    await backend.answer(2);
    expect([...cache.keys()]).toEqual(['e', 'd', 'c']);
  });

  it('with allowStaleOnFetchAbort answers with the value that was there when it began', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 100, allowStaleOnFetchAbort: true });
    cache.set('a', 1);
    clock.ms += 101;
    const status: S = {};
    const fetched = cache.fetch('a', { status });
    cache.set('a', 2);
    expect(await fetched).toBe(1);
    expect(status).toMatchObject({ fetchAborted: true, returnedStale: true });
    expect(cache.get('a')).toBe(2);
  });

  it('with ignoreFetchAbort goes on when aborted, and stores its result', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend, ignoreFetchAbort: true });
    const controller = new AbortController();
    const status: S = {};
    const fetched = cache.fetch('a', { signal: controller.signal, status });
    controller.abort(new Error('enough'));
    const late = cache.fetch('a');
    await backend.answer(4);
    expect([await fetched, await late]).toEqual([4, 4]);
    expect(status).toMatchObject({ fetchAborted: true, fetchAbortIgnored: true, fetchUpdated: true });
    expect(cache.get('a')).toBe(4);
    expect(backend.calls.length).toBe(1);
  });

  it('with ignoreFetchAbort tells of a failure as one, aborted before or not', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend, ignoreFetchAbort: true });
    const controller = new AbortController();
    const status: S = {};
    const fetched = outcome(cache.fetch('a', { signal: controller.signal, status }));
    controller.abort(new Error('enough'));
    await backend.fail(new Error('no net'));
    expect(await fetched).toEqual(['rejected', 'no net']);
    expect(status).toMatchObject({ fetchRejected: true, fetchError: new Error('no net') });
    expect(status.fetchAborted).toBeUndefined();
  });

  it('with ignoreFetchAbort too, rejects if there is no result', async () => {
    const backend = new Backend<number>();
    const [cache] = make<number>({ ...backend, ignoreFetchAbort: true });
    const controller = new AbortController();
    const fetched = outcome(cache.fetch('a', { signal: controller.signal }));
    controller.abort(new Error('enough'));
    await backend.answer(undefined);
    expect(await fetched).toEqual(['rejected', 'enough']);
  });

  it('with both answers at once with the stale value on abort, and stores the new one when it comes', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({
      ...backend,
      ttl: 100,
      ignoreFetchAbort: true,
      allowStaleOnFetchAbort: true,
    });
    cache.set('a', 1);
    clock.ms += 101;
    const controller = new AbortController();
    const fetched = cache.fetch('a', { signal: controller.signal });
    const missing = cache.fetch('b', { signal: controller.signal });
    controller.abort(new Error('slow'));
    expect([await fetched, await missing]).toEqual([1, undefined]);
    await backend.answer(2);
    await backend.answer(3, 1);
    expect([cache.get('a'), cache.get('b')]).toEqual([2, 3]);
  });

  it('is told of by get, has and peek while it is under way', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = make<number>({ ...backend, ttl: 10 });
    cache.set('a', 1);
    clock.ms += 11;
    void outcome(cache.fetch('a'));
    void outcome(cache.fetch('b'));
    const look = (key: string, allowStale = false): unknown[] => {
      const status: S = {};
      return [cache.get(key, { status, allowStale }), status.get, status.returnedStale];
    };
    expect(look('a')).toEqual([undefined, 'stale-fetching', undefined]);
    expect(look('a', true)).toEqual([1, 'stale-fetching', true]);
    expect(look('b')).toEqual([undefined, 'fetching', undefined]);
    expect([cache.has('a'), cache.has('b')]).toEqual([false, false]);
    expect([cache.peek('a'), cache.peek('b'), cache.peek('a', { allowStale: true })]).toEqual([
      undefined,
      undefined,
      1,
    ]);
    await backend.answer(2);
    expect(look('a')).toEqual([2, 'hit', undefined]);
    cache.clear();
    await settle();
  });

  it('gives a value that is too large to be stored, and does not store it', async () => {
    const [cache] = make<string>({
      maxSize: 10,
      sizeCalculation: (value) => value.length,
      fetchMethod: async () => 'far too long',
    });
    expect(await cache.fetch('a')).toBe('far too long');
    expect(cache.has('a')).toBe(false);
  });

  it('tells dispose and onInsert of what it replaces and stores', async () => {
    const told: string[] = [];
    const [cache, clock] = make<number>({
      ttl: 10,
      fetchMethod: async (_key, stale) => (stale ?? 0) + 1,
      dispose: (value, key, reason) => told.push(`${key}=${value} ${reason}`),
      onInsert: (value, key, reason) => told.push(`${reason} ${key}=${value}`),
    });
    await cache.fetch('a');
    clock.ms += 11;
    await cache.fetch('a');
    expect(told).toEqual(['add a=1', 'a=1 set', 'replace a=2']);
  });

  it('forceFetch rejects where fetch gives undefined', async () => {
    const [cache] = make<number>({ fetchMethod: async (key) => (key === 'a' ? 1 : undefined) });
    expect(await cache.forceFetch('a')).toBe(1);
    expect(await outcome(cache.forceFetch('b'))).toEqual(['rejected', 'fetch() returned undefined']);
  });
});

describe.each(SUBJECTS)('memo, as lru-cache documents it: $name', ({ make }) => {
  it('gives what is there, else what memoMethod makes, which it stores', () => {
    const calls: unknown[] = [];
    const [cache, clock] = make<string>({
      ttl: 10,
      memoMethod: (key, stale, { options, context }) => {
        calls.push([key, stale, context]);
        if (key === 'long') options.ttl = 1000;
        return `${key}!`;
      },
    });
    const status: S = {};
    expect(cache.memo('a', { status, context: 'ctx' })).toBe('a!');
    expect(status).toMatchObject({ op: 'memo', memo: 'miss', value: 'a!', context: 'ctx' });
    const second: S = {};
    expect(cache.memo('a', { status: second })).toBe('a!');
    expect(second).toMatchObject({ memo: 'hit', value: 'a!' });
    expect(cache.memo('a', { forceRefresh: true })).toBe('a!');
    cache.memo('long');
    expect(cache.getRemainingTTL('long')).toBe(1000);
    clock.ms += 11;
    expect(cache.memo('a')).toBe('a!');
    expect(calls).toEqual([
      ['a', undefined, 'ctx'],
      ['a', 'a!', undefined],
      ['long', undefined, undefined],
      ['a', undefined, undefined],
    ]);
  });

  it('throws without memoMethod, and what memoMethod throws', () => {
    const [bare] = make<string>();
    expect(() => bare.memo('a')).toThrow('memoMethod');
    const [cache] = make<string>({
      memoMethod: () => {
        throw new Error('cannot');
      },
    });
    expect(() => cache.memo('a')).toThrow('cannot');
    expect(cache.size).toBe(0);
  });

  it('is a set like another: a fetch of the key is aborted', async () => {
    const backend = new Backend<string>();
    const [cache] = make<string>({ ...backend, memoMethod: () => 'memo' });
    const fetched = outcome(cache.fetch('a'));
    expect(cache.memo('a')).toBe('memo');
    expect(await fetched).toEqual(['rejected', 'replaced']);
    expect(cache.get('a')).toBe('memo');
  });
});

describe('what ArenaCache does otherwise in fetch', () => {
  it('counts no fetch as an entry', async () => {
    const backend = new Backend<number>();
    const [cache] = ARENA.make<number>({ ...backend });
    void cache.fetch('a');
    expect([cache.size, cache.stats().fetches, cache.stats().pendingFetches]).toEqual([0, 1, 1]);
    await backend.answer(1);
    expect([cache.size, cache.stats().fetches, cache.stats().pendingFetches]).toEqual([1, 1, 0]);
  });

  it('is given up with the entry that it renews while another is written anew, which goes through', async () => {
    for (const policy of ['s3-fifo', 'sieve', 'lru'] as const) {
      const backend = new Backend<string>();
      const cache = new ArenaCache<string, string>({ ...backend, policy, maxBytes: 512 << 10 });
      for (let i = 0; cache.stats().evictions === 0; i++) cache.set(`k${i}`, 'x'.repeat(500));
      const [oldest] = [...cache.rkeys()] as [string];
      const fetched = outcome(cache.fetch(oldest, { forceRefresh: true }));
      const longer = 'y'.repeat(900);
      for (const key of [...cache.keys()]) {
        if (cache.stats().pendingFetches === 0) break;
        cache.set(key, longer);
        expect(cache.get(key), policy).toBe(longer);
      }
      expect([cache.stats().pendingFetches, cache.has(oldest)], policy).toEqual([0, false]);
      expect(await fetched).toEqual(['rejected', 'evicted']);
      cache.heap.verify();
    }
  });

  it('aborts the oldest for one more than maxFetches', async () => {
    const backend = new Backend<number>();
    const [cache] = ARENA.make<number>({ ...backend, maxFetches: 3 });
    const all = ['a', 'b', 'c', 'd', 'e'].map((key) => outcome(cache.fetch(key)));
    expect(cache.stats().pendingFetches).toBe(3);
    expect(await Promise.all(all.slice(0, 2))).toEqual([
      ['rejected', 'evicted'],
      ['rejected', 'evicted'],
    ]);
    for (let n = 0; n < 5; n++) await backend.answer(n, n);
    expect(await Promise.all(all.slice(2))).toEqual([
      ['resolved', 2],
      ['resolved', 3],
      ['resolved', 4],
    ]);
    expect([...cache.rkeys()]).toEqual(['c', 'd', 'e']);
    expect(cache.stats().pendingFetches).toBe(0);
  });

  it('stores the result of one that was given up, if aborts are ignored and nobody else has stored', async () => {
    const backend = new Backend<number>();
    const [cache] = ARENA.make<number>({ ...backend, maxFetches: 1, ignoreFetchAbort: true });
    const first = cache.fetch('a');
    const second = cache.fetch('b');
    const third = cache.fetch('c');
    cache.set('b', 20);
    await backend.answer(1);
    await backend.answer(2, 1);
    await backend.answer(3, 2);
    expect(await Promise.all([first, second, third])).toEqual([1, 2, 3]);
    expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, 20, 3]);
  });

  it('never stores over a set or a delete that came in between, whatever is ignored', async () => {
    const backend = new Backend<number>();
    const options = { ...backend, ignoreFetchAbort: true, allowStaleOnFetchAbort: true };
    const [cache] = ARENA.make<number>(options);
    cache.set('a', 1).set('b', 1);
    const both = [cache.fetch('a', { forceRefresh: true }), cache.fetch('b', { forceRefresh: true })];
    cache.delete('a');
    cache.set('b', 2);
    await backend.answer(9);
    await backend.answer(9, 1);
    expect(await Promise.all(both)).toEqual([1, 1]);
    expect([cache.has('a'), cache.get('b')]).toEqual([false, 2]);
  });

  it('does not store what comes after an abort that allowStaleOnFetchAbort has answered', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = ARENA.make<number>({ ...backend, ttl: 10, allowStaleOnFetchAbort: true });
    cache.set('a', 1);
    clock.ms += 11;
    const controller = new AbortController();
    const fetched = cache.fetch('a', { signal: controller.signal });
    controller.abort();
    expect(await fetched).toBe(1);
    await backend.answer(2);
    expect(cache.peek('a', { allowStale: true })).toBe(1);
  });

  it('calls dispose with reason fetch for a stale value that a failed fetch takes along', async () => {
    const told: unknown[] = [];
    const [cache, clock] = ARENA.make<number>({
      ttl: 10,
      fetchMethod: async () => {
        throw new Error('no net');
      },
      dispose: (value, key, reason) => told.push([value, key, reason]),
    });
    cache.set('a', 1);
    clock.ms += 11;
    await outcome(cache.fetch('a'));
    expect(told).toEqual([[1, 'a', 'fetch']]);
  });

  it('rejects with what dispose throws, rather than ending the process', async () => {
    const backend = new Backend<number>();
    const [cache] = ARENA.make<number>({
      ...backend,
      dispose: () => {
        throw new Error('from dispose');
      },
    });
    cache.set('a', 1);
    const controller = new AbortController();
    const fetched = outcome(cache.fetch('a', { forceRefresh: true, signal: controller.signal }));
    controller.abort();
    expect(await fetched).toEqual(['rejected', 'from dispose']);
    expect(cache.has('a')).toBe(false);
  });

  it('rejects a value that cannot be encoded, and keeps the old one', async () => {
    const [cache] = ARENA.make<unknown>({ fetchMethod: async () => ({ act: () => {} }) });
    cache.set('a', 1);
    const error = await cache.fetch('a', { forceRefresh: true }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnencodableError);
    expect(cache.get('a')).toBe(1);
    expect(cache.stats().pendingFetches).toBe(0);
  });

  it('goes on when the value that it renews expires and is purged, and get may still answer with it', async () => {
    const backend = new Backend<number>();
    const [cache, clock] = ARENA.make<number>({ ...backend, ttl: 10 });
    cache.set('a', 1);
    clock.ms += 11;
    const fetched = cache.fetch('a');
    cache.purgeStale();
    const status: S = {};
    expect([cache.size, cache.get('a'), cache.get('a', { allowStale: true, status })]).toEqual([
      0,
      undefined,
      1,
    ]);
    expect(status).toMatchObject({ get: 'stale-fetching', returnedStale: true });
    await backend.answer(2);
    expect([await fetched, cache.get('a')]).toEqual([2, 2]);
  });

  it('calls nothing for a signal that is aborted already', async () => {
    const backend = new Backend<number>();
    const [cache] = ARENA.make<number>({ ...backend });
    const signal = AbortSignal.abort(new Error('before'));
    expect(await outcome(cache.fetch('a', { signal }))).toEqual(['rejected', 'before']);
    expect(backend.calls).toEqual([]);
    expect(cache.stats().pendingFetches).toBe(0);
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const backend = new Backend<number>();
    const [cache] = ARENA.make<number>({ ...backend });
    const { signal } = new AbortController();
    const all = ['a', 'b', 'c'].map((key) => outcome(cache.fetch(key, { signal })));
    expect(getEventListeners(signal, 'abort').length).toBe(3);
    await backend.answer(1);
    await backend.fail(new Error('no net'), 1);
    cache.delete('c');
    await Promise.all(all);
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  it('takes every kind of key, bytes by value', async () => {
    const keys: unknown[] = [];
    const cache = new ArenaCache<string | number | bigint | Uint8Array, string>({
      fetchMethod: async (key) => {
        keys.push(key);
        return `${typeof key} ${key}`;
      },
    });
    const bytes = Buffer.from('1');
    const all = [cache.fetch('1'), cache.fetch(1), cache.fetch(1n), cache.fetch(bytes)];
    const same = [cache.fetch('1'), cache.fetch(1), cache.fetch(1n), cache.fetch(Buffer.from('1'))];
    bytes.fill('2');
    const given = await Promise.all(all);
    expect(given).toEqual(['string 1', 'number 1', 'bigint 1', 'object 1']);
    expect(await Promise.all(same)).toEqual(given);
    expect(keys.length).toBe(4);
    expect(cache.get(Buffer.from('1'))).toBe('object 1');
    expect(await outcome(cache.fetch({} as never))).toEqual(['rejected', expect.stringContaining('key')]);
  });

  it('lets fetchMethod and the listeners of its signal use the cache', async () => {
    const cache: ArenaCache<string, number> = new ArenaCache<string, number>({
      fetchMethod: async (key, _stale, { signal }) => {
        signal.addEventListener('abort', () => cache.set(`${key} aborted`, 1));
        if (key.length > 3) return 0;
        const next = await cache.forceFetch(`${key}x`);
        cache.set('seen', next);
        return next + 1;
      },
    });
    expect(await cache.fetch('a')).toBe(3);
    expect(cache.get('seen')).toBe(2);
    const fetched = outcome(cache.fetch('b'));
    cache.set('b', 5);
    expect(await fetched).toEqual(['rejected', 'replaced']);
    await settle();
    expect([cache.get('b'), cache.get('b aborted')]).toEqual([5, 1]);
  });

  it('gives plain copies of records, which outlive what happens before they are looked at', async () => {
    const User = defineRecord({ id: 'u32', name: 'string' });
    const cache = new ArenaCache<string, any>({ codec: recordCodec(User) });
    cache.set('a', { id: 1, name: 'Ada' });
    const user = await cache.fetch('a');
    cache.set('a', { id: 2, name: 'Bob' });
    expect(user).toEqual({ id: 1, name: 'Ada' });
  });

  it('places what it stores where it is told, as memo does', async () => {
    const [cache] = ARENA.make<string>({ fetchMethod: async () => 'fetched', memoMethod: () => 'made' });
    const generation = cache.heap.newGeneration();
    await cache.fetch('a', { generation });
    cache.memo('b', { generation });
    await cache.fetch('c');
    cache.heap.releaseGeneration(generation);
    expect([...cache.keys()]).toEqual(['c']);
  });

  it('is traced', async () => {
    const heard: unknown[] = [];
    const on = (event: string) => (status: any) =>
      void heard.push([event, status.op, status.key, status.trace]);
    const subscribers = {
      start: on('start'),
      end: on('end'),
      asyncStart: on('asyncStart'),
      asyncEnd: on('asyncEnd'),
      error: on('error'),
    };
    const channel = tracingChannel('rolp:cache');
    channel.subscribe(subscribers);
    try {
      const [cache] = ARENA.make<number>({ fetchMethod: async () => undefined, name: 'traced' });
      expect(await cache.fetch('a')).toBeUndefined();
      expect(await outcome(cache.forceFetch('b'))).toEqual(['rejected', 'fetch() returned undefined']);
    } finally {
      channel.unsubscribe(subscribers);
    }
    const events = (key: string): unknown[] =>
      heard.filter((one: any) => one[2] === key).map((one: any) => one[0]);
    expect(events('a')).toEqual(['start', 'end', 'asyncStart', 'asyncEnd']);
    expect(events('b')).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd']);
    expect(heard[0]).toEqual(['start', 'fetch', 'a', true]);
  });

  it('types the context: required, forbidden or free, as the class is told', () => {
    const required = new ArenaCache<string, number, { user: string }>({
      fetchMethod: (_key, _stale, { context }) => context.user.length,
    });
    void required.fetch('a', { context: { user: 'me' } });
    // @ts-expect-error the context is missing
    void outcome(required.fetch('b'));
    const none = new ArenaCache<string, number, undefined>({ fetchMethod: () => 1 });
    void none.fetch('a');
    // @ts-expect-error there is no context
    void none.fetch('b', { context: 1 });
    expect(required.fetchMethod).toBeTypeOf('function');
  });
});
