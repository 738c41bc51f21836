import { describe, expect, it } from 'vitest';
import { nextOffloadLimit } from './worker-load.js';

describe('nextOffloadLimit', () => {
  it('sets none while workers have time', () => {
    expect(nextOffloadLimit(1, 0.8, 0.3)).toBe(1);
    expect(nextOffloadLimit(1, 0, 0)).toBe(1);
  });

  it('asks for less before workers refuse, by no more than half at once', () => {
    expect(nextOffloadLimit(1, 1.6, 0.2)).toBeCloseTo(0.15);
    expect(nextOffloadLimit(1, 20, 0.2)).toBeCloseTo(0.104);
    expect(nextOffloadLimit(1, Number.POSITIVE_INFINITY, 0.2)).toBeCloseTo(0.1);
  });

  it('lets go when they have time again, bit by bit', () => {
    expect(nextOffloadLimit(0.1, 0.1, 0.1)).toBeCloseTo(0.13);
    let limit = 0.1;
    for (let window = 0; window < 20; window++) limit = nextOffloadLimit(limit, 0, 0);
    expect(limit).toBe(1);
  });

  it('settles where workers are busy, not overrun, and stays there', () => {
    let limit = 1;
    const utilisations: number[] = [];
    for (let window = 0; window < 60; window++) {
      const share = Math.min(0.3, limit);
      utilisations.push(share / 0.15);
      limit = nextOffloadLimit(limit, share / 0.15, share);
    }
    const late = utilisations.slice(5);
    expect(Math.max(...late)).toBeLessThan(0.85);
    expect(Math.min(...late)).toBeGreaterThan(0.75);
  });
});
