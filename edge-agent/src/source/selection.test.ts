import { expect, test } from 'vitest';
import { parseShard, selectIndices } from './selection.js';

const all = { offset: 0, step: 1, limit: 0, loop: false };

test('the shards of a set take every sample once', () => {
  const shards = [0, 1, 2].map((offset) => [...selectIndices(10, { ...all, offset, step: 3 })]);
  expect(shards[1]).toEqual([1, 4, 7]);
  expect(shards.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('the limit holds across rounds', () => {
  expect([...selectIndices(3, { ...all, limit: 7, loop: true })]).toEqual([0, 1, 2, 0, 1, 2, 0]);
  expect([...selectIndices(3, { ...all, limit: 2 })]).toEqual([0, 1]);
});

test('an empty selection ends even if it loops', () => {
  expect([...selectIndices(2, { ...all, offset: 5, step: 6, loop: true })]).toEqual([]);
});

test('a shard is i/n with i below n', () => {
  expect(parseShard('2/3')).toEqual({ offset: 2, step: 3 });
  for (const wrong of ['3/3', '0/0', 'a/b', '1']) expect(() => parseShard(wrong)).toThrow(/expected i\/n/);
});
