/** One measurement of bench/heap in its own process: child.js <case> <implementation> [size]. Prints JSON. */
import { GCProfiler } from 'node:v8';
import { GenerationalHeap } from 'rolp/heap';
import { median } from '../lib/compare.js';

const MIB = 2 ** 20;
const [, , which, implementation, sizeText] = process.argv;
const size = Number(sizeText ?? 0);

/** Median ns of one call over 20 batches, after half a second for V8 to compile it, which a busy machine may need. */
function nsPerCall(call: () => void): number {
  const calls = 200_000;
  const batch = (): number => {
    const start = performance.now();
    for (let i = 0; i < calls; i++) call();
    return ((performance.now() - start) * 1e6) / calls;
  };
  const warmMs = performance.now() + 500;
  while (performance.now() < warmMs) batch();
  return median(Array.from({ length: 20 }, batch));
}

/** `size` 0: dropped at once. Else each is kept until `size` others have come. */
function allocation(): Record<string, number> {
  const heap = new GenerationalHeap({ maxBytes: 512 * MIB });
  let sink: unknown;
  let at = 0;
  if (size === 0) {
    const calls: Record<string, () => void> = {
      rolp: () => heap.free(heap.allocate(64)),
      buffer: () => {
        sink = Buffer.allocUnsafe(64);
      },
      uint8array: () => {
        sink = new Uint8Array(64);
      },
    };
    const ns = nsPerCall(calls[implementation!]!);
    return { ns, kept: sink === undefined ? 0 : 1 };
  }
  const refs = new Int32Array(size);
  const kept = new Array<unknown>(size).fill(null);
  const calls: Record<string, () => void> = {
    rolp: () => {
      const old = refs[at]!;
      if (old !== 0) heap.free(old);
      refs[at] = heap.allocate(64);
      at = at + 1 === size ? 0 : at + 1;
    },
    buffer: () => {
      kept[at] = Buffer.allocUnsafe(64);
      at = at + 1 === size ? 0 : at + 1;
    },
    uint8array: () => {
      kept[at] = new Uint8Array(64);
      at = at + 1 === size ? 0 : at + 1;
    },
  };
  return { ns: nsPerCall(calls[implementation!]!) };
}

/** A program that makes its own garbage, beside `size` MiB of records that live. */
function pauses(): Record<string, number> {
  const count = Math.floor((size * MIB) / 72);
  const keep: unknown[] = [];
  if (implementation === 'heap') {
    const heap = new GenerationalHeap({ maxBytes: (size + size / 4 + 64) * MIB });
    for (let i = 0; i < count; i++) heap.allocate(64, 15);
    keep.push(heap);
  } else if (implementation === 'objects') {
    const records = new Array<unknown>(count);
    for (let i = 0; i < count; i++) records[i] = { id: i, score: i / 3, name: `n${i & 1023}`, next: null };
    keep.push(records);
  } else keep.push(new GenerationalHeap({ maxBytes: 64 * MIB }));
  const profiler = new GCProfiler();
  profiler.start();
  const endMs = performance.now() + 6000;
  const ring = new Array<unknown>(50_000).fill(null);
  for (let i = 0; performance.now() < endMs; i++) {
    for (let k = 0; k < 1000; k++) ring[(i * 1000 + k) % ring.length] = { i, k, text: `${i}:${k}` };
  }
  const found = profiler.stop()!.statistics;
  const costs = (pattern: RegExp): number[] =>
    found.filter((gc) => pattern.test(gc.gcType)).map((gc) => gc.cost / 1000);
  const scavenges = costs(/Scavenge/i);
  const marks = costs(/MarkSweep/i);
  const all = [...scavenges, ...marks].sort((a, b) => a - b);
  return {
    scavengeMaxMs: Math.max(0, ...scavenges),
    markMaxMs: Math.max(0, ...marks),
    p99Ms: all[Math.floor(all.length * 0.99)] ?? 0,
    count: all.length,
    kept: keep.length,
  };
}

/**
 * Three lifetimes, 1, 5 and 50 heap cycles, each with a fifth of jitter. Births are split 60, 30, 10 in a hundred,
 * since most objects die young; with size 1 evenly.
 */
function generations(): Record<string, number> {
  const cycleBytes = 4 * MIB;
  const heap = new GenerationalHeap({ maxBytes: 512 * MIB, regionBytes: 256 * 1024, cycleBytes });
  const fifty = heap.newGeneration();
  const kinds = [
    { cycles: 1, generation: 1 },
    { cycles: 5, generation: 5 },
    { cycles: 50, generation: fifty },
  ] as const;
  // Deaths by hundredths of a cycle, so that they come in time, not in order of birth.
  const slots = 100;
  const horizon = 64 * slots;
  const due: number[][] = Array.from({ length: horizon }, () => []);
  let now = 0;
  let peak = 0;
  let allocated = 0;
  let seed = 12345;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
  const blocks = Math.floor(cycleBytes / slots / 136);
  for (let step = 0; step < 200 * slots; step++) {
    for (const ref of due[now % horizon]!) heap.free(ref);
    due[now % horizon] = [];
    for (let i = 0; i < blocks; i++) {
      const dice = i % 10;
      const kind = kinds[size === 1 ? i % 3 : dice < 6 ? 0 : dice < 9 ? 1 : 2]!;
      const life = kind.cycles * slots * (0.8 + 0.4 * random());
      const ref = heap.allocate(
        64 + Math.floor(random() * 128),
        implementation === 'right' ? kind.generation : 1,
      );
      due[(now + Math.max(1, Math.round(life))) % horizon]!.push(ref);
    }
    now++;
    peak = Math.max(peak, heap.bytes.used);
  }
  const { totals } = heap.stats();
  allocated = totals.bytesAllocated;
  return {
    evacuatedPerByte: totals.bytesEvacuated / allocated,
    peakMiB: peak / MIB,
    allocatedMiB: allocated / MIB,
    evacuateMaxMs: heap.pauses.summary('evacuate').maxNs / 1e6,
  };
}

/** Evacuation steps of a heap of `size` MiB in which blocks die at random. */
function steps(): Record<string, number> {
  const heap = new GenerationalHeap({ maxBytes: size * MIB });
  const count = Math.floor((size * MIB * 0.6) / 300);
  const refs = new Int32Array(count);
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < count; i++) refs[i] = heap.allocate(200 + Math.floor(random() * 160), 1);
  heap.pauses.drain(() => {});
  const ns: number[] = [];
  for (let i = 0; i < count * 3; i++) {
    const at = Math.floor(random() * count);
    heap.free(refs[at]!);
    refs[at] = heap.allocate(200 + Math.floor(random() * 160), 1);
    if (i % 4096 === 0) heap.pauses.drain((kind, pauseNs) => kind === 'evacuate' && ns.push(pauseNs));
  }
  ns.sort((a, b) => a - b);
  const at = (share: number): number => (ns[Math.floor(ns.length * share)] ?? 0) / 1e6;
  return {
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: (ns.at(-1) ?? 0) / 1e6,
    count: ns.length,
  };
}

const cases: Record<string, () => Record<string, number>> = { allocation, pauses, generations, steps };
console.log(JSON.stringify(cases[which!]!()));
