import { afterEach, describe, expect, it, vi } from 'vitest';
import { LifetimeRows } from '../../src/pretenure/lifetime-rows.js';
import { DEAR_VISIT, VISITS_PER_STEP } from '../../src/pretenure/steps.js';
import { splitModes } from '../../src/profiler/inference/unimodal.js';
import { about, type Kind, learningHeap, runKinds } from './helpers.js';

const DEAR_PER_STEP = VISITS_PER_STEP / DEAR_VISIT;

/** Rows whose counts are read or merged in each recorded step, and what of it is done outside of any. */
function workBySteps(heap: ReturnType<typeof learningHeap>['heap']): {
  steps: number[];
  outside: () => number;
} {
  const steps: number[] = [];
  let rows = 0;
  let outside = 0;
  for (const method of ['addTo', 'merge'] as const) {
    const original = LifetimeRows.prototype[method] as (...args: unknown[]) => never;
    const counted = function (this: LifetimeRows, ...args: unknown[]): never {
      rows++;
      return original.apply(this, args);
    };
    vi.spyOn(LifetimeRows.prototype, method).mockImplementation(counted);
  }
  const start = heap.pauses.start.bind(heap.pauses);
  const record = heap.pauses.record.bind(heap.pauses);
  let isFirst = true;
  vi.spyOn(heap.pauses, 'start').mockImplementation(() => {
    // A step asks for the time when it begins and once more at its end.
    if (isFirst) {
      outside += rows;
      rows = 0;
    }
    isFirst = !isFirst;
    return start();
  });
  vi.spyOn(heap.pauses, 'record').mockImplementation((kind, startMs) => {
    if (kind === 'decide') steps.push(rows);
    rows = 0;
    isFirst = true;
    record(kind, startMs);
  });
  return { steps, outside: () => outside };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the policy’s work', () => {
  it('visits a bounded number of contexts a step, however many a conflict has', () => {
    const { heap, pretenurer } = learningHeap({ maxContexts: 400 });
    const site = heap.site('factory');
    // Sizes that say nothing give the probe several contexts for each time to live.
    const kinds = [1, 300, 70_000, 9_000_000].map(
      (ttlMs): Kind => ({
        allocate: (byteLength) => heap.allocate(byteLength, undefined, site, ttlMs),
        life: about(ttlMs < 1000 ? 1 : 12),
        weight: 1,
      }),
    );
    const { steps, outside } = workBySteps(heap);
    let most = 0;
    for (let turn = 0; turn < 12; turn++) {
      runKinds(heap, kinds, 8);
      most = Math.max(most, pretenurer.stats.contexts);
    }
    expect(pretenurer.contexts()[0]).toMatchObject({ site: 'factory', verdict: 'resolved' });
    expect(most).toBeGreaterThan(3 * DEAR_PER_STEP);
    expect(outside()).toBe(0);
    // Where a context's place is chosen its ages are read some times over.
    expect(Math.max(...steps)).toBeLessThanOrEqual(DEAR_PER_STEP + 3);
    expect(steps.filter((rows) => rows > 0).length).toBeGreaterThan(20);
  });

  it('gives every site its turn where there are fewer births in a window than sites', () => {
    const { heap, pretenurer } = learningHeap({ maxContexts: 200 }, { sampleBytes: 8192 });
    const kinds = Array.from({ length: 60 }, (_, i): Kind => {
      const site = heap.site(`site ${i}`);
      return {
        allocate: (byteLength) => heap.allocate(byteLength, undefined, site),
        life: about(3),
        weight: 1,
      };
    });
    // 8 samples a heap cycle, 128 a window.
    runKinds(heap, kinds, 900);
    const undecided = pretenurer.contexts().filter(({ decision }) => decision === null);
    expect(pretenurer.contexts()).toHaveLength(60);
    expect(undecided).toEqual([]);
  });
});

describe('splitting a mixture into modes', () => {
  it('reads the columns a bounded number of times between two yields', () => {
    const columns = 48;
    let reads = 0;
    const counted = (values: Float64Array): Float64Array =>
      new Proxy(values, {
        get(target, key) {
          reads++;
          return Reflect.get(target, key);
        },
      });
    const mass = Float64Array.from({ length: columns }, (_, i) => (i % 8 === 0 ? 1 / 6 : 0));
    const steps = splitModes(counted(mass), new Float64Array(columns).fill(1), columns, 0.01, 6);
    const perStep: number[] = [];
    let borders: number[] | undefined;
    while (borders === undefined) {
      reads = 0;
      const step = steps.next();
      perStep.push(reads);
      if (step.done === true) borders = step.value;
    }
    expect(borders).toHaveLength(7);
    // Two stretches, each read from both ends, pooled quadratically at worst.
    expect(Math.max(...perStep)).toBeLessThanOrEqual(2 * columns * columns);
    expect(perStep.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(10 * Math.max(...perStep));
  });
});
