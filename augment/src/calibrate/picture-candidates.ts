import type { Packing } from '@offramp/data';

/** Lossy packings to try, coarsest first. Near-lossless WebP quantises to fewer bits: 40 drops three, 80 one. */
export const lossyLadders: readonly (readonly (Packing & { quality: number })[])[] = [
  ladder('jpeg', [40, 60, 75, 85, 90, 95, 98, 100]),
  ladder('webp', [40, 60, 75, 85, 90, 95, 100]),
  ladder('webp-near-lossless', [40, 60, 80]),
];

export const losslessPackings: readonly Packing[] = [{ form: 'uint8+deflate' }, { form: 'webp-lossless' }];

function ladder(form: Packing['form'], qualities: readonly number[]) {
  return qualities.map((quality) => ({ form, quality }));
}
