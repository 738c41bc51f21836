import { elementsOf } from '@offramp/bundle';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** Creates a parameter's initial values. */
export type Initialiser = (shape: readonly number[], generator: RandomGenerator) => Float32Array;

export const zeros: Initialiser = (shape) => new Float32Array(elementsOf(shape));

export const ones: Initialiser = (shape) => new Float32Array(elementsOf(shape)).fill(1);

/**
 * Normal with variance 2 / fan-in (He et al., 2015, equation 10), for layers followed by ReLU. Fan-in: inputs
 * of weights that are inputs × outputs, channels / groups × kernel of convolution weights.
 */
export const heNormal: Initialiser = (shape, generator) =>
  normal(shape, Math.sqrt(2 / fanIn(shape)), generator);

/** Normal with variance 1 / fan-in, for layers not followed by ReLU. */
export const lecunNormal: Initialiser = (shape, generator) =>
  normal(shape, Math.sqrt(1 / fanIn(shape)), generator);

/** Fixed values. */
export function given(values: Float32Array): Initialiser {
  return () => values.slice();
}

/** A generator for one of several parameters, which depends only on seed and name. */
export function generatorFor(name: string, seed: number): RandomGenerator {
  // FNV-1a: spreads names over 32 bits.
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name, 'utf8')) hash = Math.imul(hash ^ byte, 0x01000193);
  return xoroshiro128plus(hash ^ Math.imul(seed, 0x9e3779b1));
}

function fanIn(shape: readonly number[]): number {
  return shape.length === 2 ? (shape[0] as number) : elementsOf(shape.slice(1));
}

/** Box and Muller's transform of pairs of uniform numbers. */
function normal(shape: readonly number[], deviation: number, generator: RandomGenerator): Float32Array {
  const values = new Float32Array(elementsOf(shape));
  for (let i = 0; i < values.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - uniformFloat64(generator)));
    const angle = 2 * Math.PI * uniformFloat64(generator);
    values[i] = radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = radius * Math.sin(angle);
  }
  return values;
}
