import stringWidth from 'string-width';
import { outputIsStyled, painter } from './painter.js';

export interface Column {
  head: string;
  /** Default: left. Use right for numbers. */
  align?: 'left' | 'right';
}

const gap = '  ';

/**
 * Formats a table. Cells may contain colours and wide characters.
 * @param styled with colour, for a terminal; default: whether standard output is one
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
  styled = outputIsStyled(),
): string {
  const head = columns.map((column) => column.head);
  const texts = [head, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, i) =>
    texts.reduce((widest, cells) => Math.max(widest, stringWidth(cells[i] ?? '')), 0),
  );
  const bold = (text: string) => painter(styled)('bold', text);
  return texts
    .map((cells, row) =>
      columns
        .map(({ align }, i) => {
          const cell = cells[i] ?? '';
          const padding = ' '.repeat((widths[i] ?? 0) - stringWidth(cell));
          const text = row === 0 && cell ? bold(cell) : cell;
          return align === 'right' ? padding + text : text + padding;
        })
        .join(gap)
        .trimEnd(),
    )
    .join('\n');
}
