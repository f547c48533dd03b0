import { mixFloat } from '../common/index.js';
import type { BatchStore } from './engine.js';
import type { ShardedGraph } from './graph.js';
import { DAMPING, type ProgramName } from './programs.js';

/**
 * The variant `heap`: a vertex object with arrays of edge objects, shared by both ends where both are loaded,
 * as GraphChi's Java code has them.
 */

interface Edge {
  value: number;
  /** Its number in the graph. */
  readonly number: number;
}

interface Vertex {
  value: number;
  readonly inEdges: Edge[];
  readonly outEdges: Edge[];
}

export class HeapBatches implements BatchStore {
  readonly #graph: ShardedGraph;
  readonly #program: (vertex: Vertex) => void;
  #first = 0;
  #end = 0;
  #vertices: Vertex[] = [];

  constructor(graph: ShardedGraph, program: ProgramName) {
    this.#graph = graph;
    this.#program = program === 'pagerank' ? pageRank : components;
  }

  begin(first: number, end: number): void {
    this.#first = first;
    this.#end = end;
    this.#vertices = [];
  }

  addVertices(from: number, to: number): void {
    for (let vertex = from; vertex < to; vertex++) {
      this.#vertices.push({ value: this.#graph.vertexValues[vertex]!, inEdges: [], outEdges: [] });
    }
  }

  addInEdges(from: number, to: number): void {
    const { sources, targets, edgeValues } = this.#graph;
    for (let number = from; number < to; number++) {
      const edge = { value: edgeValues[number]!, number };
      this.#vertices[targets[number]! - this.#first]!.inEdges.push(edge);
      const source = sources[number]!;
      if (source >= this.#first && source < this.#end)
        this.#vertices[source - this.#first]!.outEdges.push(edge);
    }
  }

  addOutEdges(from: number, to: number): void {
    const { sources, edgeValues } = this.#graph;
    for (let number = from; number < to; number++) {
      const edge = { value: edgeValues[number]!, number };
      this.#vertices[sources[number]! - this.#first]!.outEdges.push(edge);
    }
  }

  update(from: number, to: number): number {
    let checksum = 0;
    for (const vertex of this.#vertices.slice(from - this.#first, to - this.#first)) {
      this.#program(vertex);
      checksum = mixFloat(checksum, vertex.value);
    }
    return checksum;
  }

  store(from: number, to: number): void {
    const { vertexValues, edgeValues } = this.#graph;
    for (let number = from; number < to; number++) {
      const vertex = this.#vertices[number - this.#first]!;
      vertexValues[number] = vertex.value;
      for (const edge of vertex.inEdges) edgeValues[edge.number] = edge.value;
      for (const edge of vertex.outEdges) edgeValues[edge.number] = edge.value;
    }
  }

  end(): void {
    this.#vertices = [];
  }

  close(): void {
    this.#vertices = [];
  }
}

function pageRank(vertex: Vertex): void {
  const sum = vertex.inEdges.reduce((total, edge) => total + edge.value, 0);
  vertex.value = 1 - DAMPING + DAMPING * sum;
  const share = vertex.value / vertex.outEdges.length;
  for (const edge of vertex.outEdges) edge.value = share;
}

function components(vertex: Vertex): void {
  let least = vertex.value;
  for (const edge of vertex.inEdges) least = Math.min(least, edge.value);
  for (const edge of vertex.outEdges) least = Math.min(least, edge.value);
  vertex.value = least;
  for (const edge of vertex.inEdges) edge.value = least;
  for (const edge of vertex.outEdges) edge.value = least;
}
