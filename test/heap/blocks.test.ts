import { describe, expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError, StaleRefError } from '../../src/heap/index.js';

function small(options = {}): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 256 * 1024, regionBytes: 1024, debug: true, ...options });
}

describe('refs', () => {
  it('are Smis, never 0, and lead to a view of exactly the length asked for', () => {
    const heap = small();
    for (const byteLength of [0, 1, 7, 8, 9, 100, 500]) {
      const ref = heap.allocate(byteLength);
      expect(ref).toBeGreaterThan(0);
      expect(ref | 0).toBe(ref);
      expect(heap.view(ref).length).toBe(byteLength);
      expect(heap.byteLength(ref)).toBe(byteLength);
    }
  });

  it('are stale once freed: for free, view and the like', () => {
    const heap = small();
    const ref = heap.allocate(64);
    heap.free(ref);
    expect(() => heap.free(ref)).toThrow(StaleRefError);
    expect(() => heap.view(ref)).toThrow(StaleRefError);
    expect(() => heap.byteLength(ref)).toThrow(StaleRefError);
    expect(heap.has(ref)).toBe(false);
  });

  it('that no heap gave out are refused', () => {
    const heap = small();
    heap.allocate(64);
    for (const ref of [0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 31 - 1, 77777, '1' as unknown as number]) {
      expect(() => heap.free(ref), String(ref)).toThrow(StaleRefError);
    }
  });

  it('are found out for exactly the stated number of reuses of their slot', () => {
    const heap = small({ maxRefs: 2 ** 27, debug: false });
    const { reusesDetected } = heap.stats().refs;
    expect(reusesDetected).toBe(15);
    const slotMask = heap.slotMask;
    const first = heap.allocate(8);
    heap.free(first);
    let reuses = 0;
    for (let i = 0; i < 1e6 && reuses < reusesDetected; i++) {
      const ref = heap.allocate(8);
      if ((ref & slotMask) === (first & slotMask)) {
        reuses++;
        expect(() => heap.free(first)).toThrow(StaleRefError);
      }
      heap.free(ref);
    }
    expect(reuses).toBe(reusesDetected);
  });

  it('let at least a quarter of the ring of freed slots go by before one is reused', () => {
    const heap = new GenerationalHeap({ maxBytes: 64 * 2 ** 20 });
    const first = heap.allocate(8);
    heap.free(first);
    for (let i = 0; i < 1024; i++) {
      const ref = heap.allocate(8);
      expect(ref & heap.slotMask).not.toBe(first & heap.slotMask);
      heap.free(ref);
    }
  });
});

describe('wrong arguments', () => {
  it('are named, and nothing is touched', () => {
    const heap = small();
    const before = heap.bytes;
    expect(() => heap.allocate(-1)).toThrow('byteLength must lie between');
    expect(() => heap.allocate(1.5)).toThrow('byteLength must be an integer, got 1.5');
    expect(() => heap.allocate('8' as unknown as number)).toThrow('byteLength must be an integer');
    expect(() => heap.allocate(8, 0)).toThrow("generation 0 is V8's own heap");
    expect(() => heap.allocate(8, 16)).toThrow('there is no generation 16');
    expect(() => heap.allocate(8, 1, 9)).toThrow('there is no site 9');
    expect(() => heap.allocate(8, 1, -1)).toThrow('there is no site -1');
    expect(heap.bytes).toEqual(before);
    heap.verify();
  });

  it('of the constructor are named by option', () => {
    expect(() => new GenerationalHeap({ maxBytes: 1 })).toThrow('GenerationalHeap.maxBytes must lie between');
    expect(() => new GenerationalHeap({ regionBytes: 1000 })).toThrow('regionBytes must be a power of two');
    expect(() => new GenerationalHeap({ generations: 15 })).toThrow('GenerationalHeap.generations');
    expect(() => new GenerationalHeap({ maxBytes: 32768, regionBytes: 32768 })).toThrow('must be at least');
    const numbers = [
      'maxBytes',
      'regionBytes',
      'generations',
      'cycleBytes',
      'alignBytes',
      'maxRefs',
      'liveThreshold',
      'wasteThreshold',
      'settleCycles',
      'stepBudgetMs',
      'sampleBytes',
      'shrinkAfterCycles',
    ];
    for (const option of numbers) {
      for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY, 2 ** 53, '8', null]) {
        const given = { [option]: value } as never;
        if (value === null) expect(() => new GenerationalHeap(given)).not.toThrow();
        else
          expect(() => new GenerationalHeap(given), `${option}: ${value}`).toThrow(
            `GenerationalHeap.${option}`,
          );
      }
    }
    for (const option of [
      'shared',
      'decommit',
      'upFront',
      'hugePages',
      'debug',
      'zeroFill',
      'name',
      'random',
    ]) {
      const given = { [option]: 1 } as never;
      expect(() => new GenerationalHeap(given), option).toThrow(`GenerationalHeap.${option} must be`);
    }
    expect(() => new GenerationalHeap({ clock: {} as never })).toThrow(
      'GenerationalHeap.clock.nowMs must be',
    );
    expect(() => small().site(1 as never)).toThrow('heap.site: a name must be a string, got number');
  });

  it('of a size are refused below what the tables take, and served from 74 KiB on', () => {
    expect(() => new GenerationalHeap({ maxBytes: 64 * 1024 })).toThrow('maxBytes must be at least');
    const heap = new GenerationalHeap({ maxBytes: 74 * 1024, debug: true });
    heap.free(heap.allocate(8));
    heap.verify();
  });

  it('of a size are refused beyond 256 GiB, and served up to it', () => {
    expect(() => new GenerationalHeap({ maxBytes: 2 ** 38 + 1 })).toThrow(
      'GenerationalHeap.maxBytes must lie',
    );
    for (const maxBytes of [2 ** 37, 1.8 * 2 ** 37, 2 ** 38]) {
      const heap = new GenerationalHeap({ maxBytes: Math.ceil(maxBytes), regionBytes: 2 ** 20 });
      const refs = [1, 1000, 2 ** 19, 2 ** 20].map((byteLength) => heap.allocate(byteLength));
      for (const ref of refs) heap.view(ref).fill(ref);
      heap.verify();
      for (const ref of refs) heap.free(ref);
      expect(heap.bytes.live).toBe(0);
    }
  });
});

