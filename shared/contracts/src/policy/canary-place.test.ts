import { describe, expect, it } from 'vitest';
import { canaryPlace } from './canary-place.js';

describe('canaryPlace', () => {
  it('is what the contract says', () => {
    expect(canaryPlace('cameras', 3, 'cam-1')).toBe(0xc185c408);
  });

  it('spreads devices evenly, and differently for each policy', () => {
    const first = (version: number) =>
      Array.from({ length: 2_000 }, (_, i) => i).filter(
        (i) => canaryPlace('cameras', version, `cam-${i}`) < 2 ** 32 / 10,
      );
    const [one, other] = [first(1), first(2)];
    expect(one.length).toBeGreaterThan(150);
    expect(one.length).toBeLessThan(250);
    expect(one.filter((i) => other.includes(i)).length).toBeLessThan(50);
  });
});
