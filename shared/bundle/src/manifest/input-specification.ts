import type { Manifest } from './manifest.js';

/** The model's input, and how a picture is converted to it. */
export type InputSpecification = Manifest['input'];

/** Per channel of the input, in order: the value of each of the 256 samples. */
export function sampleValues({ preprocessing }: InputSpecification): Float32Array[] {
  const { mean, std, scale } = preprocessing;
  const divisor = scale === 'raw' ? 1 : 255;
  return mean.map((_, channel) =>
    Float32Array.from(
      { length: 256 },
      (_, sample) => (sample / divisor - (mean[channel] as number)) / (std[channel] as number),
    ),
  );
}
