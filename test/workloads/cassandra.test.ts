import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenerationalHeap } from '../../src/heap/index.js';
import {
  ArenaRowCache,
  BloomFilter,
  BufferRowCache,
  CASSANDRA_VARIANTS,
  type CassandraEngine,
  cassandra,
  FIELD_LENGTH,
  FIELDS,
  LibraryRowCache,
  MapRowCache,
  openCassandra,
  Requests,
  type RowCache,
  TypedRowCache,
  tokenOf,
} from '../../workloads/cassandra/index.js';
import { mixInt } from '../../workloads/common/index.js';

const VARIANTS = CASSANDRA_VARIANTS.filter((variant) => variant !== 'floor');
const SMALL = { memtableCells: 12, compactionFanIn: 2, maxAmplification: 2, unitsPerCell: 40, cachedRows: 5 };

function keyOf(token: number): string {
  return `user${token.toString().padStart(10, '0')}`;
}

function open(variant: string, requests: Requests, policy?: typeof SMALL): CassandraEngine<never, never> {
  return openCassandra(variant, requests, policy) as CassandraEngine<never, never>;
}

describe.each(VARIANTS)('the cassandra engine, %s', (variant) => {
  it('reads back the newest cells through flushes, compactions and the row cache', () => {
    const token = fc.constantFrom(0, 1, 5, 77, 1_000_000, 2 ** 31, 2 ** 32 - 1, 4_000_000_000, 123_456_789);
    const step = fc.record({
      token,
      field: fc.nat(FIELDS - 1),
      value: fc.string({ maxLength: FIELD_LENGTH, unit: fc.constantFrom('a', 'z', ' ', 'é') }),
      read: token,
    });
    let tiers = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 200 }), (steps) => {
        const engine = open(variant, new Requests(10, 10, 1, 'WI'), SMALL);
        const model = new Map<number, { values: string[]; writeTime: number }>();
        for (const [at, write] of steps.entries()) {
          engine.write(keyOf(write.token), write.field, write.value);
          const row = model.get(write.token) ?? { values: new Array(FIELDS).fill(''), writeTime: 0 };
          row.values[write.field] = write.value;
          row.writeTime = at + 1;
          model.set(write.token, row);
          expect(engine.read(keyOf(write.read))).toEqual(model.get(write.read));
        }
        for (const [written, row] of model) expect(engine.read(keyOf(written))).toEqual(row);
        tiers = Math.max(tiers, ...engine.tables.map((table: { tier: number }) => table.tier));
        engine.close();
      }),
      { seed: 3, numRuns: 25 },
    );
    expect(tiers, 'tables were compacted').toBeGreaterThan(1);
  });
});

