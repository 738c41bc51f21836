import { expect, test } from 'vitest';
import { mapLabels } from './label-map.js';

const labels = ['shirt', 'bag', 'boot'];

test('classes are found by name, in whatever order they come', () => {
  const map = mapLabels(['bag', 'boot', 'cup', 'shirt'], labels);
  expect([0, 1, 2, 3].map((label) => map?.(label))).toEqual([1, 2, null, 0]);
});

test('without names, or with as many unknown ones, the index counts', () => {
  for (const names of [null, ['0', '1', '2']]) {
    const map = mapLabels(names, labels);
    expect([0, 2, 3, null].map((label) => map?.(label))).toEqual([0, 2, null, null]);
  }
});

test('classes that have nothing to do with the labels are not used', () => {
  expect(mapLabels(['cat', 'dog'], labels)).toBeNull();
});
