import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Status } from '../../src/cache/index.js';
import { type Cache, type Options, SUBJECTS, type TestClock } from './both.js';

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
        return [status.set, status.oldValue];
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
});
