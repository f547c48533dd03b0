/** A column of a table: its head, its cells and where they stand. */
export interface Column {
  readonly head: string;
  readonly cells: readonly string[];
  readonly align: 'left' | 'right';
}

/**
 * Lines of a table with two spaces between columns. Twenty lines of our own: the table packages bring borders,
 * colours and wide-character tables along, and every package a report needs is one in its user's production.
 *
 * @param width where lines are cut, the last column bearing it.
 */
export function tableLines(columns: readonly Column[], width: number): string[] {
  const widths = columns.map(({ head, cells }) => Math.max(head.length, ...cells.map((cell) => cell.length)));
  const rows = Math.max(...columns.map(({ cells }) => cells.length));
  return Array.from({ length: rows + 1 }, (_, row) => {
    const line = columns.map(({ head, cells, align }, index) => {
      const text = row === 0 ? head : (cells[row - 1] ?? '');
      return align === 'left' ? text.padEnd(widths[index]!) : text.padStart(widths[index]!);
    });
    return cut(line.join('  ').trimEnd(), width);
  });
}

function cut(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
