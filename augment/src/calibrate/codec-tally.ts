import type { ActivationCodecManifest } from '@offramp/bundle';
import type { CodecCandidate } from './codec-candidates.js';

/** Counts of offloaded samples with one codec. Pure. */
export class CodecTally<Candidate = CodecCandidate> {
  samples = 0;
  bytes = 0;
  /** Samples that agree with the backbone. */
  agreed = 0;
  /** Samples that agree without this codec but not with it. */
  lost = 0;

  constructor(readonly candidate: Candidate) {}

  count(bytes: number, agreesExactly: boolean, agrees: boolean): void {
    this.samples++;
    this.bytes += bytes;
    if (agrees) this.agreed++;
    else if (agreesExactly) this.lost++;
  }
}

/**
 * The smallest candidate within the allowed loss. Losses are not offset by answers that happen to become correct, because
 * these depend on chance, and the cheapest of many candidates would be chosen by luck.
 * @param samples number of held-out samples
 * @param agreedBefore samples that exit earlier with the backbone's answer
 * @returns `undefined` if none qualifies
 */
export function cheapestCodec(
  tallies: readonly CodecTally[],
  { samples, agreedBefore, allowedLost }: { samples: number; agreedBefore: number; allowedLost: number },
): ActivationCodecManifest | undefined {
  const qualified = tallies.filter((tally) => tally.samples > 0 && tally.lost <= allowedLost);
  const [first] = qualified;
  if (!first) return undefined;
  const best = qualified.reduce((a, b) => (b.bytes / b.samples < a.bytes / a.samples ? b : a), first);
  const { lossless: _, ...codec } = best.candidate;
  return { ...codec, ...lossOf(best, { samples, agreedBefore }) };
}

/** What a codec costs, as a manifest has it. The parameters are those of {@link cheapestCodec}. */
export function lossOf(
  tally: CodecTally<unknown>,
  { samples, agreedBefore }: { samples: number; agreedBefore: number },
): Pick<ActivationCodecManifest, 'meanBytes' | 'agreement' | 'agreementLost'> {
  return {
    meanBytes: Math.round((tally.bytes / tally.samples) * 10) / 10,
    agreement: (agreedBefore + tally.agreed) / samples,
    agreementLost: tally.lost / samples,
  };
}
