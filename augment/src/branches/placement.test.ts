import { describe, expect, it } from 'vitest';
import { placeBranches } from './placement.js';

const costs = [0.05, 0.1, 0.26, 0.3, 0.5, 0.55, 0.8, 0.99, 1];

describe('placeBranches', () => {
  it('takes the first cut point that reaches each share', () => {
    expect(placeBranches('linear', 3, costs)).toEqual([2, 4, 6]);
    expect(placeBranches('linear', 1, costs)).toEqual([4]);
  });

  it('never takes one twice', () => {
    expect(placeBranches('linear', 3, [0.1, 0.6, 0.7, 0.9])).toEqual([1, 2, 3]);
  });

  it('says which branch has no place', () => {
    expect(() => placeBranches('linear', 3, [0.1, 0.6])).toThrowError(/branch 2 of 3 at 50 %/);
  });
});
