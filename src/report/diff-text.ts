import type { ProfileDiff, ProfileDiffRow } from '../profiler/index.js';
import { type Column, tableLines } from './columns.js';
import { bytesText, durationText } from './format.js';

/** What changed between two profiles, for the terminal. */
export function formatDiff(
  files: readonly [before: string, after: string],
  { rows, total }: ProfileDiff,
  top: number,
  width: number,
): string {
  const [before, after] = total.survivedShare;
  const lines = [
    `${files[0]} -> ${files[1]}`,
    `Survived of what was allocated: ${percentText(before)} -> ${percentText(after)} ` +
      `(${signed(total.changePercent)} % +- ${total.noisePercent.toFixed(1)}); mean GC pause ` +
      `${total.meanPauseMs.map((ms) => (ms === null ? '-' : durationText(ms))).join(' -> ')}`,
    '',
  ];
  if (rows.length === 0) lines.push('No context changed.');
  else {
    lines.push(...tableLines(columnsOf(rows.slice(0, top)), width));
    if (rows.length > top)
      lines.push(`${rows.length - top} more contexts changed: --top ${rows.length} shows all.`);
    lines.push(
      '',
      'change: of what survived per byte allocated, in per cent of the first profile’s total; +- what chance alone makes of the samples.',
    );
  }
  return `${lines.join('\n')}\n`;
}

function columnsOf(rows: readonly ProfileDiffRow[]): Column[] {
  const column = (head: string, align: Column['align'], cell: (row: ProfileDiffRow) => string): Column => ({
    head,
    align,
    cells: rows.map(cell),
  });
  return [
    column('change', 'right', ({ changePercent }) => `${signed(changePercent)} %`),
    column('+-', 'right', ({ noisePercent }) => noisePercent.toFixed(1)),
    column('survived', 'right', (row) => both(row, ({ survivedShare }) => percentText(survivedShare))),
    column('class', 'left', (row) => both(row, (side) => side.class)),
    column('bytes p50', 'right', (row) =>
      both(row, ({ medianBytes }) => (medianBytes === null ? 'longer' : bytesText(medianBytes))),
    ),
    column('allocating function < caller', 'left', ({ frames }) =>
      frames
        .slice(0, 2)
        .map(({ function: name, url, line }) =>
          url === '' ? name : `${name} ${url}${line === null ? '' : `:${line}`}`,
        )
        .join(' < '),
    ),
  ];
}

type Side = NonNullable<ProfileDiffRow['before']>;

/** `before -> after`, once where they are equal; `new` and `gone` where one is missing. */
function both({ before, after }: ProfileDiffRow, show: (side: Side) => string): string {
  if (before === null) return `new ${show(after!)}`;
  if (after === null) return `${show(before)}, gone`;
  const [a, b] = [show(before), show(after)];
  return a === b ? a : `${a} -> ${b}`;
}

function percentText(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function signed(value: number): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(1)}`;
}
