import type { ActivationEncoding } from '@offramp/shared';

/** One way to write an activation, as a manifest names it. */
export interface CodecCandidate {
  encoding: ActivationEncoding;
  step?: number;
}

/**
 * What is tried, coarsest first. Deflate takes bytes off all of them and loses nothing. Common scales give fewer bytes at
 * the same agreement than scales of each channel's own, since the layer that follows adds the channels up; scales of
 * their own are there for activations whose channels differ by orders of magnitude.
 */
export const codecCandidates: readonly CodecCandidate[] = [
  ...[2, 1, 0.7, 0.5].map((step) => ({ encoding: 'int4+deflate' as const, step })),
  { encoding: 'int4+deflate' },
  ...[0.35, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08].map((step) => ({ encoding: 'int8+deflate' as const, step })),
  { encoding: 'int8+deflate' },
  { encoding: 'float16+deflate' },
];

/** Loses nothing, so that there is one in any case. */
export const losslessCandidate: CodecCandidate = { encoding: 'float32+deflate' };
