import { describe, expect, it } from 'vitest';
import { nextOffloadLimit } from './worker-load.js';

describe('nextOffloadLimit', () => {
  it('sets no limit while workers have capacity', () => {
    expect(nextOffloadLimit(1, 0.8, 0.3)).toBe(1);
    expect(nextOffloadLimit(1, 0, 0)).toBe(1);
  });

  it('lowers the limit before workers refuse, by at most half at once', () => {
    expect(nextOffloadLimit(1, 1.6, 0.2)).toBeCloseTo(0.15);
    expect(nextOffloadLimit(1, 20, 0.2)).toBeCloseTo(0.104);
    expect(nextOffloadLimit(1, Number.POSITIVE_INFINITY, 0.2)).toBeCloseTo(0.1);
  });

  it('raises the limit gradually when workers have capacity again', () => {
    expect(nextOffloadLimit(0.1, 0.1, 0.1)).toBeCloseTo(0.13);
    let limit = 0.1;
    for (let window = 0; window < 20; window++) limit = nextOffloadLimit(limit, 0, 0);
    expect(limit).toBe(1);
  });

  it('settles at busy but not overloaded workers, and stays there', () => {
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
