import { mixFloat } from '../common/index.js';
import type { BatchStore } from './engine.js';
import type { ShardedGraph } from './graph.js';

/** The variant `floor`: reads and writes the same files in the same steps, and builds nothing in between. */
export class FloorBatches implements BatchStore {
  readonly #graph: ShardedGraph;
  #sum = 0;

  constructor(graph: ShardedGraph) {
    this.#graph = graph;
  }

  begin(): void {
    this.#sum = 0;
  }

  addVertices(from: number, to: number): void {
    for (let vertex = from; vertex < to; vertex++) this.#sum += this.#graph.vertexValues[vertex]!;
  }

  addInEdges(from: number, to: number): void {
    for (let edge = from; edge < to; edge++) this.#sum += this.#graph.edgeValues[edge]!;
  }

  addOutEdges(from: number, to: number): void {
    this.addInEdges(from, to);
  }

  update(from: number, to: number): number {
    return mixFloat(to - from, this.#sum);
  }

  store(from: number, to: number): void {
    for (let vertex = from; vertex < to; vertex++) this.#graph.vertexValues[vertex] = vertex;
  }

  end(): void {}

  close(): void {}
}
