/** How a column is reduced if the table is too wide: to a width of `to`, or removed with 0. */
export interface ColumnReduction {
  /** The column's index. */
  column: number;
  to: number;
}

/** Width of the gap that {@link formatTable} puts between two columns. */
const gapWidth = 2;

/**
 * Fits a table into a width. Reductions are applied in order, each only as far as needed.
 * @param wanted width of each column without reductions
 * @returns width of each column; 0: it is removed. The sum exceeds `width` only if all reductions together do not suffice
 */
export function fitColumns(
  wanted: readonly number[],
  reductions: readonly ColumnReduction[],
  width: number,
): number[] {
  const widths = [...wanted];
  for (const { column, to } of reductions) {
    const kept = widths.filter((each) => each > 0);
    const over = kept.reduce((sum, each) => sum + each + gapWidth, -gapWidth) - width;
    if (over <= 0) break;
    const before = widths[column] as number;
    widths[column] = to === 0 ? 0 : Math.min(before, Math.max(to, before - over));
  }
  return widths;
}
