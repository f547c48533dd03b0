import { mixFloat, type OffHeapBytes } from '../common/index.js';
import type { BatchStore } from './engine.js';
import type { ShardedGraph } from './graph.js';
import { DAMPING, type ProgramName } from './programs.js';

/**
 * The variant `typed`: compressed rows in typed arrays as long as the longest batch needs, allocated once and
 * used again for each.
 */
export class TypedBatches implements BatchStore {
  readonly #graph: ShardedGraph;
  readonly #program: ProgramName;
  #first = 0;
  #end = 0;
  #edges = 0;
  readonly #vertexValues: Float64Array;
  readonly #edgeValues: Float64Array;
  /** The loaded edges' numbers in the graph. */
  readonly #numbers: Uint32Array;
  /** Where a vertex's loaded edges begin in #inEdges and #outEdges, and how far they are filled. */
  readonly #inStarts: Uint32Array;
  readonly #outStarts: Uint32Array;
  readonly #inFilled: Uint32Array;
  readonly #outFilled: Uint32Array;
  readonly #inEdges: Uint32Array;
  readonly #outEdges: Uint32Array;

  constructor(graph: ShardedGraph, program: ProgramName) {
    this.#graph = graph;
    this.#program = program;
    const { vertices, inEdges, outEdges } = longestBatch(graph);
    this.#vertexValues = new Float64Array(vertices);
    this.#edgeValues = new Float64Array(inEdges + outEdges);
    this.#numbers = new Uint32Array(inEdges + outEdges);
    this.#inStarts = new Uint32Array(vertices + 1);
    this.#outStarts = new Uint32Array(vertices + 1);
    this.#inFilled = new Uint32Array(vertices);
    this.#outFilled = new Uint32Array(vertices);
    this.#inEdges = new Uint32Array(inEdges);
    this.#outEdges = new Uint32Array(outEdges);
  }

  begin(first: number, end: number): void {
    this.#first = first;
    this.#end = end;
    this.#edges = 0;
  }

  addVertices(from: number, to: number): void {
    const { vertexValues, inDegrees, outDegrees } = this.#graph;
    for (let vertex = from; vertex < to; vertex++) {
      const at = vertex - this.#first;
      this.#vertexValues[at] = vertexValues[vertex]!;
      this.#inStarts[at + 1] = this.#inStarts[at]! + inDegrees[vertex]!;
      this.#outStarts[at + 1] = this.#outStarts[at]! + outDegrees[vertex]!;
      this.#inFilled[at] = this.#inStarts[at]!;
      this.#outFilled[at] = this.#outStarts[at]!;
    }
  }

  addInEdges(from: number, to: number): void {
    const { sources, targets } = this.#graph;
    for (let number = from; number < to; number++) {
      const edge = this.#addEdge(number);
      this.#inEdges[this.#inFilled[targets[number]! - this.#first]!++] = edge;
      const source = sources[number]!;
      if (source >= this.#first && source < this.#end) {
        this.#outEdges[this.#outFilled[source - this.#first]!++] = edge;
      }
    }
  }

  addOutEdges(from: number, to: number): void {
    const { sources } = this.#graph;
    for (let number = from; number < to; number++) {
      this.#outEdges[this.#outFilled[sources[number]! - this.#first]!++] = this.#addEdge(number);
    }
  }

  update(from: number, to: number): number {
    let checksum = 0;
    for (let at = from - this.#first; at < to - this.#first; at++) {
      if (this.#program === 'pagerank') this.#pageRank(at);
      else this.#components(at);
      checksum = mixFloat(checksum, this.#vertexValues[at]!);
    }
    return checksum;
  }

  store(from: number, to: number): void {
    const { vertexValues, edgeValues } = this.#graph;
    for (let at = from - this.#first; at < to - this.#first; at++) {
      vertexValues[at + this.#first] = this.#vertexValues[at]!;
      for (let i = this.#inStarts[at]!; i < this.#inStarts[at + 1]!; i++)
        this.#storeEdge(edgeValues, this.#inEdges[i]!);
      for (let i = this.#outStarts[at]!; i < this.#outStarts[at + 1]!; i++) {
        this.#storeEdge(edgeValues, this.#outEdges[i]!);
      }
    }
  }

  end(): void {}

  close(): void {}

  offHeap(): OffHeapBytes {
    const vertices = this.#vertexValues.length;
    const committed =
      24 * vertices + 12 * this.#numbers.length + 4 * (this.#inEdges.length + this.#outEdges.length);
    return { committed, used: 24 * (this.#end - this.#first) + 20 * this.#edges };
  }

  #addEdge(number: number): number {
    const edge = this.#edges++;
    this.#numbers[edge] = number;
    this.#edgeValues[edge] = this.#graph.edgeValues[number]!;
    return edge;
  }

  #storeEdge(edgeValues: Float64Array, edge: number): void {
    edgeValues[this.#numbers[edge]!] = this.#edgeValues[edge]!;
  }

  #pageRank(at: number): void {
    let sum = 0;
    for (let i = this.#inStarts[at]!; i < this.#inStarts[at + 1]!; i++)
      sum += this.#edgeValues[this.#inEdges[i]!]!;
    const rank = 1 - DAMPING + DAMPING * sum;
    this.#vertexValues[at] = rank;
    const share = rank / (this.#outStarts[at + 1]! - this.#outStarts[at]!);
    for (let i = this.#outStarts[at]!; i < this.#outStarts[at + 1]!; i++)
      this.#edgeValues[this.#outEdges[i]!] = share;
  }

  #components(at: number): void {
    let least = this.#vertexValues[at]!;
    const inEnd = this.#inStarts[at + 1]!;
    const outEnd = this.#outStarts[at + 1]!;
    for (let i = this.#inStarts[at]!; i < inEnd; i++)
      least = Math.min(least, this.#edgeValues[this.#inEdges[i]!]!);
    for (let i = this.#outStarts[at]!; i < outEnd; i++)
      least = Math.min(least, this.#edgeValues[this.#outEdges[i]!]!);
    this.#vertexValues[at] = least;
    for (let i = this.#inStarts[at]!; i < inEnd; i++) this.#edgeValues[this.#inEdges[i]!] = least;
    for (let i = this.#outStarts[at]!; i < outEnd; i++) this.#edgeValues[this.#outEdges[i]!] = least;
  }
}

/** What the longest batch of a graph needs room for. */
export function longestBatch(graph: ShardedGraph): { vertices: number; inEdges: number; outEdges: number } {
  const longest = { vertices: 0, inEdges: 0, outEdges: 0 };
  for (let interval = 0; interval < graph.intervals; interval++) {
    const first = graph.intervalStarts[interval]!;
    const end = graph.intervalStarts[interval + 1]!;
    const sum = (counts: Uint32Array): number => {
      let total = 0;
      for (let vertex = first; vertex < end; vertex++) total += counts[vertex]!;
      return total;
    };
    longest.vertices = Math.max(longest.vertices, end - first);
    longest.inEdges = Math.max(longest.inEdges, sum(graph.inDegrees));
    longest.outEdges = Math.max(longest.outEdges, sum(graph.outDegrees));
  }
  return longest;
}
