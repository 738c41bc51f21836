import { elementsOf } from '@offramp/bundle';
import { describe, expect, it } from 'vitest';
import { gradients } from './gradients.js';
import { GraphBuilder } from './graph-builder.js';
import { openEvaluation, uniform } from './testing/evaluation.js';
import { type GradientCase, gradientCases } from './testing/gradient-cases.js';

/** Tolerated difference relative to the gradient's length. */
const tolerance = 1e-3;
const directions = 4;
const h = 1e-2;

describe('gradients', () => {
  it.each(gradientCases)('of $name agree with central differences', async (gradientCase) => {
    for (const { analytic, numeric, length } of await compare(gradientCase)) {
      expect(length).toBeGreaterThan(1e-2);
      expect(Math.abs(analytic - numeric) / length).toBeLessThan(tolerance);
    }
  });

  it('do not pass a stopped gradient', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', [3]);
    const y = g.sum(g.mul(g.stopGradient(g.mul(x, x)), x));
    const evaluation = await openEvaluation({ x }, gradients(y, [x]));
    expect(await evaluation.run({ x: Float32Array.of(1, 2, 3) })).toEqual([Float32Array.of(1, 4, 9)]);
    await evaluation.close();
  });

  it('reject a loss that is not a scalar, or that does not depend on a target', () => {
    const g = new GraphBuilder();
    const x = g.input('x', [3]);
    const other = g.parameter('other', [3]);
    expect(() => gradients(x, [x])).toThrow(/loss: expected shape scalar, found 3/);
    expect(() => gradients(g.sum(x), [other])).toThrow(/does not depend on other/);
  });
});

/**
 * Projects the result on random weights and moves each input in random directions: the derivative is the
 * gradient times the direction. Fourth-order differences, summed in double precision, so that neither
 * truncation nor float32 rounding reaches the tolerance.
 */
async function compare({ shapes, values = uniform, build }: GradientCase) {
  const g = new GraphBuilder();
  const inputs = shapes.map((shape, i) => g.input(`x${i}`, shape));
  const y = build(g, ...inputs);
  const weights = uniform(y.shape, 100);
  const found = gradients(g.sum(g.mul(y, g.constant(weights, y.shape))), inputs);
  const evaluation = await openEvaluation(Object.fromEntries(g.inputs), [y, ...found]);

  const at: Record<string, Float32Array | Int32Array> = {};
  for (const [name, { shape, type }] of g.inputs) {
    at[name] =
      type === 'int32'
        ? Int32Array.from({ length: elementsOf(shape) }, (_, i) => (2 * i + 1) % 4)
        : values(shape, Object.keys(at).length + 1);
  }
  const valueAt = async (moved: Record<string, Float32Array>) => {
    const [result] = await evaluation.run({ ...at, ...moved });
    return (result as Float32Array).reduce((sum, value, i) => sum + value * (weights[i] as number), 0);
  };
  const [, ...gradient] = await evaluation.run(at);
  const comparisons: { analytic: number; numeric: number; length: number }[] = [];
  for (const [i, shape] of shapes.entries()) {
    const name = `x${i}`;
    const here = at[name] as Float32Array;
    const slope = gradient[i] as Float32Array;
    for (let k = 0; k < directions; k++) {
      const direction = uniform(shape, 200 + 10 * i + k).map((value) => (value < 0 ? -1 : 1));
      const moved = (by: number) => ({
        [name]: here.map((value, j) => value + by * (direction[j] as number)),
      });
      const differences = [];
      for (const step of [h, 2 * h])
        differences.push((await valueAt(moved(step))) - (await valueAt(moved(-step))));
      const [near, far] = differences as [number, number];
      comparisons.push({
        analytic: slope.reduce((sum, value, j) => sum + value * (direction[j] as number), 0),
        numeric: (8 * near - far) / (12 * h),
        length: Math.hypot(...slope),
      });
    }
  }
  await evaluation.close();
  return comparisons;
}
