import { OfframpError } from '../errors.js';

/**
 * Whether a sample leaves at an exit: its confidence reaches the threshold. A threshold of 0 always
 * exits, even on a confidence that is not a number; anything above 1 never does.
 */
export function leaves(confidence: number, threshold: number): boolean {
  return threshold <= 0 || confidence >= threshold;
}

/** A threshold that no confidence reaches. */
export const neverExits = 2;

/** Thresholds under which every sample runs to the final exit. */
export function neverExit(branches: number): number[] {
  return new Array<number>(branches).fill(neverExits);
}

/**
 * Checks the thresholds of a policy against a bundle.
 * @throws OfframpError `POLICY_INVALID`
 */
export function checkThresholds(thresholds: readonly number[], branches: number): void {
  if (thresholds.length !== branches) {
    throw new OfframpError(
      'POLICY_INVALID',
      `expected ${branches} thresholds, one per branch of the bundle; found ${thresholds.length}`,
    );
  }
  const wrong = thresholds.find((threshold) => !(threshold >= 0 && Number.isFinite(threshold)));
  if (wrong !== undefined) {
    throw new OfframpError('POLICY_INVALID', `expected thresholds of 0 or more; found ${wrong}`);
  }
}
