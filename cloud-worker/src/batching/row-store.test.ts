import { expect, test } from 'vitest';
import { RowStore } from './row-store.js';

const read = (row: ReturnType<RowStore['keep']>, length: number) => {
  const place = new Float32Array(length);
  row.decodeInto(place);
  return [...place];
};

test('keeps a copy until it is read', () => {
  const rows = new RowStore(4);
  const output = Float32Array.of(1, 2, 3);
  const row = rows.keep(output);
  output.fill(9);
  expect(read(row, 3)).toEqual([1, 2, 3]);
});

test('memory that was read or dropped goes to only one other row, even if it is released twice', () => {
  const rows = new RowStore(4);
  const first = rows.keep(Float32Array.of(1, 1));
  read(first, 2);
  first.drop();
  const [second, third] = [rows.keep(Float32Array.of(2, 2)), rows.keep(Float32Array.of(3, 3))];
  expect(read(second, 2)).toEqual([2, 2]);
  expect(read(third, 2)).toEqual([3, 3]);
});
