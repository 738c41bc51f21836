import { expect, it } from 'vitest';
import { StallWatch } from './stall-watch.js';

const holding = (last_seq: number, messages = last_seq) => ({ last_seq, messages });

it('detects only a reader that does not receive messages that were there at the last check', () => {
  const watch = new StallWatch();
  expect(watch.isStalled(5, holding(4))).toBe(false);
  // It was just stored, and may be in transit.
  expect(watch.isStalled(5, holding(5))).toBe(false);
  expect(watch.isStalled(6, holding(6))).toBe(false);
  expect(watch.isStalled(6, holding(6))).toBe(true);
  expect(watch.isStalled(7, holding(9))).toBe(false);
});

it('accepts a reader that makes progress, however far behind', () => {
  const watch = new StallWatch();
  for (const next of [1, 400, 900]) expect(watch.isStalled(next, holding(100_000))).toBe(false);
});

it('detects no stall in an empty stream, or one without information', () => {
  const watch = new StallWatch();
  for (const contents of [holding(9, 0), holding(9, 0), null, holding(9), null, holding(9)]) {
    expect(watch.isStalled(1, contents)).toBe(false);
  }
});
