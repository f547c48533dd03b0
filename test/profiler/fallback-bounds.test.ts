import type { Session } from 'node:inspector';
import v8 from 'node:v8';
import { describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { FallbackContext } from '../../src/profiler/fallback-contexts.js';
import type { SamplerDoor } from '../../src/profiler/fallback-doors.js';
import { FallbackSource } from '../../src/profiler/fallback-source.js';

const options = {
  intervalBytes: 512,
  stackDepth: 16,
  budgetPercent: 0,
  maxContexts: 500,
  level: 'off',
} as const;

/** An inspector whose looks do as they are told. */
function sessionThat(looks: (answer: (error: Error | null, result?: unknown) => void) => void): Session {
  return {
    connect() {},
    disconnect() {},
    post: (_: string, answer: (error: Error | null, result?: unknown) => void) => looks(answer),
  } as unknown as Session;
}

function countingDoor(): SamplerDoor & { readonly calls: string[] } {
  const calls: string[] = [];
  return { engine: 'pprof', calls, start: () => calls.push('start'), stop: () => calls.push('stop') };
}

describe('the fallback’s memory is bounded', () => {
  it('in lives of every length, whose spans are only ever rounded outwards', () => {
    const context = new FallbackContext([], 'off', 0);
    const random = seededRandom(7);
    const lives = 40_000;
    for (let i = 0; i < lives; i++) {
      const low = Math.floor(2 ** (random() * 24));
      const high = random() < 0.2 ? null : low + 1 + Math.floor(2 ** (random() * 24));
      context.addLife(
        { gcCycles: [low, high], bytes: [low * 1e5, high === null ? null : high * 1e5], ms: [low, high] },
        1,
        i,
      );
    }
    const { gcCycles, lifeBytes, lifeMs } = context.aggregate(1, { samples: 0, objects: 0, bytes: 0 });
    for (const table of [gcCycles, lifeBytes, lifeMs]) {
      expect(table.length).toBeLessThan(1500);
      expect(table.reduce((sum, cell) => sum + cell[2], 0)).toBe(lives);
      for (const [low, high] of table) if (high !== null) expect(high).toBeGreaterThan(low);
    }
  });

  it('in GC cycles up to 64 to none, and beyond that by little', () => {
    const spanOf = (low: number, high: number | null) => {
      const context = new FallbackContext([], 'off', 0);
      context.addLife({ gcCycles: [low, high], bytes: [1, 2], ms: [1, 2] }, 1, 0);
      return context.aggregate(1, { samples: 0, objects: 0, bytes: 0 }).gcCycles[0]!.slice(0, 2);
    };
    expect([spanOf(0, 1), spanOf(63, 64), spanOf(40, null)]).toEqual([
      [0, 1],
      [63, 64],
      [40, null],
    ]);
    for (let age = 65; age < 1e6; age = Math.ceil(age * 1.3)) {
      const [low, high] = spanOf(age, age + 1) as [number, number];
      expect(low).toBeLessThanOrEqual(age);
      expect(high).toBeGreaterThanOrEqual(age + 1);
      expect(low).toBeGreaterThan(age * 0.95);
      expect(high).toBeLessThan((age + 1) * 1.05 + 1);
    }
  });

  /** Looks that see one live object of each of these functions, all called by `main`. */
  const lookAt = (names: readonly string[], firstOrdinal = 1) => {
    const frame = (functionName: string) => ({
      functionName,
      url: 'app.js',
      lineNumber: 0,
      columnNumber: 0,
    });
    const children = names.map((name, i) => ({ id: 3 + i, callFrame: frame(name), children: [] }));
    const main = { id: 2, callFrame: frame('main'), children };
    return {
      profile: {
        head: { id: 1, callFrame: frame('(root)'), children: [main] },
        samples: names.map((_, i) => ({ size: 512, nodeId: 3 + i, ordinal: firstOrdinal + i })),
      },
    };
  };

  it('in contexts that were only ever seen alive: they go with their objects', () => {
    let looks = 0;
    const source = new FallbackSource(
      countingDoor(),
      sessionThat((answer) => {
        looks++;
        answer(null, lookAt([`f${looks}`], looks));
      }),
    );
    source.start(options);
    for (let i = 0; i < 2 * options.maxContexts; i++) {
      const { contexts, foldedContexts } = source.read();
      expect(contexts.map(({ frames }) => frames[0]!.function)).toEqual([`f${looks}`]);
      expect(foldedContexts).toBe(0);
    }
    source.stop();
  });

  it('in contexts beyond the cap, each of which is folded the same way again and counted once', () => {
    const source = new FallbackSource(
      countingDoor(),
      sessionThat((answer) => answer(null, lookAt(['a', 'b', 'c', 'd', 'e']))),
    );
    source.start({ ...options, maxContexts: 2 });
    for (let i = 0; i < 10; i++) {
      const { contexts, foldedContexts } = source.read();
      const seen = contexts.map(({ folded, frames, live }) => [folded, frames.length, live.samples]);
      expect(seen).toEqual([
        [0, 2, 1],
        [0, 2, 1],
        [1, 1, 1],
        [1, 1, 1],
        [2, 0, 1],
      ]);
      expect(foldedContexts).toBe(3);
    }
    source.stop();
  });

  it('in the GCs that V8 lists, which are read in between where looks are rare', async () => {
    const listed = vi.spyOn(v8.GCProfiler.prototype, 'stop');
    let looks = 0;
    const source = new FallbackSource(
      countingDoor(),
      sessionThat((answer) => {
        looks++;
        answer(null, lookAt(['f']));
      }),
    );
    // So small a budget that half a minute passes before the first look.
    source.start({ ...options, budgetPercent: 0.001, seed: 1 });
    const before = listed.mock.calls.length;
    await expect.poll(() => listed.mock.calls.length, { timeout: 25_000 }).toBeGreaterThan(before);
    expect(looks).toBe(0);
    source.stop();
    listed.mockRestore();
  });

  it('in epochs, where somebody stops V8’s sampler again and again', () => {
    const source = new FallbackSource(
      countingDoor(),
      sessionThat((answer) => answer(new Error('not running'))),
    );
    source.start(options);
    const { startMs } = source.read().epochs[0]!;
    for (let i = 1; i < 600; i++) source.read();
    const { epochs } = source.read();
    expect(epochs.length).toBe(256);
    expect(epochs.at(-1)!.index).toBe(601);
    expect(epochs.map(({ index }) => index)).toEqual(epochs.map((_, i) => epochs[0]!.index + i));
    expect(epochs[0]!.startMs).toBe(startMs);
    source.stop();
  });
});

it('a wrong interval is refused before V8, which would end the process, hears of it', () => {
  const door = countingDoor();
  const source = new FallbackSource(
    door,
    sessionThat((answer) => answer(new Error('not running'))),
  );
  expect(() => source.start({ ...options, intervalBytes: 0 })).toThrow('intervalBytes');
  expect(door.calls).toEqual([]);
  source.start(options);
  expect(() => source.setInterval(Number.NaN)).toThrow('intervalBytes');
  expect(door.calls).toEqual(['start']);
  source.stop();
});

it('another’s sampler, started where rolp’s was stopped, is adopted: its ids are other objects, and it is not stopped', async () => {
  const callFrame = { functionName: 'f', url: 'app.js', lineNumber: 0, columnNumber: 0 };
  const head = { id: 1, callFrame, children: [{ id: 2, callFrame, children: [] }] };
  let [taken, size] = [0, 100];
  const door = countingDoor();
  const source = new FallbackSource(
    door,
    sessionThat((answer) => {
      taken += 10;
      const samples = Array.from({ length: taken }, (_, i) => ({ size, nodeId: 2, ordinal: i + 1 }));
      answer(null, { profile: { head, samples } });
    }),
  );
  source.start(options);
  await expect.poll(() => source.read().cohorts, { timeout: 60_000 }).toBeGreaterThan(0);
  [taken, size] = [0, 900];
  const { epochs, contexts, samples } = source.read();
  expect(epochs.map(({ reason }) => reason)).toEqual(['start', 'adopted']);
  expect(epochs[0]!.censored).toBeGreaterThan(0);
  expect(epochs[1]!.samples).toBe(10);
  expect(samples).toBe(epochs[0]!.samples + 10);
  expect(contexts.map(({ deaths }) => deaths.young + deaths.old)).toEqual(contexts.map(() => 0));
  expect(() => source.setInterval(1024)).toThrow(/another tool/);
  source.stop();
  expect(door.calls).toEqual(['start']);
});

it('a look that throws turns the fallback off with one warning, and what was counted stays', async () => {
  const warnings: Error[] = [];
  const listener = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listener);
  const door = countingDoor();
  const source = new FallbackSource(
    door,
    sessionThat(() => {
      throw new Error('the app has broken Map');
    }),
  );
  source.start(options);
  // In a timer, where it would be an uncaught exception.
  await expect.poll(() => warnings.length, { timeout: 60_000 }).toBe(1);
  process.off('warning', listener);
  expect(warnings[0]!.message).toMatch(/turned off.*the app has broken Map/);
  expect(door.calls).toEqual(['start', 'stop']);
  expect(source.read()).toMatchObject({ samples: 0, contexts: [] });
});
