import type { ActivationEncoding } from '@offramp/bundle';

/** One encoding of an activation, as in a manifest. */
export interface CodecCandidate {
  encoding: ActivationEncoding;
  step?: number;
}

/**
 * Codecs to try, coarsest first. Deflate makes all of them smaller without loss. A common scale gives fewer bytes at the same
 * agreement than a scale per channel, because the next layer adds the channels up. Scales per channel are for activations
 * whose channels differ by orders of magnitude.
 */
export const codecCandidates: readonly CodecCandidate[] = [
  ...[2, 1, 0.7, 0.5].map((step) => ({ encoding: 'int4+deflate' as const, step })),
  { encoding: 'int4+deflate' },
  ...[0.35, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08].map((step) => ({ encoding: 'int8+deflate' as const, step })),
  { encoding: 'int8+deflate' },
  { encoding: 'float16+deflate' },
];

/** Lossless, so that one candidate always qualifies. */
export const losslessCandidate: CodecCandidate = { encoding: 'float32+deflate' };
