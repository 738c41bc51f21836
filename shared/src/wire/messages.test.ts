import { expect, test } from 'vitest';
import { v1 } from './messages.js';

test('64-bit integers are read as numbers, single and repeated, present and absent', () => {
  const window = v1.Window.decode(v1.Window.encode({ samples: 5, exits: [1, 2 ** 40, 0] }).finish());
  expect(window.samples).toBe(5);
  expect(window.exits).toEqual([1, 2 ** 40, 0]);
  expect(window.failed).toBe(0);
});

test('a repeated 64-bit integer that is not packed is read as well', () => {
  const unpacked = Uint8Array.of(0x10, 3, 0x10, 4);
  expect(v1.Window.decode(unpacked).exits).toEqual([3, 4]);
});
