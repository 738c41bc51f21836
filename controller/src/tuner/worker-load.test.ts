import { describe, expect, it } from 'vitest';
import { nextOffloadLimit } from './worker-load.js';

describe('nextOffloadLimit', () => {
  it('asks for less before workers refuse, keeps that while they are warm, and lets go when they have time', () => {
    expect(nextOffloadLimit(1, 1.7, 0.2)).toBeCloseTo(0.1);
    expect(nextOffloadLimit(1, 20, 0.2)).toBeCloseTo(0.1);
    expect(nextOffloadLimit(0.1, 0.8, 0.1)).toBe(0.1);
    expect(nextOffloadLimit(0.1, 0.3, 0.1)).toBeCloseTo(0.13);
    expect(nextOffloadLimit(0.1, 0.65, 0.1)).toBeCloseTo(0.108, 3);
    expect(nextOffloadLimit(1, 0.3, 0.1)).toBe(1);
  });

  it('settles where workers are busy, not overrun, and stays there', () => {
    let limit = 1;
    const utilisations: number[] = [];
    for (let window = 0; window < 60; window++) {
      const share = Math.min(0.3, limit);
      const utilisation = share / 0.15;
      utilisations.push(utilisation);
      limit = nextOffloadLimit(limit, utilisation, share);
    }
    const late = utilisations.slice(5);
    expect(Math.max(...late)).toBeLessThan(0.9);
    expect(Math.min(...late)).toBeGreaterThan(0.6);
  });
});
