import { constants } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { GenerationalHeap, HeapFullError } from '../../src/heap/index.js';

const GiB = 2 ** 30;
/** Past 32 bits. Only addresses: but for its header no byte of it is touched. */
const BYTES = 4.5 * GiB;

function heap(): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 6 * GiB });
}

describe.skipIf(constants.MAX_LENGTH < BYTES)('a block past 4 GiB, where V8 has views as long', () => {
  it('can be read and written to its end by views of every width', () => {
    const large = heap();
    const { memory } = large;
    const ref = large.allocate(BYTES);
    const slab = large.addressOf(ref) >>> memory.slabShift;
    const bytes = memory.u8[slab]!.length;
    expect(bytes).toBeGreaterThan(BYTES);
    expect(memory.i32[slab]!.length).toBe(Math.floor(bytes / 4));
    expect(memory.u16[slab]!.length).toBe(Math.floor(bytes / 2));
    expect(memory.f64[slab]!.length).toBe(Math.floor(bytes / 8));
    large.view(ref)[BYTES - 1] = 7;
    expect(large.view(ref)[BYTES - 1]).toBe(7);
    large.free(ref);
    large.verify();
  });
});

describe.skipIf(constants.MAX_LENGTH >= BYTES)('a block past 4 GiB, where V8 has no view as long', () => {
  it('is refused as one for which there is no room, with the heap as it was', () => {
    const full = heap();
    const before = full.allocate(100);
    expect(() => full.allocate(BYTES)).toThrow(HeapFullError);
    full.view(before).fill(1);
    full.free(full.allocate(100));
    full.verify();
  });
});
