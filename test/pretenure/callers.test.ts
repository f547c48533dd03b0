import vm, { runInThisContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/base/index.js';
import { CallerIds } from '../../src/pretenure/callers.js';
import { CALLER_DEPTH } from '../../src/pretenure/features.js';
import { StackKeys } from '../../src/pretenure/stack-keys.js';

interface StackAddon {
  callerKey(frames: number): number;
  learnInterpreter(): boolean;
}

const nowMs = (): number => performance.now();
const slow = (): CallerIds => new CallerIds(nowMs, new StackKeys(CALLER_DEPTH, {}));

function capture(ids: CallerIds, frames: number): number[] {
  ids.capture(frames);
  return [...ids.chain];
}

describe('callers', () => {
  for (const [name, make] of [
    ['by Error', slow],
    ['with the addon, where there is one', () => new CallerIds(nowMs)],
  ] as const) {
    it(`${name}: chains are equal exactly as far as the ways there are`, () => {
      const ids = make();
      const inner = (): number[] => capture(ids, 4);
      const middle = (): number[] => inner();
      const one = (): number[] => middle();
      const other = (): number[] => middle();
      const runs = Array.from({ length: 3000 }, (_, i) => (i % 2 === 0 ? one() : other()));
      const [first, second] = runs;
      for (const [i, chain] of runs.entries()) expect(chain).toEqual(i % 2 === 0 ? first : second);
      expect(first!.slice(1, 3)).toEqual(second!.slice(1, 3));
      expect(first![3]).not.toEqual(second![3]);
      expect(ids.framesOf(first![3]!).map((frame) => frame.function)).toEqual([
        'capture',
        'inner',
        'middle',
        'one',
      ]);
    });
  }

  /** A way of `depth` calls through code that passes for rolp's own, each by a constructor if asked for, to a capture. */
  function throughOwn(ids: CallerIds, depth: number, byNew: boolean, frames: number): () => void {
    const calls = Array.from({ length: depth }, (_, i) => {
      const inner = i === 0 ? `ids.capture(${frames})` : `f${i - 1}()`;
      return byNew
        ? `class C${i} { constructor() { ${inner}; } } const f${i} = () => { new C${i}(); };`
        : `const f${i} = () => { ${inner}; };`;
    });
    const text = `(ids) => { ${calls.join('\n')} return f${depth - 1}; }`;
    const script = new vm.Script(text, { filename: 'file:///own/library.js' });
    return (script.runInThisContext() as (ids: CallerIds) => () => void)(ids);
  }

  it.each([
    [1, false],
    [4, false],
    [6, false],
    [9, false],
    [2, true],
    [4, true],
  ])(
    'are told apart to the last frame asked for, through %i frames of rolp’s own (by new: %s)',
    (depth, byNew) => {
      const ids = new CallerIds(nowMs, new StackKeys(CALLER_DEPTH), 'file:///own/');
      const enter = throughOwn(ids, depth, byNew, 4);
      const inner = (): void => enter();
      const middle = (): void => inner();
      const outer = (): void => middle();
      const one = (): number[] => {
        outer();
        return [...ids.chain];
      };
      const other = (): number[] => {
        outer();
        return [...ids.chain];
      };
      for (let i = 0; i < 3000; i++) {
        const [first, second] = [one(), other()];
        expect(second[2]).toBe(first[2]);
        expect(second[3]).not.toBe(first[3]);
      }
      expect(ids.framesOf(one()[3]!).map((frame) => frame.function)).toEqual([
        'inner',
        'middle',
        'outer',
        'one',
      ]);
    },
  );

  it('with the addon are known by the whole stack where compiled code leaves fewer frames than are asked for', async () => {
    const ids = new CallerIds(nowMs, new StackKeys(CALLER_DEPTH), 'file:///own/');
    if (!new StackKeys(CALLER_DEPTH).available) return;
    const enter = throughOwn(ids, 9, false, CALLER_DEPTH);
    // Functions of their own, so that all are inlined into one.
    const calls = Array.from(
      { length: 8 },
      (_, i) => `const f${i} = () => { ${i === 0 ? 'enter' : `f${i - 1}`}(); };`,
    );
    const script = new vm.Script(`(enter) => { ${calls.join('\n')} return f7; }`, { filename: 'program.js' });
    const call = (script.runInThisContext() as (enter: () => void) => () => void)(enter);
    await new Promise<void>((done) => {
      let turn = 0;
      const again = (): void => {
        for (let i = 0; i < 50; i++) call();
        if (++turn === 800) done();
        else setImmediate(again);
      };
      setImmediate(again);
    });
    expect(ids.captures).toBe(40_000);
    expect(ids.errorCaptures).toBeLessThan(4000);
  });

  it('with the addon ask V8 once for each way, not once for each call', () => {
    const ids = new CallerIds(nowMs);
    if (!new StackKeys(CALLER_DEPTH).available) return;
    const one = (): number[] => capture(ids, 3);
    for (let i = 0; i < 20_000; i++) one();
    expect(ids.captures).toBe(20_000);
    expect(ids.errorCaptures).toBeLessThan(200);
  });

  it('with the addon tell calls of one interpreted function apart, whoever asks for the interpreter again', () => {
    if (!new StackKeys(CALLER_DEPTH).available) return;
    const addon = loadAddon() as unknown as StackAddon;
    // Compiled code that calls itself: its return address is repeated like the interpreter's.
    const deep = (n: number): boolean => (n === 0 ? addon.learnInterpreter() : deep(n - 1));
    let isKnown = true;
    for (let i = 0; i < 20_000; i++) isKnown = deep(40) && isKnown;
    expect(isKnown).toBe(true);
    const cold = new Function('key', 'return [key(8), key(8)]') as (
      key: (frames: number) => number,
    ) => number[];
    const [first, second] = cold(addon.callerKey);
    expect(first).not.toBe(0);
    expect(first).not.toBe(second);
  });

  it('tell await chains apart, however the addon sees them', async () => {
    const ids = new CallerIds(nowMs);
    const inner = async (): Promise<number[]> => {
      await null;
      return capture(ids, 3);
    };
    const one = async (): Promise<number[]> => await inner();
    const other = async (): Promise<number[]> => await inner();
    const seen = { one: new Set<number>(), other: new Set<number>() };
    for (let i = 0; i < 200; i++) {
      seen.one.add((await one())[2]!);
      seen.other.add((await other())[2]!);
    }
    expect(seen.one.size).toBe(1);
    expect(seen.other.size).toBe(1);
    expect([...seen.one]).not.toEqual([...seen.other]);
  });

  it('keep no names of scripts once frames have no numbers left, since evaluated texts may each have their own', () => {
    const ids = slow();
    const texts = Array.from(
      { length: 4300 },
      (_, i) =>
        runInThisContext('(ids) => ids.capture(1)', { filename: `text-${i}.js` }) as (ids: CallerIds) => void,
    );
    for (const text of texts.slice(0, 4200)) text(ids);
    const { set } = Map.prototype;
    let kept = 0;
    try {
      Map.prototype.set = function (key, value) {
        kept++;
        return set.call(this, key, value);
      };
      for (const text of texts.slice(4200)) text(ids);
    } finally {
      Map.prototype.set = set;
    }
    expect(kept).toBe(0);
    expect(ids.chain[0]).toBeGreaterThan(0);
  });

  it('never seem to cost less than nothing, though the clock be set back', () => {
    let now = 0;
    const ids = new CallerIds(() => (now -= 1000), new StackKeys(CALLER_DEPTH, {}));
    for (let i = 0; i < 200; i++) capture(ids, i % 2 === 0 ? 1 : CALLER_DEPTH);
    expect(Math.min(ids.captureNs, ids.probeNs)).toBeGreaterThanOrEqual(0);
  });

  it('leave Error as the program had it, also its own prepareStackTrace', () => {
    const { prepareStackTrace, stackTraceLimit } = Error;
    try {
      Error.prepareStackTrace = () => 'mine';
      Error.stackTraceLimit = 3;
      capture(slow(), 4);
      expect(new Error('x').stack).toBe('mine');
      expect(Error.stackTraceLimit).toBe(3);
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = stackTraceLimit;
    }
  });
});
