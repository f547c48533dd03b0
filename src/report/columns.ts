const GAP = '  ';

/** A column of a table: its head, its cells and where they stand. */
export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly align: 'left' | 'right';
  /** Where the table is too wide, the columns with the highest number go first. Absent or 0: never. */
  readonly spare?: number;
}

/**
 * The columns that leave at least `least` characters of `width` to the last one, the sparest left out; those that can
 * not be spared at any rate.
 */
export function fittingColumns(columns: readonly Column[], width: number, least: number): readonly Column[] {
  const left = columns.slice(0, -1).reduce((rest, column) => rest - widthOf(column) - GAP.length, width);
  const sparest = columns.reduce((a, b) => ((b.spare ?? 0) > (a.spare ?? 0) ? b : a));
  if (left >= Math.min(least, widthOf(columns.at(-1)!)) || (sparest.spare ?? 0) === 0) return columns;
  return fittingColumns(
    columns.filter((column) => column !== sparest),
    width,
    least,
  );
}

/**
 * Lines of a table with two spaces between columns. Twenty lines of our own: the table packages bring borders,
 * colours and wide-character tables along, and every package a report needs is one in its user's production.
 *
 * @param width where lines are cut, the last column bearing it.
 */
export function tableLines(columns: readonly Column[], width: number): string[] {
  const widths = columns.map(widthOf);
  const rows = Math.max(...columns.map(({ cells }) => cells.length));
  return Array.from({ length: rows + 1 }, (_, row) => {
    const line = columns.map(({ head, cells, align }, index) => {
      const text = row === 0 ? head : (cells[row - 1] ?? '');
      return align === 'left' ? text.padEnd(widths[index]!) : text.padStart(widths[index]!);
    });
    return cut(line.join(GAP).trimEnd(), width);
  });
}

function widthOf({ head, cells }: Column): number {
  return cells.reduce((most, cell) => Math.max(most, cell.length), head.length);
}

function cut(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
