import { type Random, seededRandom } from '../../src/base/random.js';
import type { PointerGraph } from '../common/index.js';

/** A directed graph as a list of edges, in typed arrays. */
export type EdgeList = PointerGraph;

/** Graph500's R-MAT parameters (Chakrabarti et al., SDM 2004; Graph500 specification): skewed, like Twitter. */
const A = 0.57;
const B = 0.19;
const C = 0.19;
const EDGES_PER_VERTEX = 16;

/** A R-MAT graph of about `edges` edges; the vertices' numbers are shuffled, as Graph500 asks. */
export function rmat(edges: number, seed: number): EdgeList {
  const random = seededRandom(seed);
  const scale = Math.max(4, Math.round(Math.log2(edges / EDGES_PER_VERTEX)));
  const vertices = 2 ** scale;
  const names = shuffled(vertices, random);
  const sources = new Uint32Array(edges);
  const targets = new Uint32Array(edges);
  for (let edge = 0; edge < edges; edge++) {
    let source = 0;
    let target = 0;
    for (let bit = 0; bit < scale; bit++) {
      const draw = random();
      source = source * 2 + (draw >= A + B ? 1 : 0);
      target = target * 2 + ((draw >= A && draw < A + B) || draw >= A + B + C ? 1 : 0);
    }
    sources[edge] = names[source]!;
    targets[edge] = names[target]!;
  }
  return { vertices, sources, targets };
}

function shuffled(count: number, random: Random): Uint32Array {
  const names = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    const name = names[i]!;
    names[i] = names[other]!;
    names[other] = name;
  }
  return names;
}

/**
 * A graph on GraphChi's parallel sliding windows (Kyrola et al., OSDI 2012): vertices cut into intervals, one
 * shard an interval with all edges into it, sorted by source, so that the edges out of an interval are one
 * window in each other shard. Plain typed arrays stand for GraphChi's files, in every variant.
 */
export class ShardedGraph {
  readonly vertices: number;
  readonly intervals: number;
  /** Interval i has the vertices from intervalStarts[i] up to intervalStarts[i + 1]. */
  readonly intervalStarts: Uint32Array;
  /** Shard i has the edges from shardStarts[i] up to shardStarts[i + 1]. */
  readonly shardStarts: Uint32Array;
  readonly sources: Uint32Array;
  readonly targets: Uint32Array;
  readonly edgeValues: Float64Array;
  readonly vertexValues: Float64Array;
  readonly inDegrees: Uint32Array;
  readonly outDegrees: Uint32Array;
  readonly #windows: Uint32Array;

  constructor(list: EdgeList, intervals: number) {
    const edges = list.sources.length;
    this.vertices = list.vertices;
    this.intervals = intervals;
    this.outDegrees = degrees(list.sources, list.vertices);
    this.inDegrees = degrees(list.targets, list.vertices);
    this.intervalStarts = balancedIntervals(this.inDegrees, edges, intervals);
    this.shardStarts = new Uint32Array(intervals + 1);
    this.sources = new Uint32Array(edges);
    this.targets = new Uint32Array(edges);
    this.edgeValues = new Float64Array(edges);
    this.vertexValues = new Float64Array(list.vertices);
    this.#windows = new Uint32Array(intervals * (intervals + 1));
    this.#fillShards(list);
    this.#findWindows();
  }

  get edges(): number {
    return this.sources.length;
  }

  get bytes(): number {
    return 16 * this.edges + 16 * this.vertices;
  }

  /** The first edge of `shard` whose source is in `interval` or after it; `interval` may be one past the last. */
  windowStart(shard: number, interval: number): number {
    return this.#windows[shard * (this.intervals + 1) + interval]!;
  }

  intervalOf(vertex: number): number {
    let interval = 0;
    while (this.intervalStarts[interval + 1]! <= vertex) interval++;
    return interval;
  }

  /** Two counting sorts: by source, then, keeping that order, by the target's interval. */
  #fillShards(list: EdgeList): void {
    const shardOf = new Uint16Array(this.vertices);
    for (let interval = 0; interval < this.intervals; interval++) {
      shardOf.fill(interval, this.intervalStarts[interval], this.intervalStarts[interval + 1]);
    }
    const bySource = countingOrder(list.sources, this.outDegrees);
    for (const target of list.targets) this.shardStarts[shardOf[target]! + 1]!++;
    for (let shard = 0; shard < this.intervals; shard++)
      this.shardStarts[shard + 1]! += this.shardStarts[shard]!;
    const next = this.shardStarts.slice();
    for (const edge of bySource) {
      const to = next[shardOf[list.targets[edge]!]!]!++;
      this.sources[to] = list.sources[edge]!;
      this.targets[to] = list.targets[edge]!;
    }
  }

  #findWindows(): void {
    for (let shard = 0; shard < this.intervals; shard++) {
      let edge = this.shardStarts[shard]!;
      for (let interval = 0; interval <= this.intervals; interval++) {
        const first = this.intervalStarts[interval]!;
        while (edge < this.shardStarts[shard + 1]! && this.sources[edge]! < first) edge++;
        this.#windows[shard * (this.intervals + 1) + interval] = edge;
      }
    }
  }
}

function degrees(ends: Uint32Array, vertices: number): Uint32Array {
  const counts = new Uint32Array(vertices);
  for (const vertex of ends) counts[vertex]!++;
  return counts;
}

/** The edges' numbers in order of `keys`, equal keys as they came. */
function countingOrder(keys: Uint32Array, counts: Uint32Array): Uint32Array {
  const next = new Uint32Array(counts.length);
  for (let key = 1; key < counts.length; key++) next[key] = next[key - 1]! + counts[key - 1]!;
  const order = new Uint32Array(keys.length);
  for (let edge = 0; edge < keys.length; edge++) order[next[keys[edge]!]!++] = edge;
  return order;
}

/** Cuts where the edges into the vertices before reach equal shares. */
function balancedIntervals(inDegrees: Uint32Array, edges: number, intervals: number): Uint32Array {
  const starts = new Uint32Array(intervals + 1);
  let interval = 1;
  let seen = 0;
  for (let vertex = 0; vertex < inDegrees.length && interval < intervals; vertex++) {
    seen += inDegrees[vertex]!;
    while (interval < intervals && seen >= (edges * interval) / intervals) starts[interval++] = vertex + 1;
  }
  starts.fill(inDegrees.length, interval);
  return starts;
}
