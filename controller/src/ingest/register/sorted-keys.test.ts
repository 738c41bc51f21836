import { expect, it } from 'vitest';
import { SortedKeys } from './sorted-keys.js';

it('keeps keys in order, and finds the first after any', () => {
  const keys = new SortedKeys();
  for (const key of ['m', 'a', 'z', 'k']) keys.add(key);
  expect(Array.from({ length: keys.length }, (_, i) => keys.at(i))).toEqual(['a', 'k', 'm', 'z']);
  expect(['', 'a', 'b', 'z'].map((key) => keys.indexAfter(key))).toEqual([0, 1, 1, 4]);
  keys.remove('k');
  expect(keys.length).toBe(3);
  expect(keys.at(1)).toBe('m');
});
