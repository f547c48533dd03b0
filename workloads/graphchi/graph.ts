import { type Random, seededRandom } from '../../src/base/random.js';
import type { PointerGraph } from '../common/index.js';

/** A directed graph as a list of edges, in typed arrays. */
export type EdgeList = PointerGraph;

/** Graph500's R-MAT parameters (Chakrabarti et al., SDM 2004; Graph500 specification): skewed, like Twitter. */
const A = 0.57;
const B = 0.19;
const C = 0.19;
const EDGES_PER_VERTEX = 16;
const LEVELS_PER_DRAW = 3;

/**
 * Draws quadrants of quadrants, `levels` deep, with one random number and one comparison (Walker's alias method, after
 * Vose): a graph takes 20 levels an edge, and drawing them one by one took longer than a run measured.
 */
class Quadrants {
  readonly levels: number;
  /** Bits that an outcome adds to an edge's source, and to its target. */
  readonly sourceBits: Uint8Array;
  readonly targetBits: Uint8Array;
  /** Share of its column that outcome i has; the rest is `#alias[i]`'s. */
  readonly #shares: Float64Array;
  readonly #alias: Uint8Array;

  constructor(levels: number) {
    this.levels = levels;
    const outcomes = 4 ** levels;
    this.sourceBits = new Uint8Array(outcomes);
    this.targetBits = new Uint8Array(outcomes);
    this.#shares = new Float64Array(outcomes).fill(outcomes);
    this.#alias = Uint8Array.from({ length: outcomes }, (_, i) => i);
    for (let outcome = 0; outcome < outcomes; outcome++) {
      for (let level = 0; level < levels; level++) {
        const quadrant = (outcome >>> (2 * level)) & 3;
        this.sourceBits[outcome]! |= (quadrant >>> 1) << level;
        this.targetBits[outcome]! |= (quadrant & 1) << level;
        this.#shares[outcome]! *= [A, B, C, 1 - A - B - C][quadrant]!;
      }
    }
    this.#pair();
  }

  /** Fills each column that is too low from one that is too high. */
  #pair(): void {
    const shares = this.#shares;
    const all = [...shares.keys()];
    const low = all.filter((outcome) => shares[outcome]! < 1);
    const high = all.filter((outcome) => shares[outcome]! >= 1);
    while (low.length > 0 && high.length > 0) {
      const [needy, giver] = [low.pop()!, high.at(-1)!];
      this.#alias[needy] = giver;
      shares[giver]! -= 1 - shares[needy]!;
      if (shares[giver]! < 1) low.push(high.pop()!);
    }
  }

  /** @param uniform in [0, 1) */
  draw(uniform: number): number {
    const scaled = uniform * this.#shares.length;
    const column = Math.floor(scaled);
    return scaled - column < this.#shares[column]! ? column : this.#alias[column]!;
  }
}

/** A R-MAT graph of about `edges` edges; the vertices' numbers are shuffled, as Graph500 asks. */
export function rmat(edges: number, seed: number): EdgeList {
  const random = seededRandom(seed);
  const scale = Math.max(4, Math.round(Math.log2(edges / EDGES_PER_VERTEX)));
  const vertices = 2 ** scale;
  const names = shuffled(vertices, random);
  const sources = new Uint32Array(edges);
  const targets = new Uint32Array(edges);
  const most = new Quadrants(LEVELS_PER_DRAW);
  const rest = new Quadrants(scale % LEVELS_PER_DRAW);
  for (let edge = 0; edge < edges; edge++) {
    const first = rest.draw(random());
    let source = rest.sourceBits[first]!;
    let target = rest.targetBits[first]!;
    for (let bit = rest.levels; bit < scale; bit += LEVELS_PER_DRAW) {
      const drawn = most.draw(random());
      source = (source << LEVELS_PER_DRAW) | most.sourceBits[drawn]!;
      target = (target << LEVELS_PER_DRAW) | most.targetBits[drawn]!;
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
    const { sources, targets, shardStarts, outDegrees } = this;
    const shardOf = new Uint16Array(this.vertices);
    for (let interval = 0; interval < this.intervals; interval++) {
      shardOf.fill(interval, this.intervalStarts[interval], this.intervalStarts[interval + 1]);
    }
    const bySource = targetsBySource(list, outDegrees);
    for (let edge = 0; edge < bySource.length; edge++) shardStarts[shardOf[bySource[edge]!]! + 1]!++;
    for (let shard = 0; shard < this.intervals; shard++) shardStarts[shard + 1]! += shardStarts[shard]!;
    const next = shardStarts.slice();
    let edge = 0;
    for (let source = 0; source < this.vertices; source++) {
      for (let left = outDegrees[source]!; left > 0; left--) {
        const target = bySource[edge++]!;
        const to = next[shardOf[target]!]!++;
        sources[to] = source;
        targets[to] = target;
      }
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
  for (let edge = 0; edge < ends.length; edge++) counts[ends[edge]!]!++;
  return counts;
}

/** The edges' targets in order of their sources, edges of one source as they came. */
function targetsBySource({ sources, targets }: EdgeList, outDegrees: Uint32Array): Uint32Array {
  const next = new Uint32Array(outDegrees.length);
  for (let vertex = 1; vertex < next.length; vertex++)
    next[vertex] = next[vertex - 1]! + outDegrees[vertex - 1]!;
  const ordered = new Uint32Array(targets.length);
  for (let edge = 0; edge < targets.length; edge++) ordered[next[sources[edge]!]!++] = targets[edge]!;
  return ordered;
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
