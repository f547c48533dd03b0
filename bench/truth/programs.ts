/**
 * Programs whose lifetimes are known. Each hands every object of a label to `track`, which follows some of them by
 * weak handles. A factory call makes one object (two for closures), so that births are known by counting calls.
 */
export type Track = (object: unknown, label: string) => void;

export interface Label {
  /** The function that allocates. */
  readonly leaf: string;
  /** Its caller, where that is what tells contexts apart. */
  readonly caller?: string;
  /** Null: not known by counting, so attribution is not judged by it. */
  readonly objectsPerCall: number | null;
}

export interface TruthProgram {
  readonly labels: Readonly<Record<string, Label>>;
  run(track: Track, iterations: number): void | Promise<void>;
}

let sink: unknown;
/** What is read of the sink keeps V8 from leaving allocations out. */
export const lastMade = (): unknown => sink;

/** Keeps the last `size` objects: each lives until `size` more were made. */
class Ring {
  readonly #slots: unknown[];
  #next = 0;

  constructor(size: number) {
    this.#slots = new Array(size).fill(null);
  }

  push(object: unknown): void {
    this.#slots[this.#next] = object;
    this.#next = (this.#next + 1) % this.#slots.length;
  }
}

const RING = 30_000;

interface Link {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

function makeFifo(i: number): Link {
  return { a: i, b: i + 1, c: i + 2 };
}

function makeGarbage(i: number): Link {
  return { a: i, b: i, c: 1 };
}

function makeForever(i: number): Link {
  return { a: 1, b: i, c: i };
}

function makeNode(i: number): Link {
  return { a: i, b: 2, c: i };
}

function shortCaller(i: number, track: Track): void {
  sink = makeNode(i);
  track(sink, 'short');
}

function longCaller(i: number, ring: Ring, track: Track): void {
  const node = makeNode(i);
  track(node, 'long');
  ring.push(node);
}

function makeClosure(i: number): () => number {
  return () => i;
}

class Point {
  readonly x: number;
  readonly y: number;
  readonly z: number;

  constructor(i: number) {
    this.x = i;
    this.y = i + 1;
    this.z = i + 2;
  }
}

function makePoint(i: number): Point {
  return new Point(i);
}

function makeString(i: number): string {
  return `record number ${i} of many`;
}

function makeParsed(text: string): unknown {
  return JSON.parse(text);
}

function makeRequest(i: number): Link {
  return { a: i, b: i, c: i };
}

const one = (leaf: string, caller?: string): Label => ({
  leaf,
  objectsPerCall: 1,
  ...(caller === undefined ? {} : { caller }),
});

export const PROGRAMS: Readonly<Record<string, TruthProgram>> = {
  fifo: {
    labels: { fifo: one('makeFifo'), garbage: one('makeGarbage') },
    run(track, iterations) {
      const ring = new Ring(RING);
      for (let i = 0; i < iterations; i++) {
        const kept = makeFifo(i);
        track(kept, 'fifo');
        ring.push(kept);
        sink = makeGarbage(i);
        track(sink, 'garbage');
      }
    },
  },
  forever: {
    labels: { forever: one('makeForever'), garbage: one('makeGarbage') },
    run(track, iterations) {
      const kept = new Array(Math.ceil(iterations / 2)).fill(null);
      for (let i = 0; i < iterations; i++) {
        if (i % 2 === 0) {
          kept[i / 2] = makeForever(i);
          track(kept[i / 2], 'forever');
        }
        sink = makeGarbage(i);
        track(sink, 'garbage');
      }
      forever.push(kept);
    },
  },
  factory: {
    labels: { short: one('makeNode', 'shortCaller'), long: one('makeNode', 'longCaller') },
    run(track, iterations) {
      const ring = new Ring(RING);
      for (let i = 0; i < iterations; i++) {
        shortCaller(i, track);
        longCaller(i, ring, track);
      }
    },
  },
  closures: {
    labels: { closure: { leaf: 'makeClosure', objectsPerCall: 2 }, garbage: one('makeGarbage') },
    run(track, iterations) {
      const ring = new Ring(RING);
      for (let i = 0; i < iterations; i++) {
        const made = makeClosure(i);
        track(made, 'closure');
        ring.push(made);
        sink = makeGarbage(i);
        track(sink, 'garbage');
      }
    },
  },
  classes: {
    labels: { point: one('makePoint'), garbage: one('makeGarbage') },
    run(track, iterations) {
      const ring = new Ring(RING);
      for (let i = 0; i < iterations; i++) {
        const made = makePoint(i);
        track(made, 'point');
        ring.push(made);
        sink = makeGarbage(i);
        track(sink, 'garbage');
      }
    },
  },
  strings: {
    labels: { string: { leaf: 'makeString', objectsPerCall: null }, garbage: one('makeGarbage') },
    run(track, iterations) {
      // A string is flattened, interned, shared: a companion with the string's very schedule stands in for it.
      const ring = new Ring(RING);
      const companions = new Ring(RING);
      for (let i = 0; i < iterations; i++) {
        ring.push(makeString(i));
        const companion = makeFifo(i);
        track(companion, 'string');
        companions.push(companion);
        sink = makeGarbage(i);
        track(sink, 'garbage');
      }
    },
  },
  parsed: {
    labels: { parsed: one('makeParsed'), garbage: one('makeGarbage') },
    run(track, iterations) {
      const ring = new Ring(RING);
      for (let i = 0; i < iterations; i++) {
        const made = makeParsed('{"a":1,"b":2,"c":3}');
        track(made, 'parsed');
        ring.push(made);
        sink = makeGarbage(i);
        track(sink, 'garbage');
      }
    },
  },
  async: {
    // Its promises are objects that no label counts.
    labels: { request: { leaf: 'makeRequest', objectsPerCall: null }, garbage: one('makeGarbage') },
    async run(track, iterations) {
      const ring = new Ring(RING);
      async function handle(i: number): Promise<void> {
        const request = makeRequest(i);
        track(request, 'request');
        await null;
        sink = makeGarbage(i);
        track(sink, 'garbage');
        ring.push(request);
      }
      for (let i = 0; i < iterations; i += 50) {
        const batch: Promise<void>[] = [];
        for (let j = i; j < i + 50; j++) batch.push(handle(j));
        await Promise.all(batch);
      }
    },
  },
};

/** What must not be collected before the counts were read. */
export const forever: unknown[] = [];
