import { allowedDisagreements, provenAgreement } from './allowed-disagreements.js';

/** What held-out pictures can prove of an agreement, before it is known how they are answered. */
export interface HeldOutProof {
  /** Held-out pictures that thresholds are chosen on. */
  pictures: number;
  /** Wanted on as many new pictures, with probability 1 − `delta`. */
  agreement: number;
  delta: number;
  /** Whether they prove it if none of those that leave early disagrees. */
  isPossible: boolean;
  /** The highest agreement that they prove then. */
  provable: number;
  /** How many prove the wanted one then, for any larger number as well. */
  needed: number;
}

/** @param pictures held-out ones */
export function heldOutProof(pictures: number, agreement: number, delta: number): HeldOutProof {
  return {
    ...{ pictures, agreement, delta },
    isPossible: allowedDisagreements(pictures, agreement, delta) >= 0,
    provable: provenAgreement(pictures, 0, delta),
    needed: neededPictures(agreement, delta),
  };
}

/**
 * None of n pictures disagrees although k + 1 of 2·n do with a probability below 2^−(k + 1), so the new ones have to be
 * enough to bring k that are allowed, where 2^−(k + 1) ≤ `delta`.
 */
function neededPictures(agreement: number, delta: number): number {
  const allowed = Math.max(0, Math.ceil(Math.log2(1 / delta) - 1e-9) - 1);
  return Math.max(1, Math.ceil(allowed / (1 - agreement) - 1e-9));
}
