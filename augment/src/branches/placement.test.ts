import { describe, expect, it } from 'vitest';
import { type Placement, placeBranches } from './placement.js';

const costs = [0.05, 0.1, 0.26, 0.3, 0.5, 0.55, 0.8, 0.99, 1];

describe('placeBranches', () => {
  it('takes the first cut point that reaches each share', () => {
    expect(placeBranches('linear', 3, costs)).toEqual([2, 4, 6]);
    expect(placeBranches('linear', 1, costs)).toEqual([4]);
  });

  it('never takes a cut point twice', () => {
    expect(placeBranches('linear', 3, [0.1, 0.6, 0.7, 0.9])).toEqual([1, 2, 3]);
  });

  it('places fewer where there are not enough cut points, and at least one', () => {
    expect(placeBranches('linear', 6, [0.1, 0.3, 0.6, 1])).toEqual([1, 2]);
    expect(placeBranches('linear', 3, [0.1, 0.2])).toEqual([1]);
    expect(() => placeBranches('linear', 3, [1, 1])).toThrowError(/no cut points/);
  });
});

describe('placements', () => {
  const even = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
  const sharesOf = (placement: Placement, n: number) =>
    placeBranches(placement, n, even).map((index) => even[index] as number);

  it('are spread as in PTEENet', () => {
    expect(sharesOf('linear', 3)).toEqual([0.25, 0.5, 0.75]);
    expect(sharesOf('pareto', 3)).toEqual([0.2, 0.36, 0.49]); // 1 − 0.8^i = 0.2, 0.36, 0.488
    expect(sharesOf('fine', 3)).toEqual([0.05, 0.1, 0.15]); // 1 − 0.95^i = 0.05, 0.0975, 0.1426
    expect(sharesOf('golden', 3)).toEqual([0.24, 0.39, 0.62]); // φ^(i − 4) = 0.236, 0.382, 0.618
  });
});
