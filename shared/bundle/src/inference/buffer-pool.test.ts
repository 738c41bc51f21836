import { expect, test } from 'vitest';
import { BufferPool } from './buffer-pool.js';

test('reuses a returned buffer for a request of similar size', () => {
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

test('never gives one buffer to two callers', () => {
  const pool = new BufferPool(2);
  const taken = [pool.take(1), pool.take(1)];
  expect(taken[0]).not.toBe(taken[1]);
});

test('keeps at most the given number of unused buffers', () => {
  const pool = new BufferPool(2);
  const [first, second, third] = [pool.take(1), pool.take(1), pool.take(1)] as const;
  for (const buffer of [first, second, third]) pool.give(buffer);
  const again = [pool.take(1), pool.take(1), pool.take(1)];
  expect(again).toContain(first);
  expect(again).toContain(second);
  expect(again).not.toContain(third);
});
