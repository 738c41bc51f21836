import { describe, expect, it } from 'vitest';
import { preprocessingProblems, preprocessingSchema } from './preprocessing.js';

const grey = { mean: [0], std: [1] };
const colour = { mean: [0, 0, 0], std: [1, 1, 1] };
const problemsOf = (preprocessing: typeof grey & Record<string, unknown>, shape: [number, number, number]) =>
  preprocessingProblems(preprocessingSchema.parse(preprocessing), shape).map(
    ({ key, problem }) => `${key}: ${problem}`,
  );

describe('preprocessing', () => {
  it('may leave out fields with defaults, and keeps them left out', () => {
    expect(preprocessingSchema.parse(grey)).toEqual(grey);
    expect(problemsOf(grey, [1, 28, 28])).toEqual([]);
    const whole = { ...colour, resizeMode: 'fit-crop', resize: 32, channelOrder: 'bgr', scale: 'raw' };
    expect(preprocessingSchema.parse(whole)).toEqual(whole);
    expect(problemsOf(whole, [3, 24, 32])).toEqual([]);
  });

  it('names contradictions', () => {
    expect(problemsOf({ mean: [0], std: [1, 1] }, [3, 8, 8])).toEqual([
      "mean: expected 3 values, one per channel of the model's input; found 1",
      "std: expected 3 values, one per channel of the model's input; found 2",
    ]);
    expect(problemsOf({ ...grey, channelOrder: 'bgr' }, [1, 8, 8])).toEqual([
      'channelOrder: expected rgb for a model of 1 channels; found bgr',
    ]);
    expect(problemsOf({ ...grey, resize: 32 }, [1, 8, 8])).toEqual([
      'resize: expected none with stretch, only with fit-crop; found 32',
    ]);
    expect(problemsOf({ ...grey, resizeMode: 'fit-crop', resize: 31 }, [1, 8, 32])).toEqual([
      'resize: expected at least 32, so that 8×32 can be cropped; found 31',
    ]);
  });

  it.each([
    { resizeMode: 'pad' },
    { resize: 0 },
    { resize: 2 ** 15 },
    { scale: 'byte' },
    { resizemode: 'x' },
  ])('refuses %o', (change) => {
    expect(preprocessingSchema.safeParse({ ...grey, ...change }).success).toBe(false);
  });
});
