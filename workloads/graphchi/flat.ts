import {
  mixFloat,
  type OffHeapBytes,
  type StopWorkLog,
  type ValueStore,
  withOwnBytes,
} from '../common/index.js';
import type { BatchStore } from './engine.js';
import type { ShardedGraph } from './graph.js';
import { DAMPING, type ProgramName } from './programs.js';

/** Where a batch's vertices and edges live: the one part in which `typed`, `single` and `arena` differ. */
export interface BatchHome {
  /** Where the batch that begins has its runs. */
  open(): ValueStore;
  /** @param edges the batch's edges, in `count` first places; `vertices` likewise */
  close(batch: LoadedBatch): void;
  offHeap(): OffHeapBytes;
  takeStopWork?(): StopWorkLog;
  stats?(): Record<string, number>;
  verify?(): void;
}

/** The names of a batch's runs. */
export interface LoadedBatch {
  readonly vertices: Int32Array;
  readonly vertexCount: number;
  readonly edges: Int32Array;
  readonly edgeCount: number;
}

/** A vertex's run is its value, then the edges into it and out of it; an edge's is its value and its number. */
const VALUE_WORDS = 2;
const EDGE_WORDS = 3;

/** Batches of vertices and edges that are no JavaScript objects. */
export class FlatBatches implements BatchStore {
  readonly #graph: ShardedGraph;
  readonly #program: ProgramName;
  readonly #home: BatchHome;
  #words: ValueStore | undefined;
  #first = 0;
  #end = 0;
  readonly #vertices: Int32Array;
  readonly #edges: Int32Array;
  #edgeCount = 0;
  /** How many of a vertex's edges are there so far. */
  readonly #inFilled: Uint32Array;
  readonly #outFilled: Uint32Array;

  constructor(graph: ShardedGraph, program: ProgramName, home: BatchHome) {
    this.#graph = graph;
    this.#program = program;
    this.#home = home;
    const { vertices, edges } = longestBatch(graph);
    this.#vertices = new Int32Array(vertices);
    this.#edges = new Int32Array(edges);
    this.#inFilled = new Uint32Array(vertices);
    this.#outFilled = new Uint32Array(vertices);
  }

  begin(first: number, end: number): void {
    this.#first = first;
    this.#end = end;
    this.#edgeCount = 0;
    this.#words = this.#home.open();
  }

  addVertices(from: number, to: number): void {
    const { vertexValues, inDegrees, outDegrees } = this.#graph;
    const words = this.#words!;
    for (let vertex = from; vertex < to; vertex++) {
      const at = vertex - this.#first;
      const run = words.allocate(VALUE_WORDS + inDegrees[vertex]! + outDegrees[vertex]!);
      words.setValue(run, vertexValues[vertex]!);
      this.#vertices[at] = run;
      this.#inFilled[at] = 0;
      this.#outFilled[at] = 0;
    }
  }

