import { describe, expect, it } from 'vitest';
import type { LifetimeClass, ProfileContext } from '../../src/profiler/index.js';
import { groupContexts } from '../../src/report/index.js';
import { contextFixture } from './profile-fixture.js';

/** `stack`: `name@package` is a function of a package, `name` one of the app, `+name` one of V8's builtins. */
function context(stack: string, kind: LifetimeClass, samples = 100): ProfileContext {
  const frames = stack.split(' < ').map((text) => {
    const [name, pack] = text.split('@');
    if (text.startsWith('+')) return { function: text.slice(1), url: '', line: null, column: null };
    const url = pack === undefined ? 'src/app.js' : `${pack}@1.2.3/lib/index.js`;
    return { function: name!, url, line: 1, column: 1 };
  });
  return { ...contextFixture('x', 1600, kind === 'young' ? 0 : 1), frames, samples, class: kind };
}

/** Each group as `frames: contexts, callers`. */
function grouped(...contexts: ProfileContext[]): string[] {
  return groupContexts(contexts).map(
    ({ frames, contexts: own, callers }) =>
      `${frames.map((frame) => frame.function).join(' < ')}: ${own.length}, ${callers.map((frame) => frame.function).join(' ')}`,
  );
}

describe('contexts of one place', () => {
  it('are one row while their objects live alike, whoever called', () => {
    expect(
      grouped(
        context('make@lib < search@lib < find < a@web', 'long'),
        context('make@lib < search@lib < find < b@web', 'long'),
        context('make@lib < search@lib < main', 'long'),
        context('other@lib < main', 'long'),
      ),
    ).toEqual(['make < search: 3, find main', 'other < main: 1, main']);
  });

  it('are as many rows as it takes to tell lifetimes apart', () => {
    expect(
      grouped(
        context('make@lib < search@lib < a', 'young'),
        context('make@lib < search@lib < b', 'long'),
        context('make@lib < search@lib < c', 'young'),
        context('make@lib < load@lib < d', 'long'),
      ),
    ).toEqual(['make < search: 2, a c', 'make: 2, b d']);
  });

  it('are not told apart by what called the app’s own code', () => {
    expect(
      grouped(
        context('make < a@web', 'young'),
        context('make < b@web', 'long', 60),
        context('make', 'young'),
      ),
    ).toEqual(['make: 3, make']);
  });

  it('are not told apart by contexts with few samples', () => {
    expect(
      grouped(
        context('make@lib < a', 'long'),
        context('make@lib < b', 'young', 5),
        context('make@lib < c', 'young', 6),
      ),
    ).toEqual(['make: 3, a b c']);
  });

  it('are those of its caller where the leaf is one of V8’s builtins', () => {
    expect(
      grouped(
        context('+set < add@lib < main', 'long'),
        context('+set < store@cache < main', 'long'),
        context('+set < add@lib < other', 'long'),
        context('+set', 'long'),
      ),
    ).toEqual(['set < add: 2, main other', 'set < store < main: 1, main', 'set: 1, ']);
  });

  it('hold every context once', () => {
    const stacks = ['f@a < g@a < x', 'f@a < h@a < x', 'f@a < h@a < y', 'f@a', 'g', '+map < g', '+map'];
    const contexts = stacks.flatMap((stack, i) => [
      context(stack, i % 2 ? 'young' : 'long'),
      context(`${stack} < z`, i % 3 ? 'middle' : 'long', 10 * i),
    ]);
    const all = groupContexts(contexts).flatMap((group) => group.contexts);
    expect(all).toHaveLength(contexts.length);
    expect(new Set(all)).toEqual(new Set(contexts));
  });
});
