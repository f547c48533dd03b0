import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/base/index.js';
import { ArenaCache, type CacheOptions } from '../../src/cache/index.js';
import {
  type Generation,
  GenerationalHeap,
  type PlacementPolicy,
  type SiteId,
} from '../../src/heap/index.js';

const policies = ['s3-fifo', 'sieve', 'lru'] as const;
const MiB = 1 << 20;

function shared(options: CacheOptions<string, string> = {}): [ArenaCache<string, string>, GenerationalHeap] {
  const heap = new GenerationalHeap({ maxBytes: 4 * MiB, regionBytes: 4096, sampleBytes: 64 });
  return [new ArenaCache<string, string>({ heap, codec: 'string', ...options }), heap];
}

/** Live bytes of each generation that has any. */
function live(heap: GenerationalHeap): Map<number, number> {
  return new Map(
    heap
      .stats()
      .generations.filter(({ liveBytes }) => liveBytes > 0)
      .map(({ generation, liveBytes }) => [generation, liveBytes]),
  );
}

/** Advises by site, and counts lives. */
class StubPolicy implements PlacementPolicy {
  readonly advice = new Map<number, number>();
  readonly born_ = new Map<number, number>();
  readonly died_ = new Map<number, number>();
  readonly asked: [number, number][] = [];
  generationFor(site: SiteId, _bytes: number, ttlMs: number): number {
    if (this.asked.length < 1000) this.asked.push([site, ttlMs]);
    return this.advice.get(site) ?? 0;
  }
  born(site: SiteId): number {
    this.born_.set(site, (this.born_.get(site) ?? 0) + 1);
    return site + 7;
  }
  died(site: SiteId, _generation: Generation, _bytes: number, _age: number, cookie: number): void {
    // Blocks of the index and the ghost have site 0, and some were born before the policy came.
    if (site !== 0 && cookie !== site + 7) throw new Error(`cookie ${cookie} of site ${site}`);
    this.died_.set(site, (this.died_.get(site) ?? 0) + 1);
  }
  fragmented(): void {}
}

describe('a generation given by hand', () => {
  it('goes before the ttl and the policy, and takes its entries along when it is released', () => {
    for (const policy of policies) {
      const gone: string[] = [];
      const [cache, heap] = shared({
        policy,
        dispose: (_value, key, reason) => gone.push(`${key} ${reason}`),
      });
      const batch = heap.newGeneration();
      const stranger = heap.allocate(100, batch);
      for (let i = 0; i < 500; i++) {
        cache.set(`b${i}`, 'in the batch', { generation: batch, ...(i % 2 === 0 ? { ttl: 1e6 } : {}) });
        cache.set(`o${i}`, 'not in it');
      }
      expect(live(heap).get(batch)).toBeGreaterThan(500 * 20);
      expect([...cache.keys()].length).toBe(1000);
      expect(heap.view(stranger).length).toBe(100);
      heap.releaseGeneration(batch);
      expect(cache.size).toBe(500);
      for (let i = 0; i < 500; i++) {
        expect(cache.get(`b${i}`)).toBeUndefined();
        expect(cache.get(`o${i}`)).toBe('not in it');
      }
      cache.delete('o0');
      expect(gone.length).toBe(501);
      expect(gone).toContain('b7 evict');
      heap.verify();
    }
  });

  it('is left by an entry that is set with another, and kept by one that is set with none', () => {
    const [cache, heap] = shared();
    const [one, two] = [heap.newGeneration(), heap.newGeneration()];
    cache.set('a', 'x', { generation: one });
    cache.set('a', 'y', { generation: two });
    expect([live(heap).get(one), live(heap).get(two)! > 0]).toEqual([undefined, true]);
    cache.set('a', 'z');
    expect([cache.get('a'), live(heap).get(two)! > 0]).toEqual(['z', true]);
  });

  it('may be the cache’s or the site’s; a wrong one is named', () => {
    const heap = new GenerationalHeap({ maxBytes: 4 * MiB, regionBytes: 4096, sampleBytes: 0 });
    const site = heap.site('users', { generation: 3 });
    const whole = new ArenaCache<string, string>({ heap, generation: 5 as Generation });
    const bySite = new ArenaCache<string, string>({ heap, site });
    const byName = new ArenaCache<string, string>({ heap, site: 'users' });
    for (let i = 0; i < 100; i++) for (const cache of [whole, bySite, byName]) cache.set(`k${i}`, 'v');
    expect(live(heap).get(5)).toBeGreaterThan(0);
    expect(live(heap).get(3)).toBe(live(heap).get(5)! * 2);
    expect(() => whole.set('a', 'v', { generation: 999_999 as Generation })).toThrow('no generation 999999');
    expect(() => new ArenaCache({ heap, generation: 999_999 as Generation })).toThrow('no generation');
    expect(() => new ArenaCache({ heap, site: 77 as SiteId })).toThrow('no site 77');
    whole.clear();
    expect(live(heap).get(5)).toBeUndefined();
    expect(bySite.size).toBe(100);
    heap.verify();
  });

  it('does not keep its entries from eviction, nor others from their place', () => {
    for (const policy of policies) {
      const [cache, heap] = shared({ policy, maxBytes: MiB });
      const batch = heap.newGeneration();
      const random = seededRandom(9);
      const truth = new Map<string, string>();
      for (let i = 0; i < 40_000; i++) {
        const key = `k${Math.floor(random() ** 2 * 20_000)}`;
        const value = 'v'.repeat(random() * 200);
        const byHand = i % 3 === 0;
        cache.set(key, value, byHand ? { generation: batch } : {});
        truth.set(key, value);
        const asked = `k${Math.floor(random() ** 2 * 20_000)}`;
        const found = cache.get(asked);
        if (found !== undefined) expect(found).toBe(truth.get(asked));
        expect(cache.bytes).toBeLessThanOrEqual(MiB);
      }
      expect(cache.size).toBeGreaterThan(1000);
      heap.verify();
      cache[Symbol.dispose]();
      heap.releaseGeneration(batch);
      expect(heap.bytes.live).toBe(0);
    }
  });

  it('may be one for each batch, thousands over time', () => {
    const [cache, heap] = shared({ maxBytes: MiB });
    for (let n = 0; n < 3000; n++) {
      const batch = heap.newGeneration();
      for (let i = 0; i < 5; i++) cache.set(`b${n}-${i}`, 'v', { generation: batch });
      heap.releaseGeneration(batch);
    }
    expect(cache.size).toBe(0);
    expect(cache.bytes).toBeLessThan(MiB / 4);
    heap.verify();
  });
});

