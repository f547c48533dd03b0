import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadPointers, mixInt } from '../../workloads/common/index.js';
import {
  DAMPING,
  type EdgeList,
  type GraphEngine,
  openGraphchi,
  type ProgramName,
  rmat,
  ShardedGraph,
  SWEEPS,
} from '../../workloads/graphchi/index.js';

const VARIANTS = ['heap', 'typed', 'single', 'auto', 'arena-refs', 'arena'] as const;

/** Runs whole sweeps. A sweep is counted with the first step after it, which changes no vertex yet. */
function run(variant: string, graph: ShardedGraph, program: ProgramName, sweeps: number): Float64Array {
  const engine = openGraphchi(variant, graph, program) as GraphEngine;
  engine.load();
  while (engine.sweeps < sweeps) engine.apply();
  engine.close();
  return graph.vertexValues;
}

/** PageRank as on paper: each vertex in turn, from its neighbours' latest ranks. */
function plainPageRank(list: EdgeList, sweeps: number): Float64Array {
  const ranks = new Float64Array(list.vertices).fill(1);
  const outDegrees = new Float64Array(list.vertices);
  const incoming: number[][] = Array.from({ length: list.vertices }, () => []);
  for (const [edge, source] of list.sources.entries()) {
    outDegrees[source]!++;
    incoming[list.targets[edge]!]!.push(source);
  }
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const [vertex, sources] of incoming.entries()) {
      let sum = 0;
      for (const source of sources) sum += ranks[source]! / outDegrees[source]!;
      ranks[vertex] = 1 - DAMPING + DAMPING * sum;
    }
  }
  return ranks;
}

/** Label propagation as on paper: each vertex in turn takes the least label of its edges and itself. */
function plainLabels(list: EdgeList, sweeps: number): Float64Array {
  const labels = Float64Array.from({ length: list.vertices }, (_, vertex) => vertex);
  const edgeLabels = Array.from(list.sources, (source, edge) => Math.min(source, list.targets[edge]!));
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let vertex = 0; vertex < list.vertices; vertex++) {
      const own = [...edgeLabels.keys()].filter(
        (e) => list.sources[e] === vertex || list.targets[e] === vertex,
      );
      labels[vertex] = Math.min(labels[vertex]!, ...own.map((edge) => edgeLabels[edge]!));
      for (const edge of own) edgeLabels[edge] = labels[vertex]!;
    }
  }
  return labels;
}

/** Connected components by union-find: each vertex's label is the least vertex it is connected to. */
function plainComponents(list: EdgeList): Float64Array {
  const parents = Uint32Array.from({ length: list.vertices }, (_, i) => i);
  const root = (vertex: number): number => {
    let at = vertex;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  };
  for (const [edge, source] of list.sources.entries()) {
    const a = root(source);
    const b = root(list.targets[edge]!);
    parents[Math.max(a, b)] = Math.min(a, b);
  }
  return Float64Array.from(parents, (_, vertex) => root(vertex));
}

const smallGraph = fc
  .record({
    vertices: fc.integer({ min: 1, max: 30 }),
    edges: fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { maxLength: 120 }),
    intervals: fc.integer({ min: 1, max: 6 }),
  })
  .map(({ vertices, edges, intervals }) => ({
    intervals,
    list: {
      vertices,
      sources: Uint32Array.from(edges, ([source]) => source % vertices),
      targets: Uint32Array.from(edges, ([, target]) => target % vertices),
    },
  }));

