import { expect, test } from 'vitest';
import { codecs } from './codecs.js';
import { formatEncodings, parseEncodings } from './encodings-header.js';
import { pictureFileEncodings } from './picture-files.js';

test('reads what it writes', () => {
  expect([...parseEncodings(formatEncodings())].sort()).toEqual(
    [...codecs, ...pictureFileEncodings].map(({ encoding }) => encoding).sort(),
  );
});

test.each([
  [undefined, [1]],
  ['', [1]],
  ['2, 99', [1, 2, 99]],
  ['1e3,-4,0x5,int8,,3', [1, 3]],
  ['9,'.repeat(1_000), [1]],
])('%j: always includes float32, and never anything but numbers', (value, expected) => {
  expect([...parseEncodings(value)].sort((a, b) => a - b)).toEqual(expected);
});
