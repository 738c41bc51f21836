import { expect, it } from 'vitest';
import { fitColumns } from './fit-columns.js';

const concessions = [
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
])('concedes in order, as much as %d columns ask for', (width, widths) => {
  expect(fitColumns([10, 10, 10], concessions, width)).toEqual(widths);
});

it('does not widen what is narrower than it may be cut to', () => {
  expect(fitColumns([2, 10], [{ column: 0, to: 4 }], 5)).toEqual([2, 10]);
});
