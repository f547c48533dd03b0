import {
  ArenaHeap,
  type BlockGroup,
  mixFloat,
  type OffHeapBytes,
  type Placement,
  type StopWork,
} from '../common/index.js';
import type { BatchStore } from './engine.js';
import type { ShardedGraph } from './graph.js';
import { DAMPING, type ProgramName } from './programs.js';
import { longestBatch } from './typed.js';

/**
 * The variants `single` and `arena`: vertices and edges are blocks of rolp's heap, one group a batch. A vertex's
 * block is its value, its edges into it and its edges out of it (refs); an edge's is its value and its number.
 */

const VALUE_WORDS = 2;
const EDGE_BYTES = 16;
const BLOCK_HEADER_BYTES = 8;

export class ArenaBatches implements BatchStore {
  readonly #graph: ShardedGraph;
  readonly #program: ProgramName;
  readonly #arena: ArenaHeap;
  #group: BlockGroup | undefined;
  #first = 0;
  #end = 0;
  readonly #vertices: Int32Array;
  /** How many of a vertex's edges are there so far. */
  readonly #inFilled: Uint32Array;
  readonly #outFilled: Uint32Array;

  constructor(graph: ShardedGraph, program: ProgramName, placement: Placement) {
    this.#graph = graph;
    this.#program = program;
    const { vertices, inEdges, outEdges } = longestBatch(graph);
    this.#vertices = new Int32Array(vertices);
    this.#inFilled = new Uint32Array(vertices);
    this.#outFilled = new Uint32Array(vertices);
    const edgeBytes = EDGE_BYTES + BLOCK_HEADER_BYTES + 4;
    const batchBytes = (inEdges + outEdges) * edgeBytes + vertices * 32;
    // A batch, the one before it while it is being freed, and the tables.
    this.#arena = new ArenaHeap(placement, 64 * 2 ** 20 + Math.ceil(2.5 * batchBytes));
  }

  begin(first: number, end: number): void {
    this.#first = first;
    this.#end = end;
    this.#group = this.#arena.openGroup();
  }

  addVertices(from: number, to: number): void {
    const { vertexValues, inDegrees, outDegrees } = this.#graph;
    for (let vertex = from; vertex < to; vertex++) {
      const at = vertex - this.#first;
      const ref = this.#arena.allocate(
        this.#group!,
        4 * (VALUE_WORDS + inDegrees[vertex]! + outDegrees[vertex]!),
      );
      this.#setValue(ref, vertexValues[vertex]!);
      this.#vertices[at] = ref;
      this.#inFilled[at] = 0;
      this.#outFilled[at] = 0;
    }
  }

  addInEdges(from: number, to: number): void {
    const { sources, targets } = this.#graph;
    for (let number = from; number < to; number++) {
      const edge = this.#addEdge(number);
      const target = targets[number]! - this.#first;
      this.#setWord(this.#vertices[target]!, VALUE_WORDS + this.#inFilled[target]!++, edge);
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
      this.#setValue(this.#vertices[vertex - this.#first]!, value);
      checksum = mixFloat(checksum, value);
    }
    return checksum;
  }

  store(from: number, to: number): void {
    const { vertexValues, edgeValues, inDegrees, outDegrees } = this.#graph;
    for (let vertex = from; vertex < to; vertex++) {
      const ref = this.#vertices[vertex - this.#first]!;
      vertexValues[vertex] = this.#value(ref);
      const edges = inDegrees[vertex]! + outDegrees[vertex]!;
      for (let i = 0; i < edges; i++) {
        const edge = this.#word(ref, VALUE_WORDS + i);
        edgeValues[this.#word(edge, VALUE_WORDS)] = this.#value(edge);
      }
    }
  }

  end(): void {
    this.#arena.endGroup(this.#group!);
    this.#group = undefined;
  }

  close(): void {}

  offHeap(): OffHeapBytes {
    return this.#arena.offHeap();
  }

  takeStopWork(): StopWork[] {
    return this.#arena.takeStopWork();
  }

  stats(): Record<string, number> {
    return this.#arena.stats();
  }

  verify(): void {
    this.#arena.verify();
  }

  #addEdge(number: number): number {
    const edge = this.#arena.allocate(this.#group!, EDGE_BYTES);
    this.#setValue(edge, this.#graph.edgeValues[number]!);
    this.#setWord(edge, VALUE_WORDS, number);
    return edge;
  }

  #linkOut(source: number, edge: number): void {
    const at = source - this.#first;
    const place = VALUE_WORDS + this.#graph.inDegrees[source]! + this.#outFilled[at]!++;
    this.#setWord(this.#vertices[at]!, place, edge);
  }

  /** The loops below allocate nothing, so that a vertex's block stays where it is while they run. */
  #pageRank(vertex: number): number {
    const { memory } = this.#arena;
    const address = this.#arena.addressOf(this.#vertices[vertex - this.#first]!);
    const words = memory.i32[address >>> memory.slabShift]!;
    const edges = this.#arena.wordAt(address) + VALUE_WORDS;
    const inDegree = this.#graph.inDegrees[vertex]!;
    const outDegree = this.#graph.outDegrees[vertex]!;
    let sum = 0;
    for (let i = 0; i < inDegree; i++) sum += this.#value(words[edges + i]!);
    const rank = 1 - DAMPING + DAMPING * sum;
    const share = rank / outDegree;
    for (let i = 0; i < outDegree; i++) this.#setValue(words[edges + inDegree + i]!, share);
    return rank;
  }

  #components(vertex: number): number {
    const { memory } = this.#arena;
    const address = this.#arena.addressOf(this.#vertices[vertex - this.#first]!);
    const words = memory.i32[address >>> memory.slabShift]!;
    const edges = this.#arena.wordAt(address) + VALUE_WORDS;
    const degree = this.#graph.inDegrees[vertex]! + this.#graph.outDegrees[vertex]!;
    let least = this.#value(this.#vertices[vertex - this.#first]!);
    for (let i = 0; i < degree; i++) least = Math.min(least, this.#value(words[edges + i]!));
    for (let i = 0; i < degree; i++) this.#setValue(words[edges + i]!, least);
    return least;
  }

  #word(ref: number, at: number): number {
    const { memory } = this.#arena;
    const address = this.#arena.addressOf(ref);
    return memory.i32[address >>> memory.slabShift]![this.#arena.wordAt(address) + at]!;
  }

  #setWord(ref: number, at: number, word: number): void {
    const { memory } = this.#arena;
    const address = this.#arena.addressOf(ref);
    memory.i32[address >>> memory.slabShift]![this.#arena.wordAt(address) + at] = word;
  }

  #value(ref: number): number {
    const { memory } = this.#arena;
    const address = this.#arena.addressOf(ref);
    return memory.f64[address >>> memory.slabShift]![this.#arena.wordAt(address) >>> 1]!;
  }

  #setValue(ref: number, value: number): void {
    const { memory } = this.#arena;
    const address = this.#arena.addressOf(ref);
    memory.f64[address >>> memory.slabShift]![this.#arena.wordAt(address) >>> 1] = value;
  }
}
