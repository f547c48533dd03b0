/** One measurement of bench/pretenure in its own process: child.js <case> <implementation> [seed]. Prints JSON. */
import { GenerationalHeap } from 'rolp/heap';
import { type Pretenurer, pretenure } from 'rolp/pretenure';
import { UNIMODAL } from '../inference/shapes.js';
import { about, type Kind, lcg, Program, plantedCallers, type Random } from './program.js';

const MIB = 2 ** 20;
/** Two windows: the first is discarded, the second decides for the first time. */
const WARM_UP_CYCLES = 32;
const [, , which, implementation, seedText] = process.argv;
const seed = Number(seedText ?? 1);

/** Short cycles, so that hundreds of them fit into seconds; what counts here is counted in cycles. */
function smallHeap(random: Random): GenerationalHeap {
  return new GenerationalHeap({
    maxBytes: 16 * MIB,
    regionBytes: 16 * 1024,
    cycleBytes: 64 * 1024,
    sampleBytes: 512,
    random,
  });
}

/** Generation that `life` cycles should have: within a cycle or a fifth; 15 from there on where numbers end. */
function isRight(generation: number, life: number): boolean {
  if (life >= 14.5) return generation >= Math.min(15, Math.floor(0.8 * life));
  return Math.abs(generation - Math.max(1, life)) <= Math.max(1, 0.2 * life);
}

/** Lifetimes from 0.5 to 50 cycles, each at least twice the one before. */
function plantedLives(random: Random): number[] {
  const count = 2 + Math.floor(random() * 5);
  const lives = Array.from({ length: count }, (_, i) => {
    const low = Math.log(0.5) + (i * Math.log(100)) / count;
    return Math.exp(low + random() * Math.max(0, Math.log(100) / count - Math.log(2)));
  });
  return lives.sort(() => random() - 0.5);
}

/** One factory, two to six callers, one to four calls deep. Cycles from the end of the warm-up until all are right for good. */
function conflict(): Record<string, number> {
  const random = lcg(seed);
  const heap = smallHeap(random);
  const pretenurer = pretenure(heap, { callerBudget: 1e6 });
  const lives = plantedLives(random);
  const depth = 1 + (seed % 4);
  const callers = plantedCallers(heap, heap.site('factory'), depth);
  const latest = new Int32Array(lives.length);
  const kinds = lives.map((life, i): Kind => {
    const allocate = callers[i]!;
    return {
      allocate: (byteLength) => {
        const ref = allocate(byteLength);
        latest[i] = heap.generationOf(ref);
        return ref;
      },
      life: about(life),
      weight: 1,
    };
  });
  let wrongUntil = WARM_UP_CYCLES;
  new Program(heap, kinds, seed).run(WARM_UP_CYCLES + 160, (cycle) => {
    if (!lives.every((life, i) => isRight(latest[i]!, life))) wrongUntil = cycle;
  });
  const resolved = wrongUntil < WARM_UP_CYCLES + 150;
  return {
    callers: lives.length,
    depth,
    cycles: Math.max(0, wrongUntil - WARM_UP_CYCLES),
    resolved: resolved ? 1 : 0,
    groups: pretenurer.contexts().length,
  };
}

/** The same through await: the factory is reached by awaiting functions, one a lifetime. */
async function asyncConflict(): Promise<Record<string, number>> {
  const random = lcg(seed);
  const heap = smallHeap(random);
  pretenure(heap, { callerBudget: 1e6 });
  const lives = plantedLives(random);
  const site = heap.site('factory');
  const factory = async (): Promise<number> => {
    await null;
    return heap.allocate(100, undefined, site);
  };
  const callers = [
    async () => await factory(),
    async () => await factory(),
    async () => await factory(),
    async () => await factory(),
    async () => await factory(),
    async () => await factory(),
  ];
  const latest = new Int32Array(lives.length);
  const due: number[][] = Array.from({ length: 80 * 40 }, () => []);
  let wrongUntil = WARM_UP_CYCLES;
  const blocksPerStep = heap.cycleBytes / 40 / 112;
  for (let step = 0, last = 0; heap.cycle < WARM_UP_CYCLES + 120; step++) {
    const now = due[step % due.length]!;
    for (const ref of now) heap.free(ref);
    now.length = 0;
    for (let i = 0; i < blocksPerStep; i++) {
      const pick = Math.floor(random() * lives.length);
      const ref = await callers[pick]!();
      latest[pick] = heap.generationOf(ref);
      const life = Math.max(1, Math.round(about(lives[pick]!)(random) * 40));
      due[(step + life) % due.length]!.push(ref);
    }
    if (heap.cycle === last) continue;
    last = heap.cycle;
    if (!lives.every((life, i) => isRight(latest[i]!, life))) wrongUntil = last;
  }
  const resolved = wrongUntil < WARM_UP_CYCLES + 110;
  return {
    callers: lives.length,
    cycles: Math.max(0, wrongUntil - WARM_UP_CYCLES),
    resolved: resolved ? 1 : 0,
  };
}

