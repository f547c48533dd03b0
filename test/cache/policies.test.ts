import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Ghost } from '../../src/cache/ghost.js';
import { ArenaCache, type PolicyName } from '../../src/cache/index.js';
import { GenerationalHeap } from '../../src/heap/index.js';

/** A policy over keys of one size, as its paper says it, in the plainest way. */
interface Model {
  set(key: number): void;
  get(key: number): boolean;
  delete(key: number): void;
  keys(): number[];
}

/** What is stale is never spared; a model asks here. */
type IsStale = (key: number) => boolean;

class LruModel implements Model {
  readonly #map = new Map<number, true>();
  readonly #max: number;
  constructor(max: number) {
    this.#max = max;
  }
  set(key: number): void {
    this.#map.delete(key);
    while (this.#map.size >= this.#max) this.#map.delete(this.#map.keys().next().value!);
    this.#map.set(key, true);
  }
  get(key: number): boolean {
    if (!this.#map.delete(key)) return false;
    this.#map.set(key, true);
    return true;
  }
  delete(key: number): void {
    this.#map.delete(key);
  }
  keys(): number[] {
    return [...this.#map.keys()];
  }
}

class SieveModel implements Model {
  #queue: { key: number; visited: boolean }[] = [];
  #hand = 0;
  readonly #max: number;
  readonly #isStale: IsStale;
  constructor(max: number, isStale: IsStale) {
    this.#max = max;
    this.#isStale = isStale;
  }
  #at(key: number): number {
    return this.#queue.findIndex((entry) => entry.key === key);
  }
  set(key: number): void {
    if (this.get(key)) return;
    while (this.#queue.length >= this.#max) this.#evict();
    this.#queue.push({ key, visited: false });
  }
  #evict(): void {
    for (;;) {
      if (this.#hand >= this.#queue.length) this.#hand = 0;
      const entry = this.#queue[this.#hand]!;
      if (!entry.visited || this.#isStale(entry.key)) {
        this.#queue.splice(this.#hand, 1);
        return;
      }
      entry.visited = false;
      this.#hand++;
    }
  }
  get(key: number): boolean {
    const at = this.#at(key);
    if (at !== -1) this.#queue[at]!.visited = true;
    return at !== -1;
  }
  delete(key: number): void {
    const at = this.#at(key);
    if (at === -1) return;
    this.#queue.splice(at, 1);
    if (at < this.#hand) this.#hand--;
  }
  keys(): number[] {
    return this.#queue.map((entry) => entry.key);
  }
}

class S3FifoModel implements Model {
  #small: { key: number; hits: number }[] = [];
  #main: { key: number; hits: number }[] = [];
  readonly #ghost = new Map<number, number>();
  #evicted = 0;
  #window = 0;
  readonly #max: number;
  readonly #isStale: IsStale;
  constructor(max: number, isStale: IsStale) {
    this.#max = max;
    this.#isStale = isStale;
  }
  #entry(key: number): { key: number; hits: number } | undefined {
    return [...this.#small, ...this.#main].find((entry) => entry.key === key);
  }
  set(key: number): void {
    if (this.get(key)) return;
    while (this.#small.length + this.#main.length >= this.#max) this.#evict();
    const remembered = this.#evicted - (this.#ghost.get(key) ?? -1e9) <= this.#window;
    this.#ghost.delete(key);
    (remembered ? this.#main : this.#small).push({ key, hits: 0 });
  }
  #evict(): void {
    for (;;) {
      const total = this.#small.length + this.#main.length;
      if (this.#small.length > 0.1 * total || this.#main.length === 0) {
        const entry = this.#small.shift()!;
        if (entry.hits < 2 || this.#isStale(entry.key)) {
          this.#remember(entry.key);
          return;
        }
        this.#main.push({ key: entry.key, hits: 0 });
      } else {
        const entry = this.#main.shift()!;
        if (entry.hits === 0 || this.#isStale(entry.key)) {
          this.#remember(entry.key);
          return;
        }
        this.#main.push({ key: entry.key, hits: entry.hits - 1 });
      }
    }
  }
  #remember(key: number): void {
    if (this.#isStale(key)) return;
    this.#ghost.set(key, this.#evicted++);
    this.#window = Math.max(1, this.#small.length + this.#main.length);
  }
  get(key: number): boolean {
    const entry = this.#entry(key);
    if (entry !== undefined) entry.hits = Math.min(3, entry.hits + 1);
    return entry !== undefined;
  }
  delete(key: number): void {
    this.#small = this.#small.filter((entry) => entry.key !== key);
    this.#main = this.#main.filter((entry) => entry.key !== key);
  }
  keys(): number[] {
    return [...this.#small, ...this.#main].map((entry) => entry.key);
  }
}

const steps = fc.array(fc.tuple(fc.constantFrom('set', 'set', 'get', 'get', 'get', 'delete'), fc.nat(60)), {
  minLength: 50,
  maxLength: 1500,
});

function agree(policy: PolicyName, make: (max: number, isStale: IsStale) => Model, ttl: number): void {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), steps, (max, operations) => {
      const clock = { ms: 0 };
      const expiries = new Map<number, number>();
      const isStale = (key: number): boolean => ttl > 0 && clock.ms > expiries.get(key)!;
      const model = make(max, isStale);
      // Small regions, so that queues go over many of them.
      const heap = new GenerationalHeap({ maxBytes: 1 << 20, regionBytes: 1024, debug: true });
      const cache = new ArenaCache<number, number>({
        policy,
        max,
        heap,
        // So few regions that ttls have no buckets of their own: over several lanes the order is not exact.
        maxBytes: ttl > 0 ? 62 << 10 : 1 << 20,
        ttl,
        // What is stale stays until the policy or a get comes across it, as the model has it.
        allowStale: true,
        // A set that renews the ttl of an entry in an old region makes it the queue's youngest.
        noUpdateTTL: true,
        perf: { now: () => clock.ms },
        ttlResolution: 0,
      });
      operations.forEach(([what, n], i) => {
        clock.ms++;
        const key = n % (2 * max + 2);
        if (what === 'set') {
          cache.set(key, key);
          if (!model.keys().includes(key)) expiries.set(key, clock.ms + ttl);
          model.set(key);
        } else if (what === 'get') {
          const stale = model.keys().includes(key) && isStale(key);
          if (stale) model.delete(key);
          const found = cache.get(key, { allowStale: false }) !== undefined;
          expect(found, `get ${key} at step ${i}`).toBe(!stale && model.get(key));
        } else {
          cache.delete(key);
          model.delete(key);
        }
        expect(cache.size, `size at step ${i}`).toBe(model.keys().length);
      });
      expect([...cache.rkeys()]).toEqual(model.keys());
      heap.verify();
    }),
    { numRuns: Number(process.env.ROLP_TEST_RUNS ?? 100), seed: 21 },
  );
}

describe('policies against plain models', () => {
  for (const [ttl, said] of [
    [0, ''],
    [150, ', with a ttl'],
  ] as const) {
    it(`lru evicts what lru evicts, in any order of calls${said}`, () =>
      agree('lru', (max) => new LruModel(max), ttl));

    it(`sieve evicts what sieve evicts${said}`, () =>
      agree('sieve', (max, isStale) => new SieveModel(max, isStale), ttl));

    it(`s3-fifo evicts what s3-fifo evicts, its ghost included${said}`, () =>
      agree('s3-fifo', (max, isStale) => new S3FifoModel(max, isStale), ttl));
  }
});

describe('the ghost', () => {
  const hashOf = (n: number): number => {
    let h = Math.imul(n + 1, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  };

  const ghostOn = (heap: GenerationalHeap): Ghost => {
    let call = 0;
    return new Ghost(
      heap,
      () => heap.regions.freeRegions - 1,
      () => call++,
    );
  };

  it('remembers about as many as the cache has entries, the latest ones, in three to six bytes each', () => {
    for (const entries of [100, 3000, 50_000]) {
      const heap = new GenerationalHeap({ maxBytes: 8 << 20 });
      const ghost = ghostOn(heap);
      for (let n = 0; n < entries * 5; n++) ghost.insert(hashOf(n), entries);
      let recent = 0;
      for (let n = entries * 5 - Math.floor(entries / 2); n < entries * 5; n++)
        if (ghost.take(hashOf(n))) recent++;
      expect(recent / Math.floor(entries / 2)).toBeGreaterThan(0.8);
      let old = 0;
      for (let n = 0; n < entries * 3; n++) if (ghost.take(hashOf(n))) old++;
      expect(old / (entries * 3)).toBeLessThan(0.02);
      let never = 0;
      for (let n = entries * 6; n < entries * 9; n++) if (ghost.take(hashOf(n))) never++;
      expect(never / (entries * 3)).toBeLessThan(0.001);
      expect(heap.regions.generationBytes(ghost.generation)).toBeLessThan(entries * 6 + 5 * heap.regionBytes);
    }
  });

  it('forgets a key once it was taken, and does without memory if there is none', () => {
    const heap = new GenerationalHeap({ maxBytes: 512 * 1024, regionBytes: 4096 });
    const ghost = ghostOn(heap);
    ghost.insert(hashOf(1), 100);
    expect(ghost.take(hashOf(1))).toBe(true);
    expect(ghost.take(hashOf(1))).toBe(false);
    const other = heap.registerOwner({ moved: () => {} });
    const hold = heap.newGeneration();
    while (heap.regions.freeRegions > 1) heap.allocateOwned(other, 2000, hold);
    const poor = ghostOn(heap);
    for (let n = 0; n < 1000; n++) poor.insert(hashOf(n), 1000);
    expect(poor.take(hashOf(999))).toBe(false);
  });
});
