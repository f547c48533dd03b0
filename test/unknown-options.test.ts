import { describe, expect, it } from 'vitest';
import { checkNames } from '../src/base/index.js';
import { ArenaCache } from '../src/cache/index.js';
import { createMap, defineRecord, GenerationalHeap, NumberList, Pool } from '../src/heap/index.js';
import { pretenure } from '../src/pretenure/index.js';

const heap = new GenerationalHeap({ maxBytes: 1 << 20 });
const generation = heap.newGeneration();
const User = defineRecord({ id: 'u32' }, 'User');

/** Whoever takes options, each handed one with `more` among them. */
const TAKERS: Readonly<Record<string, (more: object) => unknown>> = {
  GenerationalHeap: (more) => new GenerationalHeap({ maxBytes: 1 << 20, ...more }),
  newGeneration: (more) => heap.newGeneration(more),
  configureGeneration: (more) => heap.configureGeneration(generation, more),
  releaseGeneration: (more) => heap.releaseGeneration(generation, { keep: true, ...more }),
  'heap.site': (more) => heap.site('s', more),
  Pool: (more) => new Pool(User, { heap, ...more }),
  HeapMap: (more) => createMap(heap, { keys: 'string', values: 'u32', ...more }),
  'HeapMap of numbers': (more) => createMap(heap, { keys: 'number', values: 'u32', ...more }),
  NumberList: (more) => new NumberList(heap, { values: 'u32', ...more }),
  pretenure: (more) => pretenure(new GenerationalHeap({ maxBytes: 1 << 20 }), more),
  ArenaCache: (more) => new ArenaCache({ maxBytes: 1 << 20, ...more }),
  'ArenaCache.front': (more) => new ArenaCache({ front: { entries: 16, ...more } }),
};

describe('a source of time or chance that is none', () => {
  it('is refused when the heap is made', () => {
    const make = (options: object) => () => new GenerationalHeap({ maxBytes: 1 << 20, ...options });
    expect(make({ clock: null })).toThrow('GenerationalHeap.clock.nowMs must be a function, got undefined');
    expect(make({ clock: Date })).toThrow('GenerationalHeap.clock.nowMs must be a function');
    expect(make({ random: 0.5 })).toThrow('GenerationalHeap.random must be a function, got 0.5');
  });

  it('is refused when a map is made, which has taken nothing then', () => {
    const { committed } = heap.bytes;
    for (const name of ['HeapMap', 'HeapMap of numbers']) {
      expect(() => TAKERS[name]!({ random: 0.5 })).toThrow('HeapMap.random must be a function, got 0.5');
    }
    expect(heap.bytes.committed).toBe(committed);
  });
});

describe('an option that is true or false', () => {
  it.each([
    ['releaseGeneration', 'keep'],
    ['releaseGeneration', 'tellOwners'],
    ['newGeneration', 'fixed'],
    ['Pool', 'compile'],
  ])('of %s, %s, is nothing else', (name, option) => {
    for (const value of [0, 1, 'no']) {
      expect(() => TAKERS[name]!({ [option]: value })).toThrow(`${name}.${option} must be true or false`);
    }
  });
});

it('what a library puts on Object.prototype is no option', () => {
  const refused: unknown[] = [];
  Object.defineProperty(Object.prototype, 'extra', { value: 1, enumerable: true, configurable: true });
  for (const take of Object.values(TAKERS)) {
    try {
      take({});
    } catch (error) {
      refused.push(error);
    }
  }
  Reflect.deleteProperty(Object.prototype, 'extra');
  expect(refused).toEqual([]);
});

describe('an option that nobody reads', () => {
  it.each(Object.entries(TAKERS))('is refused by %s', (name, take) => {
    expect(() => take({ colour: 1 })).toThrow(`${name} has no option 'colour'; there are `);
    expect(() => take({})).not.toThrow();
  });

  it.each([
    ['GenerationalHeap', { maxByte: 1 << 30 }, 'maxBytes'],
    ['GenerationalHeap', { regionbytes: 4096 }, 'regionBytes'],
    ['newGeneration', { fix: true }, 'fixed'],
    ['Pool', { stie: 's' }, 'site'],
    ['pretenure', { maxContext: 9 }, 'maxContexts'],
    ['ArenaCache', { ttlAutoPurge: true }, 'ttlAutopurge'],
    ['ArenaCache', { maxsize: 9 }, 'maxSize'],
  ])('of %s, %j, is told beside the one that was meant', (name, more, meant) => {
    const [wrong] = Object.keys(more);
    expect(() => TAKERS[name]!(more)).toThrow(`${name} has no option '${wrong}'; did you mean '${meant}'?`);
  });

  it('is not looked for where there are no options: a number is no bound', () => {
    expect(() => new GenerationalHeap((1 << 20) as never)).toThrow(
      'GenerationalHeap takes an object of options, got 1048576',
    );
    for (const wrong of [500, null, 'lru', [], true]) {
      expect(() => new ArenaCache(wrong as never)).toThrow('ArenaCache takes an object of options');
    }
    expect(() => pretenure(new ArenaCache({ maxBytes: 1 << 20 }) as never)).toThrow('cache.heap');
  });

  it('may be inherited, as those that are read may', () => {
    const defaults = Object.create({ maxBytes: 1 });
    expect(() => checkNames('it', defaults, ['maxBytes'])).not.toThrow();
    expect(() => checkNames('it', defaults, ['minBytes'])).toThrow(
      "it has no option 'maxBytes'; did you mean 'minBytes'?",
    );
  });
});