/** A site whose lifetime changes: cycles until its generation is right for good. */
function phase(): Record<string, number> {
  const random = lcg(seed);
  const heap = smallHeap(random);
  pretenure(heap);
  const site = heap.site('a');
  let latest = 1;
  const kind = (life: number): Kind[] => [
    {
      allocate: (byteLength) => {
        const ref = heap.allocate(byteLength, undefined, site);
        latest = heap.generationOf(ref);
        return ref;
      },
      life: about(life),
      weight: 1,
    },
  ];
  const draw = (): number => Math.exp(Math.log(0.5) + random() * Math.log(100));
  const before = draw();
  let after = draw();
  while (Math.max(before / after, after / before) < 2) after = draw();
  const program = new Program(heap, kind(before), seed);
  program.run(100 + Math.floor(random() * 60));
  const changed = heap.cycle;
  program.kinds = kind(after);
  let wrongUntil = changed;
  program.run(128, (cycle) => {
    if (!isRight(latest, after)) wrongUntil = cycle;
  });
  return { before, after, cycles: wrongUntil - changed };
}

/** Fifty shapes of one mode, each through four callers: how many are told or split as conflicts. */
function shapes(): Record<string, number> {
  let wrong = 0;
  for (const [index, [, life]] of UNIMODAL.entries()) {
    const random = lcg(seed * 1000 + index);
    const heap = smallHeap(random);
    const pretenurer = pretenure(heap, { callerBudget: 1e6 });
    const callers = plantedCallers(heap, heap.site('s'), 1).slice(0, 4);
    const kinds = callers.map((allocate): Kind => ({ allocate, life, weight: 1 }));
    new Program(heap, kinds, seed + index).run(96);
    if (pretenurer.contexts().some(({ verdict }) => verdict !== 'none')) wrong++;
  }
  return { shapes: UNIMODAL.length, wrong };
}

const LIVES = [1, 5, 50] as const;
const WEIGHTS = [60, 30, 10] as const;

function mixHeap(): GenerationalHeap {
  return new GenerationalHeap({ maxBytes: 24 * MIB, regionBytes: 64 * 1024, cycleBytes: MIB });
}

/** The three lifetimes of bench/heap, each a site: by hand, learnt, or one generation for all. */
function mixKinds(heap: GenerationalHeap): Kind[] {
  const fifty = heap.newGeneration();
  const byHand: Record<string, readonly number[]> = { hand: [1, 5, fifty], single: [1, 1, 1] };
  return LIVES.map((life, i): Kind => {
    const site = heap.site(`lives ${life}`);
    const generation = byHand[implementation!]?.[i];
    return {
      allocate: (byteLength) => heap.allocate(byteLength, generation, site),
      life: about(life),
      weight: WEIGHTS[i]!,
    };
  });
}

function learn(heap: GenerationalHeap): Pretenurer | undefined {
  // Only the case 'call' has callers to tell apart, and shows what that costs.
  return implementation === 'auto' ? pretenure(heap, { callerBudget: 1e6 }) : undefined;
}

