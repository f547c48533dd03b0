import { describe, expect, it } from 'vitest';
import { ArenaCache } from '../../src/cache/index.js';
import { priorsOfDecisions, profileContexts } from '../../src/pretenure/index.js';
import { contextsOf, generationsOf, lcg, learningHeap } from './helpers.js';

type Keys = readonly (readonly [prefix: string, cycles: number])[];

/** One cache, one site, one line that sets: entries are deleted after so many heap cycles, by what their key starts with. */
function run(keys: Keys, cycles: number, started = learningHeap()) {
  const { heap, pretenurer } = started;
  const cache = new ArenaCache<string, string>({ heap, maxBytes: 8 * 2 ** 20, site: 'entries' });
  const random = lcg(3);
  const value = 'v'.repeat(100);
  const due: string[][] = [];
  let asked = 0;
  for (let step = 0, id = 0; heap.cycle < cycles; step++) {
    for (const key of due[step] ?? []) cache.delete(key);
    // A fortieth of a cycle.
    const end = heap.cycleBytes / 40 / 160;
    for (let i = 0; i < end; i++) {
      const [prefix, life] = keys[Math.floor(random() * keys.length)]!;
      const key = `${prefix}${id++}`;
      if (heap.wantsPlacementKey) asked++;
      cache.set(key, value);
      const at = step + Math.max(1, Math.round(40 * life * (0.8 + 0.4 * random())));
      due[at] ??= [];
      due[at].push(key);
    }
  }
  heap.verify();
  return { heap, pretenurer, asked, cache };
}

describe('a cache whose keys tell lifetimes apart', () => {
  const planted: Keys = [
    ['session:', 2],
    ['user---:', 9],
  ];

  it('is told apart by their prefixes, which it hands over while a conflict asks for them', () => {
    const { heap, pretenurer, asked } = run(planted, 96);
    const contexts = contextsOf(pretenurer, 'entries');
    expect(contexts.map(({ features }) => features)).toEqual(
      expect.arrayContaining([{ key: 'session' }, { key: 'user---' }]),
    );
    expect(contexts.length).toBe(2);
    const [low, high] = generationsOf(pretenurer, 'entries');
    expect([2, 3]).toContain(low);
    expect([8, 9, 10]).toContain(high);
    // Not before the second window has shown the conflict.
    expect(asked).toBeGreaterThan(1000);
    expect(heap.wantsPlacementKey).toBe(true);
  });

  it('is asked for no key any more once all lifetimes have long been alike', () => {
    const started = learningHeap();
    run(planted, 96, started).cache.clear();
    expect(started.heap.wantsPlacementKey).toBe(true);
    const alike: Keys = [
      ['session:', 1],
      ['user---:', 1],
    ];
    run(alike, 96 + 160, started);
    expect(contextsOf(started.pretenurer, 'entries').length).toBe(1);
    expect(started.heap.wantsPlacementKey).toBe(false);
  });

  it('goes by them from the start with an earlier run’s profile', () => {
    const earlier = run(planted, 96);
    const priors = priorsOfDecisions(profileContexts(earlier.pretenurer.contexts()));
    const { pretenurer, heap } = run(planted, 2, learningHeap({ priors }));
    expect(heap.wantsPlacementKey).toBe(true);
    expect(generationsOf(pretenurer, 'entries').length).toBe(2);
    expect(contextsOf(pretenurer, 'entries').every(({ verdict }) => verdict === 'resolved')).toBe(true);
    expect(generationsOf(pretenurer, 'entries')).toEqual(generationsOf(earlier.pretenurer, 'entries'));
  });

  it('is asked for no key where lifetimes are alike', () => {
    const alike: Keys = [
      ['session:', 4],
      ['user---:', 4],
    ];
    const { asked, pretenurer } = run(alike, 96);
    expect(asked).toBe(0);
    expect(contextsOf(pretenurer, 'entries').length).toBe(1);
  });
});