describe('the sharded graph', () => {
  it('has every edge once, in its target’s shard, sorted by source, windows in place', () => {
    fc.assert(
      fc.property(smallGraph, ({ list, intervals }) => {
        const graph = new ShardedGraph(list, intervals);
        const key = (sources: Uint32Array, targets: Uint32Array): string[] =>
          [...sources].map((source, edge) => `${source}>${targets[edge]}`).sort();
        expect(key(graph.sources, graph.targets)).toEqual(key(list.sources, list.targets));
        for (let shard = 0; shard < intervals; shard++) {
          for (let edge = graph.shardStarts[shard]!; edge < graph.shardStarts[shard + 1]!; edge++) {
            expect(graph.intervalOf(graph.targets[edge]!)).toBe(shard);
            const interval = graph.intervalOf(graph.sources[edge]!);
            expect(edge).toBeGreaterThanOrEqual(graph.windowStart(shard, interval));
            expect(edge).toBeLessThan(graph.windowStart(shard, interval + 1));
          }
        }
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('draws R-MAT graphs that are skewed and repeatable', () => {
    const graph = new ShardedGraph(rmat(32_000, 9), 4);
    expect(rmat(1000, 3)).toEqual(rmat(1000, 3));
    expect(rmat(1000, 3)).not.toEqual(rmat(1000, 4));
    const sorted = [...graph.outDegrees].sort((a, b) => b - a);
    expect(sorted[0]).toBeGreaterThan(20 * (32_000 / graph.vertices));
    const shares = [...graph.shardStarts]
      .slice(1)
      .map((end, shard) => (end - graph.shardStarts[shard]!) / 32_000);
    for (const share of shares) expect(share).toBeCloseTo(0.25, 0.7);
  });
});

describe.each(VARIANTS)('the graphchi engine, %s', (variant) => {
  it('agrees with plain PageRank and label propagation on small graphs', () => {
    fc.assert(
      fc.property(smallGraph, ({ list, intervals }) => {
        const ranks = run(variant, new ShardedGraph(list, intervals), 'pagerank', 3);
        const expected = plainPageRank(list, 3);
        for (const [vertex, rank] of ranks.entries()) expect(rank).toBeCloseTo(expected[vertex]!, 10);
        expect(run(variant, new ShardedGraph(list, intervals), 'components', 2)).toEqual(
          plainLabels(list, 2),
        );
      }),
      { seed: 2, numRuns: 60 },
    );
  });

  it('agrees with the plain references on WordNet’s pointers', () => {
    const list = loadPointers();
    const ranks = run(variant, new ShardedGraph(list, 4), 'pagerank', 2);
    const expected = plainPageRank(list, 2);
    let worst = 0;
    for (let v = 0; v < list.vertices; v++) worst = Math.max(worst, Math.abs(ranks[v]! / expected[v]! - 1));
    expect(worst).toBeLessThan(1e-9);
    expect(run(variant, new ShardedGraph(list, 4), 'components', SWEEPS)).toEqual(plainComponents(list));
  });
});

describe('the graphchi workload', () => {
  it.each(['pagerank', 'components'] as const)('gives the same answers in every variant: %s', (program) => {
    const sums = VARIANTS.map((variant) => {
      const engine = openGraphchi(variant, new ShardedGraph(rmat(30_000, 5), 4), program);
      engine.load();
      let checksum = 0;
      for (let op = 0; op < 3000; op++) checksum = mixInt(checksum, engine.apply(op));
      return checksum;
    });
    expect(new Set(sums).size, String(sums)).toBe(1);
  });

  it('knows how many operations a batch takes, in the mean over the intervals', () => {
    const graph = new ShardedGraph(rmat(30_000, 5), 3);
    const engine = openGraphchi('typed', graph, 'pagerank') as GraphEngine;
    engine.load();
    const apply = (until: number): number => {
      let operations = 0;
      for (; engine.stats().batches! < until; operations++) engine.apply();
      return operations;
    };
    // From a batch's first operation, with which the one before is counted, to the next sweep's: values are not reset then.
    const lead = apply(3);
    const operations = apply(6);
    expect(lead).toBeGreaterThan(operations);
    expect(engine.periodOperations()).toBe(Math.round(operations / 3));
    expect(operations).toBeGreaterThan(100);
  });

  it('names the variants it has when asked for another', () => {
    expect(() => openGraphchi('gpu', new ShardedGraph(rmat(100, 1), 2), 'pagerank')).toThrow(/'gpu'.*heap/);
  });
});
