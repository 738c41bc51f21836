import { type ActivationEncoding, losslessFamilies, type TensorLayout } from '@offramp/bundle';

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
 * always qualifies: the model's own integers or float16, where it computes in them. Then lossy ones that are as fine have nothing
 * to offer.
 */
export function codecCandidates(layout: TensorLayout): CodecCandidate[] {
  const [family] = losslessFamilies(layout);
  const finest = fine.filter(({ encoding }) => family === 'float32' || !encoding.startsWith(family ?? ''));
  const encoding = `${family ?? 'float32'}+deflate` as const;
  return [...coarse, ...(family === 'model8' ? [] : finest), { encoding, lossless: true }];
}
