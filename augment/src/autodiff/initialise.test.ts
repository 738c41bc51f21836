import { describe, expect, it } from 'vitest';
import { generatorFor, heNormal, lecunNormal, ones, zeros } from './initialise.js';

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

describe('initialisers', () => {
  it.each([
    ['convolution weights', [64, 16, 3, 3], 16 * 9],
    ['depthwise weights', [512, 1, 3, 3], 9],
    ['linear weights', [200, 50], 200],
  ] as const)('spread %s by their fan-in', (_, shape, fanIn) => {
    const he = heNormal(shape, generatorFor('w', 1));
    expect(deviation(he) / Math.sqrt(2 / fanIn)).toBeCloseTo(1, 1);
    expect(Math.abs(he.reduce((sum, value) => sum + value, 0) / he.length)).toBeLessThan(0.1 * deviation(he));
    const lecun = lecunNormal(shape, generatorFor('w', 1));
    expect(deviation(lecun) / Math.sqrt(1 / fanIn)).toBeCloseTo(1, 1);
  });

  it('are determined by name and seed', () => {
    const draw = (name: string, seed: number) => heNormal([5, 3], generatorFor(name, seed));
    expect(draw('a', 1)).toEqual(draw('a', 1));
    expect(draw('a', 1)).not.toEqual(draw('b', 1));
    expect(draw('a', 1)).not.toEqual(draw('a', 2));
    expect(draw('a', 1).every(Number.isFinite)).toBe(true);
  });

  it('fill', () => {
    expect(zeros([2], generatorFor('a', 1))).toEqual(Float32Array.of(0, 0));
    expect(ones([2], generatorFor('a', 1))).toEqual(Float32Array.of(1, 1));
  });
});
