import { expect, it } from 'vitest';
import { byteSize, bytesIn } from './byte-size.js';

it.each([
  ['512MiB', 512 * 2 ** 20],
  ['2 GiB', 2 * 2 ** 30],
  ['1.5GiB', 1.5 * 2 ** 30],
  ['64KiB', 65_536],
])('%s is an amount of memory', (text, bytes) => {
  expect(byteSize().safeParse(text).success).toBe(true);
  expect(bytesIn(text)).toBe(bytes);
});

it.each(['2', '2GB', '-1GiB', 'GiB', '1e3MiB', ''])('%j is none', (text) => {
  expect(byteSize().safeParse(text).error?.issues[0]?.message).toBe('expected a size like 512MiB or 2GiB');
});
