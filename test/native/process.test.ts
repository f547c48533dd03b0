import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { runFixture } from './helpers.js';

/** See native/truth/truth.cc. */
interface TruthAddon {
  churnContexts(
    maxContexts: number,
    rounds: number,
    perRound: number,
  ): { readonly places: readonly number[]; readonly lost: number };
}

interface Row {
  readonly threadId: number;
  readonly ended: boolean;
  readonly endedInside: boolean;
  readonly missed: number;
  readonly gcCycles: number;
  readonly samples: number;
  readonly seen: boolean;
}

describe('the store of all threads', () => {
  const endings: [how: string, code: number, ended: boolean][] = [
    ['normal', 0, true],
    ['terminate', 0, true],
    ['exit', 0, true],
    ['throw', 0, true],
    ['oom', 0, true],
    ['main-exit', 3, false],
    ['main-throw', 1, false],
  ];
  it.each(endings)('main reads what a worker counted that ended by: %s', async (how, code, ended) => {
    const outcome = await runFixture('threads.mjs', [how]);
    expect(outcome).toMatchObject({ code, signal: null });
    const [main, worker, ...more] = JSON.parse(outcome.stdout) as Row[];
    expect(more).toEqual([]);
    expect(main).toMatchObject({ threadId: 0, ended: false, missed: 0, seen: true });
    expect(worker).toMatchObject({ threadId: 1, ended, endedInside: ended, missed: 0, seen: true });
    expect(worker!.gcCycles).toBeGreaterThan(2);
    expect(worker!.samples).toBeGreaterThan(1000);
  });
});

describe('heap out of memory', () => {
  it('ends the process as it does without the sampler', async () => {
    const flags = ['--max-old-space-size=40'];
    const plain = await runFixture('oom.mjs', ['plain'], flags);
    const sampled = await runFixture('oom.mjs', ['sampled'], flags);
    expect(plain.signal).toBe('SIGABRT');
    expect(sampled).toEqual(plain);
  });
});

describe('churn of short-lived contexts', () => {
  interface Churn {
    readonly marks: { readonly mallocBytes: number; readonly live: number; readonly contexts: number }[];
    readonly folded: number;
    readonly missed: number;
    readonly samples: number;
    readonly births: number;
    readonly everything: [frames: number, samples: number][];
    readonly leaves: number;
  }

  it('keeps within the cap and in flat memory, and loses no birth in folding', async () => {
    const outcome = await runFixture('churn.mjs', ['300'], ['--expose-gc']);
    const churn = JSON.parse(outcome.stdout) as Churn;
    expect(churn.missed).toBe(0);
    expect(churn.births).toBe(churn.samples);
    expect(churn.folded).toBeGreaterThan(5000);
    expect(churn.leaves).toBeGreaterThan(0);
    expect(churn.everything).toHaveLength(1);
    expect(churn.everything[0]![0]).toBe(0);
    for (const mark of churn.marks) expect(mark.contexts).toBeLessThanOrEqual(200);
    // The second half makes 6000 contexts; one kept of each would be four megabytes and more. What V8 keeps alive (Node 26
    // keeps the functions) it and we must keep samples of, at some 300 bytes each, vectors doubling.
    const [middle, end] = [churn.marks[4]!, churn.marks[9]!];
    const growth = end.mallocBytes - middle.mallocBytes - 400 * Math.max(0, end.live - middle.live);
    expect(growth).toBeLessThan(2 << 20);
  });

  it('takes no more places in the table of contexts, all of which each poll passes over', () => {
    const { churnContexts } = createRequire(import.meta.url)(
      `../../native/build/${process.versions.modules}/rolp_truth.node`,
    ) as TruthAddon;
    const { places, lost } = churnContexts(200, 400, 25);
    expect(lost).toBe(0);
    expect(places[7]).toBe(200);
    expect(places.at(-1)).toBe(places[20]);
    expect(places.at(-1)).toBeLessThan(2 * 200);
  });
});
