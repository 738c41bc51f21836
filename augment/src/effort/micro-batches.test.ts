import { expect, it } from 'vitest';
import { divideBatch } from './micro-batches.js';

const proportional = (size: number) => 10 + size;

it.each([
  [128, 200, { count: 1, size: 128 }],
  [128, 137, { count: 2, size: 64 }],
  [128, 50, { count: 4, size: 32 }],
  [100, 45, { count: 3, size: 33 }],
  [128, 14, { count: 32, size: 4 }],
  [3, 13, { count: 1, size: 3 }],
])('a batch of %d within %d bytes is divided into as few parts as fit', (batch, limit, parts) => {
  expect(divideBatch(batch, limit, proportional)).toEqual(parts);
});

it('refuses a step whose smallest part does not fit, and says how much it lacks', () => {
  const most = () => divideBatch(128, 2 ** 20, (size) => size * 2 ** 20);
  expect(most).toThrow('a step of training takes 4 MiB for 4 samples, of which 1 MiB are left');
});
