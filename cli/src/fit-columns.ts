/** What a column gives up where there is little room: all that is beyond `to` columns, or with 0 itself. */
export interface Concession {
  /** Its place in the table, from 0. */
  column: number;
  to: number;
}

/** What {@link formatTable} puts between two columns. */
const gapWidth = 2;

/**
 * Fits a table into a width: concessions are made in their order, each only as far as it is needed.
 * @param wanted how wide each column would be
 * @returns how wide each is; 0: it is left out. Together wider than `width` only where concessions do not suffice
 */
export function fitColumns(
  wanted: readonly number[],
  concessions: readonly Concession[],
  width: number,
): number[] {
  const widths = [...wanted];
  for (const { column, to } of concessions) {
    const kept = widths.filter((each) => each > 0);
    const over = kept.reduce((sum, each) => sum + each + gapWidth, -gapWidth) - width;
    if (over <= 0) break;
    const before = widths[column] as number;
    widths[column] = to === 0 ? 0 : Math.min(before, Math.max(to, before - over));
  }
  return widths;
}
