/**
 * graphchi: vertex-centric graph programs after GraphChi's, over shards loaded interval by interval.
 *
 * What may not live here: how time is taken, and what another workload needs.
 */
import {
  type Engine,
  loadPointers,
  PLACEMENTS,
  type Prepared,
  type Workload,
  type WorkloadOptions,
} from '../common/index.js';
import { ArenaBatchHome, FixedBatchHome } from './arena.js';
import { GraphEngine } from './engine.js';
import { FlatBatches, longestBatch } from './flat.js';
import { FloorBatches } from './floor.js';
import { rmat, ShardedGraph } from './graph.js';
import { HeapBatches } from './heap.js';
import type { ProgramName } from './programs.js';
import { TypedBatchHome } from './typed.js';

export { GraphEngine } from './engine.js';
export { type EdgeList, rmat, ShardedGraph } from './graph.js';
export { DAMPING, type ProgramName, SWEEPS } from './programs.js';

export const GRAPHCHI_VARIANTS = ['heap', 'typed', 'single', 'auto', 'arena-refs', 'arena', 'floor'] as const;

/** Batches that a sweep has. */
const INTERVALS = 4;

/** What a loaded edge costs in the variant `heap`, measured: the object, its boxed value, its places in arrays. */
const HEAP_BYTES_PER_EDGE = 90;

const MIXES: Record<string, { program: ProgramName; graph: 'rmat' | 'wordnet' }> = {
  pagerank: { program: 'pagerank', graph: 'rmat' },
  components: { program: 'components', graph: 'rmat' },
  'pagerank-wordnet': { program: 'pagerank', graph: 'wordnet' },
  'components-wordnet': { program: 'components', graph: 'wordnet' },
};

/** A block's header and its share of the table of refs. */
const BLOCK_BYTES = 8 + 4;

/** What an operator would give the engine: a quarter over the longest batch. The same for all placements. */
function arenaBytes(graph: ShardedGraph): number {
  const { vertices, edges, words } = longestBatch(graph);
  return 16 * 2 ** 20 + Math.ceil(1.25 * (4 * words + BLOCK_BYTES * (vertices + edges)));
}

/** @throws RangeError for an unknown variant. */
export function openGraphchi(variant: string, graph: ShardedGraph, program: ProgramName): Engine {
  switch (variant) {
    case 'heap':
      return new GraphEngine(graph, program, new HeapBatches(graph, program));
    case 'typed': {
      const home = new TypedBatchHome(longestBatch(graph).words);
      return new GraphEngine(graph, program, new FlatBatches(graph, program, home));
    }
    case 'single':
    case 'auto':
    case 'arena-refs': {
      const home = new ArenaBatchHome(PLACEMENTS[variant], arenaBytes(graph));
      return new GraphEngine(graph, program, new FlatBatches(graph, program, home));
    }
    case 'arena': {
      const home = new FixedBatchHome(arenaBytes(graph));
      return new GraphEngine(graph, program, new FlatBatches(graph, program, home));
    }
    case 'floor':
      return new GraphEngine(graph, program, new FloorBatches(graph));
    default:
      throw new RangeError(`graphchi has no variant '${variant}', it has ${GRAPHCHI_VARIANTS.join(', ')}`);
  }
}

export const graphchi: Workload = {
  name: 'graphchi',
  mixes: Object.keys(MIXES),
  variants: GRAPHCHI_VARIANTS,
  incomparable: ['floor'],
  prepare(options: WorkloadOptions): Prepared {
    const mix = MIXES[options.mix];
    if (mix === undefined) {
      throw new RangeError(`graphchi has no mix '${options.mix}', it has ${Object.keys(MIXES).join(', ')}`);
    }
    // A batch has about 2 / INTERVALS of all edges: those into its interval and those out of it.
    const edges = Math.max(1000, Math.round((options.heapMb * 1e6 * INTERVALS) / (2 * HEAP_BYTES_PER_EDGE)));
    const list = mix.graph === 'rmat' ? rmat(edges, options.seed) : loadPointers();
    const graph = new ShardedGraph(list, INTERVALS);
    return {
      open: (variant) => openGraphchi(variant, graph, mix.program),
      facts: {
        vertices: graph.vertices,
        edges: graph.edges,
        intervals: INTERVALS,
        graphMb: Math.round(graph.bytes / 1e6),
      },
    };
  },
};