  addInEdges(from: number, to: number): void {
    const { sources, targets } = this.#graph;
    for (let number = from; number < to; number++) {
      const edge = this.#addEdge(number);
      const target = targets[number]! - this.#first;
      this.#words!.setWord(this.#vertices[target]!, VALUE_WORDS + this.#inFilled[target]!++, edge);
      const source = sources[number]!;
      if (source >= this.#first && source < this.#end) this.#linkOut(source, edge);
    }
  }

  addOutEdges(from: number, to: number): void {
    const { sources } = this.#graph;
    for (let number = from; number < to; number++) this.#linkOut(sources[number]!, this.#addEdge(number));
  }

  update(from: number, to: number): number {
    let checksum = 0;
    for (let vertex = from; vertex < to; vertex++) {
      const value = this.#program === 'pagerank' ? this.#pageRank(vertex) : this.#components(vertex);
      this.#words!.setValue(this.#vertices[vertex - this.#first]!, value);
      checksum = mixFloat(checksum, value);
    }
    return checksum;
  }

  store(from: number, to: number): void {
    const { vertexValues, edgeValues, inDegrees, outDegrees } = this.#graph;
    const words = this.#words!;
    for (let vertex = from; vertex < to; vertex++) {
      const run = this.#vertices[vertex - this.#first]!;
      vertexValues[vertex] = words.value(run);
      const edges = inDegrees[vertex]! + outDegrees[vertex]!;
      const at = words.locate(run) + VALUE_WORDS;
      const own = words.words;
      for (let i = 0; i < edges; i++) {
        const edge = own[at + i]!;
        edgeValues[words.word(edge, VALUE_WORDS)] = words.value(edge);
      }
    }
  }

  end(): void {
    this.#home.close({
      vertices: this.#vertices,
      vertexCount: this.#end - this.#first,
      edges: this.#edges,
      edgeCount: this.#edgeCount,
    });
    this.#words = undefined;
  }

  close(): void {}

  offHeap(): OffHeapBytes {
    const tables = 12 * this.#vertices.length + 4 * this.#edges.length;
    return withOwnBytes(this.#home.offHeap(), tables);
  }

  takeStopWork(): StopWorkLog {
    return this.#home.takeStopWork?.() ?? { pauses: [], lost: 0 };
  }

  stats(): Record<string, number> {
    return this.#home.stats?.() ?? {};
  }

  verify(): void {
    this.#home.verify?.();
  }

  #addEdge(number: number): number {
    const words = this.#words!;
    const edge = words.allocate(EDGE_WORDS);
    words.setValue(edge, this.#graph.edgeValues[number]!);
    words.setWord(edge, VALUE_WORDS, number);
    this.#edges[this.#edgeCount++] = edge;
    return edge;
  }

  #linkOut(source: number, edge: number): void {
    const at = source - this.#first;
    const place = VALUE_WORDS + this.#graph.inDegrees[source]! + this.#outFilled[at]!++;
    this.#words!.setWord(this.#vertices[at]!, place, edge);
  }

  /** Allocates nothing, so that the vertex stays where it is while its edges are gone through. */
  #pageRank(vertex: number): number {
    const words = this.#words!;
    const at = words.locate(this.#vertices[vertex - this.#first]!) + VALUE_WORDS;
    const own = words.words;
    const inDegree = this.#graph.inDegrees[vertex]!;
    const outDegree = this.#graph.outDegrees[vertex]!;
    let sum = 0;
    for (let i = 0; i < inDegree; i++) sum += words.value(own[at + i]!);
    const rank = 1 - DAMPING + DAMPING * sum;
    const share = rank / outDegree;
    for (let i = 0; i < outDegree; i++) words.setValue(own[at + inDegree + i]!, share);
    return rank;
  }

  /** Allocates nothing either. */
  #components(vertex: number): number {
    const words = this.#words!;
    const run = this.#vertices[vertex - this.#first]!;
    let least = words.value(run);
    const at = words.locate(run) + VALUE_WORDS;
    const own = words.words;
    const degree = this.#graph.inDegrees[vertex]! + this.#graph.outDegrees[vertex]!;
    for (let i = 0; i < degree; i++) least = Math.min(least, words.value(own[at + i]!));
    for (let i = 0; i < degree; i++) words.setValue(own[at + i]!, least);
    return least;
  }
}

/** What the longest batch of a graph needs room for; `words` are all runs' together. */
export function longestBatch(graph: ShardedGraph): { vertices: number; edges: number; words: number } {
  const longest = { vertices: 0, edges: 0, words: 0 };
  for (let interval = 0; interval < graph.intervals; interval++) {
    const first = graph.intervalStarts[interval]!;
    const end = graph.intervalStarts[interval + 1]!;
    let edges = 0;
    let words = 0;
    for (let vertex = first; vertex < end; vertex++) {
      const degree = graph.inDegrees[vertex]! + graph.outDegrees[vertex]!;
      edges += degree;
      words += evenUp(VALUE_WORDS + degree);
    }
    longest.vertices = Math.max(longest.vertices, end - first);
    longest.edges = Math.max(longest.edges, edges);
    longest.words = Math.max(longest.words, words + edges * evenUp(EDGE_WORDS));
  }
  return longest;
}

function evenUp(words: number): number {
  return words + (words & 1);
}
