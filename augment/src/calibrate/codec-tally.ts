import type { ActivationCodecManifest } from '@offramp/shared';
import type { CodecCandidate } from './codec-candidates.js';

/** What became of offloaded samples with one codec. Pure. */
export class CodecTally {
  samples = 0;
  bytes = 0;
  /** Samples whose answer is the backbone's. */
  agreed = 0;
  /** Samples whose answer was the backbone's without this codec, and is no longer. */
  lost = 0;

  constructor(readonly candidate: CodecCandidate) {}

  count(bytes: number, agreesExactly: boolean, agrees: boolean): void {
    this.samples++;
    this.bytes += bytes;
    if (agrees) this.agreed++;
    else if (agreesExactly) this.lost++;
  }
}

/**
 * The candidate of fewest bytes that loses no more than allowed. What it loses is not set off against answers that it
 * happens to turn right: those come and go by chance, and the cheapest of many would be picked by its luck.
 * @param samples held out in all
 * @param agreedBefore samples that leave before they get here, with the backbone's answer
 * @returns `undefined` where none qualifies
 */
export function cheapestCodec(
  tallies: readonly CodecTally[],
  { samples, agreedBefore, allowedLost }: { samples: number; agreedBefore: number; allowedLost: number },
): ActivationCodecManifest | undefined {
  const qualified = tallies.filter((tally) => tally.samples > 0 && tally.lost <= allowedLost);
  const [first] = qualified;
  if (!first) return undefined;
  const best = qualified.reduce((a, b) => (b.bytes / b.samples < a.bytes / a.samples ? b : a), first);
  return {
    ...best.candidate,
    meanBytes: Math.round((best.bytes / best.samples) * 10) / 10,
    agreement: (agreedBefore + best.agreed) / samples,
    agreementLost: best.lost / samples,
  };
}
