import type { ActivationEncoding, TensorLayout } from '@offramp/bundle';

/** One encoding of an activation, as in a manifest. */
export interface CodecCandidate {
  encoding: ActivationEncoding;
  step?: number;
  /** Whether it changes no value, so that nothing has to be run to know its loss. */
  lossless?: true;
}

/**
 * A common scale gives fewer bytes at the same agreement than a scale per channel, because the next layer adds the channels
 * up.
 */
const coarse: readonly CodecCandidate[] = [
  ...[2, 1, 0.7, 0.5].map((step) => ({ encoding: 'int4+deflate' as const, step })),
  { encoding: 'int4+deflate' },
  ...[0.35, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08].map((step) => ({ encoding: 'int8+deflate' as const, step })),
];

/** Scales per channel are for activations whose channels differ by orders of magnitude. */
const fine: readonly CodecCandidate[] = [{ encoding: 'int8+deflate' }, { encoding: 'float16+deflate' }];

/**
 * Codecs to try on a tensor, coarsest first. Deflate makes all of them smaller without loss. The last is lossless, so that one
 * always qualifies: where the model quantises, its own integers, which are as small as fine lossy ones.
 */
export function codecCandidates({ quantisation }: TensorLayout): CodecCandidate[] {
  return quantisation
    ? [...coarse, { encoding: 'model8+deflate', lossless: true }]
    : [...coarse, ...fine, { encoding: 'float32+deflate', lossless: true }];
}
