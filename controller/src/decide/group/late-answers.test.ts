import { expect, it } from 'vitest';
import { addLateAnswers, knowsLateAnswers, lateShares } from './late-answers.js';

const window = (late: number[]) => ({ left: [100, 100, 100], late });

it('gives the share of late answers at each exit, among those counted against the target', () => {
  const answers = addLateAnswers(null, 80, [window([1, 10, 50]), { left: [100, 100, 100], late: [] }]);
  expect(lateShares(answers, 80, 3)).toEqual([0.01, 0.1, 0.5]);
  expect(lateShares(answers, 90, 3)).toEqual([0, 0, 0]);
  expect([knowsLateAnswers(answers, 80), knowsLateAnswers(answers, 90), knowsLateAnswers(null, 80)]).toEqual([
    ...[true, false, false],
  ]);
});

it('assumes an exit without samples to be no faster than the exits before it', () => {
  const answers = addLateAnswers(null, 80, [{ left: [100, 100, 0], late: [0, 30, 0] }]);
  expect(lateShares(answers, 80, 3)).toEqual([0, 0.3, 0.3]);
});

it('forgets slowly', () => {
  let answers = addLateAnswers(null, 80, [{ left: [5_000, 0, 0], late: [5_000, 0, 0] }]);
  for (let i = 0; i < 10; i++)
    answers = addLateAnswers(answers, 80, [{ left: [5_000, 0, 0], late: [0, 0, 0] }]);
  expect(lateShares(answers, 80, 3)[0]).toBeLessThan(0.01);
  expect(lateShares(answers, 80, 3)[0]).toBeGreaterThan(0);
});

it('restarts with another target', () => {
  const answers = addLateAnswers(addLateAnswers(null, 80, [window([9, 9, 9])]), 50, [window([50, 50, 50])]);
  expect(lateShares(answers, 50, 3)).toEqual([0.5, 0.5, 0.5]);
});
