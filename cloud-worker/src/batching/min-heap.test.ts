import { expect, test } from 'vitest';
import { MinHeap } from './min-heap.js';

const drain = <T>(heap: MinHeap<T>) => Array.from({ length: heap.size }, () => heap.pop());

test('returns the least first, and among equals the one pushed first', () => {
  const heap = new MinHeap<string>();
  // A permutation of 0 … 100, each key twice.
  for (let i = 0; i < 202; i++) heap.push((i * 37) % 101, `${(i * 37) % 101}${i < 101 ? 'a' : 'b'}`);
  expect(heap.peek()).toBe('0a');
  expect(drain(heap)).toEqual(Array.from({ length: 202 }, (_, i) => `${i >> 1}${i % 2 ? 'b' : 'a'}`));
  expect(heap.pop()).toBeUndefined();
  expect(heap.peek()).toBeUndefined();
});

test('stays in order while pushes and pops alternate', () => {
  const heap = new MinHeap<number>();
  const model: number[] = [];
  let state = 1;
  for (let step = 0; step < 2_000; step++) {
    state = (state * 48_271) % 2_147_483_647;
    if (state % 3 === 0) {
      model.sort((a, b) => a - b);
      expect(heap.pop()).toBe(model.shift());
    } else {
      heap.push(state % 50, state % 50);
      model.push(state % 50);
    }
  }
  expect(drain(heap)).toEqual(model.sort((a, b) => a - b));
});

test('keeps the order of kept entries', () => {
  const heap = new MinHeap<number>();
  for (const value of [5, 3, 8, 1, 9, 2]) heap.push(value, value);
  heap.keep((value) => value % 2 === 1);
  expect(drain(heap)).toEqual([1, 3, 5, 9]);
});
