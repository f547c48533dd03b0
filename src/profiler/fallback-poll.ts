import type { Session } from 'node:inspector';
import type { RawFrame } from './aggregates.js';

/** A live sample as the inspector shows it. */
export interface PolledSample {
  /** V8's sample id: ascending from 1 in the order of allocation, stable while the object lives. */
  readonly ordinal: number;
  /** Size of the object times the number of objects that the sample stands for. */
  readonly scaledBytes: number;
  readonly nodeId: number;
}

export interface Poll {
  readonly samples: readonly PolledSample[];
  /** The stack of a sample, leaf first. Cost: a walk over the tree at the first call. */
  stackOf(nodeId: number): readonly RawFrame[];
}

interface Node {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
    readonly columnNumber: number;
  };
  readonly children: readonly Node[];
}
interface SamplingProfile {
  readonly head: Node;
  readonly samples: readonly { readonly size: number; readonly nodeId: number; readonly ordinal: number }[];
}

/**
 * V8's live samples, by the inspector. Its callback runs synchronously. Null when no sampler runs (somebody
 * stopped it). Cost: 10 to 150 ms, by nodes and samples.
 */
export function pollInspector(session: Session): Poll | null {
  let profile: SamplingProfile | null = null;
  session.post('HeapProfiler.getSamplingProfile', (error, result) => {
    if (error === null) profile = (result as unknown as { profile: SamplingProfile }).profile;
  });
  if (profile === null) return null;
  const { head, samples } = profile as SamplingProfile;
  let parents: Map<number, { readonly frame: RawFrame | null; readonly parent: number | null }> | undefined;
  return {
    samples: samples.map(({ size, nodeId, ordinal }) => ({ ordinal, scaledBytes: size, nodeId })),
    stackOf(nodeId) {
      parents ??= indexNodes(head);
      const frames: RawFrame[] = [];
      for (let id: number | null = nodeId; id !== null; ) {
        const node: { frame: RawFrame | null; parent: number | null } | undefined = parents.get(id);
        if (node?.frame) frames.push(node.frame);
        id = node?.parent ?? null;
      }
      return frames;
    },
  };
}

function indexNodes(
  head: Node,
): Map<number, { readonly frame: RawFrame | null; readonly parent: number | null }> {
  const nodes = new Map<number, { frame: RawFrame | null; parent: number | null }>();
  // The head is V8's "(root)", no frame.
  nodes.set(head.id, { frame: null, parent: null });
  const stack = [head];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const child of node.children) {
      const { functionName, url, lineNumber, columnNumber } = child.callFrame;
      // The inspector counts lines and columns from 0.
      const frame = { function: functionName, url, line: lineNumber + 1, column: columnNumber + 1 };
      nodes.set(child.id, { frame, parent: node.id });
      stack.push(child);
    }
  }
  return nodes;
}

/**
 * How many objects a sample stands for. V8 reports size x count with count = round(1 / (1 - exp(-size /
 * interval))), and several sizes may give one product: the geometric mean of the counts they ask for is taken, small
 * sizes, which are the common ones, counting more. An object a multiple of the interval large stands for itself.
 */
export class SampleWeights {
  readonly #weights = new Map<number, number>();

  constructor(intervalBytes: number) {
    const logs = new Map<number, { sum: number; weight: number }>();
    const largest = Math.min(8 * intervalBytes, 1 << 20);
    for (let size = 16; size <= largest; size += 8) {
      const count = Math.round(1 / (1 - Math.exp(-size / intervalBytes)));
      const seen = logs.get(size * count) ?? { sum: 0, weight: 0 };
      const likelihood = 1 / (size * size);
      seen.sum += Math.log(count) * likelihood;
      seen.weight += likelihood;
      logs.set(size * count, seen);
    }
    for (const [scaled, { sum, weight }] of logs) this.#weights.set(scaled, Math.exp(sum / weight));
  }

  of(scaledBytes: number): number {
    return this.#weights.get(scaledBytes) ?? 1;
  }
}
