import type { PlacedDetails, ProfileContext } from '../profiler/index.js';
import { type Column, tableLines } from './columns.js';
import { bytesText, estimateText, numberText } from './format.js';

type Placed = ProfileContext & { readonly placed: PlacedDetails };

function isPlaced(context: ProfileContext): context is Placed {
  return context.placed !== undefined;
}

/** What rolp's heaps hold, most bytes first, and where it goes. Nothing without placed contexts. */
export function placedLines(contexts: readonly ProfileContext[], top: number, width: number): string[] {
  const placed = contexts.filter(isPlaced);
  if (placed.length === 0) return [];
  const shown = placed.toSorted((a, b) => b.allocated.bytes - a.allocated.bytes).slice(0, top);
  const lines = [
    "Placed in rolp's heaps:",
    ...tableLines(columnsOf(shown), width),
    '',
    'gen: the generation (1 to 15) where its blocks go by what was learnt. cycles, bytes: median lifetime in heap cycles ' +
      'and in bytes allocated on that heap.',
  ];
  if (placed.length > top) {
    lines.push(`${placed.length - top} more placed contexts: --top ${placed.length} shows all.`);
  }
  return lines;
}

function columnsOf(contexts: readonly Placed[]): Column[] {
  const right = (head: string, cell: (context: Placed) => string): Column => ({
    head,
    align: 'right',
    cells: contexts.map(cell),
  });
  const left = (head: string, cell: (context: Placed) => string): Column => ({
    ...right(head, cell),
    align: 'left',
  });
  return [
    right('allocated', (context) => bytesText(context.allocated.bytes)),
    right('live', (context) => bytesText(context.live.bytes)),
    right('gen', ({ generation }) => (generation === null ? '?' : String(generation))),
    right('sure', ({ confidence }) => (confidence === null ? '' : `${Math.round(confidence * 100)} %`)),
    right('cycles', ({ lifetime }) => estimateText(lifetime.gcCycles.p50, numberText)),
    right('bytes', ({ lifetime }) => estimateText(lifetime.bytes.p50, bytesText)),
    left('conflict', ({ placed }) => (placed.verdict === 'none' ? '' : placed.verdict)),
    left('heap, site, told apart by', ({ placed }) => placeText(placed)),
  ];
}

function placeText({ heap, site, features }: PlacedDetails): string {
  const told = Object.entries(features).map(([feature, value]) => `${feature} ${value}`);
  return [heap, site === '' ? '(unnamed site)' : site, ...told].join(', ');
}
