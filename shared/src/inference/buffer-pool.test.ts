import { expect, test } from 'vitest';
import { BufferPool } from './buffer-pool.js';

test('gives out again what came back, to whoever needs about as much', () => {
  const pool = new BufferPool(2);
  const buffer = pool.take(10_000);
  expect(buffer.byteLength).toBe(16_384);
  pool.give(buffer);
  expect(pool.take(9_000)).toBe(buffer);
  expect(pool.take(9_000)).not.toBe(buffer);
  pool.give(buffer);
  expect(pool.take(1).byteLength).toBe(4_096);
  expect(pool.take(16_385).byteLength).toBe(32_768);
});

test('never gives one buffer to two', () => {
  const pool = new BufferPool(2);
  const taken = [pool.take(1), pool.take(1)];
  expect(taken[0]).not.toBe(taken[1]);
});

test('keeps no more than it may', () => {
  const pool = new BufferPool(2);
  const [first, second, third] = [pool.take(1), pool.take(1), pool.take(1)] as const;
  for (const buffer of [first, second, third]) pool.give(buffer);
  const again = [pool.take(1), pool.take(1), pool.take(1)];
  expect(again).toContain(first);
  expect(again).toContain(second);
  expect(again).not.toContain(third);
});
