import { expect, test } from 'vitest';
import { ManualClock } from './manual-clock.js';

test('timers fire in order, at their own time, and not once cancelled', () => {
  const clock = new ManualClock();
  const fired: [string, number][] = [];
  const note = (name: string) => () => fired.push([name, clock.now()]);
  clock.after(20, note('late'));
  clock.after(10, () => {
    note('early')();
    clock.after(5, note('nested'));
  });
  const cancel = clock.after(13, note('cancelled'));
  cancel();
  clock.advance(9);
  expect(fired).toEqual([]);
  clock.advance(11);
  expect(fired).toEqual([
    ['early', 10],
    ['nested', 15],
    ['late', 20],
  ]);
  expect(clock.pending).toBe(0);
});
