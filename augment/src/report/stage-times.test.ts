import { expect, test } from 'vitest';
import { summariseStageTimes } from './stage-times.js';

test('the time of an exit is the sum of the stages up to it, per sample, in the median repetition', () => {
  const times = summariseStageTimes(
    [
      { cpuMs: [2, 6], wallMs: [3, 7] },
      { cpuMs: [4, 4], wallMs: [5, 5] },
      { cpuMs: [90, 4], wallMs: [91, 5] },
    ],
    2,
  );
  expect(times).toEqual({
    batchSize: 2,
    repetitions: 3,
    cpuMs: [2, 4],
    wallMs: [2.5, 5],
    costs: [0.5, 1],
  });
});

test('with an even number of repetitions the middle two are averaged', () => {
  const times = summariseStageTimes(
    [
      { cpuMs: [1, 1], wallMs: [1, 1] },
      { cpuMs: [2, 2], wallMs: [2, 2] },
    ],
    1,
  );
  expect(times.cpuMs).toEqual([1.5, 3]);
});
