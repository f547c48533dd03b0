import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/cache/index.js';
import { Backend, type Cache, type Options, outcome, SUBJECTS, settle, type TestClock } from './both.js';

/** One call, and what is seen of it. Values are numbers, which have an identity for lru-cache too. */
type Step = (cache: Cache<number>, clock: TestClock) => unknown;

const FIELDS = [
  'op',
  'get',
  'set',
  'has',
  'peek',
  'value',
  'oldValue',
  'ttl',
  'remainingTTL',
  'returnedStale',
] as const;

function seen(status: Status<string, number>): unknown[] {
  return FIELDS.map((field) => status[field]);
}

const key = fc.integer({ min: 0, max: 11 }).map((n) => `k${n}`);
const value = fc.integer({ min: 0, max: 3 });
const flag = fc.option(fc.boolean(), { nil: undefined });
const ttl = fc.option(fc.constantFrom(0, 5, 20, 100), { nil: undefined });

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ key, value, ttl, noUpdateTTL: flag, noDisposeOnSet: flag }).map(
    ({ key, value, ...options }): Step =>
      (cache) => {
        const status: Status<string, number> = {};
        cache.set(key, value, { ...options, status });
        return seen(status);
      },
  ),
  fc.record({ key, allowStale: flag, updateAgeOnGet: flag, noDeleteOnStaleGet: flag }).map(
    ({ key, ...options }): Step =>
      (cache) => {
        const status: Status<string, number> = {};
        return [cache.get(key, { ...options, status }), seen(status)];
      },
  ),
  fc.record({ key, updateAgeOnHas: flag }).map(
    ({ key, ...options }): Step =>
      (cache) => {
        const status: Status<string, number> = {};
        return [cache.has(key, { ...options, status }), seen(status)];
      },
  ),
  fc.record({ key, allowStale: flag }).map(
    ({ key, ...options }): Step =>
      (cache) => {
        const status: Status<string, number> = {};
        // With allowStale lru-cache calls a stale value a hit.
        const result = cache.peek(key, { ...options, status });
        return [result, status.value];
      },
  ),
  key.map(
    (key): Step =>
      (cache) =>
        cache.delete(key),
  ),
  key.map(
    (key): Step =>
      (cache) =>
        cache.getRemainingTTL(key),
  ),
  fc.constant<Step>((cache) => cache.pop()),
  fc.constant<Step>((cache) => cache.purgeStale()),
  value.map(
    (wanted): Step =>
      (cache) =>
        cache.find((value) => value === wanted),
  ),
  fc.integer({ min: 1, max: 30 }).map(
    (ms): Step =>
      (_cache, clock) => {
        clock.ms += ms;
      },
  ),
);

/** A run of `steps`, and all that can be seen of it. */
function transcript(
  steps: readonly Step[],
  make: (typeof SUBJECTS)[0]['make'],
  options: Options<number>,
): unknown[] {
  const told: unknown[] = [];
  // In no order: lru-cache holds those of evictions back if the set has noDisposeOnSet.
  const after: string[] = [];
  const [cache, clock] = make<number>({
    ...options,
    // What has expired goes as expired here, whoever comes across it.
    dispose: (value, key, reason) => told.push(['gone', value, key, reason === 'expire' ? 'evict' : reason]),
    disposeAfter: (value, key) => after.push(`${key}=${value}`),
    onInsert: (value, key, reason) => told.push([reason, value, key]),
  });
  const seen = steps.map((step) => {
    const result = step(cache, clock);
    return [
      result,
      told.splice(0),
      cache.size,
      cache.calculatedSize,
      [...cache.keys()],
      [...cache.rvalues()],
    ];
  });
  cache.clear();
  return [...seen, after.sort()];
}

describe('under lru, ArenaCache', () => {
  it('does what lru-cache does, call by call', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60 }),
        fc.record({
          max: fc.integer({ min: 1, max: 8 }),
          ttl: fc.constantFrom(0, 10, 50),
          allowStale: fc.boolean(),
          updateAgeOnGet: fc.boolean(),
          noUpdateTTL: fc.boolean(),
          noDeleteOnStaleGet: fc.boolean(),
        }),
        fc.boolean(),
        (steps, plain, sized) => {
          const options = sized
            ? { ...plain, maxSize: 12, maxEntrySize: 4, sizeCalculation: (value: number) => value * 2 + 1 }
            : { ...plain, maxSize: 1000, sizeCalculation: () => 1 };
          const [theirs, ours] = SUBJECTS.map(({ make }) => transcript(steps, make, options));
          expect(ours).toEqual(theirs);
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 300), seed: 11 },
    );
  });

  it('fetches as lru-cache does, whatever comes in between', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fetchStep, { minLength: 1, maxLength: 40 }),
        fc.constantFrom<FetchMode>(...FETCH_MODES),
        fc.boolean(),
        async (steps, mode, allowStale) => {
          const options = { ttl: 10, allowStale, ...mode };
          const [theirs, ours] = await Promise.all(
            SUBJECTS.map(({ make }) => fetchTranscript(steps, make, options)),
          );
          expect(ours).toEqual(theirs);
        },
      ),
      { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 200), seed: 12 },
    );
  });
});

