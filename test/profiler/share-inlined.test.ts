import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tallyContexts } from '../../src/profiler/context-tally.js';
import {
  type AttributionLevel,
  buildProfile,
  type ContextAggregate,
  createFrameResolver,
  currentProcess,
} from '../../src/profiler/index.js';
import { collapsesTo, findMoves } from '../../src/profiler/share-inlined.js';
import { aggregates, context, frame } from './aggregates-fixture.js';

const resolver = createFrameResolver({ directory: '/nowhere', mainFile: '/nowhere/app.js' });

/** `stack` leaf first, as in 'leaf<outer<main'. */
const counted = (stack: string, objects: number, level: AttributionLevel = 'off'): ContextAggregate =>
  context(
    stack.split('<').map((name) => frame(name)),
    objects,
    { level },
  );

function shared(contexts: ContextAggregate[]): Record<string, { objects: number; estimated: number }> {
  const { contexts: told } = buildProfile(aggregates(contexts), currentProcess(), { resolver });
  return Object.fromEntries(
    told.map((c) => [
      c.frames.map((f) => f.function).join('<'),
      { objects: Math.round(c.allocated.objects), estimated: c.estimated },
    ]),
  );
}

const frames = (stack: string, truncated = false) => ({
  frames: [],
  keys: stack.split('<'),
  key: stack,
  truncated,
});

describe('a context looks like another once frames are inlined', () => {
  const cases: [inner: string, outer: string, same: boolean][] = [
    ['leaf<run<main', 'run<main', true],
    ['leaf<helper<run<main', 'run<main', true],
    ['leaf<helper<run<main', 'helper<main', true],
    ['leaf<run<main', 'leaf<main', true],
    ['leaf<run<main', 'main', true],
    ['leaf<run<main', 'run<other', false],
    ['leaf<run<main', 'main<run', false],
    ['leaf<run', 'run<main', false],
  ];
  for (const [inner, outer, same] of cases) {
    it(`${inner} ${same ? 'as' : 'not as'} ${outer}`, () => {
      expect(collapsesTo(frames(inner), frames(outer))).toBe(same);
    });
  }

  it('also where V8 cut the stack before its outer end', () => {
    expect(collapsesTo(frames('leaf<helper<run', true), frames('run<serve<main'))).toBe(true);
    expect(collapsesTo(frames('leaf<helper<run', true), frames('other<serve<main'))).toBe(false);
  });
});

describe('outside a window, births on an outer function', () => {
  it('are shared among the inner contexts that the window saw there', () => {
    const told = shared([
      counted('a<run<main', 300, 'calls'),
      counted('b<run<main', 600, 'calls'),
      counted('run<main', 100, 'calls'),
      counted('run<main', 2000),
    ]);
    expect(told['a<run<main']).toMatchObject({ objects: 300 + 600 });
    expect(told['b<run<main']).toMatchObject({ objects: 600 + 1200 });
    expect(told['run<main']).toEqual({ objects: 100 + 200, estimated: 0 });
    expect(told['a<run<main']!.estimated).toBeCloseTo(600 / 900, 9);
  });

  it('stay where the window saw as many', () => {
    const told = shared([
      counted('a<run<main', 500, 'calls'),
      counted('run<main', 500, 'calls'),
      counted('a<run<main', 800),
      counted('run<main', 800),
    ]);
    expect(told).toEqual({
      'a<run<main': { objects: 1300, estimated: 0 },
      'run<main': { objects: 1300, estimated: 0 },
    });
  });

  it('stay where no window saw inner contexts', () => {
    const told = shared([counted('x<main', 900, 'calls'), counted('run<main', 700), counted('x<main', 200)]);
    expect(told['run<main']).toEqual({ objects: 700, estimated: 0 });
  });

  it('are not taken from a program that only changed its ways', () => {
    // The inner context has gone quiet, but run allocates no more than it did.
    const told = shared([
      counted('a<run<main', 500, 'calls'),
      counted('run<main', 500, 'calls'),
      counted('run<main', 500),
      counted('y<main', 500),
    ]);
    expect(told['run<main']).toEqual({ objects: 1000, estimated: 0 });
    expect(told['a<run<main']).toEqual({ objects: 500, estimated: 0 });
  });

  it('are not taken for inner contexts that are still seen, only less', () => {
    const told = shared([
      counted('a<run<main', 600, 'calls'),
      counted('run<main', 400, 'calls'),
      counted('a<run<main', 300),
      counted('run<main', 700),
    ]);
    expect(told['run<main']).toEqual({ objects: 1100, estimated: 0 });
  });

  it('go to the inner contexts of the innermost function that can carry them', () => {
    // Only search's caller was inlined: set still shows as itself, and must not be taken from search.
    const told = shared([
      counted('set<search<each<main', 200, 'calls'),
      counted('search<each<main', 800, 'calls'),
      counted('set<search<main', 200),
      counted('search<main', 800),
    ]);
    expect(told).toEqual({
      'set<search<each<main': { objects: 400, estimated: 0.5 },
      'search<each<main': { objects: 1600, estimated: 0.5 },
    });
  });

  it('conserve totals, whatever was counted', () => {
    const stacks = ['a<run<main', 'b<run<main', 'b<a<run<main', 'run<main', 'main', 'a<main', 'x<y<main'];
    const anyContext = fc
      .tuple(
        fc.constantFrom(...stacks),
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom<AttributionLevel>('off', 'sites', 'calls'),
      )
      .map((args) => counted(...args));
    fc.assert(
      fc.property(fc.array(anyContext, { maxLength: 25 }), (contexts) => {
        const total = contexts.reduce((sum, { objects }) => sum + objects, 0);
        const { contexts: told } = buildProfile(aggregates(contexts), currentProcess(), { resolver });
        expect(told.reduce((sum, c) => sum + c.allocated.objects, 0)).toBeCloseTo(total, 4);
        for (const c of told) {
          expect(c.estimated).toBeGreaterThanOrEqual(0);
          expect(c.estimated).toBeLessThanOrEqual(1);
          const dead = c.survival[0]! - c.survival[1]!;
          expect(dead).toBeCloseTo(c.allocated.objects, 4);
        }
        const levels = tallyContexts(contexts, resolver, 16);
        const [calls, off] = [levels.get('calls'), levels.get('off')];
        if (calls === undefined || off === undefined) return;
        const shares = new Map<unknown, number>();
        for (const { from, share } of findMoves(calls, off)) {
          expect(share).toBeGreaterThanOrEqual(0);
          shares.set(from, (shares.get(from) ?? 0) + share);
        }
        for (const share of shares.values()) expect(share).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});
