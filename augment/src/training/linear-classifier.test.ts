import { describe, expect, it } from 'vitest';
import { seededPermutation } from '../support/random.js';
import { applyLinearClassifier, trainLinearClassifier } from './linear-classifier.js';
import { type Matrix, matrixOf, rowOf } from './matrix.js';

/** Three classes around three corners of a plane, far from the origin and on different scales. */
function corners(rows: number): { features: Matrix; targets: number[] } {
  const features = matrixOf(rows, 3);
  const noise = seededPermutation(rows * 2, 7);
  const targets = Array.from({ length: rows }, (_, row) => row % 3);
  targets.forEach((target, row) => {
    const wobble = (k: number) => (noise[row * 2 + k] as number) / (rows * 2) - 0.5;
    rowOf(features, row).set([
      1000 + (target === 1 ? 4 : 0) + wobble(0),
      0.01 * ((target === 2 ? 4 : 0) + wobble(1)),
      5, // constant: no information, and must not cause a division by zero
    ]);
  });
  return { features, targets };
}

const options = { classes: 3, epochs: 30, batchSize: 16, learningRate: 0.05, l2: 1e-4, seed: 1 };

function accuracy(probabilities: Matrix, targets: number[]): number {
  const right = targets.filter((target, row) => {
    const values = rowOf(probabilities, row);
    return values.indexOf(Math.max(...values)) === target;
  });
  return right.length / targets.length;
}

describe('trainLinearClassifier', () => {
  it('separates linearly separable data, at any scale of the features', async () => {
    const { features, targets } = corners(300);
    const classifier = await trainLinearClassifier(features, targets, options);
    const probabilities = applyLinearClassifier(classifier, features);
    expect(accuracy(probabilities, targets)).toBe(1);
    for (let row = 0; row < probabilities.rows; row++) {
      expect(rowOf(probabilities, row).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
    }
  });

  it('gives the same weights for the same seed, and others for another', async () => {
    const { features, targets } = corners(60);
    const [a, b, c] = await Promise.all(
      [1, 1, 2].map((seed) => trainLinearClassifier(features, targets, { ...options, epochs: 2, seed })),
    );
    expect(a?.weights).toEqual(b?.weights);
    expect(a?.weights).not.toEqual(c?.weights);
  });

  it('reports a falling loss', async () => {
    const { features, targets } = corners(60);
    const losses: number[] = [];
    await trainLinearClassifier(features, targets, {
      ...options,
      onEpoch: (_, loss) => void losses.push(loss),
    });
    expect(losses).toHaveLength(options.epochs);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 2);
  });

  it('reports a loss that is not a number', async () => {
    const { features, targets } = corners(30);
    features.values[0] = Number.NaN;
    await expect(trainLinearClassifier(features, targets, options)).rejects.toMatchObject({
      code: 'TRAINING_FAILED',
    });
  });
});