describe('a placement policy', () => {
  it('splits a queue by site; the cache keeps its order, its bytes and its hits', () => {
    for (const policy of policies) {
      const [cache, heap] = shared({ policy, maxBytes: MiB });
      const sites = ['a', 'b', 'c'].map((name) => heap.site(name));
      const stub = new StubPolicy();
      stub.advice.set(sites[1]!, 2).set(sites[2]!, 9);
      heap.setPlacementPolicy(stub);
      for (let i = 0; i < 600; i++) cache.set(`k${i}`, 'value', { site: sites[i % 3]! });
      // The queue's three parts, none of them where the policy said: it may only split.
      const parts = live(heap);
      expect([parts.get(2), parts.get(9)], policy).toEqual([undefined, undefined]);
      const shares = [...parts.values()].filter((bytes) => bytes > 3000 && bytes < 9000);
      expect(shares.length, policy).toBeGreaterThanOrEqual(3);
      expect(stub.asked.every(([site, ttl]) => site > 0 && ttl === 0)).toBe(true);
      const random = seededRandom(4);
      for (let i = 0; i < 60_000; i++) {
        const n = Math.floor(random() ** 2 * 30_000);
        if (cache.get(`k${n}`) === undefined) cache.set(`k${n}`, 'v'.repeat(n % 90), { site: sites[n % 3]! });
        expect(cache.bytes).toBeLessThanOrEqual(MiB);
      }
      expect(cache.stats().evictions).toBeGreaterThan(1000);
      heap.verify();
    }
  });

  it('is told of births and deaths with their site, and of none when an entry moves on', () => {
    for (const policy of policies) {
      const [cache, heap] = shared({ policy, maxBytes: MiB });
      const [a, b] = [heap.site('a'), heap.site('b')];
      const stub = new StubPolicy();
      heap.setPlacementPolicy(stub);
      const random = seededRandom(6);
      for (let i = 0; i < 50_000; i++) {
        const n = Math.floor(random() ** 3 * 20_000);
        // Hits, so that entries are promoted and put in again.
        if (cache.get(`k${n}`) === undefined) {
          cache.set(`k${n}`, 'v'.repeat(60), {
            site: n % 2 === 0 ? a : b,
            ...(n % 5 === 0 ? { ttl: 1e6 } : {}),
          });
        }
      }
      expect(stub.born_.get(a)).toBeGreaterThan(1000);
      expect(stub.born_.get(b)).toBeGreaterThan(1000);
      if (policy !== 'lru') expect(heap.stats().totals.bytesEvacuated, policy).toBeGreaterThan(10_000);
      cache.clear();
      heap.step(1000);
      for (const site of [a, b]) expect(stub.died_.get(site), policy).toBe(stub.born_.get(site));
    }
  });

  it('that throws is taken off, and the set goes through', () => {
    const [cache, heap] = shared();
    const stub = new StubPolicy();
    stub.generationFor = () => {
      throw new Error('no idea');
    };
    heap.setPlacementPolicy(stub);
    cache.set('a', 'x');
    expect(cache.get('a')).toBe('x');
  });
});
