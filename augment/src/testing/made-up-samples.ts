import { elementsOf, type InputSpecification } from '@offramp/bundle';
import type { Dataset } from '@offramp/data';

/** Numbers of parts of a sample whose means differ: thirds, as the colours of a picture, and smaller ones. */
const [thirds, parts] = [3, 12];

/** Numbers from -1 to 1: waves of many lengths around means that differ from part to part and from sample to sample. */
export function madeUpWave(index: number, count: number): Float32Array {
  const mean = (i: number, of: number) => Math.cos(5 * index + (index + 2) * Math.floor((i * of) / count));
  return Float32Array.from(
    { length: count },
    (_, i) => 0.5 * mean(i, thirds) + 0.3 * mean(i, parts) + 0.2 * Math.sin((index + 1) * (i + 1) ** 0.7),
  );
}

/**
 * Samples of two classes that mean nothing, each a {@link madeUpWave}: bytes for a picture, from -1 to 1 for a tensor. A network
 * with random weights may give all of them the same answer, which is an error without labels.
 */
export function madeUpSamples(input: InputSpecification, size: number): Dataset {
  const labelAt = (index: number) => index % 2;
  return {
    ...{ description: 'made up', size, labelled: true, classNames: null },
    ...{ nameAt: String, labelAt },
    readFitted: async (index) => {
      const wave = madeUpWave(index, elementsOf(input.shape));
      const values = input.kind === 'tensor' ? wave : Uint8Array.from(wave, (value) => 128 + 120 * value);
      return { name: String(index), label: labelAt(index), values };
    },
  };
}
