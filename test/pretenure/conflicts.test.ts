import { setImmediate as tick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { GenerationalHeap, SiteId } from '../../src/heap/index.js';
import {
  about,
  contextsOf,
  generationsOf,
  type Kind,
  lcg,
  learningHeap,
  Program,
  plantedCallers,
} from './helpers.js';

/** Each wanted lifetime has a context of its own, whose generation is within one, or a quarter, of it. */
function expectResolved(generations: readonly (number | null)[], lives: readonly number[]): void {
  const wanted = lives.map((cycles) => Math.min(15, Math.max(1, Math.round(cycles)))).sort((a, b) => a - b);
  expect(generations.length, String(generations)).toBe(wanted.length);
  for (const [i, generation] of generations.entries()) {
    const slack = Math.max(1, wanted[i]! / 4);
    expect(Math.abs(generation! - wanted[i]!), `${generations} for ${wanted}`).toBeLessThanOrEqual(slack);
  }
}

function planted(heap: GenerationalHeap, site: SiteId, depth: number, lives: readonly number[]): Kind[] {
  const callers = plantedCallers(heap, site, depth);
  return lives.map((cycles, i) => ({ allocate: callers[i]!, life: about(cycles), weight: 1 }));
}

describe('a conflict', () => {
  for (const [depth, lives] of [
    [1, [1, 6]],
    [2, [0.5, 50]],
    [3, [2, 7, 25]],
    [4, [0.5, 2, 5, 10, 20, 50]],
  ] as const) {
    it(`of ${lives.join(', ')} cycles is resolved by callers ${depth} deep, the least that tells them apart`, () => {
      const { heap, pretenurer } = learningHeap();
      const site = heap.site('factory');
      new Program(heap, planted(heap, site, depth, lives), depth).run(32 + 80);
      const contexts = contextsOf(pretenurer, 'factory');
      expectResolved(generationsOf(pretenurer, 'factory'), lives);
      for (const { features, verdict, frames } of contexts) {
        expect(Object.keys(features)).toEqual([`caller${depth}`]);
        expect(verdict).toBe('resolved');
        expect(frames.length).toBe(depth + 1);
        expect(frames[0]!.function).toBe('factory');
      }
      heap.verify();
    });
  }

  it('is resolved by the cheapest feature: time to live before size before key before callers', () => {
    const resolvedBy = (kindsOf: (heap: GenerationalHeap, site: SiteId) => Kind[], size?: () => number) => {
      const { heap, pretenurer } = learningHeap();
      const kinds = kindsOf(heap, heap.site('s'));
      new Program(heap, kinds, 3, size).run(64);
      expectResolved(generationsOf(pretenurer, 's'), [2, 9]);
      return Object.keys(contextsOf(pretenurer, 's')[0]!.features);
    };
    const two = (allocate: (which: 0 | 1) => (byteLength: number) => number): Kind[] => [
      { allocate: allocate(0), life: about(2), weight: 1 },
      { allocate: allocate(1), life: about(9), weight: 1 },
    ];
    const byTtl = resolvedBy((heap, site) =>
      two((i) => (n) => heap.allocate(i === 0 ? n : n + 512, undefined, site, i === 0 ? 1000 : 60_000)),
    );
    expect(byTtl).toEqual(['ttl']);
    const bySize = resolvedBy(
      (heap, site) => two((i) => (n) => heap.allocate(i === 0 ? n : n + 512, undefined, site)),
      () => 100,
    );
    expect(bySize).toEqual(['size']);
    const byKey = resolvedBy((heap, site) =>
      two((i) => (n) => {
        heap.placementKey = heap.wantsPlacementKey ? i + 1 : 0;
        return heap.allocate(n, undefined, site);
      }),
    );
    expect(byKey).toEqual(['key']);
  });

  it('of two features is resolved by both together', () => {
    const { heap, pretenurer } = learningHeap();
    const site = heap.site('s');
    const one = (n: number, ttlMs: number): number => heap.allocate(n, undefined, site, ttlMs);
    const other = (n: number, ttlMs: number): number => heap.allocate(n, undefined, site, ttlMs);
    const kinds = [0, 1, 2, 3].map((which) => ({
      allocate: (n: number) => (which < 2 ? one : other)(n, which % 2 === 0 ? 1000 : 60_000),
      life: about(which === 0 || which === 3 ? 1 : 9),
      weight: 1,
    }));
    new Program(heap, kinds, 3).run(80);
    expectResolved(generationsOf(pretenurer, 's'), [1, 1, 9, 9]);
    expect(Object.keys(contextsOf(pretenurer, 's')[0]!.features)).toEqual(['ttl', 'caller0']);
  });

  it('of asynchronous callers is resolved by the awaiting functions, and by scopes where nobody awaits', async () => {
    const { heap, pretenurer } = learningHeap({ asyncScopes: true });
    const awaited = heap.site('awaited');
    const scoped = heap.site('scoped');
    const factory = async (site: SiteId): Promise<number> => {
      await null;
      return heap.allocate(100, undefined, site);
    };
    const short = async (): Promise<number> => await factory(awaited);
    const long = async (): Promise<number> => await factory(awaited);
    const later = (): Promise<number> =>
      new Promise((resolve) => queueMicrotask(() => resolve(heap.allocate(100, undefined, scoped))));
    const kinds = [
      { make: short, cycles: 1 },
      { make: long, cycles: 8 },
      { make: () => pretenurer.scope('short', later), cycles: 1 },
      { make: () => pretenurer.scope('long', later), cycles: 8 },
    ];
    const random = lcg(5);
    const due: { ref: number; at: number }[] = [];
    while (heap.cycle < 64) {
      const { make, cycles } = kinds[Math.floor(random() * kinds.length)]!;
      const life = about(cycles)(random);
      const ref = await make();
      due.push({ ref, at: heap.cycle + random() + life });
      for (let i = 0; i < 2 && due.length > 0; i++) {
        const pick = Math.floor(random() * due.length);
        for (let k = pick; k < Math.min(due.length, pick + 400); k++) {
          if (due[k]!.at > heap.cycle) continue;
          heap.free(due[k]!.ref);
          due[k] = due[due.length - 1]!;
          due.pop();
        }
      }
      if (due.length % 5000 === 0) await tick();
    }
    expect(Object.keys(contextsOf(pretenurer, 'scoped')[0]!.features)).toEqual(['scope']);
    expect(Object.keys(contextsOf(pretenurer, 'awaited')[0]!.features)[0]).toMatch(/^caller/);
    for (const site of ['awaited', 'scoped']) {
      const [low, high] = generationsOf(pretenurer, site);
      expect(high! - low!).toBeGreaterThan(3);
    }
  });

  it('that nothing tells apart is told as such, with its lifetimes as a mixture', () => {
    const { heap, pretenurer } = learningHeap();
    const site = heap.site('s');
    const life = (random: () => number): number => about(random() < 0.5 ? 1 : 12)(random);
    new Program(heap, [{ allocate: (n) => heap.allocate(n, undefined, site), life, weight: 1 }], 3).run(
      32 + 96,
    );
    const [context] = contextsOf(pretenurer, 's');
    expect(context!.verdict).toBe('unresolvable');
    expect(context!.features).toEqual({});
    const modes = context!.decision!.conflict!.modes;
    expect(modes.length).toBe(2);
    expect(modes[0]!.weight).toBeGreaterThan(0.35);
    expect(modes[0]!.generation).toBeLessThan(modes[1]!.generation);
  });

  it('that is none is not resolved: callers of one lifetime stay one context', () => {
    const shapes: Record<string, (random: () => number) => number> = {
      exponential: (random) => -4 * Math.log(1 - random()),
      uniform: (random) => 10 * random(),
      heavy: (random) => 0.5 * (1 - random()) ** (-1 / 1.2),
      fifo: () => 6,
    };
    for (const [name, life] of Object.entries(shapes)) {
      const { heap, pretenurer } = learningHeap();
      const site = heap.site('s');
      const kinds = plantedCallers(heap, site, 2).map((allocate) => ({ allocate, life, weight: 1 }));
      new Program(heap, kinds, 3).run(128);
      expect(contextsOf(pretenurer, 's').length, name).toBe(1);
      expect(contextsOf(pretenurer, 's')[0]!.verdict, name).toBe('none');
    }
  });

  it('is told, and left alone, where capturing callers would take more time than allowed', () => {
    const { heap, pretenurer } = learningHeap({ callerBudget: 0 });
    const site = heap.site('s');
    const kinds = planted(heap, site, 2, [1, 9]);
    const program = new Program(heap, kinds, 3);
    program.run(80);
    expect(contextsOf(pretenurer, 's').map(({ verdict }) => verdict)).toEqual(['dear']);
    const { captures } = pretenurer.stats;
    for (let i = 0; i < 1000; i++) heap.free(heap.allocate(64, undefined, site));
    expect(pretenurer.stats.captures - captures).toBeLessThan(100);
    program.kinds = [{ ...kinds[0]!, life: about(4) }];
    program.run(160);
    expect(contextsOf(pretenurer, 's').map(({ verdict }) => verdict)).toEqual(['none']);
  });

  it('is not split by data: a key of a thousand values is left out of the search', () => {
    const { heap, pretenurer } = learningHeap();
    const site = heap.site('s');
    const callers = plantedCallers(heap, site, 1);
    let key = 0;
    const kinds = [2, 9].map((cycles, i) => ({
      allocate: (n: number) => {
        heap.placementKey = key = (key + 7) % 997;
        return callers[i]!(n);
      },
      life: about(cycles),
      weight: 1,
    }));
    new Program(heap, kinds, 3).run(112);
    expectResolved(generationsOf(pretenurer, 's'), [2, 9]);
    expect(Object.keys(contextsOf(pretenurer, 's')[0]!.features)).toEqual(['caller1']);
  });

  for (const [lives, keys] of [
    [[1, 12], 997],
    [[1, 100], 1],
  ] as const) {
    it(`of ${lives} cycles and ${keys} keys leaves nothing counted as living that died, however often it is looked into`, () => {
      const { heap, pretenurer } = learningHeap();
      const site = heap.site('s');
      let key = 0;
      const mixed: Kind = {
        allocate: (n) => {
          heap.placementKey = key = (key + 7) % keys;
          return heap.allocate(n, undefined, site);
        },
        life: (random) => about(random() < 0.5 ? lives[0] : lives[1])(random),
        weight: 1,
      };
      const program = new Program(heap, [mixed], 3);
      // The first search, and a second one or two.
      program.run(216);
      const [busy] = contextsOf(pretenurer, 's');
      expect(busy!.live.bytes).toBeGreaterThan(busy!.allocated.bytes / 100);
      const other = heap.site('other');
      program.kinds = [{ allocate: (n) => heap.allocate(n, undefined, other), life: about(1), weight: 1 }];
      program.run(132);
      const [over] = contextsOf(pretenurer, 's');
      expect(over!.live.bytes / over!.allocated.bytes).toBeLessThan(1e-6);
    });
  }

  it('is told apart by something else once what tells it apart has grown to more values than code has', () => {
    const { heap, pretenurer } = learningHeap({ maxContexts: 400 });
    const callers = plantedCallers(heap, heap.site('s'), 1);
    let values = 1;
    let turn = 0;
    const kinds = [2, 9].map((cycles, i) => ({
      allocate: (n: number) => {
        heap.placementKey = 1 + i + 2 * (turn++ % values);
        return callers[i]!(n);
      },
      life: about(cycles),
      weight: 1,
    }));
    const program = new Program(heap, kinds, 3, () => 100);
    program.run(80);
    expect(Object.keys(contextsOf(pretenurer, 's')[0]!.features)).toEqual(['key']);
    values = 100;
    let most = 0;
    program.run(144, () => {
      most = Math.max(most, pretenurer.stats.contexts);
    });
    expect(most).toBeLessThan(100);
    expectResolved(generationsOf(pretenurer, 's'), [2, 9]);
    expect(Object.keys(contextsOf(pretenurer, 's')[0]!.features)).toEqual(['caller1']);
  });

  it('is still resolved by callers after a time in which other sites had all the room', () => {
    const { heap, pretenurer } = learningHeap({ maxContexts: 16 });
    const own = planted(heap, heap.site('s'), 1, [2, 9]).map((kind) => ({ ...kind, weight: 5 }));
    const others = Array.from({ length: 15 }, (_, i): Kind => {
      const site = heap.site(`other ${i}`);
      return { allocate: (n) => heap.allocate(n, undefined, site), life: about(8), weight: 0.3 };
    });
    const program = new Program(heap, [...own, ...others], 3, () => 100);
    program.run(100);
    expect(contextsOf(pretenurer, 's')[0]!.verdict).not.toBe('resolved');
    program.kinds = own;
    program.run(500);
    expectResolved(generationsOf(pretenurer, 's'), [2, 9]);
  });

  it('that is over makes the site one context again', () => {
    const { heap, pretenurer } = learningHeap();
    const site = heap.site('s');
    const callers = plantedCallers(heap, site, 1);
    const program = new Program(heap, planted(heap, site, 1, [2, 9]), 3);
    program.run(64);
    expect(contextsOf(pretenurer, 's').length).toBe(2);
    program.kinds = callers.slice(0, 2).map((allocate) => ({ allocate, life: about(4), weight: 1 }));
    program.run(160);
    expect(contextsOf(pretenurer, 's').length).toBe(1);
    expect(generationsOf(pretenurer, 's')[0]).toBeGreaterThanOrEqual(3);
  });
});
