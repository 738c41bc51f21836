import { expect, test } from 'vitest';
import { codecs } from './codec.js';
import { formatEncodings, parseEncodings } from './encodings-header.js';

test('what is written is read', () => {
  expect([...parseEncodings(formatEncodings())].sort()).toEqual(
    codecs.map(({ encoding }) => encoding).sort(),
  );
});

test.each([
  [undefined, [1]],
  ['', [1]],
  ['2, 99', [1, 2, 99]],
  ['1e3,-4,0x5,int8,,3', [1, 3]],
  ['9,'.repeat(1_000), [1]],
])('%j: float32 is always among them, what is no number never', (value, expected) => {
  expect([...parseEncodings(value)].sort((a, b) => a - b)).toEqual(expected);
});
