import type { ShardedGraph } from './graph.js';

/** What is computed. Both programs read a vertex's edges, give it a value, and write its edges. */
export type ProgramName = 'pagerank' | 'components';

/** PageRank's damping factor (Brin and Page), not divided by the number of vertices, as in GraphChi. */
export const DAMPING = 0.85;

/** Sweeps over all vertices before a program starts over. */
export const SWEEPS = 10;

export function initialVertex(program: ProgramName, vertex: number): number {
  return program === 'pagerank' ? 1 : vertex;
}

/** A rank's share that goes along the edge; or the least label that either end has seen. */
export function initialEdge(program: ProgramName, graph: ShardedGraph, edge: number): number {
  const source = graph.sources[edge]!;
  return program === 'pagerank' ? 1 / graph.outDegrees[source]! : Math.min(source, graph.targets[edge]!);
}
