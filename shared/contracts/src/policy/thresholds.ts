import { OfframpError } from '@offramp/runtime/errors';

/**
 * Whether a sample leaves at an exit: its confidence reaches the threshold. A threshold of 0 always
 * exits; anything above 1 never does. Nor does a confidence that is not a number, whatever the threshold.
 */
export function leaves(confidence: number, threshold: number): boolean {
  return confidence >= threshold || (threshold <= 0 && !Number.isNaN(confidence));
}

/** The largest threshold: far above every confidence, and a number in float32, which they are sent as. */
export const maxThreshold = 1_000_000;

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
  const wrong = thresholds.find((threshold) => !(threshold >= 0 && threshold <= maxThreshold));
  if (wrong !== undefined) {
    throw new OfframpError('POLICY_INVALID', `expected thresholds from 0 to ${maxThreshold}; found ${wrong}`);
  }
}