type FetchMode = Pick<
  Options<number>,
  | 'ignoreFetchAbort'
  | 'allowStaleOnFetchAbort'
  | 'allowStaleOnFetchRejection'
  | 'noDeleteOnFetchRejection'
  | 'updateAgeOnGet'
>;

// Without allowStaleOnFetchAbort: there the two differ, see docs/cache.md; fetch.test.ts has what both do.
const FETCH_MODES: readonly FetchMode[] = [
  {},
  { ignoreFetchAbort: true },
  { allowStaleOnFetchRejection: true },
  { noDeleteOnFetchRejection: true },
  { ignoreFetchAbort: true, allowStaleOnFetchRejection: true },
  { updateAgeOnGet: true },
];

type FetchStep =
  | { readonly do: 'fetch'; readonly key: string; readonly forceRefresh: boolean }
  | { readonly do: 'answer'; readonly n: number; readonly value: number | undefined }
  | { readonly do: 'fail'; readonly n: number }
  | { readonly do: 'abort'; readonly n: number }
  | { readonly do: 'set'; readonly key: string; readonly value: number }
  | { readonly do: 'get' | 'delete' | 'memo'; readonly key: string }
  | { readonly do: 'wait'; readonly ms: number };

const hotKey = fc.constantFrom('a', 'b', 'c');
const nth = fc.nat({ max: 5 });
const fetchStep: fc.Arbitrary<FetchStep> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('fetch'), key: hotKey, forceRefresh: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('answer'), n: nth, value: fc.option(value, { nil: undefined }) }),
  },
  fc.record({ do: fc.constantFrom('fail', 'abort'), n: nth }),
  fc.record({ do: fc.constant('set'), key: hotKey, value }),
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('get', 'delete', 'memo'), key: hotKey }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.constantFrom(3, 11) }) },
) as fc.Arbitrary<FetchStep>;

async function fetchTranscript(
  steps: readonly FetchStep[],
  make: (typeof SUBJECTS)[0]['make'],
  options: Options<number>,
): Promise<unknown[]> {
  const backend = new Backend<number>();
  const [cache, clock] = make<number>({ ...options, ...backend, memoMethod: () => 77 });
  const controllers: AbortController[] = [];
  const seen: unknown[] = [];
  const results: unknown[] = [];
  for (const step of steps) {
    if (step.do === 'fetch') {
      const controller = new AbortController();
      controllers.push(controller);
      const status: Status<string, number> = {};
      const n = results.push(undefined) - 1;
      const { forceRefresh } = step;
      void outcome(cache.fetch(step.key, { forceRefresh, signal: controller.signal, status })).then(
        (result) => {
          results[n] = [
            result,
            status.fetchResolved,
            status.fetchUpdated,
            status.fetchAborted,
            status.fetchRejected,
          ];
        },
      );
      seen.push(status.fetch, status.returnedStale);
    } else if (step.do === 'answer' || step.do === 'fail') {
      // The nth from the end, so that it mostly is one under way.
      const n = backend.calls.length - 1 - step.n;
      if (n >= 0)
        await (step.do === 'answer' ? backend.answer(step.value, n) : backend.fail(new Error('no'), n));
    } else if (step.do === 'abort') {
      controllers.at(-1 - step.n)?.abort(new Error('enough'));
    } else if (step.do === 'set') cache.set(step.key, step.value);
    else if (step.do === 'get') {
      const status: Status<string, number> = {};
      // lru-cache gives the promise a ttl, and calls a fetch that takes longer stale.
      seen.push(cache.get(step.key, { status }), status.get?.replace('stale-', ''));
    } else if (step.do === 'delete') seen.push(cache.delete(step.key));
    else if (step.do === 'memo') seen.push(cache.memo(step.key));
    else if (step.do === 'wait') clock.ms += step.ms;
    await settle();
    seen.push(backend.calls.length, structuredClone(results));
    seen.push(['a', 'b', 'c'].map((key) => [cache.has(key), cache.peek(key, { allowStale: true })]));
  }
  return seen;
}
