import { expect, test } from 'vitest';
import { seededPermutation } from '../support/random.js';
import { applyLogistic, fitLogistic } from './logistic-regression.js';
import { type Matrix, matrixOf, rowOf, selectRows } from './matrix.js';

/** Two features on a grid, and targets whose share of ones is sigmoid(2·a − b + 0.5). */
function sample(): { features: Matrix; targets: number[] } {
  const copies = 400;
  const grid = [-2, -1, 0, 1, 2];
  const features = matrixOf(grid.length ** 2 * copies, 2);
  const targets: number[] = [];
  for (const a of grid) {
    for (const b of grid) {
      const ones = Math.round(copies / (1 + Math.exp(-(2 * a - b + 0.5))));
      for (let i = 0; i < copies; i++) {
        rowOf(features, targets.length).set([a, b]);
        targets.push(i < ones ? 1 : 0);
      }
    }
  }
  return { features, targets };
}

const nowhere = { weights: [0, 0], strength: 1e-6 };

test('finds the weights that the targets were drawn with', () => {
  const { features, targets } = sample();
  const { weights, bias } = fitLogistic(features, targets, nowhere);
  expect(weights[0]).toBeCloseTo(2, 1);
  expect(weights[1]).toBeCloseTo(-1, 1);
  expect(bias).toBeCloseTo(0.5, 1);
});

test('does not depend on the order of the rows', () => {
  const { features, targets } = sample();
  const order = seededPermutation(features.rows, 3);
  const one = fitLogistic(features, targets, nowhere);
  const other = fitLogistic(
    selectRows(features, order),
    Array.from(order, (row) => targets[row] as number),
    nowhere,
  );
  expect(other.bias).toBeCloseTo(one.bias, 9);
  one.weights.forEach((weight, j) => {
    expect(other.weights[j]).toBeCloseTo(weight, 9);
  });
});

test('the gradient is 0 at the result, including the prior', () => {
  const { features, targets } = sample();
  const prior = { weights: [1, 0.5], strength: 300 };
  const model = fitLogistic(features, targets, prior);
  const probabilities = applyLogistic(model, features);
  for (const j of [0, 1]) {
    let slope = 0;
    let squares = 0;
    for (let row = 0; row < features.rows; row++) {
      const value = rowOf(features, row)[j] as number;
      slope += ((probabilities[row] as number) - (targets[row] as number)) * value;
      squares += value * value;
    }
    const variance = squares / features.rows; // means are 0
    const pull = prior.strength * variance * ((model.weights[j] as number) - (prior.weights[j] as number));
    expect(slope + pull).toBeCloseTo(0, 4);
  }
});

test('without information in the data, the prior remains: equal targets, a constant feature', () => {
  const { features } = sample();
  const ones = new Array<number>(features.rows).fill(1);
  const strong = fitLogistic(features, ones, { weights: [1, 0], strength: 1e6 });
  expect(strong.weights[0]).toBeCloseTo(1, 2);
  expect(Number.isFinite(strong.bias)).toBe(true);
  expect(Math.min(...applyLogistic(strong, features))).toBeGreaterThan(0.5);

  const constant = matrixOf(4, 2);
  constant.values.set([1, 7, 2, 7, 3, 7, 4, 7]);
  const { weights } = fitLogistic(constant, [0, 1, 0, 1], { weights: [0, 0], strength: 1 });
  expect(weights[1]).toBe(0);
  expect(Number.isFinite(weights[0])).toBe(true);
});

test('separable targets give finite weights', () => {
  const features = matrixOf(100, 1);
  features.values.set(features.values.map((_, i) => i - 49.5));
  const targets = Array.from(features.values, (value) => (value > 0 ? 1 : 0));
  const model = fitLogistic(features, targets, { weights: [1], strength: 3 });
  expect(Number.isFinite(model.weights[0])).toBe(true);
  expect(applyLogistic(model, features)[99]).toBeGreaterThan(0.99);
});

test('features that are not numbers are an error', () => {
  const features = matrixOf(2, 1);
  features.values.set([Number.NaN, 1]);
  expect(() => fitLogistic(features, [0, 1], { weights: [1], strength: 3 })).toThrowError(/logistic fit/);
});
