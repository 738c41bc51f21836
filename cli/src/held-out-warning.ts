import type { HeldOutProof } from '@offramp/augment';
import type { ProgressBar } from './progress-bar.js';
import { formatInteger } from './units.js';

/**
 * Warns, before any work, that there are too few held-out pictures to prove the agreement, with the number that suffices
 * and the agreement that these can prove.
 * @param heldOut number to hold out so that enough are left
 */
export function warnOfFewHeldOut(proof: HeldOutProof, heldOut: number, progress: ProgressBar): void {
  const { pictures, agreement, delta, isPossible, provable, needed } = proof;
  if (isPossible) return;
  const certainty = Number((1 - delta).toPrecision(12));
  const judged = heldOut > needed ? `, beside ${formatInteger(heldOut - needed)} that judge branches` : '';
  progress.say(
    [
      `warning: ${formatInteger(pictures)} held-out samples cannot prove agreement ${agreement} with certainty ${certainty}: no sample will leave early`,
      `  ${formatInteger(needed)} would do, if none of those that leave early disagrees${judged}: hold out ${formatInteger(heldOut)} or more`,
      `  ${formatInteger(pictures)} prove agreement ${Math.floor(provable * 1_000) / 1_000} at most`,
    ].join('\n'),
  );
}
