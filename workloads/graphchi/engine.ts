import type { Engine, OffHeapBytes, StopWorkLog } from '../common/index.js';
import type { ShardedGraph } from './graph.js';
import { initialEdge, initialVertex, type ProgramName, SWEEPS } from './programs.js';

/**
 * Where an interval's vertices and edges live while they are worked on: the part in which the variants differ.
 * Ranges are of the graph's own numbers, end excluded.
 */
export interface BatchStore {
  /** A batch for the interval [first, end) begins; nothing of it is there yet. */
  begin(first: number, end: number): void;
  addVertices(from: number, to: number): void;
  /** Edges of the interval's own shard: into it and, where their source is in it too, out of it. */
  addInEdges(from: number, to: number): void;
  /** Edges of other shards' windows: out of it. */
  addOutEdges(from: number, to: number): void;
  /** Runs the program on the vertices in order. @returns a checksum of their new values. */
  update(from: number, to: number): number;
  /** Puts the vertices' values and the values of all edges they have back into the graph. */
  store(from: number, to: number): void;
  /** Lets go of the batch. */
  end(): void;
  close(): void;
  offHeap?(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
}

/** About so many vertices and edges are handled by one operation. */
export const UNITS_PER_OP = 1000;

/**
 * A vertex-centric engine after GraphChi's: interval by interval, load vertices and edges into memory, update
 * each vertex, write back, drop the batch. An operation is one bounded step of it, so that nothing but the
 * memory's management can stop it for long.
 */
export class GraphEngine implements Engine {
  readonly #graph: ShardedGraph;
  readonly #program: ProgramName;
  readonly #store: BatchStore;
  #steps: Generator<number, void, void>;
  #batches = 0;
  #sweeps = 0;

  constructor(graph: ShardedGraph, program: ProgramName, store: BatchStore) {
    this.#graph = graph;
    this.#program = program;
    this.#store = store;
    this.#steps = this.#forever();
  }

  load(): void {
    this.#steps = this.#forever();
  }

  apply(): number {
    return this.#steps.next().value as number;
  }

  close(): void {
    this.#steps.return();
    this.#store.close();
  }

  /** Sweeps over all vertices that are done. */
  get sweeps(): number {
    return this.#sweeps;
  }

  offHeap(): OffHeapBytes {
    return this.#store.offHeap?.() ?? { committed: 0, used: 0 };
  }

  takeStopWork(): StopWorkLog | undefined {
    return this.#store.takeStopWork?.();
  }

  /** Those of a batch, in the mean over all intervals: loading, updating and storing differ in what they cost. */
  periodOperations(): number {
    const { intervals } = this.#graph;
    let operations = 0;
    for (let interval = 0; interval < intervals; interval++) operations += this.#operationsOf(interval);
    return Math.round(operations / intervals);
  }

  #operationsOf(interval: number): number {
    const { intervalStarts, shardStarts, intervals } = this.#graph;
    const first = intervalStarts[interval]!;
    const end = intervalStarts[interval + 1]!;
    if (first === end) return 0;
    let operations = slicesIn(end - first) + slicesIn(shardStarts[interval + 1]! - shardStarts[interval]!);
    for (let shard = 0; shard < intervals; shard++) {
      if (shard === interval) continue;
      const from = this.#graph.windowStart(shard, interval);
      operations += slicesIn(this.#graph.windowStart(shard, interval + 1) - from);
    }
    for (const _ of this.#byDegree(first, end)) operations += 2;
    return operations;
  }

  stats(): Record<string, number> {
    return { batches: this.#batches, sweeps: this.#sweeps, ...this.#store.stats?.() };
  }

  *#forever(): Generator<number, void, void> {
    for (;;) {
      yield* this.#reset();
      for (let sweep = 0; sweep < SWEEPS; sweep++) {
        for (let interval = 0; interval < this.#graph.intervals; interval++) yield* this.#batch(interval);
        this.#sweeps++;
      }
    }
  }

  *#reset(): Generator<number, void, void> {
    const { edgeValues, vertexValues, edges, vertices } = this.#graph;
    for (let from = 0; from < edges; from += 10 * UNITS_PER_OP) {
      const to = Math.min(edges, from + 10 * UNITS_PER_OP);
      for (let edge = from; edge < to; edge++) {
        edgeValues[edge] = initialEdge(this.#program, this.#graph, edge);
      }
      yield to;
    }
    for (let vertex = 0; vertex < vertices; vertex++)
      vertexValues[vertex] = initialVertex(this.#program, vertex);
  }

  *#batch(interval: number): Generator<number, void, void> {
    const { intervalStarts, shardStarts, intervals } = this.#graph;
    const store = this.#store;
    const first = intervalStarts[interval]!;
    const end = intervalStarts[interval + 1]!;
    if (first === end) return;
    store.begin(first, end);
    for (const [from, to] of slices(first, end)) {
      store.addVertices(from, to);
      yield from;
    }
    for (const [from, to] of slices(shardStarts[interval]!, shardStarts[interval + 1]!)) {
      store.addInEdges(from, to);
      yield from;
    }
    for (let shard = 0; shard < intervals; shard++) {
      if (shard === interval) continue;
      const window = [this.#graph.windowStart(shard, interval), this.#graph.windowStart(shard, interval + 1)];
      for (const [from, to] of slices(window[0]!, window[1]!)) {
        store.addOutEdges(from, to);
        yield from;
      }
    }
    for (const [from, to] of this.#byDegree(first, end)) yield store.update(from, to);
    for (const [from, to] of this.#byDegree(first, end)) {
      store.store(from, to);
      yield from;
    }
    store.end();
    this.#batches++;
  }

  /** Vertices in groups that have about UNITS_PER_OP edges together. */
  *#byDegree(first: number, end: number): Generator<[number, number], void, void> {
    const { inDegrees, outDegrees } = this.#graph;
    for (let from = first; from < end; ) {
      let to = from;
      for (let units = 0; to < end && units < UNITS_PER_OP; to++)
        units += 1 + inDegrees[to]! + outDegrees[to]!;
      yield [from, to];
      from = to;
    }
  }
}

function slicesIn(units: number): number {
  return Math.ceil(units / UNITS_PER_OP);
}

function* slices(first: number, end: number): Generator<[number, number], void, void> {
  for (let from = first; from < end; from += UNITS_PER_OP) yield [from, Math.min(end, from + UNITS_PER_OP)];
}
