import { expect, it } from 'vitest';
import { addDegradedAnswers, type DegradedAnswers, noDegradedAnswers, recentOf } from './degraded-answers.js';

const part = (samples: number, degraded: number, refusedByWorker = 0) => ({
  counts: { samples, degraded, refusedByWorker } as never,
});
const after = (before: DegradedAnswers, steps: number, degraded: number) =>
  Array.from({ length: steps }).reduce<DegradedAnswers>(
    (sum) => addDegradedAnswers(sum, [part(60, degraded), part(40, 0)]),
    before,
  );

it('are many from 2 % on, once there are enough samples, and few only well below', () => {
  expect(after(noDegradedAnswers, 1, 50).many).toBe(false);
  expect(after(noDegradedAnswers, 2, 2).many).toBe(true);
  expect(after(noDegradedAnswers, 10, 1).many).toBe(false);
  const many = after(noDegradedAnswers, 10, 6);
  expect(recentOf(many.recent)).toEqual({ samples: 500, share: 0.06, refused: 0 });
  expect(after(many, 10, 1).many).toBe(true);
  expect(after(many, 4, 0).many).toBe(true);
  expect(after(many, 5, 0).many).toBe(false);
  expect(addDegradedAnswers(many, [])).toBe(many);
});

it('gives the share that workers refused', () => {
  const { recent } = addDegradedAnswers(noDegradedAnswers, [part(200, 40, 10), part(100, 0)]);
  expect(recentOf(recent).refused).toBe(0.25);
  expect(recentOf([]).refused).toBe(0);
  const older = JSON.parse('[{"samples": 300, "degraded": 30}]');
  expect(recentOf([...older, ...recent]).refused).toBeCloseTo(10 / 70);
});
