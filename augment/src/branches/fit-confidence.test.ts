import { expect, it } from 'vitest';
import { calibrateScores } from './fit-confidence.js';

it('scores that are too large for a sigmoid keep their order, and say how often the exit agrees', async () => {
  const count = 2_000;
  const scores = Float32Array.from({ length: count }, (_, i) => 40 + (20 * i) / count);
  // Agreement rises with the score from a half to nearly all.
  const agrees = Array.from(scores, (score, i) =>
    ((i * 7_919) % 1_000) / 1_000 < 0.5 + (score - 40) / 41 ? 1 : 0,
  );
  const { head, confidence } = await calibrateScores(scores, agrees, 1, () => undefined);
  if (head.kind !== 'joint') throw new Error(`expected a joint head, found ${head.kind}`);
  const mapped = Array.from(scores, (score) => 1 / (1 + Math.exp(-(head.scale * score + head.bias))));
  expect(new Set(mapped.map(Math.fround)).size).toBeGreaterThan(0.9 * count);
  expect(mapped.every((value, i) => i === 0 || value >= (mapped[i - 1] as number))).toBe(true);
  const mean = (values: ArrayLike<number>) =>
    Array.from(values).reduce((sum, value) => sum + value, 0) / count;
  expect(Math.abs(mean(confidence) - mean(agrees))).toBeLessThan(0.02);
});

it('scores that tell nothing keep their order', async () => {
  const scores = Float32Array.from({ length: 200 }, (_, i) => i / 10);
  const agrees = Array.from(scores, (score) => (score < 10 ? 1 : 0));
  const { head } = await calibrateScores(scores, agrees, 1, () => undefined);
  expect(head).toMatchObject({ kind: 'joint', scale: expect.closeTo(1e-3, 6) });
});
