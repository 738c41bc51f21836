import { expect, it } from 'vitest';
import { GraphBuilder } from '../autodiff/graph-builder.js';
import { evaluate } from '../autodiff/testing/evaluation.js';
import { answerFeatures } from './answer-features.js';
import { confidenceFeatures } from './confidence-features.js';

it('equals the features of a confidence head that is fitted on held-out pictures', async () => {
  const logits = [
    [4, 0, -1],
    [0.5, 2, 1],
    [0, 0, 0],
    [-3, 5, 5.5],
  ];
  const g = new GraphBuilder();
  const input = g.input('logits', [4, 3]);
  const [features] = await evaluate({ logits: input }, { logits: Float32Array.from(logits.flat()) }, [
    answerFeatures(g, input),
  ]);
  const probabilities = logits.flatMap((row) => {
    const exponentials = row.map(Math.exp);
    const sum = exponentials.reduce((total, value) => total + value, 0);
    return exponentials.map((value) => value / sum);
  });
  const { values } = confidenceFeatures({ rows: 4, width: 3, values: Float32Array.from(probabilities) });
  expect(features).toHaveLength(12);
  values.forEach((value, i) => {
    expect(features?.[i]).toBeCloseTo(value, 4);
  });
});