describe('a full heap', () => {
  it('says used, asked and max, leaves everything as it was, and takes blocks again after a free', () => {
    const heap = small();
    const refs: number[] = [];
    let error: unknown;
    try {
      for (;;) refs.push(heap.allocate(200));
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(HeapFullError);
    const { used, asked, max } = error as HeapFullError;
    expect(max).toBe(256 * 1024);
    expect(asked).toBeGreaterThanOrEqual(200);
    expect(used).toBeGreaterThan(max * 0.75);
    expect(used).toBeLessThanOrEqual(max);
    heap.verify();
    const { live } = heap.bytes;
    expect(() => heap.allocate(200)).toThrow(HeapFullError);
    expect(heap.bytes.live).toBe(live);
    for (const ref of refs.splice(0, 20)) heap.free(ref);
    for (let i = 0; i < 10; i++) refs.push(heap.allocate(200));
    heap.verify();
  });

  it('compacts what is scattered rather than refuse', () => {
    const heap = small({ generations: 1 });
    const refs: number[] = [];
    try {
      for (;;) refs.push(heap.allocate(200, 1));
    } catch {}
    // Three in four die, one per region stays: no region is free.
    const kept = refs.filter((_, i) => i % 4 === 0);
    for (const ref of kept) heap.view(ref).fill(ref & 0xff);
    for (const ref of refs) if (!kept.includes(ref)) heap.free(ref);
    const more: number[] = [];
    for (let i = 0; i < refs.length * 0.5; i++) more.push(heap.allocate(200, 1));
    heap.verify();
    for (const ref of kept) expect(heap.view(ref).every((byte) => byte === (ref & 0xff))).toBe(true);
    expect(heap.stats().totals.regionsEvacuated).toBeGreaterThan(0);
  });

  it('asks the pressure hooks first', () => {
    const heap = small();
    const queue: number[] = [];
    const off = heap.onPressure(() => {
      for (const ref of queue.splice(0, 20)) heap.free(ref);
    });
    for (let i = 0; i < 5000; i++) queue.push(heap.allocate(200));
    expect(heap.stats().totals.regionsEvacuated).toBe(0);
    heap.verify();
    off();
    expect(() => {
      for (;;) heap.allocate(200);
    }).toThrow(HeapFullError);
  });
});

describe('humongous blocks', () => {
  it('have contiguous space of their own, over slabs too, and give it back whole', () => {
    const heap = small();
    const before = heap.bytes.live;
    const ref = heap.allocate(50_001, 3);
    const view = heap.view(ref);
    view.fill(7);
    expect(view.length).toBe(50_001);
    heap.verify();
    expect(heap.generationOf(ref)).toBe(3);
    expect(heap.describe()).toContain('Hhhh');
    heap.free(ref);
    expect(() => heap.view(ref)).toThrow(StaleRefError);
    expect(heap.bytes.live).toBe(before);
    heap.verify();
  });

  it('are refused by HeapFullError when they do not fit', () => {
    const heap = small();
    expect(() => heap.allocate(300_000)).toThrow(HeapFullError);
    heap.verify();
  });
});

describe('pins', () => {
  it('keep bytes and place past evacuation and free', () => {
    const heap = small();
    const ref = heap.allocate(100, 1);
    const view = heap.view(ref);
    view.fill(9);
    const pin = heap.pin(ref);
    heap.collectGeneration(1);
    heap.free(ref);
    for (let i = 0; i < 500; i++) heap.free(heap.allocate(300, 1));
    expect(view.every((byte) => byte === 9)).toBe(true);
    heap.verify();
    expect(() => heap.releaseGeneration(1)).toThrow('has pinned blocks');
    heap.unpin(pin);
    heap.verify();
    expect(heap.bytes.live).toBe(0);
    expect(() => heap.unpin(pin)).toThrow('is not pinned');
  });
});

describe('zeroFill', () => {
  it('clears blocks; without it contents are unspecified', () => {
    const heap = new GenerationalHeap({ maxBytes: 256 * 1024, regionBytes: 1024, zeroFill: true });
    for (let i = 0; i < 100; i++) {
      const ref = heap.allocate(100);
      expect(heap.view(ref).every((byte) => byte === 0)).toBe(true);
      heap.view(ref).fill(255);
      heap.free(ref);
    }
  });
});

describe('debug mode', () => {
  it('finds a write to a freed block', () => {
    const heap = small();
    heap.allocate(8);
    const ref = heap.allocate(64);
    const view = heap.view(ref);
    heap.free(ref);
    heap.verify();
    view[10] = 1;
    expect(() => heap.verify()).toThrow('a dead block was written to after its free');
  });
});
