import { expect, it } from 'vitest';
import { StallWatch } from './stall-watch.js';

const holding = (last_seq: number, messages = last_seq) => ({ last_seq, messages });

it('finds a reader that does not get what was there before, and no other', () => {
  const watch = new StallWatch();
  expect(watch.isStalled(5, holding(4))).toBe(false);
  // It has just come in, and may be on its way.
  expect(watch.isStalled(5, holding(5))).toBe(false);
  expect(watch.isStalled(6, holding(6))).toBe(false);
  expect(watch.isStalled(6, holding(6))).toBe(true);
  expect(watch.isStalled(7, holding(9))).toBe(false);
});

it('lets a reader be that goes forward, however far behind', () => {
  const watch = new StallWatch();
  for (const next of [1, 400, 900]) expect(watch.isStalled(next, holding(100_000))).toBe(false);
});

it('misses nothing in a stream that is empty, or cannot be asked', () => {
  const watch = new StallWatch();
  for (const contents of [holding(9, 0), holding(9, 0), null, holding(9), null, holding(9)]) {
    expect(watch.isStalled(1, contents)).toBe(false);
  }
});
