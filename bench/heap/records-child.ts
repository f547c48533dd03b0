/** One measurement of bench/heap/records in its own process: records-child.js <case> <implementation>. Prints JSON. */
import { createMap, defineRecord, GenerationalHeap, Pool } from 'rolp/heap';

const MIB = 2 ** 20;
const COUNT = 1_000_000;
const [, , which, implementation] = process.argv;
const isRolp = implementation === 'rolp';

let seed = 7;
function random(below: number): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
  return (seed >>> 8) % below;
}

/** Median ns of a call over rounds of `calls`, a third of them to warm up. */
function medianNs(calls: number, rounds: number, round: () => void): number {
  const ns: number[] = [];
  for (let r = 0; r < rounds; r++) {
    const start = performance.now();
    round();
    ns.push(((performance.now() - start) * 1e6) / calls);
  }
  return ns.slice(Math.floor(rounds / 3)).sort((a, b) => a - b)[Math.floor(rounds / 3)]!;
}

const numbers = { id: 'u32', score: 'f64', kind: 'u8', flags: 'u16', time: 'f64', next: 'ref' } as const;
const named = { id: 'u32', score: 'f64', name: 'string', flags: 'u16', time: 'f64', next: 'ref' } as const;
function makeNumbers(i: number) {
  return { id: i, score: i * 0.5, kind: i & 7, flags: i & 0xffff, time: 1.7e12 + i, next: i as never };
}
function makeNamed(i: number) {
  return { id: i, score: i * 0.5, name: `user:${i}`, flags: i & 0xffff, time: 1.7e12 + i, next: i as never };
}

/** Create and drop in a ring of a million; garbage collections that fall into it count, as they do for a program. */
function ring(withName: boolean): Record<string, number> {
  let i = 0;
  const batch = COUNT / 2;
  if (!isRolp) {
    const kept: unknown[] = new Array(COUNT).fill(null);
    const make = withName ? makeNamed : makeNumbers;
    return {
      ns: medianNs(batch, 18, () => {
        for (const end = i + batch; i < end; i++) kept[i % COUNT] = make(i);
      }),
    };
  }
  const heap = new GenerationalHeap({ maxBytes: 256 * MIB });
  const refs = new Int32Array(COUNT);
  const pool = withName ? undefined : new Pool(defineRecord(numbers), { heap });
  const namedPool = new Pool(defineRecord(named), { heap });
  const create =
    pool === undefined
      ? (n: number) => namedPool.create(makeNamed(n))
      : (n: number) => pool.create(makeNumbers(n));
  const free = (ref: number): void => (pool ?? namedPool).free(ref as never);
  return {
    ns: medianNs(batch, 18, () => {
      for (const end = i + batch; i < end; i++) {
        const at = i % COUNT;
        if (refs[at] !== 0) free(refs[at]!);
        refs[at] = create(i);
      }
    }),
  };
}

/** Two fields of each of a million records, in order or at random. */
function reads(shuffled: boolean): Record<string, number> {
  const order = new Int32Array(COUNT).map((_, i) => i);
  if (shuffled) {
    for (let i = COUNT - 1; i > 0; i--) {
      const j = random(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
  }
  let sum = 0;
  let round: () => void;
  if (isRolp) {
    const heap = new GenerationalHeap({ maxBytes: 256 * MIB });
    const pool = new Pool(defineRecord(numbers), { heap });
    const refs = new Int32Array(COUNT).map((_, i) => pool.create(makeNumbers(i)));
    const cursor = pool.view(refs[0] as never);
    round = () => {
      for (let i = 0; i < COUNT; i++) {
        cursor.$at(refs[order[i]!] as never);
        sum += cursor.score + cursor.id;
      }
    };
  } else {
    const records = Array.from({ length: COUNT }, (_, i) => makeNumbers(i));
    round = () => {
      for (let i = 0; i < COUNT; i++) {
        const record = records[order[i]!]!;
        sum += record.score + record.id;
      }
    };
  }
  return { ns: medianNs(COUNT, 15, round), sum };
}

/** A million string keys, drawn at random; made for each operation, or kept by the program. */
function map(areKept: boolean): Record<string, number> {
  const make = (i: number): string => `user:${i}`;
  const kept = areKept ? Array.from({ length: COUNT }, (_, i) => make(i)) : [];
  const key = areKept ? (i: number): string => kept[i]! : make;
  const target = isRolp
    ? createMap(new GenerationalHeap({ maxBytes: 256 * MIB }), { keys: 'string', values: 'u32' })
    : new Map<string, number>();
  for (let i = 0; i < COUNT; i++) target.set(key(i), i);
  const calls = 300_000;
  let hits = 0;
  const getNs = medianNs(calls, 12, () => {
    for (let i = 0; i < calls; i++) if (target.get(key(random(COUNT))) !== undefined) hits++;
  });
  const setNs = medianNs(calls, 12, () => {
    for (let i = 0; i < calls; i++) target.set(key(random(COUNT)), i);
  });
  return { getNs, setNs, hits };
}

const cases: Record<string, () => Record<string, number>> = {
  'ring-numbers': () => ring(false),
  'ring-named': () => ring(true),
  'reads-in-order': () => reads(false),
  'reads-at-random': () => reads(true),
  'map-fresh': () => map(false),
  'map-kept': () => map(true),
};
console.log(JSON.stringify(cases[which!]!()));
