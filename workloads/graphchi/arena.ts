import {
  ARENA,
  ArenaHeap,
  ArenaHome,
  type ArenaWords,
  type EndedGroup,
  type FixedWords,
  type Placement,
  type ValueStore,
} from '../common/index.js';
import type { BatchHome, LoadedBatch } from './flat.js';

/** The variant `arena`: a batch is a generation, each vertex and each edge a block of it, named by its address. */
export class FixedBatchHome extends ArenaHome implements BatchHome {
  #words: FixedWords | undefined;

  constructor(maxBytes: number) {
    super(new ArenaHeap(ARENA, maxBytes));
  }

  open(): ValueStore {
    this.#words = this.arena.openFixedWords();
    return this.#words;
  }

  close(): void {
    this.#words!.end();
  }
}

/** The other variants on rolp's heap: each vertex and each edge a block with a ref, one group a batch. */
export class ArenaBatchHome extends ArenaHome implements BatchHome {
  #words: ArenaWords | undefined;

  constructor(placement: Placement, maxBytes: number) {
    super(new ArenaHeap(placement, maxBytes));
  }

  open(): ValueStore {
    this.#words = this.arena.openWords('vertices and edges');
    return this.#words;
  }

  close(batch: LoadedBatch): void {
    const words = this.#words!;
    words.end(this.arena.placement.releasesGroups ? NOTHING : new EndedBatch(words, batch));
  }
}

const NOTHING: EndedGroup = { freeOne: () => false };

/** Frees a batch's runs in the order in which they were made. */
class EndedBatch implements EndedGroup {
  readonly #words: ArenaWords;
  readonly #runs: Int32Array;
  #at = 0;

  constructor(words: ArenaWords, { vertices, vertexCount, edges, edgeCount }: LoadedBatch) {
    this.#words = words;
    // A copy: the next batch writes over the lists while this one is being freed.
    this.#runs = new Int32Array(vertexCount + edgeCount);
    this.#runs.set(vertices.subarray(0, vertexCount));
    this.#runs.set(edges.subarray(0, edgeCount), vertexCount);
  }

  freeOne(): boolean {
    if (this.#at === this.#runs.length) return false;
    this.#words.free(this.#runs[this.#at++]!);
    return true;
  }
}
