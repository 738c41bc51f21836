import { formatShape } from '../shape.js';
import type { InputSpecification, PictureInput } from './input-schema.js';

export type { InputKind, InputSpecification, PictureInput, TensorInput } from './input-schema.js';

/** What one sample is, for messages: `a picture of 3×32×32`, `a tensor of 3×256`. */
export function describeInput({ kind = 'picture', shape }: InputSpecification): string {
  return `a ${kind} of ${formatShape(shape)}`;
}

/** Per channel of a picture, in order: the value of each of the 256 samples. */
export function sampleValues({ preprocessing }: PictureInput): Float32Array[] {
  const { mean, std, scale } = preprocessing;
  const divisor = scale === 'raw' ? 1 : 255;
  return mean.map((_, channel) =>
    Float32Array.from(
      { length: 256 },
      (_, sample) => (sample / divisor - (mean[channel] as number)) / (std[channel] as number),
    ),
  );
}