describe('the cassandra workload', () => {
  it.each(['single', 'auto'])(
    'frees what was overwritten, once and for all, where blocks end one by one: %s',
    (variant) => {
      const engine = open(variant, new Requests(10, 10, 1, 'WI'), { ...SMALL, memtableCells: 200 });
      for (let i = 0; i < 100_000; i++) engine.write(keyOf(i % 7), i % 3, 'v'.repeat(FIELD_LENGTH));
      // A few memtables' and tables' worth: what was written takes 12 MB.
      expect(engine.stats().bytesLive).toBeLessThan(1_000_000);
    },
  );

  it.each(['WI', 'WR', 'RI', 'WR-zipfian', 'WR-latest'])(
    'gives the same answers in every variant: %s',
    (mix) => {
      const requests = new Requests(2000, 5000, 42, mix);
      const sums = VARIANTS.map((variant) => {
        const engine = open(variant, requests);
        engine.load();
        let checksum = 0;
        for (let op = 0; op < 12_000; op++) checksum = mixInt(checksum, engine.apply(op));
        const stats = engine.stats();
        expect(stats.memtables, 'flushes keep up').toBeLessThan(3);
        expect(stats.tables, 'compactions keep up').toBeLessThan(20);
        return checksum;
      });
      expect(new Set(sums).size, String(sums)).toBe(1);
    },
  );

  it.each(['WI', 'WR'])('evicts rows by the end of its warm-up, not long before: %s', (mix) => {
    const heapMb = 40;
    const engine = cassandra.prepare({ heapMb, streamOps: 50_000, seed: 1, mix }).open('arena');
    engine.load();
    const warmUp = cassandra.warmUpOperations!(heapMb);
    const evicted = (): boolean => engine.takeStopWork!()!.pauses.some(({ kind }) => kind === 'evict');
    let op = 0;
    while (!evicted() && op < warmUp) {
      for (let i = 0; i < 100; i++) engine.apply(op++);
    }
    expect(op).toBeLessThan(0.9 * warmUp);
    expect(op).toBeGreaterThan(0.25 * warmUp);
    engine.close();
  });

  it('draws the papers’ share of reads', () => {
    const shares = ['WI', 'WR', 'RI'].map((mix) => {
      const requests = new Requests(100, 20_000, 1, mix);
      let reads = 0;
      for (let op = 0; op < 20_000; op++) if (requests.field(op) === FIELDS) reads++;
      return reads / 20_000;
    });
    expect(shares).toEqual([expect.closeTo(0.25, 1), expect.closeTo(0.5, 1), expect.closeTo(0.75, 1)]);
  });

  it('names its variants and mixes when asked for others', () => {
    expect(() => new Requests(10, 10, 1, 'WO')).toThrow(/'WO'.*WI, WR, RI/);
    expect(() => openCassandra('disk', new Requests(10, 10, 1, 'WI'))).toThrow(/'disk'.*heap/);
  });
});

describe.each([
  ['map', (rows: number): RowCache => new MapRowCache(rows)],
  ['lru-cache', (rows: number): RowCache => new LibraryRowCache(rows)],
  ['buffers', (rows: number): RowCache => new BufferRowCache(rows)],
  ['typed', (rows: number): RowCache => new TypedRowCache(rows)],
  [
    'arena',
    (rows: number): RowCache => {
      const heap = new GenerationalHeap({ maxBytes: 16 * 2 ** 20 });
      return new ArenaRowCache(heap, rows, 32 * heap.regionBytes);
    },
  ],
])('the row cache on %s', (_name, make) => {
  it('keeps the rows used last, and no more than it may', () => {
    const step = fc.record({ token: fc.nat(12), action: fc.constantFrom('get', 'set', 'delete') });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 6 }), (steps, maxRows) => {
        const cache = make(maxRows);
        const model: number[] = [];
        for (const { token, action } of steps) {
          const at = model.indexOf(token);
          const row = { values: new Array(FIELDS).fill(`v${token}`), writeTime: token + 0.5 };
          if (action === 'get') expect(cache.get(keyOf(token))).toEqual(at === -1 ? undefined : row);
          else if (action === 'delete') cache.delete(keyOf(token));
          else if (at === -1) cache.set(keyOf(token), row);
          if (at !== -1 && action !== 'set') model.splice(at, 1);
          if ((action === 'get' && at !== -1) || (action === 'set' && at === -1)) model.push(token);
          if (model.length > maxRows) model.shift();
        }
        for (let token = 0; token <= 12; token++) {
          expect(cache.get(keyOf(token)) !== undefined).toBe(model.includes(token));
        }
      }),
      { seed: 4, numRuns: 200 },
    );
  });
});

describe('the bloom filter', () => {
  it('lets every key through that is there, and few that are not', () => {
    const bloom = new BloomFilter(5000);
    for (let token = 0; token < 5000; token++) bloom.add(token * 7);
    let wrong = 0;
    for (let token = 0; token < 5000; token++) {
      expect(bloom.mayHave(token * 7)).toBe(true);
      if (bloom.mayHave(token * 7 + 1)) wrong++;
    }
    expect(wrong / 5000).toBeLessThan(0.03);
  });

  it('knows a key’s number', () => {
    expect(tokenOf('user0000000042')).toBe(42);
    expect(tokenOf('user4294967295')).toBe(2 ** 32 - 1);
  });
});
