import { expect, it } from 'vitest';
import { fitColumns } from './fit-columns.js';

const reductions = [
  { column: 1, to: 4 },
  { column: 2, to: 0 },
  { column: 0, to: 3 },
];

it.each([
  [34, [10, 10, 10]],
  [30, [10, 6, 10]],
  [28, [10, 4, 10]],
  [27, [10, 4, 0]],
  [16, [10, 4, 0]],
  [12, [6, 4, 0]],
  [2, [3, 4, 0]],
])('reduces columns in order, as far as a width of %d needs', (width, widths) => {
  expect(fitColumns([10, 10, 10], reductions, width)).toEqual(widths);
});

it('does not widen columns that are narrower than their reduction', () => {
  expect(fitColumns([2, 10], [{ column: 0, to: 4 }], 5)).toEqual([2, 10]);
});
