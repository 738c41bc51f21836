import { expect, it } from 'vitest';
import { confidenceFeatures } from './confidence-features.js';
import { ExitAnswers } from './exit-answers.js';

const classes = 3;
const matrix = (...rows: number[][]) => ({
  values: Float32Array.from(rows.flat()),
  rows: rows.length,
  width: classes,
});
const first = matrix([0.7, 0.2, 0.1], [0.1, 0.1, 0.8]);
const second = matrix([0.25, 0.5, 0.25]);
const before = [matrix([0.2, 0.3, 0.5], [0.6, 0.2, 0.2]), matrix([0.9, 0.05, 0.05])] as const;

it('keeps answers and features of all batches, as of one', () => {
  const answers = new ExitAnswers('confidence', 3, true);
  answers.add(0, first, before[0]);
  answers.add(2, second, before[1]);
  expect([...answers.labels]).toEqual([0, 2, 1]);
  const all = { ...first, rows: 3, values: Float32Array.of(...first.values, ...second.values) };
  const allBefore = { ...all, values: Float32Array.of(...before[0].values, ...before[1].values) };
  expect(answers.features).toEqual(confidenceFeatures(all, allBefore));
});

it('keeps the confidence itself where nothing is fitted', () => {
  const softmax = new ExitAnswers('max-softmax', 3, true);
  const entropy = new ExitAnswers('entropy', 3, false);
  for (const answers of [softmax, entropy]) {
    answers.add(0, first, null);
    answers.add(2, second, null);
  }
  expect([...softmax.features.values].map((value) => value.toFixed(2))).toEqual(['0.70', '0.80', '0.50']);
  const nats = -(0.5 * Math.log(0.5) + 2 * 0.25 * Math.log(0.25));
  expect(entropy.features.values[2]).toBeCloseTo(1 - nats / Math.log(3), 5);
});
