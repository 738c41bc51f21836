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
 * Samples without labels, each a {@link madeUpWave}, so that also a network with random weights gives different answers. Bytes
 * for a picture, from -1 to 1 for a tensor.
 */
export function madeUpSamples(input: InputSpecification, size: number): Dataset {
  return {
    ...{ description: 'made up', size, labelled: false, classNames: null },
    ...{ nameAt: String, labelAt: () => null },
    readFitted: async (index) => {
      const wave = madeUpWave(index, elementsOf(input.shape));
      const values = input.kind === 'tensor' ? wave : Uint8Array.from(wave, (value) => 128 + 120 * value);
      return { name: String(index), label: null, values };
    },
  };
}
