import { describe, expect, it } from 'vitest';
import { allowedDisagreements } from './allowed-disagreements.js';
import { heldOutProof } from './held-out-proof.js';

describe('heldOutProof', () => {
  it('says of 48 pictures that they cannot prove 98 %, what they can, and how many do', () => {
    const { isPossible, provable, needed } = heldOutProof(48, 0.98, 0.05);
    expect({ isPossible, needed }).toEqual({ isPossible: false, needed: 200 });
    expect(provable).toBeCloseTo(44 / 48, 9);
    expect(heldOutProof(48, provable, 0.05).isPossible).toBe(true);
    expect(heldOutProof(48, 45 / 48, 0.05).isPossible).toBe(false);
    expect(heldOutProof(199, 0.98, 0.05).isPossible).toBe(false);
  });

  it.each([
    [0.9, 0.05],
    [0.98, 0.05],
    [0.98, 0.031],
    [0.98, 0.2],
    [0.995, 0.01],
    [0.9, 0.7],
  ])(
    'names a number for agreement %d and delta %d that is enough, as is any larger one',
    (agreement, delta) => {
      const { needed } = heldOutProof(1, agreement, delta);
      for (let n = needed; n < 3 * needed + 50; n += 7) {
        expect(allowedDisagreements(n, agreement, delta), `${n} pictures`).toBeGreaterThanOrEqual(0);
      }
    },
  );
});