/** After the warm-up: bytes evacuated per byte allocated, rolp's own pauses, peak bytes. */
function mix(): Record<string, number> {
  const heap = mixHeap();
  const pretenurer = learn(heap);
  const program = new Program(heap, mixKinds(heap), seed);
  program.run(120);
  const before = heap.stats().totals;
  const pauses: number[] = [];
  heap.pauses.drain(() => {});
  program.peakBytes = 0;
  program.run(200, () => void heap.pauses.drain((_kind, pauseNs) => pauses.push(pauseNs / 1e6)));
  const after = heap.stats().totals;
  pauses.sort((a, b) => a - b);
  const allocated = after.bytesAllocated - before.bytesAllocated;
  return {
    evacuatedPerByte: (after.bytesEvacuated - before.bytesEvacuated) / allocated,
    pauseP999Ms: pauses[Math.floor(pauses.length * 0.999)] ?? 0,
    pauseSumMs: pauses.reduce((sum, ms) => sum + ms, 0),
    peakMiB: program.peakBytes / MIB,
    decisionMs: (pretenurer?.stats.workNs ?? 0) / 1e6,
  };
}

/**
 * Under rolp/register, which places what the program leaves open: one site with three times to live, which tell its
 * lifetimes apart. Bytes evacuated per byte allocated, every 8 heap cycles.
 */
function warmUp(): Record<string, number> {
  const heap = mixHeap();
  // As a service's heap, it lives as long as the process: what a collected one learnt is in no profile.
  process.once('exit', () => heap.cycle);
  const site = heap.site('session');
  const kinds = LIVES.map((life, i): Kind => {
    const ttlMs = 1000 * life;
    return {
      allocate: (byteLength) => heap.allocate(byteLength, undefined, site, ttlMs),
      life: about(life),
      weight: WEIGHTS[i]!,
    };
  });
  const program = new Program(heap, kinds, seed);
  const points: Record<string, number> = {};
  let before = heap.stats().totals;
  for (let cycle = 8; cycle <= 320; cycle += 8) {
    program.run(8);
    const now = heap.stats().totals;
    points[`at${cycle}`] =
      (now.bytesEvacuated - before.bytesEvacuated) / (now.bytesAllocated - before.bytesAllocated);
    before = now;
  }
  return points;
}

/** CPU time of an operation of the mix: allocate, fill, free, as a program with records of its own does. */
function cpu(): Record<string, number> {
  const heap = mixHeap();
  learn(heap);
  const kinds = mixKinds(heap).map((kind): Kind => {
    return {
      ...kind,
      allocate: (byteLength) => {
        const ref = kind.allocate(byteLength);
        heap.view(ref).fill(1);
        return ref;
      },
    };
  });
  const program = new Program(heap, kinds, seed);
  program.run(80);
  const births = program.births;
  const start = process.cpuUsage();
  program.run(150);
  const { user, system } = process.cpuUsage(start);
  return { nsPerOp: ((user + system) * 1000) / (program.births - births) };
}

/** What finding the generation costs by itself, ns a call that allocates and frees at once: by site, and by callers. */
function call(): Record<string, number> {
  const heap = mixHeap();
  const pretenurer = learn(heap);
  const site = heap.site('factory');
  const callers = plantedCallers(heap, site, 2);
  const isPlain = implementation === 'hand';
  if (!isPlain) {
    const lives = seed === 1 ? [3, 3] : [1, 9];
    const kinds = lives.map((life, i): Kind => ({ allocate: callers[i]!, life: about(life), weight: 1 }));
    new Program(heap, kinds, 3).run(64);
  }
  const [one] = callers;
  const calls = isPlain ? () => heap.free(heap.allocate(64, 1, site)) : () => heap.free(one!(64));
  const batches: number[] = [];
  for (let batch = 0; batch < 30; batch++) {
    const startMs = performance.now();
    for (let i = 0; i < 100_000; i++) calls();
    if (batch >= 10) batches.push((performance.now() - startMs) * 10);
  }
  const verdicts = pretenurer?.contexts().map(({ verdict }) => verdict) ?? [];
  return {
    ns: batches.sort((a, b) => a - b)[10]!,
    resolved: verdicts.includes('resolved') ? 1 : 0,
    captureNs: pretenurer?.stats.captureNs ?? 0,
  };
}

const cases: Record<string, () => Record<string, number> | Promise<Record<string, number>>> = {
  conflict,
  async: asyncConflict,
  phase,
  shapes,
  mix,
  warmUp,
  cpu,
  call,
};
console.log(JSON.stringify(await cases[which!]!()));
